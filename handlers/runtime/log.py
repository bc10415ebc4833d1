"""Structured logs. Lambda's JSON format adds the ``extra`` fields of a record to its line.

A log never contains message text, a query string or a token. So it never contains the text of an error either: errors
of botocore and of the standard library quote their input.
https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger("chat")
logger.setLevel(logging.INFO)
logging.getLogger("botocore").setLevel(logging.WARNING)


def failure(error: BaseException) -> dict[str, object]:
    """Describe an error for the log: its type, its AWS code and its place in the code, without its text."""
    fields: dict[str, object] = {
        "failure": type(error).__name__,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)],
    }
    if isinstance(error, ClientError):
        fields |= {"awsCode": error.response["Error"].get("Code"), "awsOperation": error.operation_name}
    return fields


@contextmanager
def log_failure(what: str) -> Iterator[None]:
    """Log an AWS call that fails or takes too long, and continue."""
    try:
        yield
    except (BotoCoreError, ClientError, TimeoutError) as error:
        logger.warning(what, extra=failure(error))
