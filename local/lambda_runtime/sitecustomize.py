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
        created = False
        while True:
            lines = [self._lines.get()]
            time.sleep(0.02)
            while not self._lines.empty():
                lines.append(self._lines.get())
            try:
                if not created:
                    _call_cloudwatch("CreateLogStream", self._stream)
                    created = True
                _call_cloudwatch("PutLogEvents", self._stream | {"logEvents": lines})
            except OSError:
                pass  # A role that may not write logs writes none here, as on AWS.


def _call_cloudwatch(action: str, parameters: dict[str, object]) -> None:
    """Call CloudWatch Logs with the function's role. A client of the SDK would take each function a tenth of a second.

    Raises:
        OSError: The call is refused, or nobody answers.
    """
    # Import late: a function must not wait for it at its start, and has loaded it by now.
    from urllib.request import Request, urlopen  # noqa: PLC0415

    from botocore.auth import SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    environment = os.environ
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"Logs_20140328.{action}"}
    call = AWSRequest("POST", environment["AWS_ENDPOINT_URL"], headers, json.dumps(parameters).encode())
    keys = (environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
    SigV4Auth(Credentials(*keys), "logs", environment["AWS_REGION"]).add_auth(call)
    urlopen(Request(call.url, call.data, dict(call.headers.items())), timeout=10).close()  # noqa: S310 - always HTTP


if function := os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(_CloudWatchHandler(function))
