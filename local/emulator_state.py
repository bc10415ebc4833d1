"""Keeps the state of the emulator in a file, in the emulator's process, so that it survives every end of it.

MiniStack writes its state too (``ministack/core/persistence.py``), but only when it ends in order, in a file for each
service. Here all services and what is deployed are in one file, which is replaced in one step: whenever the process is
killed, the file fits together.
"""

import asyncio
import json
import os
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import persistence
from ministack.services import dynamodb, lambda_svc

from .kept import EMULATOR, FORMAT

_READS = {"BatchGetItem", "GetItem", "Query", "Scan", "TransactGetItems"}
_SECONDS = 0.5
"""How old the file may be while tables change."""
_SHARE = 20
"""A large state takes longer to write. Then the pause is this many times as long."""


class State:
    """The state in a file."""

    def __init__(self, file: Path) -> None:
        """Name the file. It need not exist."""
        self._file = file
        self._deployment: Any = None
        self._changed = threading.Event()
        self._one_at_a_time = threading.Lock()

    def load(self) -> None:
        """Restore the services from the file, if it exists.

        Raises:
            Exception: The file does not fit the emulator.
        """
        # Code that only the file before the last one names must stay until that file is replaced.
        prune, lambda_svc._prune_orphan_code_blobs = lambda_svc._prune_orphan_code_blobs, lambda _: None  # noqa: SLF001 - MiniStack has no other way
        if self._file.exists():
            services = json.loads(self._file.read_text(), object_hook=persistence._json_object_hook)["services"]  # noqa: SLF001 - the same
            for name, state in services.items():
                app._get_module(app._state_map[name]).load_persisted_state(state)  # noqa: SLF001 - the same
            functions = lambda_svc._functions._data.values()  # noqa: SLF001 - the same
            if not all(function["code_zip"] for function in functions):
                raise ValueError("the code of a function is missing")
            prune({lambda_svc._write_code_blob(function["code_zip"]) for function in functions})  # noqa: SLF001 - the same
        self._watch_tables()

    def deployed(self, deployment: object) -> None:
        """Take what is deployed. Before that nothing is written, because a deployment is half done."""
        self._deployment = deployment
        self.save()
        threading.Thread(target=self._save_changes, daemon=True).start()

    def save(self) -> None:
        """Write the file, if something is deployed."""
        if self._deployment is None:
            return
        with self._one_at_a_time:
            self._changed.clear()
            text = asyncio.run_coroutine_threadsafe(self._text(), app._MAIN_LOOP).result(timeout=30)  # noqa: SLF001 - the same
            new = self._file.with_suffix(".new")
            new.write_text(text)
            os.replace(new, self._file)  # noqa: PTH105 - in one step, because the process may be killed at any time

    def save_changes(self) -> None:
        """Write the file, if a table has changed since it was written."""
        if self._changed.is_set():
            self.save()

    def _save_changes(self) -> None:
        while True:
            self._changed.wait()
            started = time.monotonic()
            try:
                self.save()
            except Exception:  # Another thread has changed what was copied, or the disk is full.
                traceback.print_exc()
                self._changed.set()
            time.sleep(max(_SECONDS, _SHARE * (time.monotonic() - started)))

    async def _text(self) -> str:
        """Return the state as text. In the event loop, where no request changes it meanwhile."""
        services = {name: state for name, get in app._build_persistence_save_dict().items() if (state := get())}  # noqa: SLF001 - the same
        # The records of streams are not kept, nor the places in them.
        services.get("lambda", {}).pop("dynamodb_stream_positions", None)
        for group in services.get("cloudwatch_logs", {}).get("log_groups", {})._data.values():  # noqa: SLF001 - the same
            group["streams"] = {}
        document = {
            "format": FORMAT,
            "emulator": EMULATOR,
            "deployment": self._deployment,
            "services": services,
        }
        return json.dumps(document, default=persistence._json_default)  # noqa: SLF001 - the same

    def _watch_tables(self) -> None:
        """Note when a row changes."""
        handle_request = dynamodb.handle_request

        async def noting(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:  # noqa: ANN401 - MiniStack's own
            answer = await handle_request(method, path, headers, body, query)
            if headers.get("x-amz-target", "").rpartition(".")[2] not in _READS:
                self._changed.set()
            return answer

        dynamodb.handle_request = noting
