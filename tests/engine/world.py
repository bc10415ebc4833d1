"""A stack on the real engine: the Pulumi CLI, our provider, and the emulator."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws.provider import Operation, Provider
from local.emulator import Emulator, loopback_only

PROJECT = Path(__file__).resolve().parents[2]
_LANGUAGE_HOST = Path(__file__).with_name("language_host.py")


class PulumiError(AssertionError):
    """A command failed. Its text is what it printed."""


@dataclass(frozen=True)
class Run:
    """A command of the CLI that has ended.

    Attributes:
        text: What it printed.
        operations: What it had the provider do, in order.
    """

    text: str
    operations: tuple[Operation, ...]

    @property
    def counts(self) -> Counter[str]:
        """Numbers of operations by verb."""
        return Counter(operation.verb for operation in self.operations)

    def names(self, verb: str) -> list[str]:
        """Names of the resources that an operation was done to, without the name of the component."""
        return [operation.name.removeprefix("chat-") for operation in self.operations if operation.verb == verb]

    def inputs(self) -> set[tuple[str, str]]:
        """What was updated: the resources' names, without that of the component, each with an input that changed."""
        return {(one.name.removeprefix("chat-"), name) for one in self.operations for name in one.changed}


def copy_program(to: Path) -> Path:
    """Copy the program, with its settings for production, into a new folder. Returns the folder."""
    to.mkdir()
    for name in ("Pulumi.yaml", "Pulumi.production.yaml", "__main__.py", "components", "handlers"):
        (shutil.copytree if (PROJECT / name).is_dir() else shutil.copy)(PROJECT / name, to / name)
    return to


class Stack:
    """A stack with a folder, a state and an environment of its own."""

    def __init__(
        self,
        cli: Path,
        emulator: Emulator,
        provider: Provider,
        directory: Path,
        *,
        program: Path = PROJECT,
        name: str | None = "dev",
    ) -> None:
        """Prepare a stack.

        Args:
            cli: The Pulumi CLI.
            emulator: The account.
            provider: The AWS provider.
            directory: Where the project, the state and the CLI's own files go.
            program: The folder of the program: ``Pulumi.yaml``, and ``__main__.py`` unless it is in YAML.
            name: Name of the stack. None makes no stack yet.
        """
        self.emulator = emulator
        self.provider = provider
        self.name = name
        self.directory = directory / "project"
        self._cli = cli
        tools = directory / "bin"
        state = directory / "state"
        for folder in (tools, state, self.directory):
            folder.mkdir(parents=True, exist_ok=True)
        host = tools / "pulumi-language-python"
        host.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P "{_LANGUAGE_HOST}" "$@"\n')
        # A person answers what the CLI asks. Nobody talks to wscat here.
        (tools / "pulumi").write_text(
            '#!/bin/sh\ncase $1$2 in cancel*|destroy*|import*|new*|refresh*|stackrm|up*) set -- "$@" --yes ;; esac\n'
            f'exec "{cli}" "$@" --non-interactive --color=never\n'
        )
        (tools / "npx").write_text('#!/bin/sh\necho "$@"\n')
        for tool in tools.iterdir():
            tool.chmod(0o755)
        self.environment = loopback_only(dict(os.environ)) | {
            "PATH": os.pathsep.join((str(tools), str(cli.parent), os.environ["PATH"])),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PULUMI_HOME": str(directory / "home"),
            "PULUMI_BACKEND_URL": state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DEBUG_PROVIDERS": f"aws:{provider.port}",
            "WEBSOCKET_CHAT_IAM_WAIT_SECONDS": "0",
        }
        self.use(program)
        if name:
            self.pulumi("stack", "init", name)

    def use(self, program: Path, packages: Path = PROJECT) -> None:
        """Make the stack one of another program.

        Args:
            program: The folder of the program.
            packages: The folder of the packages that it imports.
        """
        shutil.copy(program / "Pulumi.yaml", self.directory)
        if (main := program / "__main__.py").exists():
            (self.directory / main.name).write_text(f"import runpy\nrunpy.run_path({str(main)!r})\n")
        self.environment["PYTHONPATH"] = str(packages)

    def config(self, **values: object) -> None:
        """Set values of the project's config. None takes one away."""
        texts: list[str] = []
        for key, value in values.items():
            if isinstance(value, list):
                texts += [f"{key}[{n}]={item}" for n, item in enumerate(value)]
            elif value is not None:
                texts.append(f"{key}={value if isinstance(value, str) else json.dumps(value)}")
        if texts:
            self.pulumi("config", "set-all", "--path", *(f"--plaintext={text}" for text in texts))
        if gone := [key for key, value in values.items() if value is None]:
            self.pulumi("config", "rm-all", *gone)

    def preview(self, *options: str) -> str:
        """Show what would change. Returns the text."""
        return self.pulumi("preview", "--diff", *options).text

    def up(self, *options: str, **config: object) -> Run:
        """Deploy, after changes of the config."""
        self.config(**config)
        return self.pulumi("up", "--yes", "--skip-preview", *options)

    def refusal(self, *command: str) -> str:
        """Run a command that fails before anything is created. Returns the errors that it shows at its end."""
        try:
            self.pulumi(*command)
        except PulumiError as error:
            _, _, text = str(error).partition("\nDiagnostics:\n")
            assert "Traceback" not in text
            assert self.provider.operations == []
            return text
        raise AssertionError(f"pulumi {' '.join(command)} did not fail")

    def tag_as_told(self, error: PulumiError) -> None:
        """Do what the ``aws dynamodb tag-resource`` in an error does."""
        _, _, told = str(error).partition(" --resource-arn ")
        arn, _, tag = told.split()[:3]
        key, value = (part.partition("=")[2] for part in tag.split(","))
        self.emulator.client("dynamodb").tag_resource(ResourceArn=arn, Tags=[{"Key": key, "Value": value}])

    def refresh(self, *options: str) -> Run:
        """Bring the state up to date with the account."""
        return self.pulumi("refresh", "--yes", "--skip-preview", *options)

    def destroy(self, *options: str) -> Run:
        """Take everything away."""
        return self.pulumi("destroy", "--yes", *options)

    def outputs(self) -> dict[str, Any]:
        """Return the outputs of the stack."""
        outputs: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json").text)
        return outputs

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the resources of the state by their name in the program, without the name of the component."""
        return {
            resource["urn"].rpartition("::")[2].removeprefix("chat-"): resource
            for resource in self._exported().get("resources", [])
        }

    def inputs(self) -> dict[str, dict[str, Any]]:
        """Return the inputs of the resources in the state, without the names that Pulumi makes up."""
        return {
            name: {key: value for key, value in inputs.items() if key not in inputs.get("__defaults", [])}
            for name, resource in self.state().items()
            if (inputs := resource.get("inputs")) is not None
        }

    def import_(self, resources: Iterable[dict[str, str]]) -> Run:
        """Take resources that exist into the state, as ``pulumi import --file`` has them."""
        urn = self.state()["chat"]["urn"]
        file = self.directory / "import.json"
        file.write_text(json.dumps({"nameTable": {"chat": urn}, "resources": list(resources)}))
        return self.pulumi(
            "import", "--yes", "--skip-preview", "--generate-code=false", "--protect=false", f"--file={file}"
        )

    def state_is_whole(self) -> bool:
        """Whether the files of the state can be read: the CLI may be writing them."""
        try:
            for file in (self.directory.parent / "state").rglob(f"{self.name}.json*"):
                if file.suffix in {".json", ".attrs"}:
                    json.loads(file.read_text())
        except ValueError:
            return False
        return True

    def pending(self) -> list[dict[str, Any]]:
        """Return the resources whose creation began and never ended, as far as the state knows."""
        return [operation["resource"] for operation in self._exported().get("pending_operations", [])]

    def _exported(self) -> dict[str, Any]:
        deployment: dict[str, Any] = json.loads(self.pulumi("stack", "export").text)["deployment"]
        return deployment

    def pulumi(self, *arguments: str) -> Run:
        """Run a command.

        Raises:
            PulumiError: It failed.
        """
        return self._run(self._command(arguments))

    def shell(self, line: str) -> Run:
        """Run a line of a shell. ``pulumi`` is the CLI, and is told yes. ``npx`` prints its arguments.

        Raises:
            PulumiError: It failed.
        """
        return self._run(("/bin/sh", "-e", "-c", line))

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command. Its process is the leader of its process group."""
        return self._start(self._command(arguments))

    def _command(self, arguments: Iterable[str]) -> tuple[str, ...]:
        return (str(self._cli), *arguments, "--non-interactive", "--color=never")

    def _run(self, command: tuple[str, ...]) -> Run:
        begun = len(self.provider.operations)
        running = self._start(command)
        text, _ = running.communicate(timeout=100)
        if running.returncode:
            raise PulumiError(text)
        return Run(text, tuple(self.provider.operations[begun:]))

    def _start(self, command: tuple[str, ...]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
