"""``python -m local``: the whole chat on this machine, until Ctrl-C or SIGTERM."""

import argparse
import os
import signal
import sys
import time
from typing import NoReturn

from .emulator import USUAL_PORT, Emulator, EmulatorError, loopback_only


def main() -> None:
    """Start the emulator, deploy the program, show what the functions log, take everything down."""
    arguments = _arguments()
    started = time.monotonic()
    for end in (signal.SIGINT, signal.SIGTERM):  # Scripts may have started us with SIGINT ignored.
        signal.signal(end, _end)
    environment = loopback_only(dict(os.environ))
    os.environ.clear()
    os.environ.update(environment)

    emulator = Emulator(arguments.port)
    try:
        _say(f"Starting the emulator on port {emulator.port}")
        emulator.start()
        # Meanwhile: the SDKs are the slowest part of a start.
        from .deploy import deploy  # noqa: PLC0415
        from .logs import follow  # noqa: PLC0415
        from .page import Page  # noqa: PLC0415
        from .prerequisites import create_messages_table  # noqa: PLC0415

        emulator.wait()
        _say("Deploying the program")
        create_messages_table(emulator)
        outputs = deploy(emulator)
        url = outputs["WebSocketURL"]
        with Page(url) as page:
            _show(url, page.url, emulator, time.monotonic() - started)
            for line in follow(emulator, list(outputs["LogGroupNames"].values())):
                print(line, flush=True)
    except EmulatorError as error:
        sys.exit(f"The chat cannot start: {error}")
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # A second Ctrl-C must not leave anything behind.
        _say("Taking everything down")
        emulator.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description="The whole chat on this machine.")
    parser.add_argument(
        "--port", type=int, default=USUAL_PORT, help="port of the emulator; another is taken if it is in use"
    )
    return parser.parse_args()


def _end(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _show(url: str, page_url: str, emulator: Emulator, seconds: float) -> None:
    message = '{"action":"sendMessage","groupId":"demo","senderId":"alice","senderName":"Alice","message":"Hello"}'
    print(
        f"""
The chat is up after {seconds:.1f} s. AWS services: {emulator.endpoint}

  chat page      {page_url}
  WebSocketURL   {url}
  .env.local     NEXT_PUBLIC_WS_ENDPOINT={url}
  first client   npx wscat -c "{url}?userId=alice&groupId=demo"
  second client  npx wscat -c "{url}?userId=bob&groupId=demo"
  then type      {message}

Ctrl-C takes everything down. What the functions log:

ready {url}""",
        flush=True,
    )


if __name__ == "__main__":
    main()
