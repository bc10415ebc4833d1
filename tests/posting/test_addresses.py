"""The addresses of the management API: the engine looks them up again after a while, and uses them in turn."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from handlers.posting.posts import Outcome

from .posting import FAR, Client, Serve, Thaw, post_all, posts
from .server import accept

if TYPE_CHECKING:
    import pytest


def test_only_addresses_that_the_machine_can_reach_are_asked_for(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def without_ipv6(host: str, port: int, **options: Any) -> list[Any]:
        """As for a name that has IPv6 addresses, on a machine without IPv6."""
        if options.get("flags", 0) & socket.AI_ADDRCONFIG:
            return resolve(host, port, **options)
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("100::1", port, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", without_ipv6)
    assert post_all(client(serve(accept)), posts(1)).ids(Outcome.DELIVERED) == {"id-0="}


def test_the_address_is_looked_up_again_after_a_freeze(
    serve: Serve, client: Client, thaw: Thaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups = []
    resolve = socket.getaddrinfo

    def count(*name: Any, **options: Any) -> list[Any]:
        lookups.append(name)
        return resolve(*name, **options)

    monkeypatch.setattr(socket, "getaddrinfo", count)
    api = client(serve(accept))
    for expected in (1, 2):
        post_all(api, posts(1))
        assert len(lookups) == expected
        thaw(3600)


def test_a_lookup_that_hangs_ends_at_the_deadline(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(FAR))
    started = time.monotonic()
    assert post_all(client(serve(accept)), posts(3), seconds=0.3).ids(Outcome.FAILED) == {"id-0=", "id-1=", "id-2="}
    assert time.monotonic() - started < FAR / 2
    release.set()


def test_all_addresses_of_a_name_are_used_in_turn(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(accept)
    resolve = socket.getaddrinfo

    def with_a_dead_address_first(host: str, port: int, **options: int) -> list[object]:
        return [*resolve("127.0.0.1", 1, **options), *resolve(host, port, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", with_a_dead_address_first)
    assert len(post_all(client(server), posts(20)).ids(Outcome.DELIVERED)) == 20
