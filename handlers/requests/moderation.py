"""Moderation: a function of the operator sees each message before it is stored, and may refuse or change it.

It also sees what a message is edited to. Messages of the back end are not moderated.
"""

import json
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from handlers.protocol import frames
from handlers.protocol.errors import ChatError, Code
from handlers.runtime.deadline import call_by
from handlers.runtime.log import failure, logger
from handlers.runtime.settings import settings
from handlers.tables.aws import new_client
from handlers.tables.message import Message
from handlers.tables.schema import (
    CLIENT_MESSAGE_ID,
    DATA,
    GROUP_ID,
    MESSAGE,
    MESSAGE_ID,
    REPLY_TO,
    SENDER_ID,
    SENDER_NAME,
    TYPE,
)

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_SECONDS = 1.0
"""Time for an answer. Each message waits for it."""
_CALL = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 1})
"""Ends the thread of a call that nobody waits for any more."""
_SHOWN = (GROUP_ID, SENDER_ID, SENDER_NAME, MESSAGE, TYPE, REPLY_TO, DATA, CLIENT_MESSAGE_ID)
"""What the function sees of a message."""
_MAX_REASON = 256
"""Characters of a reason that the sender sees."""


class AnswerError(Exception):
    """The function failed, or its answer cannot be understood."""


def moderate(message: Message, deadline: float, *, is_edit: bool = False) -> str:
    """Ask the function about a message. Without a function, every message is allowed.

    Args:
        message: The message. It fits into a frame.
        deadline: Moment of :func:`time.monotonic` by which all is over. The function has a second at most.
        is_edit: Whether the message is stored already, with another text. Then the function sees its id.

    Returns:
        The text to store.

    Raises:
        ChatError: FORBIDDEN, if the function refuses. UNAVAILABLE, if there is no answer and the settings want one.
    """
    text: str = message[MESSAGE]
    client = moderation_client()
    if client is None:
        return text
    shown = {name: message[name] for name in (*_SHOWN, *((MESSAGE_ID,) if is_edit else ())) if name in message}
    try:
        answer = call_by(min(deadline, time.monotonic() + _SECONDS), lambda: _ask(client, shown))
        if answer["allow"]:
            return _text(message, answer)
    except Exception as error:  # Whatever is wrong with somebody else's function, the setting decides.
        if settings().on_moderation_failure == "open":
            logger.warning("message stored without moderation", extra=failure(error))
            return text
        raise ChatError(
            Code.UNAVAILABLE, "the chat cannot check messages at the moment: try again later", retryable=True
        ) from error
    raise ChatError(Code.FORBIDDEN, _reason(answer), logged="moderation refused the message")


@cache
def moderation_client() -> "LambdaClient | None":
    """The client that invokes the function. None if there is no function."""
    function = settings().moderation_function
    # The function may be in another region: its ARN names it.
    return new_client("lambda", region=function.split(":")[3], config=_CALL) if function else None


def _ask(client: "LambdaClient", shown: Message) -> dict[str, Any]:
    called = client.invoke(FunctionName=settings().moderation_function, Payload=frames.encode(shown))
    payload = called["Payload"].read()
    if "FunctionError" in called:
        raise AnswerError("the function failed")
    answer = json.loads(payload)
    if not isinstance(answer, dict) or not isinstance(answer.get("allow"), bool):
        raise AnswerError("the answer does not say whether to allow the message")
    return answer


def _text(message: Message, answer: dict[str, Any]) -> str:
    """The text of an allowed message.

    Raises:
        AnswerError, ChatError, ValueError: It is empty, too long, or no text.
    """
    text = answer.get("message")
    if text is None:
        return str(message[MESSAGE])
    if not isinstance(text, str) or not text:
        raise AnswerError("the changed text is empty, or no text")
    frames.message(message | {MESSAGE: text})
    return text


def _reason(answer: dict[str, Any]) -> str:
    """What the sender is told. A refusal whose reason cannot be shown is still a refusal."""
    reason = answer.get("reason")
    try:
        if isinstance(reason, str) and reason.strip():
            return reason[:_MAX_REASON].encode().decode()
    except UnicodeEncodeError:
        pass
    return "the chat does not allow this message"
