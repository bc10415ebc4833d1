"""``python -m local.aws``: an AWS account on this machine for the Pulumi CLI, until Ctrl-C or SIGTERM."""

import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from local.emulator import USUAL_PORT, Emulator, EmulatorError
from local.prerequisites import create_messages_table

from .provider import Provider


def main() -> None:
    """Start the emulator and the provider, and print the environment of the CLI."""
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, _end)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="websocket-chat-") as state,
            Emulator(USUAL_PORT) as emulator,
            Provider(emulator) as provider,
        ):
            create_messages_table(emulator)
            _show(Path(state), emulator, provider)
            while True:
                time.sleep(60)  # until a signal comes
    except EmulatorError as error:
        sys.exit(f"The emulator cannot start: {error}")
    except KeyboardInterrupt:
        print("Stopped. The stacks that you made in it are gone.")


def _show(state: Path, emulator: Emulator, provider: Provider) -> None:
    environment = {
        "PULUMI_BACKEND_URL": state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "local",
        "PULUMI_DEBUG_PROVIDERS": f"aws:{provider.port}",
        "WEBSOCKET_CHAT_IAM_WAIT_SECONDS": "0",
    }
    print(f"The emulator listens at {emulator.endpoint}. It has an empty table ChatMessages.")
    print("In another terminal, in this folder:\n")
    for name, value in environment.items():
        print(f"  export {name}={shlex.quote(value)}")
    print("  pulumi stack init dev")
    print("  pulumi up")
    print("\nThen chat with: make join GROUP=demo NAME=Ann. Stop the emulator with Ctrl-C.", flush=True)


def _end(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
