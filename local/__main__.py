"""``python -m local``: runs the whole chat on this machine until Ctrl-C or SIGTERM."""

import argparse
import os
import shlex
import signal
import sys
import time
import traceback
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode

from .emulator import USUAL_PORT, Emulator, EmulatorError, StateError, loopback_only
from .kept import USUAL_FOLDER, ChatRunsError, FolderError, Kept

if TYPE_CHECKING:
    from .identity_provider import IdentityProvider

GROUP = "demo"

_AGAIN = "make chat"
_ENDED = f"The emulator has ended. The messages are kept. To go on, start again: {_AGAIN}"


def main() -> None:
    """Start the emulator, deploy the program, show what the functions log, and stop everything at the end."""
    arguments = _arguments()
    started = time.monotonic()
    for end in (signal.SIGINT, signal.SIGTERM):  # A script may have started this process with SIGINT ignored.
        signal.signal(end, _end)
    environment = loopback_only(dict(os.environ))
    os.environ.clear()
    os.environ.update(environment)

    try:
        with Kept(arguments.folder) as kept, ExitStack() as opened:
            if arguments.fresh:
                kept.state.unlink(missing_ok=True)
            _run(arguments, kept, opened, started)
    except ChatRunsError as running:
        sys.exit(
            f"This chat runs already{f': {running}' if str(running) else ''}. Use it, or stop it with Ctrl-C in its "
            "terminal. For a second chat, name a folder for what it keeps: make chat ARGS=--folder=.chat/second"
        )
    except FolderError as error:
        sys.exit(f"The chat cannot start: {error}. Name another folder: make chat ARGS=--folder=FOLDER")
    except EmulatorError as error:
        sys.exit(f"The chat cannot start: {error}")
    except KeyboardInterrupt:
        pass


def _run(arguments: argparse.Namespace, kept: Kept, opened: ExitStack, started: float) -> None:
    """Run the chat until it is interrupted."""
    addresses = kept.addresses()
    wanted = arguments.port if arguments.port is not None else addresses.get("usualPort", USUAL_PORT)
    emulator = Emulator(wanted, state=kept.state, api_id=addresses["apiId"], lock=kept.lock)
    if wanted not in {emulator.port, 0}:
        _say(f"Port {wanted} is in use. Using port {emulator.port} instead")
    opened.callback(_stop, emulator)
    _say(f"Starting the emulator on port {emulator.port}")
    before, unusable = kept.deployment()
    if unusable:
        _begin_again(kept, unusable)
    emulator.start()
    # Import while the emulator starts: the SDKs are the slowest part.
    from . import deploy, prerequisites  # noqa: F401, PLC0415
    from .identity_provider import IdentityProvider  # noqa: PLC0415
    from .page import Page  # noqa: PLC0415

    before = _wait(emulator, kept, before)
    provider = None
    if arguments.jwt:
        provider = opened.enter_context(IdentityProvider(addresses.get("issuerPort", 0), kept=kept.key))
        addresses["issuerPort"] = provider.port
    outputs = _deploy(emulator, kept, _with_tokens(provider) if provider else {}, before)
    url = outputs["WebSocketURL"]
    sign_in = partial(_signed_in, provider) if provider else None
    page = opened.enter_context(Page(url, addresses.get("pagePort", 0), sign_in))
    address = f"{page.url}as/ann" if arguments.jwt else f"{page.url}?group={GROUP}"
    # A port that is in use now may be free at the next start. At the first start, there is another chat for long.
    usual = addresses.get("usualPort", emulator.port) if arguments.port is None else emulator.port
    now = {"port": emulator.port, "usualPort": usual, "pagePort": page.port, "page": address}
    kept.keep_addresses(addresses | now)
    _show(url, address, emulator, arguments, time.monotonic() - started)
    _follow(emulator, list(outputs["LogGroupNames"].values()))


def _wait(emulator: Emulator, kept: Kept, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """Wait until the emulator answers. Returns what is deployed in it: nothing, if it cannot use the state."""
    try:
        emulator.wait()
    except StateError as error:
        _begin_again(kept, str(error))
        emulator.stop()
        emulator.start()
        emulator.wait()
        return None
    return before


def _deploy(emulator: Emulator, kept: Kept, config: dict[str, object], before: dict[str, Any] | None) -> dict[str, Any]:
    """Deploy the program over what is there, and keep the result. Returns the outputs."""
    from .deploy import deploy  # noqa: PLC0415
    from .prerequisites import create_messages_table, forget_connections  # noqa: PLC0415

    if before is None:
        _say("Deploying the program")
        create_messages_table(emulator)
    else:
        _say(f"Updating the chat of the last start, with its messages. They are kept in {kept.state.parent}")
    resources = before["resources"] if before else {}
    try:
        outputs = deploy(emulator, {"unread": True, "changes": True, "publish": True} | config, resources)
    except Exception as error:
        if not emulator.runs:
            sys.exit(_ENDED)
        kept.errors.write_text(traceback.format_exc())
        why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        empty = f", or begin with an empty chat: {_AGAIN} ARGS=--fresh" if before else ""
        sys.exit(f"The program cannot be deployed: {why}. Fix it and start again{empty}. Details: {kept.errors}")
    if before:
        forget_connections(emulator, outputs["ConnectionsTable"])
    emulator.keep({"resources": resources})
    return outputs


def _follow(emulator: Emulator, log_groups: list[str]) -> NoReturn:
    """Print what the functions log until the emulator ends."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    from .logs import follow  # noqa: PLC0415

    try:
        for line in follow(emulator, log_groups):
            print(line, flush=True)
    except (BotoCoreError, ClientError) as error:
        if emulator.runs:
            sys.exit(f"The functions' logs cannot be read: {error}. The messages are kept. Start again: {_AGAIN}")
    sys.exit(_ENDED)


def _begin_again(kept: Kept, why: str) -> None:
    """Take away a state that cannot be used, and say so."""
    place = kept.set_aside()
    _say(f"The chat of the last start cannot be used: {why}. An empty one begins. The old file is {place}")


def _stop(emulator: Emulator) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # A second Ctrl-C must not leave anything behind.
    _say("Stopping everything")
    emulator.stop()


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{message}. All options: make chat ARGS=--help\n")


def _arguments() -> argparse.Namespace:
    parser = _Parser(prog="python -m local", description="Run the whole chat on this machine.")
    parser.add_argument(
        "--port",
        type=_port,
        help=f"port of the emulator; default: that of the last start, or {USUAL_PORT}. If it is in use, another one",
    )
    parser.add_argument("--fresh", action="store_true", help="delete the messages of the last start; addresses stay")
    parser.add_argument(
        "--folder", type=Path, default=USUAL_FOLDER, help="where messages and addresses are kept; default: .chat"
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


def _signed_in(provider: "IdentityProvider", user: str) -> str:
    """Return the query and the fragment with which the page signs a user in."""
    query = urlencode({"group": GROUP, "name": user, "userId": user})
    return f"?{query}#token={provider.mint(user, [GROUP])}"


def _end(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _show(url: str, page: str, emulator: Emulator, arguments: argparse.Namespace, seconds: float) -> None:
    """Print what to open, to run and to type, all in one group."""
    elsewhere = arguments.folder != USUAL_FOLDER
    terminal = f"make join GROUP={GROUP} NAME=Bob" + (f" URL={url}" if elsewhere else "")
    folder = f" ARGS=--folder={shlex.quote(str(arguments.folder))}" if elsewhere else ""
    query, more = f"userId=carol&groupId={GROUP}", ""
    if arguments.jwt:
        query = f"groupId={GROUP}&token=$(make token USER=carol GROUPS={GROUP}{folder})"
        terminal = f"CHAT_TOKEN=$(make token USER=bob GROUPS={GROUP}{folder}) {terminal}"
        more = f"\n  a token        make token USER=ann GROUPS={GROUP}{folder}"
    message = (
        f'{{"action":"sendMessage","groupId":"{GROUP}","senderId":"carol","senderName":"Carol","message":"Hello"}}'
    )
    print(
        f"""
The chat is up after {seconds:.1f} s, in the group {GROUP}.

  chat page      {page}
  terminal       {terminal}{more}
  WebSocketURL   {url}
  your back end  docs/backend.md, with AWS_ENDPOINT_URL={emulator.endpoint}
  your app       echo NEXT_PUBLIC_WS_ENDPOINT={url} >> YOUR-APP/.env.local
  wscat          npx wscat -c "{url}?{query}"
  then type      {message}

Ctrl-C stops everything. What the functions log:

ready {url}""",
        flush=True,
    )


if __name__ == "__main__":
    main()
