"""A program of the chat's owner, which calls the function of the back end."""

from typing import Any

from handlers import publish

from .chat import Context


class Call:
    """Calls the function, as a program does that invokes it."""

    def __call__(self, action: str = "sendMessage", *, milliseconds: int = 25_000, **fields: object) -> dict[str, Any]:
        return publish.handler({"action": action} | fields, Context(milliseconds))


def error_of(answer: dict[str, Any]) -> tuple[str, str, bool]:
    """The code, the text and whether the call may be repeated, of an answer that is an error."""
    assert answer.keys() == {"error"}
    error = answer["error"]
    assert error.keys() == {"code", "message", "retryable"}
    return error["code"], error["message"], error["retryable"]
