"""The AWS emulator, a child process on the loopback address: the package MiniStack, run by ``emulator_process.py``."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .kept import UNUSABLE_STATE

HOST = "127.0.0.1"
USUAL_PORT = 4566
REGION = "us-east-1"
ROOT = "test"
"""Access key id and secret access key of the emulator's root user."""

_LAMBDA_RUNTIME = Path(__file__).parent / "lambda_runtime"
_START_SECONDS = 30


class EmulatorError(Exception):
    """The emulator cannot start."""


class StateError(EmulatorError):
    """The emulator cannot restore its state."""


def loopback_only(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment without what could lead to a real account (profiles, keys, endpoints) or to a proxy."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    files = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return kept | files | {"NO_PROXY": HOST, "no_proxy": HOST}


_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_CLIENT = Config(proxies={})
"""A proxy that the environment names cannot reach this machine's loopback address."""


def _session() -> Any:  # noqa: ANN401 - boto3's clients are made at runtime
    return boto3.Session(aws_access_key_id=ROOT, aws_secret_access_key=ROOT, region_name=REGION)


def websocket_urls(port: int) -> list[str]:
    """Look up the WebSocket APIs of a running emulator. Another process may have started it.

    Returns:
        Their URLs, stage included. Empty if no emulator answers.
    """
    config = _CLIENT.merge(Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}))
    apis = _session().client("apigatewayv2", endpoint_url=f"http://{HOST}:{port}", config=config)
    try:
        return [
            f"ws://{HOST}:{port}/_aws/execute-api/{api['ApiId']}/{stage['StageName']}"
            for api in apis.get_apis()["Items"]
            if api["ProtocolType"] == "WEBSOCKET"
            for stage in apis.get_stages(ApiId=api["ApiId"])["Items"]
        ]
    except (BotoCoreError, ClientError):
        return []


class Emulator:
    """A running emulator that enforces IAM policies. As a context manager, it leaves no process or file behind.

    Attributes:
        port: Where it listens.
        region: The AWS region of its clients.
        started_at: When the process was started, in ISO 8601.
        program: What runs in the process.
    """

    program = Path(__file__).with_name("emulator_process.py")

    def __init__(
        self, port: int = USUAL_PORT, *, state: Path | None = None, api_id: str = "", lock: int | None = None
    ) -> None:
        """Choose a port.

        Args:
            port: Where to listen. If it is in use, the emulator takes another one.
            state: The file from which to restore the state, and in which to keep it from the first ``keep`` on. Its
                folder also gets the code of the functions. None keeps nothing.
            api_id: The id of the first API, if it is new. Empty for any.
            lock: A descriptor that the process holds open until it ends.
        """
        self.port = _free_port(port)
        self._state = state
        self._api_id = api_id
        self._inherited = () if lock is None or sys.platform == "win32" else (lock,)  # Not on Windows.
        self._directory = ""
        self._session = _session()
        self.region = REGION
        self.started_at = ""
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Address of every AWS service."""
        return f"http://{HOST}:{self.port}"

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients are made at runtime
        """Return a client of a service, as the root user of the account."""
        with self._lock:  # Creating a client is slow and not safe in threads. Using one is safe.
            key = (service, self.region)
            if key not in self._clients:
                self._clients[key] = self._session.client(
                    service, self.region, endpoint_url=self.endpoint, config=_CLIENT
                )
            return self._clients[key]

    def in_region(self, region: str) -> "Emulator":
        """Return another region of the same account. Only this one starts and stops the process."""
        other = copy(self)
        other.region = region
        return other

    def start(self) -> None:
        """Start the process. It ends when this process ends, no matter how."""
        self._directory = tempfile.mkdtemp(prefix="websocket-chat-")
        self.started_at = datetime.now(UTC).isoformat()
        environment = loopback_only(dict(os.environ)) | {
            "AUTH": "true",
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "LOG_LEVEL": "ERROR",
            "TMPDIR": self._directory,
            # Turn off listeners outside the loopback address, and keep away from containers that are not ours.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent/docker.sock",
            # The functions inherit it. It adds what the runtime on AWS does beyond calling them.
            "PYTHONPATH": str(_LAMBDA_RUNTIME),
        }
        if self._state:
            environment |= {"CHAT_STATE": str(self._state), "STATE_DIR": str(self._state.parent)}
        if self._api_id:
            environment["CHAT_API_ID"] = self._api_id
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module in our own interpreter
                [sys.executable, "-P", str(self.program), self._directory],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C must not reach it: `stop` ends it in order.
                pass_fds=self._inherited,
            )

    @property
    def _log(self) -> Path:
        return Path(self._directory, "emulator.log")

    def wait(self) -> None:
        """Wait until the emulator answers. If its port is taken meanwhile, it takes another one.

        Raises:
            EmulatorError: The emulator ended, or does not answer within 30 seconds.
            StateError: It ended because it cannot restore its state.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                said = self._log.read_text()
                if self._process is not None and self._process.returncode == UNUSABLE_STATE:
                    raise StateError(self._last_words())
                if "already in use" not in said:
                    why = self._last_words() or "it was killed"
                    raise EmulatorError(f"the emulator ended while it started: {why}. Start again")
                # Another process has taken the port since it was chosen.
                self.stop()
                self.port = _free_port(0)
                self.start()
            try:
                with _NO_PROXY.open(f"{self.endpoint}/_ministack/health", timeout=1) as answer:
                    json.load(answer)
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise EmulatorError(
            f"the emulator does not answer at {self.endpoint} after {_START_SECONDS} seconds. Start it again"
        )

    @property
    def runs(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def keep(self, deployment: object) -> None:
        """Keep the state from now on, with what is deployed. Returns when it is kept.

        Args:
            deployment: What is deployed, for the next start. It can be written as JSON.

        Raises:
            EmulatorError: The state cannot be written.
        """
        if self._state is None or self._process is None or self._process.stdin is None:
            return
        before = _written(self._state)
        self._process.stdin.write(json.dumps(deployment).encode() + b"\n")
        self._process.stdin.flush()
        deadline = time.monotonic() + _START_SECONDS
        while _written(self._state) == before:
            if time.monotonic() > deadline or not self.runs:
                raise EmulatorError(f"its state cannot be written to {self._state}. The log says: {self._last_words()}")
            time.sleep(0.01)

    def _last_words(self) -> str:
        return self._log.read_text().strip().rpartition("\n")[2]

    def stop(self) -> None:
        """End the process and the processes that it started, and remove its files."""
        if self._process is None:
            return
        self._process.communicate()  # Closes its input, so it ends.
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start, and wait until it answers."""
        self.start()
        self.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


def _written(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe:
            if sys.platform != "win32":  # On Windows, this option would let two servers share a port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmulatorError(f"no port is free on {HOST}. Stop another server and start again")
