"""Adds what Lambda's runtime does beyond calling a function: it sends JSON logs to CloudWatch with the function's role.

The emulator drops what functions log on the WebSocket path. Python imports this module at start if its folder is on the
path. So every function that the emulator starts imports it.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""

import json
import logging
import os
import queue
import sys
import threading
import time
from datetime import UTC, datetime

_STANDARD = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            line["stackTrace"] = self.formatException(record.exc_info)
        return json.dumps(line | {key: value for key, value in vars(record).items() if key not in _STANDARD})


class _CloudWatchHandler(logging.Handler):
    """Sends records from its own thread, so that the function does not wait, as on AWS."""

    def __init__(self, function_name: str) -> None:
        super().__init__()
        self.setFormatter(_JsonFormatter())
        self._stream = {
            "logGroupName": f"/aws/lambda/{function_name}",
            "logStreamName": f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{os.urandom(16).hex()}",
        }
        self._lines: queue.SimpleQueue[dict[str, object]] = queue.SimpleQueue()
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._sender.start()

    def emit(self, record: logging.LogRecord) -> None:
        if threading.current_thread() is not self._sender:
            # Without a line here, the emulator waits 50 ms after an invocation.
            print(file=sys.stderr, flush=True)
            self._lines.put({"timestamp": int(record.created * 1000), "message": self.format(record)})

    def _send(self) -> None:
        lines = [self._lines.get()]
        # Import late: a function must not wait for it at its start, and has loaded it by now.
        from botocore.exceptions import ClientError  # noqa: PLC0415
        from botocore.session import Session  # noqa: PLC0415

        logs = Session().create_client("logs")
        created = False
        while True:
            time.sleep(0.02)
            while not self._lines.empty():
                lines.append(self._lines.get())
            try:
                if not created:
                    logs.create_log_stream(**self._stream)
                    created = True
                logs.put_log_events(**self._stream, logEvents=lines)
            except ClientError:
                pass  # A role that may not write logs writes none here, as on AWS.
            lines = [self._lines.get()]


if function := os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(_CloudWatchHandler(function))
