"""Fixtures: credentials, a certificate authority, and fake management APIs with its certificates."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import trustme

from handlers.posting import addresses, connection_pool
from handlers.posting.management_api import ManagementApi
from handlers.posting.run import Limits
from handlers.runtime.tls import tls_context

from .server import FakeManagementApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .server import Behaviour


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return the certificate authority that the engine trusts in these tests."""
    return trustme.CA()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path) -> Iterator[None]:
    """Provide credentials as Lambda does, and trust only the authority of these tests."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()


@pytest.fixture
def serve(authority: trustme.CA) -> Iterator[Callable[[Behaviour], FakeManagementApi]]:
    """Return a function that starts a fake management API with the given behaviour."""
    with ExitStack() as running:
        yield lambda behaviour: running.enter_context(FakeManagementApi(authority, behaviour))


@pytest.fixture
def client() -> Iterator[Callable[..., ManagementApi]]:
    """Return a function that makes an engine for a fake management API."""
    with ExitStack() as running:

        def make(server: FakeManagementApi, **limits: float) -> ManagementApi:
            api = ManagementApi(server.endpoint, "us-east-1", Limits(**limits))  # type: ignore[arg-type]
            running.callback(api.close)
            return api

        yield make


@pytest.fixture
def thaw(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that moves the clock as after a freeze: the wall clock moves, the monotonic clock does not."""
    frozen = 0.0

    def advance(seconds: float) -> None:
        nonlocal frozen
        frozen += seconds

    own = SimpleNamespace(time=lambda: time.time() + frozen, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(addresses, "time", own)
    monkeypatch.setattr(connection_pool, "time", own)
    return advance
