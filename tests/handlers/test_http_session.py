"""The requests to DynamoDB over real sockets: connections are kept, and botocore repeats what fails in any way."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.httpsession import URLLib3Session

from handlers.runtime.tls import tls_context
from handlers.tables import http_session
from handlers.tables.aws import dynamodb
from handlers.tables.http_session import HttpSession

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Id: a: b\r\nContent-Length: 2\r\n\r\n{}"

Serve = Callable[[socket.socket], None]


def receive(sock: socket.socket) -> bytes:
    """A whole request. Empty at the end of the connection."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        if not (chunk := sock.recv(65_536)):
            return b""
        data += chunk
    size = int(data.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(data) < end + 4 + size:
        data += sock.recv(65_536)
    return data


class Server:
    """Accepts connections, and lets a function serve each on a thread of its own."""

    def __init__(self, serve: Serve, tls: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.connections: list[socket.socket] = []
        self.requests: list[bytes] = []
        self._serve, self._tls = serve, tls
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock: socket.socket) -> None:
        try:
            sock = self._tls.wrap_socket(sock, server_side=True) if self._tls else sock
            self.connections.append(sock)
            self._serve(sock)
        except OSError:
            pass
        finally:
            sock.close()

    def close(self) -> None:
        self._listener.close()
        for sock in self.connections:
            sock.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    with ExitStack() as running:

        def begin(serve: Serve, tls: ssl.SSLContext | None = None) -> Server:
            server = Server(serve, tls)
            running.callback(server.close)
            return server

        yield begin


@pytest.fixture
def session() -> Iterator[HttpSession]:
    made = HttpSession(connect_timeout=1, read_timeout=0.5)
    yield made
    made.close()


def always(*answers: bytes) -> Serve:
    """Answers each request with the same bytes, piece by piece, until the connection ends."""

    def serve(sock: socket.socket) -> None:
        while receive(sock):
            for piece in answers:
                sock.sendall(piece)
                if len(answers) > 1:
                    time.sleep(0.02)

    return serve


def once(answer: bytes) -> Serve:
    """Answers one request, and closes the connection."""

    def serve(sock: socket.socket) -> None:
        receive(sock)
        sock.sendall(answer)

    return serve


def silent(_: socket.socket) -> None:
    time.sleep(5)


def post(session: HttpSession, url: str, body: bytes | str = b"{}") -> AWSResponse:
    size = len(body.encode() if isinstance(body, str) else body)
    headers: Any = HeadersDict({"X-Amz-Target": b"DynamoDB_20120810.GetItem", "Content-Length": str(size)})
    return session.send(AWSPreparedRequest("POST", url, headers, body, stream_output=False))


def test_the_answer_has_status_headers_and_body(start: Callable[..., Server], session: HttpSession) -> None:
    seen: list[bytes] = []

    def serve(sock: socket.socket) -> None:
        while request := receive(sock):
            seen.append(request)
            sock.sendall(ANSWER.replace(b"200 OK", b"400 Bad Request"))

    server = start(serve)
    answer = post(session, server.url + "path?a=b", '{"name": "Zoë"}')
    assert (answer.status_code, answer.content) == (400, b"{}")
    assert (answer.headers["x-id"], answer.headers["Content-Type"]) == ("a: b", "application/json")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[:2] == ["POST /path?a=b HTTP/1.1", f"Host: {server.url[7:-1]}"]
    assert "X-Amz-Target: DynamoDB_20120810.GetItem" in lines
    assert body.decode() == '{"name": "Zoë"}'


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_one_connection_carries_one_request_after_another(
    start: Callable[..., Server], session: HttpSession, size: int
) -> None:
    body = b"x" * size
    server = start(always(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + body))
    assert [post(session, server.url, body).content == body for _ in range(3)] == [True] * 3
    assert len(server.connections) == 1


def test_an_answer_may_come_in_pieces(start: Callable[..., Server], session: HttpSession) -> None:
    server = start(always(*(ANSWER[at : at + 7] for at in range(0, len(ANSWER), 7))))
    assert [post(session, server.url).content for _ in range(2)] == [b"{}"] * 2
    assert len(server.connections) == 1


def test_threads_do_not_share_a_connection(start: Callable[..., Server], session: HttpSession) -> None:
    def serve(sock: socket.socket) -> None:
        while request := receive(sock):
            body = request.partition(b"\r\n\r\n")[2]
            time.sleep(0.02)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    server = start(serve)
    with ThreadPoolExecutor(8) as threads:
        bodies = [b"%d" % number for number in range(80)]
        assert [one.content for one in threads.map(lambda body: post(session, server.url, body), bodies)] == bodies
    assert 2 <= len(server.connections) <= 8


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER,
        ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        ANSWER + b"more",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
    ids=["chunked", "without length", "old", "interim", "close", "more than its length", "chunked with a length"],
)
def test_after_another_answer_the_connection_is_not_kept(
    start: Callable[..., Server], session: HttpSession, answer: bytes
) -> None:
    # Without a length, only the end of the connection ends the answer. In the other cases the server does not end it.
    server = start((once if b"\r\n\r\n{}" in answer and b"Length" not in answer else always)(answer))
    for _ in range(2):
        assert (found := post(session, server.url)).status_code == 200
        assert found.content == b"{}"
    assert len(server.connections) == 2


def test_a_connection_that_ended_while_idle_is_replaced(start: Callable[..., Server], session: HttpSession) -> None:
    server = start(once(ANSWER))
    for _ in range(3):
        assert post(session, server.url).content == b"{}"
        time.sleep(0.05)  # The server closes.
    assert len(server.connections) == 3


def test_an_old_connection_is_replaced(
    start: Callable[..., Server], session: HttpSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start(always(ANSWER))
    post(session, server.url)
    now = time.time()
    for seconds, connections in ((49, 1), (49 + 51, 2)):
        monkeypatch.setattr(time, "time", lambda seconds=seconds: now + seconds)
        post(session, server.url)
        assert len(server.connections) == connections


def test_another_address_has_another_connection(start: Callable[..., Server], session: HttpSession) -> None:
    servers = {answer: start(always(ANSWER.replace(b"{}", answer))) for answer in (b"{}", b"[]")}
    for answer, server in list(servers.items()) * 2:
        assert post(session, server.url).content == answer


def test_not_more_connections_are_kept_than_are_needed(
    start: Callable[..., Server], session: HttpSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_session, "_MOST_IDLE", 2)
    meeting = threading.Barrier(4)

    def serve(sock: socket.socket) -> None:
        while receive(sock):
            meeting.wait(5)
            sock.sendall(ANSWER)

    server = start(serve)
    with ThreadPoolExecutor(4) as threads:
        for opened in (4, 6):
            list(threads.map(lambda _: post(session, server.url), range(4)))
            assert len(server.connections) == opened


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200", ANSWER[:-1], b"SMTP ready\r\n\r\n", b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\n{}"],
    ids=["nothing", "half a head", "half a body", "another protocol", "no status"],
)
def test_an_answer_that_is_none_is_an_error_that_is_repeated(
    start: Callable[..., Server], session: HttpSession, answer: bytes
) -> None:
    server = start(once(answer))
    with pytest.raises(ConnectionClosedError):
        post(session, server.url)


def test_a_server_that_is_silent_is_given_up(start: Callable[..., Server], session: HttpSession) -> None:
    server = start(silent)
    began = time.monotonic()
    with pytest.raises(ReadTimeoutError):
        post(session, server.url)
    assert time.monotonic() - began < 4


def test_a_late_answer_is_not_taken_for_the_next_one(start: Callable[..., Server], session: HttpSession) -> None:
    answers = iter([b"late", b"next"])

    def serve(sock: socket.socket) -> None:
        while receive(sock):
            body = next(answers)
            time.sleep(0.8 if body == b"late" else 0)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + body)

    server = start(serve)
    with pytest.raises(ReadTimeoutError):
        post(session, server.url)
    time.sleep(0.5)
    assert post(session, server.url).content == b"next"


def test_nobody_listens(session: HttpSession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(EndpointConnectionError):
        post(session, f"http://127.0.0.1:{port}/")


def test_the_handshake_has_a_limit(start: Callable[..., Server], session: HttpSession) -> None:
    server = start(silent)
    began = time.monotonic()
    with pytest.raises(ConnectTimeoutError):
        post(session, server.url.replace("http:", "https:"))
    assert time.monotonic() - began < 4


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    tls_context.cache_clear()
    yield made
    tls_context.cache_clear()


@pytest.mark.parametrize(("name", "is_trusted"), [("127.0.0.1", True), ("other.example", False)])
def test_the_certificate_must_be_trusted_and_of_the_host(
    start: Callable[..., Server], session: HttpSession, authority: trustme.CA, name: str, *, is_trusted: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    server = start(always(ANSWER), context)
    if is_trusted:
        assert [post(session, server.url).content for _ in range(3)] == [b"{}"] * 3
        assert len(server.connections) == 1
    else:
        with pytest.raises(SSLError):
            post(session, server.url)


def test_a_certificate_of_nobody_is_refused(start: Callable[..., Server], session: HttpSession) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with pytest.raises(SSLError):
        post(session, start(always(ANSWER), context).url)


class TestClient:
    """The client of DynamoDB with this session."""

    @pytest.fixture
    def environment(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        dynamodb.cache_clear()
        yield monkeypatch
        dynamodb.cache_clear()

    def test_it_repeats_what_failed(self, start: Callable[..., Server], environment: pytest.MonkeyPatch) -> None:
        answers = iter([b"", ANSWER])

        def serve(sock: socket.socket) -> None:
            once(next(answers))(sock)

        server = start(serve)
        environment.setenv("AWS_ENDPOINT_URL", server.url)
        assert dynamodb().get_item(TableName="table", Key={"id": {"S": "1"}})["ResponseMetadata"]["RetryAttempts"] == 1
        assert len(server.connections) == 2

    @pytest.mark.parametrize(("proxy", "kind"), [("http://127.0.0.1:1", URLLib3Session), ("", HttpSession)])
    def test_behind_a_proxy_it_keeps_its_own(self, environment: pytest.MonkeyPatch, proxy: str, kind: type) -> None:
        if proxy:
            environment.setenv("HTTPS_PROXY", proxy)
        client: Any = dynamodb()
        assert isinstance(client._endpoint.http_session, kind)  # noqa: SLF001 - nothing public shows it
