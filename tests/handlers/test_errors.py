"""The contents of a refusal, for programs and for people."""

from handlers.protocol.errors import ChatError, Code


def test_by_default_a_refusal_is_not_retryable_and_keeps_the_connection_open() -> None:
    error = ChatError(Code.FORBIDDEN, "no")
    assert (error.code, error.message) == (Code.FORBIDDEN, "no")
    assert (error.retryable, error.retry_after_ms, error.ends_connection) == (False, None, False)


def test_a_refusal_can_say_when_to_try_again_and_that_the_connection_ends() -> None:
    error = ChatError(Code.RATE_LIMITED, "no", retryable=True, retry_after_ms=7, ends_connection=True)
    assert (error.retryable, error.retry_after_ms, error.ends_connection) == (True, 7, True)
    assert str(error) == "RATE_LIMITED"
