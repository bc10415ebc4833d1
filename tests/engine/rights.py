"""What the role of a stack allows while an update runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.role import permissions

from .world import Stack


@contextmanager
def no_permission_is_missed(stack: Stack) -> Iterator[None]:
    """Check that what the role allows before and after an update, it also allows in between.

    Give the update ``--parallel=1``, so that nothing changes while this looks.
    """
    allowed: list[set[tuple[str, str]]] = []

    def look(_: object) -> None:
        allowed.append(permissions(stack.emulator, "WebSocketLambdaRole"))

    stack.provider.before = look
    yield
    stack.provider.before = lambda _: None
    look(None)
    stays = allowed[0] & allowed[-1]
    assert stays
    assert [stays - found for found in allowed if stays - found] == []
