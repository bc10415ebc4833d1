"""``python -m local.join``: chat in a group from the terminal, until Ctrl-C or the end of the input."""

import argparse
import asyncio
import base64
import getpass
import io
import json
import os
import re
import signal
import ssl
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TextIO
from urllib.parse import urlsplit

from websockets.exceptions import InvalidProxy, InvalidStatus, ProxyError

from .reliable_client import Frame, RefusedError, ReliableClient

try:
    import readline
    import termios
except ImportError:  # Windows: there, the line that you are typing is not shown again below a new message.
    _EDITING = False
else:
    _EDITING = sys.stdin.isatty() and sys.stdout.isatty()

_PROMPT = "> "
_PARTING_S, _INTERRUPTED_S = 10.0, 2.0
"""How long to wait for unsent messages: at the end of the input, and after Ctrl-C."""
_TOLD_AGAIN_S = 60.0
"""How long not to repeat a notice about something that the client retries."""

_ADVICE = {
    "FORBIDDEN": "You may not write here as this user. With a token, use the token's user: ARGS=--user=…",
    "TOO_LARGE": "Split it into several messages.",
    "RATE_LIMITED": "The client sends it again. Please type a little slower.",
    "UNAVAILABLE": "The client sends it again.",
}
_HANDSHAKE_ADVICE = {
    400: "A group or name is empty or too long. Use 1 to 256 bytes for each.",
    401: "CHAT_TOKEN is missing, wrong or expired. Get a new token.",
    403: "The URL, the group or CHAT_TOKEN is not accepted. Check that the URL is complete, that you are in the group, "
    "and that CHAT_TOKEN is set, right and not expired.",
    404: "The URL is wrong. Compare it with the output WebSocketURL.",
    429: "There are too many connections. Close some, or try again later.",
}
_TRY_AGAIN = 429
_MOST_BYTES = 256
"""Maximum size of a group, a name or a user id (docs/protocol.md)."""

_HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
"""Characters that join emoji, and letters in several scripts."""


def harmless(text: object) -> str:
    """Replace every character that breaks the line, controls a terminal, or changes the direction of writing."""
    return "".join(
        "\ufffd" if unicodedata.category(one) in _HARMFUL and one not in _JOINERS else one
        for one in str(text).replace("\t", " ")
    )


class TerminalClient(ReliableClient):
    """Shows messages on standard output, and everything else on standard error.

    Attributes:
        over: Why the client must stop. Set when it must.
        recovered: Set when all messages so far have been shown.
        refused: Whether the chat has refused a message of this user.
    """

    def __init__(self, url: str, user_id: str, group_id: str, sender_name: str, token: str | None) -> None:
        super().__init__(url, user_id, group_id, sender_name=sender_name, token=token, first_pages=1)
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.recovered = asyncio.Event()
        self.refused = False
        self._own: set[str] = set()
        self._day = ""
        self._connected = False
        self._told_at: dict[str, float] = {}

    def take(self, line: str) -> None:
        """Send a typed line, unless it is blank."""
        text = line.rstrip("\r\n")
        if not text.strip():
            return
        try:
            outgoing = self.say(text)
        except ValueError as error:
            self.refused = True
            self._notice(f"Not sent: {error}. {_ADVICE['TOO_LARGE']}")
            return
        if _EDITING:
            self._own.add(outgoing.client_message_id)  # The terminal shows it where it was typed.

        def answered(answer: asyncio.Future[Frame]) -> None:
            frame = answer.result()
            if frame["action"] == "error":
                self.refused = True
                self._notice(f"Not sent: {harmless(text)}: {_reason(frame)}")
            else:  # Show it now: the push may come late, or after the end.
                self._take(json.loads(outgoing.frame) | frame)

        outgoing.answer.add_done_callback(answered)

    def on_message(self, message: Frame) -> None:
        """Show a message, with its time in the time zone of this machine."""
        # Other users may repeat our ids.
        if message.get("senderId") == self.user_id and message.get("clientMessageId") in self._own:
            return
        try:
            said_at = datetime.fromisoformat(message["timestamp"]).astimezone()
            day, time = f"{said_at:%A, %d %B %Y}", f"{said_at:%H:%M}"
        except ValueError:  # Another program stored this row.
            day, time = self._day, harmless(message["timestamp"])
        if day != self._day:
            self._day = day
            self._show(f"--- {day}", sys.stdout)
        name = harmless(message.get("senderName") or message.get("senderId") or "?")
        text = "(too long to show)" if message.get("omitted") else str(message.get("message", ""))
        head = f"{time} {name}: "
        # Indent the lines, so that no line looks like another user's message.
        lines = [harmless(line) for line in text.replace("\r\n", "\n").split("\n")]
        self._show(head + f"\n{' ' * len(time)} | ".join(lines), sys.stdout)

    async def on_recovered(self, *, first: bool) -> None:
        """Say that the client is connected, and who is here."""
        if not first:
            return
        again = " again" if self.recovered.is_set() else f" to {harmless(self.group_id)} as {harmless(self.user_id)}"
        self._notice(f"Connected{again}")
        self._connected = True
        self.recovered.set()
        with suppress(RefusedError):  # Presence may be off.
            presence = await self.ask("getPresence")
            here = [harmless(member["userId"]) for member in presence["members"]]
            self._notice(f"Here: {', '.join(here)}{', and more' if presence['truncated'] else ''}")

    def on_lost(self, reason: Exception | None) -> None:
        """Say that the connection is lost. Give up if it never worked, or if the chat refuses the handshake."""
        status = _status(reason)
        if status in _HANDSHAKE_ADVICE and (status != _TRY_AGAIN or not self.recovered.is_set()):
            self._end(f"The chat refuses the connection ({status}). {_HANDSHAKE_ADVICE[status]}")
        elif reason is not None and not self.recovered.is_set():
            through = proxy = ""
            if self.proxy:
                through = f" through the proxy {harmless(_without_user(self.proxy))}"
                proxy = ", and the proxy in the environment variables https_proxy, http_proxy and no_proxy"
            self._end(f"No chat can be reached at {harmless(self.url)}{through}: {_why(reason)}. Check the URL{proxy}.")
        elif self._connected:
            self._connected = False
            self._notice("The connection is lost. Connecting again. What you type is sent after that.")

    def on_frame(self, frame: Frame) -> None:
        """Say who joins and leaves, and what the chat refuses."""
        match frame.get("action"):
            case "presenceChanged":
                for event in ("joined", "left"):
                    if users := [harmless(one["userId"]) for one in frame[event] if one["userId"] != self.user_id]:
                        self._notice(f"{', '.join(users)} {'has' if len(users) == 1 else 'have'} {event}")
            case "error" if frame.get("retryable"):
                now = asyncio.get_running_loop().time()
                if self._told_at.get(frame["code"], -_TOLD_AGAIN_S) + _TOLD_AGAIN_S <= now:
                    self._told_at[frame["code"]] = now
                    self._notice(_reason(frame))

    def say_unsent(self) -> None:
        """Show each message that was not sent."""
        for outgoing in self.outbox.values():
            self._notice(f"Not sent: {harmless(outgoing.text)}")

    def _notice(self, what: str) -> None:
        self._show(f"* {what}", sys.stderr)

    def _show(self, text: str, stream: TextIO) -> None:
        try:
            if _EDITING:
                # Above the line that the user is typing.
                stream = sys.stdout
                text = f"\r\x1b[K{text}\n{_PROMPT}{readline.get_line_buffer()}"
                print(text, end="", file=stream, flush=True)
            else:
                print(text, file=stream, flush=True)
        except BrokenPipeError:  # The reader has gone.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            self._end("")

    def _end(self, why: str) -> None:
        if not self.over.done():
            self.over.set_result(why)


def _status(reason: Exception | None) -> int | None:
    return reason.response.status_code if isinstance(reason, InvalidStatus) else None


def _why(reason: Exception) -> str:
    """Why a handshake failed. Most errors' own texts may quote the address, with its token, so they are not shown."""
    status = _status(reason)
    why: object = status and f"its answer is {status}"
    if isinstance(reason, ssl.SSLError):
        why = "it has no TLS that can be trusted. If it has no TLS at all, use ws:// instead of wss://"
    elif isinstance(reason, OSError):
        why = reason.strerror or "it does not answer"
    elif isinstance(reason, InvalidProxy):
        why = reason.msg
    elif isinstance(reason, ProxyError):
        why = harmless(reason.__cause__ or reason)
    elif isinstance(reason, ValueError):
        why = "the proxy's address is not valid"
    return str(why or "the answer is not from a chat")


def _reason(error: Frame) -> str:
    advice = _ADVICE.get(error["code"], "")
    return f"{harmless(error['message'])} ({harmless(error['code'])}). {advice}".strip()


async def chat(url: str, user_id: str, group_id: str, sender_name: str, token: str | None) -> str | int:
    """Chat until the input ends, or until Ctrl-C.

    Returns:
        The argument for `sys.exit`: 0, or 1 if the input ended and a message was not sent, or why the chat had to end.
    """
    client = TerminalClient(url, user_id, group_id, sender_name, token)
    running = asyncio.create_task(client.run())
    over: set[asyncio.Future[Any]] = {running, client.over}
    input_ended = _reading(client.take)
    interrupted = False
    try:
        await asyncio.wait({*over, input_ended}, return_when=asyncio.FIRST_COMPLETED)
        parting = asyncio.create_task(_part(client))
        await asyncio.wait({*over, parting}, timeout=_PARTING_S, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        interrupted = True
        parting = asyncio.create_task(_part(client))
        if client.outbox:
            await asyncio.wait({*over, parting}, timeout=_INTERRUPTED_S, return_when=asyncio.FIRST_COMPLETED)
    parting.cancel()
    running.cancel()
    try:
        await running
    except RefusedError as refused:
        return f"The chat refuses to show its messages: {_reason(refused.error)}"
    except asyncio.CancelledError:
        client.say_unsent()
    if client.over.done():
        return client.over.result()
    return 0 if interrupted else int(client.refused or bool(client.outbox))


async def _part(client: TerminalClient) -> None:
    """Wait until all messages are shown and sent."""
    await client.recovered.wait()
    while client.outbox:
        await asyncio.wait({outgoing.answer for outgoing in client.outbox.values()})


def _reading(take: Callable[[str], None]) -> asyncio.Future[None]:
    """Pass each line of the input to ``take`` as it comes. The future is done when the input ends."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def read() -> None:
        with suppress(RuntimeError):  # The loop has ended.
            for line in _lines():
                loop.call_soon_threadsafe(take, line)
            loop.call_soon_threadsafe(ended.set_result, None)

    # A daemon, because nothing can stop a thread that waits for a line.
    threading.Thread(target=read, daemon=True).start()
    return ended


def _lines() -> Iterator[str]:
    if _EDITING:
        with suppress(EOFError):
            while True:
                yield input(_PROMPT)
        return
    # Open a second file: sys.stdin could not be closed at the end while the thread waits for a line.
    yield from open(os.dup(sys.stdin.fileno()), encoding="utf-8", errors="replace")  # noqa: PTH123, SIM115


@contextmanager
def _terminal_as_it_was() -> Iterator[None]:
    """Restore the terminal at the end, although `input` still waits."""
    if not _EDITING:
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        print()


def _local_url() -> str:
    """Return the WebSocket URL of the chat that `make chat` runs."""
    # Import late: it is slow, and a chat elsewhere does not need it.
    from .emulator import USUAL_PORT, loopback_only, websocket_urls  # noqa: PLC0415

    # The SDK fails if it does not find the profile that AWS_PROFILE names, even though it uses none.
    environment = loopback_only(dict(os.environ))
    os.environ.clear()
    os.environ.update(environment)
    urls = websocket_urls(USUAL_PORT)
    if not urls:
        sys.exit(
            f"No chat runs on this machine (port {USUAL_PORT}). Start one with `make chat` in another terminal, or "
            "join one elsewhere: URL=wss://…"
        )
    if len(urls) > 1:
        sys.exit("\n  ".join(["Several chats run on this machine. Choose one:", *(f"URL={url}" for url in urls)]))
    return urls[0]


def _subject(token: str) -> str | None:
    """Return the user in a token. The chat verifies the token, not this client."""
    try:
        payload = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"])
    except (IndexError, ValueError, KeyError, TypeError):
        return None


def _without_user(proxy: str) -> str:
    """The address of a proxy without its user and password. It need not be a URL."""
    return re.sub(r"(?s)^([\w+.-]*://)?.*@", r"\1", proxy)


def _is_websocket_url(url: str) -> bool:
    try:
        address = urlsplit(url)
        return address.scheme in {"ws", "wss"} and bool(address.hostname) and address.port != 0
    except ValueError:  # The port or the IPv6 address is invalid.
        return False


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.join",
        description="Chat in a group from the terminal. If the chat has authentication, put your token into the "
        "environment variable CHAT_TOKEN.",
    )
    parser.add_argument("--group", default="", help="the group to join")
    parser.add_argument("--name", default="", help="your name; default: your login name")
    parser.add_argument("--url", default="", help="the output WebSocketURL; default: that of `make chat`")
    parser.add_argument("--user", default="", help="your user id; default: the token's `sub`, or your name")
    arguments = parser.parse_args()
    if not arguments.group:
        parser.exit(2, "GROUP is missing. Name the group to join: make join GROUP=demo NAME=ann\n")
    for which in ("group", "name", "user"):
        if len(getattr(arguments, which).encode(errors="replace")) > _MOST_BYTES:
            parser.exit(2, f"{which.upper()} is too long. It must have at most {_MOST_BYTES} bytes\n")
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
        with _terminal_as_it_was():
            status = asyncio.run(chat(url, user_id, arguments.group, name, token))
    except KeyboardInterrupt:  # A second Ctrl-C, or SIGTERM from another program.
        status = 0
    sys.exit(status)


if __name__ == "__main__":
    main()
