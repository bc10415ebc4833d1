"""Deploys the program in this process. Pulumi's own runtime passes every resource to our mocks."""

import asyncio
import atexit
import gc
import json
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks, set_all_config, set_mocks
from pulumi.runtime.settings import SETTINGS, get_root_resource
from pulumi.runtime.stack import run_pulumi_func

from .aws.properties import with_integers
from .aws.resources import create, look_up
from .emulator import Emulator
from .update import Resources, UpdatingMonitor

PROJECT_DIRECTORY = Path(__file__).resolve().parent.parent
STACK = "local"

# At its end, Python looks for garbage in all that Pulumi has imported. That takes most of the time after Ctrl-C.
atexit.register(gc.freeze)


class _IntoEmulator(Mocks):
    """Replaces Pulumi's engine and the AWS provider: creates what the program registers."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if not args.custom:
            return None, args.inputs
        resource_id, outputs = create(self._emulator, args.typ, args.name, with_integers(args.inputs))
        return resource_id, args.inputs | outputs

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        try:
            return look_up(self._emulator, args.token, args.args), []
        except LookupError as error:
            return {}, [("name", str(error))]


class _NoCallbacks:
    """Takes a resource hook, which the mocks do not run.

    Pulumi would start a gRPC server for the engine's calls. A process that starts and stops several of them can crash:
    https://github.com/grpc/grpc/issues/43364
    """

    def register_resource_hook(self, _: pulumi.ResourceHook) -> None:
        pass


def deploy(
    emulator: Emulator,
    config: Mapping[str, object] | None = None,
    resources: Resources | None = None,
    *,
    program: Path = PROJECT_DIRECTORY,
) -> dict[str, Any]:
    """Deploy a program into an emulator.

    Args:
        emulator: A running emulator.
        config: Values by key, without the project's name. They override the defaults of ``Pulumi.yaml``.
        resources: What the last deployment has left in the emulator. It becomes what this one leaves there. None if the
            emulator is new and nothing is deployed over this deployment.
        program: The folder of the program.

    Returns:
        The outputs of the stack, by name.
    """
    project = yaml.safe_load((program / "Pulumi.yaml").read_text())
    name = project["name"]
    defaults = {f"{name}:{key}": declared["default"] for key, declared in project.get("config", {}).items()}
    given = {f"{name}:{key}": value for key, value in (config or {}).items()}

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        SETTINGS.outputs.clear()  # A failed deployment leaves outputs behind, in a loop that is closed.
        mocks = _IntoEmulator(emulator)
        monitor = None if resources is None else UpdatingMonitor(mocks, emulator, resources)
        set_mocks(mocks, project=name, stack=STACK, preview=False, monitor=monitor)
        SETTINGS.callbacks = _NoCallbacks()
        set_all_config({key: _config_text(value) for key, value in (defaults | given).items()})
        outputs = loop.run_until_complete(_outputs(program))
        if resources is not None and monitor:
            monitor.finish()
            resources.clear()
            resources.update(monitor.resources_now)
        return outputs
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _outputs(program: Path) -> dict[str, Any]:
    def run() -> None:
        runpy.run_path(str(program / "__main__.py"))

    outputs = get_root_resource().outputs  # type: ignore[union-attr]
    outputs.clear()  # This process may have deployed another program.
    await run_pulumi_func(run)
    return {name: await pulumi.Output.from_input(value).future() for name, value in outputs.items()}


def _config_text(value: object) -> str:
    # The CLI passes text to the program as it is, and everything else as JSON.
    return value if isinstance(value, str) else json.dumps(value)
