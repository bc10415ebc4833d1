"""Runs the emulator in this process until its standard input ends: when the parent process ends, no matter how."""

import os
import shutil
import signal
import sys
import threading
from contextlib import suppress
from typing import Any

from ministack.app import main
from ministack.core import iam_actions, lambda_runtime


def _end_with_input(directory: str) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    with suppress(Exception):
        lambda_runtime.reset()  # Ask the functions to end, so that a coverage measurement can write its result.
    shutil.rmtree(directory, ignore_errors=True)
    if sys.platform != "win32":
        os.killpg(0, signal.SIGKILL)  # End the functions' processes too. No state needs an orderly end.
    os.kill(os.getpid(), signal.SIGTERM)


def _compare_log_groups_as_aws_does() -> None:
    """Have policies name log groups with an asterisk for their streams, as AWS wants it for all but tagging.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    resource_arn = iam_actions.extract_resource_arn

    def as_aws_does(service: str, *request: Any) -> str:  # noqa: ANN401 - MiniStack's own
        arn: str = resource_arn(service, *request)
        return f"{arn}:*" if service == "logs" and ":log-group:" in arn else arn

    iam_actions.extract_resource_arn = as_aws_does


if __name__ == "__main__":
    _compare_log_groups_as_aws_does()
    threading.Thread(target=_end_with_input, args=(sys.argv.pop(),), daemon=True).start()
    main()
