"""What a client is told when its frame cannot be served."""

from enum import Enum


class Code(Enum):
    """Error codes of the wire protocol, each with the HTTP status the function returns to API Gateway for it."""

    BAD_REQUEST = 400
    FORBIDDEN = 403
    UNKNOWN_ACTION = 404
    CONFLICT = 409
    NOT_CONNECTED = 410
    TOO_LARGE = 413
    RATE_LIMITED = 429
    INTERNAL = 500
    UNAVAILABLE = 503


class ChatError(Exception):
    """A frame that is refused, with the answer its sender gets.

    Attributes:
        code: Machine-readable reason.
        message: What to change, for people, and for the log. Nothing internal: no stack, ARN or table name; and nothing
            of what the client sent.
        retryable: Whether the same frame may succeed later.
        retry_after_ms: Milliseconds after which it may, where that is known.
        ends_connection: Whether the connection is closed after the answer.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        retryable: bool = False,
        retry_after_ms: int | None = None,
        ends_connection: bool = False,
    ) -> None:
        """Args as the attributes."""
        super().__init__(code.name)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms
        self.ends_connection = ends_connection
