"""``python -m local``, started as by a user or a script."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import InvalidStatus

from local.aws.inputs import UnsupportedError
from local.aws.resources import create
from local.emulator import Emulator
from local.identity_provider import IdentityProvider, token_url
from local.page import Page
from tests.clients import ChatClient

ROOT = Path(__file__).parent.parent.parent
USELESS_PROXIES = {
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "socks5h://127.0.0.1:9",
    "no_proxy": "",
    "NO_PROXY": "",
}
"""Nothing listens there. What runs on this machine needs no proxy."""


@contextmanager
def local_chat(
    directory: Path, *arguments: str, port: int | None = 0
) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Start a chat. Yields its process, the URL of its ready line, and its output. Its files go into the directory.

    By default it uses any free port, because another program may be about to take the usual one. What it keeps is in
    ``kept``, all else in ``temporary``.
    """
    temporary = directory / "temporary"
    temporary.mkdir(exist_ok=True)
    ports = [] if port is None else ["--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "--folder", str(directory / "kept"), *ports, *arguments],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary), "AWS_PROFILE": "not-to-be-touched"} | USELESS_PROXIES,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if line.startswith("ready "):
                yield process, line.split()[1], shown
                return
        raise AssertionError(f"the program ended: {process.stderr and process.stderr.read()}")
    finally:
        process.kill()
        process.communicate()


def group_of(process_id: int) -> list[int]:
    """The process and all its descendants."""
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    return [process_id, *(one for child in children for one in group_of(int(child)))]


def alive(process_id: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process_id}/status").read_text()
    except FileNotFoundError:
        return False


def listening_addresses(process_ids: list[int]) -> set[str]:
    """Addresses on which any of the processes listens, as /proc/net/tcp writes them."""
    inodes = set()
    for process_id in process_ids:
        for descriptor in Path(f"/proc/{process_id}/fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.add(fields[1].partition(":")[0])
    return found


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_serves_a_chat_and_leaves_nothing_behind(tmp_path: Path, end: signal.Signals) -> None:
    with local_chat(tmp_path) as (process, url, _):
        with ChatClient(url, "alice", "demo") as alice, ChatClient(url, "bob", "demo") as bob:
            alice.say("Hello")
            assert bob.receive()["message"] == "Hello"
            assert process.stdout is not None
            assert any("sendMessage  OK" in line and "recipients=2" in line for line in process.stdout)
            processes = group_of(process.pid)
            assert len(processes) > 2  # The emulator and the functions are among them.
            assert listening_addresses(processes) == {"0100007F"}  # 127.0.0.1
            process.send_signal(end)
            assert process.wait(timeout=20) == 0
        assert not [one for one in processes if alive(one)]
        assert list((tmp_path / "temporary").iterdir()) == []


def test_killing_it_ends_the_emulator_too(tmp_path: Path) -> None:
    with local_chat(tmp_path) as (process, _, _):
        processes = group_of(process.pid)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while [one for one in processes if alive(one)]:
            assert time.monotonic() < deadline, "some processes are still running"
            time.sleep(0.05)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_uses_another_port_if_the_usual_one_is_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with local_chat(tmp_path, port=port) as (_, url, _):
            assert f":{port}/" not in url
            with ChatClient(url, "alice", "demo") as alice:
                alice.send("ping")
                assert alice.receive()["action"] == "pong"


def test_prints_what_front_ends_and_wscat_need(tmp_path: Path) -> None:
    with local_chat(tmp_path) as (_, url, shown):
        # The folder is to be filled in. As it is, the command fails, so the line cannot end in a wrong folder.
        assert f"echo NEXT_PUBLIC_WS_ENDPOINT={url} >> YOUR-APP/.env.local\n" in shown
        assert f'npx wscat -c "{url}?userId=carol&groupId=demo"' in shown


@pytest.mark.parametrize("arguments", [[], ["--jwt"]])
def test_the_page_and_every_line_use_the_same_group(tmp_path: Path, arguments: list[str]) -> None:
    with local_chat(tmp_path, *arguments) as (_, _, shown):
        groups = re.findall(r"(?:group=|GROUP=|GROUPS=|groupId=|\"groupId\":\"|in the group )(\w+)", shown)
        [page_url] = re.findall(r"chat page +(\S+)", shown)
        with urlopen(page_url) as opened:  # noqa: S310 - it is HTTP
            groups += parse_qs(urlsplit(opened.url).query)["group"]
        assert len(groups) >= 6
        assert set(groups) == {"demo"}


@pytest.mark.parametrize("port", ["http", "-1", "65536", ""])
def test_a_wrong_port_is_refused_with_what_to_use(port: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local", f"--port={port}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"argument --port: {port} is not a port. Use 1 to 65535, or 0 for any free port. "
        "All options: make chat ARGS=--help\n"
    )


def test_the_emulator_takes_another_port_if_its_own_is_taken_before_it_starts() -> None:
    emulator = Emulator(port=0)
    with socket.socket() as other:
        other.bind(("127.0.0.1", emulator.port))
        other.listen()
        chosen = emulator.port
        with emulator:
            assert emulator.port != chosen
            assert emulator.client("dynamodb").list_tables()["TableNames"] == []


def test_unknown_resource_type_is_refused() -> None:
    emulator = Emulator(port=0)
    with pytest.raises(
        UnsupportedError, match=r"chat-feed: aws:kinesis/stream:Stream cannot be created in the emulator"
    ):
        create(emulator, "aws:kinesis/stream:Stream", "chat-feed", {})


def test_a_property_that_would_be_lost_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in USELESS_PROXIES.items():
        monkeypatch.setenv(name, value)
    with (
        Emulator(port=0) as emulator,
        pytest.raises(UnsupportedError, match=r"chat-logs: the emulator would not get skipDestroy\."),
    ):
        create(emulator, "aws:cloudwatch/logGroup:LogGroup", "chat-logs", {"name": "l", "skipDestroy": True})


def token(directory: Path, user: str, groups: str = "demo") -> "subprocess.CompletedProcess[str]":
    """Ask the chat of a directory for a token, as `make token` does."""
    command = [sys.executable, "-m", "local.mint", "--user", user, "--groups", groups]
    return subprocess.run(
        [*command, "--folder", str(directory / "kept")],
        cwd=ROOT,
        env=os.environ | USELESS_PROXIES,
        capture_output=True,
        text=True,
        check=False,
    )


def test_with_jwt_only_tokens_can_connect_to_their_groups(tmp_path: Path) -> None:
    with local_chat(tmp_path, "--jwt") as (_, url, shown):
        assert "eyJ" not in shown  # no token, which would fill lines
        assert shown.count(f"make token USER=ann GROUPS=demo ARGS=--folder={tmp_path}/kept\n") == 1
        alices, bobs = (token(tmp_path, user).stdout.strip() for user in ("alice", "bob"))
        with (
            ChatClient(url, "alice", "demo", token=alices) as alice,
            ChatClient(url, "bob", "demo", token=bobs) as bob,
        ):
            alice.say("Hello")
            assert bob.receive("message")["message"] == "Hello"
        for user_id, group_id, shows in (("alice", "demo", None), ("alice", "demo", bobs), ("alice", "other", alices)):
            with pytest.raises(InvalidStatus, match="403"), ChatClient(url, user_id, group_id, token=shows):
                pass
        both = token(tmp_path, "alice", "demo,other").stdout.strip()
        with ChatClient(url, "alice", "other", token=both) as alice:
            assert alice.ask("ping")["action"] == "pong"


@pytest.mark.parametrize("ports", [{}, {"issuerPort": 9}])
def test_a_token_of_a_chat_that_does_not_run_is_refused_in_one_line(tmp_path: Path, ports: dict[str, int]) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/addresses.json").write_text(json.dumps(ports))
    done = token(tmp_path, "ann")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "No chat with tokens runs here. Start one in another terminal: make chat ARGS=--jwt\n"


@pytest.mark.parametrize(("user", "groups", "missing"), [("", "demo", "USER"), ("ann", ",", "GROUPS")])
def test_a_token_needs_a_user_and_groups(tmp_path: Path, user: str, groups: str, missing: str) -> None:
    done = token(tmp_path, user, groups)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == f"{missing} is missing. Name the user and the groups: make token USER=ann GROUPS=demo,support\n"
    )


def test_a_page_of_a_foreign_name_gets_no_token() -> None:
    with IdentityProvider() as provider, Page("ws://127.0.0.1:9", sign_in=lambda user: f"?{user}#token=secret") as page:
        for address in (token_url(provider.port, "ann", ["demo"]), f"{page.url}as/ann"):
            foreign = Request(address, headers={"Host": "evil.example:80"})  # noqa: S310 - it is HTTP
            with pytest.raises(HTTPError, match="404"):
                urlopen(foreign)  # noqa: S310 - the same
        with urlopen(token_url(provider.port, "ann", ["demo"])) as answer:  # noqa: S310 - the same
            assert answer.read().count(b".") == 2
