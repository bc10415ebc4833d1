"""``python -m local``: runs the whole chat on this machine until Ctrl-C or SIGTERM."""

import argparse
import os
import signal
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NoReturn

from .emulator import USUAL_PORT, Emulator, EmulatorError, loopback_only

if TYPE_CHECKING:
    from .identity_provider import IdentityProvider

GROUP = "demo"


def main() -> None:
    """Start the emulator, deploy the program, show what the functions log, and stop everything at the end."""
    arguments = _arguments()
    started = time.monotonic()
    for end in (signal.SIGINT, signal.SIGTERM):  # A script may have started this process with SIGINT ignored.
        signal.signal(end, _end)
    environment = loopback_only(dict(os.environ))
    os.environ.clear()
    os.environ.update(environment)

    emulator = Emulator(arguments.port)
    if emulator.port != arguments.port and arguments.port:
        _say(f"Port {arguments.port} is in use. Using port {emulator.port} instead")
    try:
        _say(f"Starting the emulator on port {emulator.port}")
        emulator.start()
        # Import while the emulator starts: the SDKs are the slowest part.
        from .deploy import deploy  # noqa: PLC0415
        from .identity_provider import IdentityProvider  # noqa: PLC0415
        from .logs import follow  # noqa: PLC0415
        from .page import Page  # noqa: PLC0415
        from .prerequisites import create_messages_table  # noqa: PLC0415

        emulator.wait()
        _say("Deploying the program")
        create_messages_table(emulator)
        with ExitStack() as opened:
            provider = opened.enter_context(IdentityProvider()) if arguments.jwt else None
            outputs = deploy(emulator, {"unread": True, "changes": True} | (_with_tokens(provider) if provider else {}))
            url = outputs["WebSocketURL"]
            page = opened.enter_context(Page(url))
            _show(url, page.url, emulator, provider, time.monotonic() - started)
            for line in follow(emulator, list(outputs["LogGroupNames"].values())):
                print(line, flush=True)
    except EmulatorError as error:
        sys.exit(f"The chat cannot start: {error}")
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # A second Ctrl-C must not leave anything behind.
        _say("Stopping everything")
        emulator.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description="Run the whole chat on this machine.")
    parser.add_argument(
        "--port", type=_port, default=USUAL_PORT, help="port of the emulator; if it is in use, another one is taken"
    )
    parser.add_argument(
        "--jwt", action="store_true", help="accept only clients with a token, from an identity provider on this machine"
    )
    return parser.parse_args()


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port. Use 1 to 65535, or 0 for any free port")
    return int(text)


def _with_tokens(provider: "IdentityProvider") -> dict[str, object]:
    return {
        "authentication": "jwt",
        "jwtIssuer": provider.issuer,
        "jwtAudience": [provider.audience],
        "groupClaim": provider.group_claim,
    }


def _end(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _show(url: str, page_url: str, emulator: Emulator, provider: "IdentityProvider | None", seconds: float) -> None:
    clients, tokens = {}, ""
    terminal = f"make join GROUP={GROUP} NAME=Ann" + ("" if emulator.port == USUAL_PORT else f" URL={url}")
    for user_id in ("alice", "bob"):
        query = f"userId={user_id}&groupId={GROUP}"
        if provider:
            token = provider.mint(user_id, [GROUP])
            query = f"groupId={GROUP}&token={token}"
            if user_id == "alice":
                page_url += f"?group={GROUP}&name=alice&userId=alice#token={token}"
            tokens += f"\n  token of {user_id:<6}{token}"
        clients[user_id] = f'npx wscat -c "{url}?{query}"'
    message = (
        f'{{"action":"sendMessage","groupId":"{GROUP}","senderId":"alice","senderName":"Alice","message":"Hello"}}'
    )
    if provider:
        terminal = f"CHAT_TOKEN=… {terminal}"
        tokens = f"\n\nClients need a token. These are valid for an hour, in the group {GROUP}:\n{tokens}"
    print(
        f"""
The chat is up after {seconds:.1f} s. AWS services: {emulator.endpoint}

  chat page      {page_url}
  WebSocketURL   {url}
  .env.local     NEXT_PUBLIC_WS_ENDPOINT={url}
  terminal       {terminal}
  first client   {clients["alice"]}
  second client  {clients["bob"]}
  then type      {message}{tokens}

Ctrl-C stops everything. What the functions log:

ready {url}""",
        flush=True,
    )


if __name__ == "__main__":
    main()
