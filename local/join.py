"""``python -m local.join``: chat from the terminal, until Ctrl-C or the end of the input."""

import argparse
import asyncio
import base64
import getpass
import io
import json
import os
import signal
import sys
import unicodedata
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from .link import RefusedError
from .terminal import Terminal, is_visible
from .terminal_client import MAX_ID_BYTES, TerminalClient, explain

_PARTING_S, _INTERRUPTED_S = 10.0, 2.0
"""How long to wait for unsent messages: at the end of the input, and after Ctrl-C."""


async def chat(
    terminal: Terminal, url: str, user_id: str, group_ids: list[str], sender_name: str, token: str | None
) -> str | int:
    """Chat until the input ends, or until Ctrl-C.

    Returns:
        The argument for `sys.exit`: 0, or 1 if the input ended and something in it could not be done, or why the chat
        had to end.
    """
    client = TerminalClient(url, user_id, group_ids, terminal, sender_name=sender_name, token=token)
    running = asyncio.create_task(client.run())
    over: set[asyncio.Future[Any]] = {running, client.over}
    input_ended = terminal.read(client.take)
    interrupted = False
    try:
        await asyncio.wait({*over, input_ended}, return_when=asyncio.FIRST_COMPLETED)
        parting = asyncio.create_task(_part(client))
        await asyncio.wait({*over, parting}, timeout=_PARTING_S, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        interrupted = True
        parting = asyncio.create_task(_part(client))
        if client.is_unfinished:
            await asyncio.wait({*over, parting}, timeout=_INTERRUPTED_S, return_when=asyncio.FIRST_COMPLETED)
    parting.cancel()
    running.cancel()
    try:
        await running
    except RefusedError as refused:
        return f"The chat refuses to show its messages: {explain(refused.error)}"
    except asyncio.CancelledError:
        client.say_unsent()
    if client.over.done():
        return client.over.result()
    return 0 if interrupted else int(client.refused or client.is_unfinished)


async def _part(client: TerminalClient) -> None:
    """Wait until all messages are shown and sent, and all commands answered."""
    await client.recovered.wait()
    while waiting := {outgoing.answer for outgoing in client.outbox.values()} | client.answering | set(client.changing):
        await asyncio.wait(waiting)


def _local_url() -> str:
    """Return the WebSocket URL of the chat that `make chat` runs."""
    # Import late: it is slow, and a chat elsewhere does not need it.
    from .emulator import USUAL_PORT, loopback_only, websocket_urls  # noqa: PLC0415
    from .kept import USUAL_FOLDER, Kept  # noqa: PLC0415

    # The SDK fails if it does not find the profile that AWS_PROFILE names, even though it uses none.
    environment = loopback_only(dict(os.environ))
    os.environ.clear()
    os.environ.update(environment)
    port = Kept(USUAL_FOLDER).addresses().get("port", USUAL_PORT)
    urls = websocket_urls(port) or websocket_urls(USUAL_PORT)  # of make chat, or of make emulator
    if not urls:
        sys.exit(
            f"No chat runs on this machine (port {port}). Start one with `make chat` in another terminal, or "
            "join one elsewhere: URL=wss://…"
        )
    if len(urls) > 1:
        sys.exit("\n  ".join(["Several chats run on this machine. Choose one:", *(f"URL={url}" for url in urls)]))
    return urls[0]


def _terminal() -> Terminal:
    """Return the terminal: one with a line to edit, if it can move its cursor."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        return Terminal()
    # Import late: it is slow, and plain lines do not need it.
    from .editor import Editor  # noqa: PLC0415

    return Editor()


def _subject(token: str) -> str | None:
    """Return the user in a token. The chat verifies the token, not this client."""
    try:
        payload = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"])
    except (IndexError, ValueError, KeyError, TypeError):
        return None


def _is_websocket_url(url: str) -> bool:
    try:
        address = urlsplit(url)
        return address.scheme in {"ws", "wss"} and bool(address.hostname) and address.port != 0
    except ValueError:  # The port or the IPv6 address is invalid.
        return False


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.join",
        description="Chat from the terminal; /help shows the commands. If the chat has authentication, put your token "
        "into the environment variable CHAT_TOKEN.",
    )
    typed = partial(unicodedata.normalize, "NFC")  # What looks the same is the same (docs/protocol.md).
    parser.add_argument(
        "--group", action="append", default=[], type=typed, help="a group to join; give it again for another one"
    )
    parser.add_argument("--name", default="", type=typed, help="your name; default: your login name")
    parser.add_argument("--url", default="", help="the output WebSocketURL; default: that of `make chat`")
    parser.add_argument("--user", default="", type=typed, help="your user id; default: the token's `sub`, or your name")
    arguments = parser.parse_args()
    # make gives an empty one if there is no GROUP.
    arguments.group = [group_id for group_id in arguments.group if group_id]
    if not arguments.group:
        parser.exit(2, "GROUP is missing. Name the group to join: make join GROUP=demo NAME=ann\n")
    given = [*(("GROUP", group_id) for group_id in arguments.group), ("NAME", arguments.name), ("USER", arguments.user)]
    for which, value in given:
        if len(value.encode(errors="replace")) > MAX_ID_BYTES:
            parser.exit(2, f"{which} is too long. It must have at most {MAX_ID_BYTES} bytes\n")
        if value and not is_visible(value):
            parser.exit(2, f"Nothing of {which} can be seen. It must have a visible character\n")
    if "?" in arguments.url:
        parser.exit(
            2, "URL must not have a query. Give the group in GROUP, the name in NAME, the token in CHAT_TOKEN\n"
        )
    if arguments.url and not _is_websocket_url(arguments.url):
        parser.exit(
            2,
            "URL is not a WebSocket URL. Use the output WebSocketURL, such as wss://host/production "
            "or ws://host:port/path\n",
        )
    return arguments


def main() -> None:
    """Read the command line and chat."""
    arguments = _arguments()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # A character that the terminal cannot show must not end the chat.
    token = os.environ.get("CHAT_TOKEN")
    name = arguments.name or getpass.getuser()
    user_id = arguments.user or (token and _subject(token)) or name
    url = arguments.url or _local_url()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = asyncio.run(chat(_terminal(), url, user_id, arguments.group, name, token))
    except KeyboardInterrupt:  # A second Ctrl-C, or SIGTERM from another program.
        status = 0
    sys.exit(status)


if __name__ == "__main__":
    main()
