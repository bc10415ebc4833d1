"""``python -m local.aws``: an AWS account on this machine for the Pulumi CLI, until Ctrl-C or SIGTERM."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from local.emulator import USUAL_PORT, Emulator, EmulatorError
from local.prerequisites import create_messages_table
from local.shell import aws_variables, exports

from .provider import Provider


def main() -> None:
    """Start the emulator and the provider, and print the environment of the CLI."""
    empty: bool = _arguments().empty
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, _end)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="websocket-chat-") as state,
            Emulator(USUAL_PORT) as emulator,
            Provider(emulator) as provider,
        ):
            if not empty:
                create_messages_table(emulator)
            _show(Path(state), emulator, provider, empty=empty)
            while True:
                time.sleep(60)  # until a signal comes
    except EmulatorError as error:
        sys.exit(f"The emulator cannot start: {error}")
    except KeyboardInterrupt:
        print("Stopped. The stacks that you made in it are gone.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.aws", description="Start an AWS account on this machine for the Pulumi CLI."
    )
    parser.add_argument(
        "--empty", action="store_true", help="without the table ChatMessages: for programs that make it, as examples do"
    )
    return parser.parse_args()


def _show(state: Path, emulator: Emulator, provider: Provider, *, empty: bool) -> None:
    environment = {
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "local",
        "PULUMI_DEBUG_PROVIDERS": f"aws:{provider.port}",
        "WEBSOCKET_CHAT_IAM_WAIT_SECONDS": "0",
    }
    tables = "no tables" if empty else "an empty table ChatMessages"
    print(f"The emulator listens at {emulator.endpoint}. It has {tables}.")
    folder = "the folder of an example, such as examples/offline_push" if empty else "this folder"
    print(f"In another terminal, in {folder}:\n")
    print(exports(environment | aws_variables(emulator)))
    print("  pulumi stack init dev")
    print("  pulumi up")
    print("\nThen chat with: make join GROUP=demo NAME=Ann. Stop the emulator with Ctrl-C.", flush=True)


def _end(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
