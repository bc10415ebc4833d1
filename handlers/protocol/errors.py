"""The errors of the wire protocol: their codes. The text of an error stands beside the check that raises it.

``requests/entry_point.py`` makes INTERNAL of any other exception.
"""

from enum import Enum


class Code(Enum):
    """Error codes, each with the HTTP status that fits it. A handshake that is refused gets the status."""

    BAD_REQUEST = 400
    FORBIDDEN = 403
    NOT_FOUND = 404
    UNKNOWN_ACTION = 405
    CONFLICT = 409
    NOT_CONNECTED = 410
    TOO_LARGE = 413
    TOO_MANY_GROUPS = 422
    RATE_LIMITED = 429
    INTERNAL = 500
    UNAVAILABLE = 503


class ChatError(Exception):
    """A refusal of a frame, with what its sender is told.

    Attributes:
        code: The reason, for programs.
        message: The reason and what to change, for people and for the log. It contains nothing internal (no stack, ARN
            or table name) and nothing that the client sent.
        retryable: Whether the same frame may succeed later.
        retry_after_ms: Milliseconds after which the frame may succeed, if known.
        ends_connection: Whether the connection is closed after the answer.
        logged: What the log says: the message, unless that may quote what the client sent.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        retryable: bool = False,
        retry_after_ms: int | None = None,
        ends_connection: bool = False,
        logged: str = "",
    ) -> None:
        """Take the attributes as arguments."""
        super().__init__(code.name)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms
        self.ends_connection = ends_connection
        self.logged = logged or message
