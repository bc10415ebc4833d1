"""The client module in each runtime that a package registry brings, against the deployed program."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local.deploy import deploy
from local.emulator import Emulator

from .person import Person

_ROOT = Path(__file__).parents[2]
_MODULE = Path(__file__).parent / "module"
_INSTALLED = _ROOT / "node_modules" / ".bin"
_NODE = (shutil.which("node") or "node",)
_RUNTIMES = {
    "node": _NODE,
    "deno": (str(_INSTALLED / "deno"), "run", "--allow-all", "--cached-only"),
    "bun": (str(_INSTALLED / "bun"),),
    "as React Native": (*_NODE, "--import", (_MODULE / "as_react_native.mjs").as_uri()),
}


def _run(runtime: str, *arguments: str, folder: Path) -> None:
    result = subprocess.run(
        [*_RUNTIMES[runtime], str(_MODULE / "run_chat.mjs"), *arguments],
        check=False,
        capture_output=True,
        text=True,
        # Deno keeps its localStorage there.
        env={**os.environ, "DENO_DIR": str(folder), "DENO_NO_UPDATE_CHECK": "1"},
        timeout=60,  # It ends by itself, because nothing is left to wait for.
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("runtime", _RUNTIMES)
def test_two_users_chat(runtime: str, chat_url: str, tmp_path: Path) -> None:
    _run(runtime, chat_url, folder=tmp_path)


@pytest.mark.parametrize("runtime", ["node", "deno", "bun"])
def test_two_users_chat_in_a_worker(runtime: str, chat_url: str, tmp_path: Path) -> None:
    _run(runtime, chat_url, "worker", folder=tmp_path)


@pytest.fixture(scope="module")
def changing_chat_url(emulator: Emulator) -> str:
    """WebSocket URL of a chat in which messages can be changed."""
    config = {"namePrefix": "Changing", "unread": True, "changes": True}
    return str(deploy(emulator, config)["WebSocketURL"])


def test_two_users_change_messages(changing_chat_url: str, tmp_path: Path) -> None:
    _run("node", changing_chat_url, "changes", folder=tmp_path)


def test_a_chat_without_changes_refuses_them_and_works(unchanging_chat_url: str, tmp_path: Path) -> None:
    _run("node", unchanging_chat_url, "no-changes", folder=tmp_path)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is that of the base class
        pass


@pytest.fixture(scope="module")
def files_url() -> Iterator[str]:
    """Address of the repository's files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=_ROOT)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", ["Worker", "SharedWorker"])
def test_two_users_chat_in_a_worker_of_a_browser(
    kind: str, person: Callable[[str], Person], files_url: str, chat_url: str
) -> None:
    browser = person("Ann").browser
    browser.get(f"{files_url}/tests/browser/module/")
    script = """
    const [kind, url, done] = arguments;
    new BroadcastChannel("result").onmessage = ({ data }) => done(data);
    const worker = new window[kind](`worker.mjs?${new URLSearchParams({ url })}`, { type: "module" });
    worker.onerror = () => done("the worker does not start");
    """
    assert browser.execute_async_script(script, kind, chat_url) == "ok"
