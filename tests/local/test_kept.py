"""What `make chat` keeps from one start to the next, however it ended."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.aws.provider import Operation, Provider
from local.deploy import deploy
from local.emulator import Emulator
from local.identity_provider import IdentityProvider
from local.kept import EMULATOR, FORMAT, Kept
from local.prerequisites import create_messages_table
from tests.clients import ChatClient

from .test_local import ROOT, alive, group_of, local_chat, token

pytestmark = pytest.mark.timeout(300)
"""Most tests start a chat more than once. On a busy machine, each start takes half a minute."""

FUNCTION = "aws:lambda/function:Function"


@contextmanager
def chat(directory: Path, *arguments: str, port: int | None = None) -> Iterator[tuple[Any, str, str]]:
    """Start a chat where the last one was, and end it as Ctrl-C does."""
    with local_chat(directory, *arguments, port=port) as (process, url, shown):
        yield process, url, shown
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)


def ended(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with arguments until it ends, as a start that fails does."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def page(shown: str) -> str:
    [address] = re.findall(r"chat page +(\S+)", shown)
    return str(address)


def say(url: str, text: str) -> None:
    with ChatClient(url, "alice", "demo") as alice:
        alice.say(text)
        assert alice.receive("message")["message"] == text


def said(url: str) -> list[str]:
    with ChatClient(url, "bob", "demo") as bob:
        return [message["message"] for message in bob.ask("getHistory", limit=50)["messages"]]


def state(**changed: object) -> str:
    """A file of an empty state."""
    resources = changed.pop("resources", {})
    whole = {"format": FORMAT, "emulator": EMULATOR, "deployment": {"resources": resources}, "services": {}}
    return json.dumps(whole | changed)


def end_all(process_ids: list[int]) -> None:
    """Wait until processes have ended that end by themselves."""
    deadline = time.monotonic() + 10
    while any(alive(one) for one in process_ids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_addresses_and_messages_stay(tmp_path: Path) -> None:
    with chat(tmp_path, port=0) as (_, url, shown):
        say(url, "before")
        first = page(shown)
    with chat(tmp_path) as (_, again, shown):
        assert (again, page(shown)) == (url, first)
        assert said(url) == ["before"]
        say(url, "after")
    with chat(tmp_path) as (_, again, _):
        assert (again, said(url)) == (url, ["before", "after"])


def test_fresh_deletes_the_messages_and_keeps_the_addresses(tmp_path: Path) -> None:
    with chat(tmp_path, port=0) as (_, url, shown):
        say(url, "before")
        first = page(shown)
    with chat(tmp_path, "--fresh") as (_, again, shown):
        assert (again, page(shown), said(url)) == (url, first, [])


def test_on_another_port_the_chat_goes_on(tmp_path: Path) -> None:
    with chat(tmp_path, port=0) as (_, url, _):
        say(url, "before")
    with chat(tmp_path, port=0) as (_, again, _):
        assert again != url
        say(again, "after")
        assert said(again) == ["before", "after"]


def test_a_port_that_is_in_use_is_used_again_when_it_is_free(tmp_path: Path) -> None:
    with chat(tmp_path, port=0) as (_, url, _):
        pass
    with socket.create_server(("127.0.0.1", urlsplit(url).port or 0)), chat(tmp_path) as (_, meanwhile, _):
        assert meanwhile != url
    with chat(tmp_path) as (_, again, _):
        assert again == url


def test_nobody_is_here_who_was_connected_before(tmp_path: Path) -> None:
    with chat(tmp_path, port=0) as (process, url, _), ChatClient(url, "carol", "demo"):
        processes = group_of(process.pid)
        process.kill()
        end_all(processes)
    with chat(tmp_path) as (_, url, _), ChatClient(url, "bob", "demo") as bob:
        assert [member["userId"] for member in bob.ask("getPresence")["members"]] == ["bob"]


def test_tokens_stay_valid(tmp_path: Path) -> None:
    with chat(tmp_path, "--jwt", port=0) as (_, url, _):
        anns = token(tmp_path, "ann").stdout.strip()
    with chat(tmp_path, "--jwt") as (_, again, _), ChatClient(again, "ann", "demo", token=anns) as ann:
        assert again == url
        assert ann.ask("ping")["action"] == "pong"
        assert (tmp_path / "kept/key.pem").stat().st_mode & 0o777 == 0o600


def test_what_was_said_before_a_kill_is_kept(tmp_path: Path) -> None:
    with chat(tmp_path, port=0) as (process, url, _):
        say(url, "before")
        processes = group_of(process.pid)
        process.kill()  # The next start may come before the emulator has ended.
    with chat(tmp_path) as (_, again, _):
        assert (again, said(url)) == (url, ["before"])
    end_all(processes)


def test_an_emulator_that_has_not_ended_yet_keeps_the_folder(tmp_path: Path) -> None:
    with chat(tmp_path, port=0) as (process, url, _):
        say(url, "before")
        processes = group_of(process.pid)
        os.kill(processes[1], signal.SIGSTOP)  # It cannot write what was said last.
        process.kill()
        process.wait()
        try:
            done = ended("-m", "local", "--folder", str(tmp_path / "kept"))
        finally:
            os.kill(processes[1], signal.SIGCONT)
        assert done.stderr.startswith("This chat runs already")
    end_all(processes)
    with chat(tmp_path) as (_, again, _):
        assert (again, said(url)) == (url, ["before"])


def test_an_emulator_that_is_killed_while_it_starts_takes_no_state_away(tmp_path: Path) -> None:
    file = tmp_path / "kept/state.json"
    file.parent.mkdir()
    file.write_text(state())
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "--folder", str(file.parent), "--port=0"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(processes := group_of(process.pid)) < 2:
        time.sleep(0.01)
    os.kill(processes[1], signal.SIGKILL)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert errors.splitlines()[-1] == (
        "The chat cannot start: the emulator ended while it started: it was killed. Start again"
    )
    assert file.read_text() == state()


def test_a_program_that_cannot_be_deployed_is_said_in_one_line_and_nothing_is_lost(tmp_path: Path) -> None:
    with chat(tmp_path, port=0) as (_, url, _):
        say(url, "before")
    cause = "raise ValueError('planted\\nmistake')"
    run = f"import sys; import local.deploy; sys.argv[:] = ['local', '--folder', '{tmp_path}/kept']\n"
    run += f"def fails(_): {cause}\nlocal.deploy.runpy.run_path = fails\nfrom local.__main__ import main; main()"
    done = ended("-c", run)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "The program cannot be deployed: planted mistake. Fix it and start again, or begin with an empty chat: "
        f"make chat ARGS=--fresh. Details: {tmp_path}/kept/error.log"
    )
    assert "Traceback" not in done.stderr
    assert "Traceback" in (tmp_path / "kept/error.log").read_text()
    with chat(tmp_path) as (_, again, _):
        assert (again, said(url)) == (url, ["before"])


def test_a_folder_that_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = ended("-m", "local", "--folder", str(tmp_path / "file/kept"))
    assert done.returncode == 1
    assert done.stderr == (
        f"The chat cannot start: {tmp_path}/file/kept cannot be written: Not a directory. "
        "Name another folder: make chat ARGS=--folder=FOLDER\n"
    )


def test_nothing_is_written_before_a_deployment_is_done(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with Emulator(port=0, state=file) as emulator:
        create_messages_table(emulator)
    assert not file.exists()
    with Emulator(port=0, state=file) as emulator:
        create_messages_table(emulator)
        emulator.keep({"resources": {}})
        assert json.loads(file.read_text())["deployment"] == {"resources": {}}
    with Emulator(port=0, state=file) as emulator:
        assert emulator.client("dynamodb").list_tables()["TableNames"] == ["ChatMessages"]


def test_a_killed_emulator_is_said_in_one_line_and_loses_nothing(tmp_path: Path) -> None:
    with chat(tmp_path, port=0) as (process, url, _):
        say(url, "before")
        time.sleep(2)
        os.kill(group_of(process.pid)[1], signal.SIGKILL)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 1
        assert errors.splitlines()[-2:] == [
            "Stopping everything",
            "The emulator has ended. The messages are kept. To go on, start again: make chat",
        ]
        assert "Traceback" not in errors
    with chat(tmp_path) as (_, again, _):
        assert (again, said(url)) == (url, ["before"])


def test_a_chat_that_was_killed_while_it_started_leaves_what_was_there(tmp_path: Path) -> None:
    with chat(tmp_path, port=0) as (_, url, _):
        say(url, "before")
    for delay in (0.3, 0.8, 1.2, 1.6):
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "--folder", str(tmp_path / "kept")],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(delay)
        with suppress(FileNotFoundError):
            processes = group_of(process.pid)
            os.kill(processes[-1], signal.SIGKILL)
        process.kill()
        process.wait()
    with chat(tmp_path) as (_, again, _):
        assert (again, said(url)) == (url, ["before"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "the file is damaged"),
        (state(services=1), "AttributeError: 'int' object has no attribute 'items'"),
    ],
)
def test_a_state_that_cannot_be_used_is_said_in_one_line_and_set_aside(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/state.json").write_text(text)
    with chat(tmp_path, port=0) as (process, url, _):
        assert said(url) == []
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    [line] = [line for line in errors.splitlines() if "cannot be used" in line]
    assert line.startswith(f"The chat of the last start cannot be used: {why}")
    assert line.endswith(f"An empty one begins. The old file is {tmp_path}/kept/state.unusable")
    assert (tmp_path / "kept/state.unusable").read_text() == text
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"format": 1, "emulator": "x", "deployment":', "the file is damaged"),
        *[
            (text, "the file is damaged")
            for text in ("", "[]", "null", "\udcff", state(deployment={}), state(resources=1))
        ],
        (state(format=0), f"it was kept by {EMULATOR}, in form 0. This is {EMULATOR}, which has form {FORMAT}"),
        (
            state(emulator="mini 1"),
            f"it was kept by mini 1, in form {FORMAT}. This is {EMULATOR}, which has form {FORMAT}",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_told_from_one_that_does(tmp_path: Path, text: str, why: str) -> None:
    kept = Kept(tmp_path)
    assert kept.deployment() == (None, "")
    kept.state.write_text(state())
    assert kept.deployment() == ({"resources": {}}, "")
    kept.state.write_text(text, errors="surrogateescape")
    assert kept.deployment() == (None, why)


def test_a_second_chat_of_the_same_folder_is_refused_with_the_address_of_the_first(tmp_path: Path) -> None:
    with chat(tmp_path, port=0) as (_, url, shown):
        done = ended("-m", "local", "--folder", str(tmp_path / "kept"))
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert line.startswith(f"This chat runs already: {page(shown)}. Use it, or stop it with Ctrl-C")
        say(url, "still here")


def test_a_deployment_changes_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Operation] = []
    note = Provider._operation  # noqa: SLF001 - what each deployment does

    def noting(self: Provider, context: Any, operation: Operation) -> Any:
        done.append(operation)
        return note(self, context, operation)

    monkeypatch.setattr(Provider, "_operation", noting)
    with Emulator(port=0) as emulator:
        create_messages_table(emulator)
        resources: dict[str, Any] = {}
        url = deploy(emulator, {"changes": True}, resources)["WebSocketURL"]
        assert {operation.verb for operation in done} == {"create"}
        kept = json.loads(json.dumps(resources))
        say(url, "before")

        done.clear()
        assert deploy(emulator, {"changes": True}, kept)["WebSocketURL"] == url
        assert done == []

        deploy(emulator, {"changes": True, "memorySize": 256}, kept)
        assert {(operation.verb, operation.type, operation.changed) for operation in done} == {
            ("update", FUNCTION, frozenset({"memorySize"}))
        }
        assert said(url) == ["before"]

        done.clear()
        deploy(emulator, {"memorySize": 256}, kept)
        assert ("delete", "chat-changes") in {(operation.verb, operation.name) for operation in done}
        assert "WebSocketChanges" not in emulator.client("dynamodb").list_tables()["TableNames"]
        assert said(url) == ["before"]
        # Other routes, one more function, and policies that are replaced under names of their own.
        with IdentityProvider() as provider:
            jwt: dict[str, object] = {
                "authentication": "jwt",
                "jwtIssuer": provider.issuer,
                "jwtAudience": [provider.audience],
            }
            assert deploy(emulator, {"memorySize": 256} | jwt, kept)["WebSocketURL"] == url
            with ChatClient(url, "ann", "demo", token=provider.mint("ann")) as ann:
                assert ann.ask("ping")["action"] == "pong"
        deploy(emulator, {"memorySize": 256}, kept)
        assert said(url) == ["before"]
