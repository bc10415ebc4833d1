"""``python -m local.join``, started as by a user or a script, against the deployed program."""

import re
import signal
import time
import unicodedata
from typing import Any
from uuid import uuid4

import pytest

from local.emulator import Emulator, websocket_urls
from local.terminal import harmless
from tests.browser.network import Network
from tests.clients import ChatClient
from tests.rows import put_row

from .joined import Joined, Start
from .proxy import Proxy

TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4tMSJ9.planted-secret"
"""Its `sub` is ann-1."""
NOT_A_WEBSOCKET_URL = "URL is not a WebSocket URL. Use the output WebSocketURL, such as wss://host/production"


@pytest.fixture
def group() -> str:
    return f"group {uuid4()}"


@pytest.fixture
def join(start: Start, url: str, group: str) -> Start:
    """Join the test's group."""

    def join(name: str, to: str = url, **how: Any) -> Joined:
        return start(f"--group={group}", f"--name={name}", f"--url={to}", **how)

    return join


def test_two_users_chat_and_see_joins_and_leaves(join: Start) -> None:
    ann = join("Ann")
    ann.see(r"\* Connected to group .* as Ann\n")
    bob = join("Bob")
    bob.see(r"\* Connected")
    ann.see(r"\* Bob has joined\n")
    ann.type("Hello Bob\n\n")
    bob.see(r"--- \w+, \d\d \w+ \d{4}\n\d\d:\d\d Ann: Hello Bob\n")
    ann.see(r"\d\d:\d\d Ann: Hello Bob\n")
    bob.type("Hello Ann 👋\n")
    ann.see(r"\d\d:\d\d Bob: Hello Ann 👋\n")
    bob.process.send_signal(signal.SIGINT)
    assert bob.end() == 0
    ann.see(r"\* Bob has left\n")
    assert "Traceback" not in ann.shown + bob.shown


def test_what_looks_the_same_is_the_same_group_and_user(start: Start, url: str, group: str) -> None:
    composed = unicodedata.normalize("NFC", f"{group} café")
    decomposed = unicodedata.normalize("NFD", composed)
    ann = start(f"--group={composed}", "--name=Zoe\u0308", f"--url={url}")
    ann.see(rf"\* Connected to {composed} as Zoë\n")
    bob = start("--group=other", f"--group={decomposed}", "--name=Bob", f"--url={url}")
    ann.see(r"\* Bob has joined\n")
    bob.type(f"/join {decomposed}\n/who {decomposed}\nHello Zoë\n")
    bob.see(rf"\* You write to {composed} now\n")
    bob.see(rf"\* Here in {composed}: Bob, Zoë\n")
    ann.see(r"\d\d:\d\d Bob: Hello Zoë\n")


def test_the_last_page_of_history_is_shown_first_and_in_order(
    emulator: Emulator, join: Start, url: str, group: str
) -> None:
    for number in range(105):
        row = {"groupId": group, "messageId": f"{group} {number}", "senderName": "Otto", "message": f"no. {number};"}
        put_row(emulator.client("dynamodb"), "ChatMessages", row | {"timestamp": f"2026-01-02T03:04:05.{number:06}Z"})
    with Network(url) as network:
        ann = join("Ann", network.url)
        ann.see(r"\* Connected")
        network.cut()
        # After the reconnect, reading starts some seconds before the cursor. It also returns older messages.
        ann.see(r"\* Connected again")
        ann.type("now\n")
        ann.end_input()
        assert ann.end() == 0
    assert re.findall(r"no\. (\d+);", ann.shown) == [str(number) for number in range(5, 105)]
    assert "--- Friday, 02 January 2026\n03:04 Otto: no. 5;\n" in ann.shown
    assert ann.shown.index("no. 104;") < ann.shown.index("* Connected") < ann.shown.index("Ann: now")


def test_piped_lines_are_all_sent_in_order(join: Start, emulator: Emulator, group: str) -> None:
    said = [f"line {number}" for number in range(30)]
    ann = join("Ann")
    ann.type("\n".join(said))  # before it is connected, and without a final newline
    ann.end_input()
    assert ann.end() == 0
    assert re.findall(r"Ann: (.*)\n", ann.shown) == said
    rows = emulator.client("dynamodb").scan(TableName="ChatMessages")["Items"]
    stored = [
        row["message"]["S"]
        for row in sorted(rows, key=lambda row: row["timestamp"]["S"])
        if row["groupId"]["S"] == group
    ]
    assert stored == said


def test_after_a_lost_connection_no_message_is_missing(join: Start, url: str, group: str) -> None:
    with Network(url) as network, ChatClient(url, "vera", group) as vera:
        ann = join("Ann", network.url)
        ann.see(r"\* Connected")
        vera.say("one")
        ann.see("Vera: one\n")
        network.fail()
        ann.see(r"\* The connection is lost")
        vera.say("two, meanwhile")
        ann.type("three, typed meanwhile\n")
        vera.receive()
        network.recover()
        ann.see("Vera: two, meanwhile\n")
        ann.see(r"\* Connected again")
        vera.receive()
        assert vera.receive()["message"] == "three, typed meanwhile"
        ann.process.send_signal(signal.SIGINT)
        assert ann.end() == 0
    assert [ann.shown.count(text) for text in ("Vera: one", "Vera: two", "Ann: three")] == [1, 1, 1]


def test_unsent_messages_are_shown_at_the_end(join: Start, url: str) -> None:
    with Network(url) as network:
        ann = join("Ann", network.url)
        ann.see(r"\* Connected")
        network.fail()
        ann.see(r"\* The connection is lost")
        ann.type("into the void\n")
        time.sleep(0.5)  # The program does not show when it has read the line.
        ann.process.send_signal(signal.SIGINT)
        assert ann.end() == 0
    assert ann.shown.endswith("* Not sent: into the void\n")


def test_a_refused_message_shows_the_reason_and_the_next_is_sent(join: Start) -> None:
    ann = join("Ann")
    ann.see(r"\* Connected")
    ann.type("x" * 29_000 + "\n" + "y" * 40_000 + "\nshort\n")
    ann.see(r"\* Not sent: the message is \d+ bytes too long")
    ann.see(r"\* Not sent: x+: .*\(TOO_LARGE\)\. Split it into several messages\.\n")
    ann.see("Ann: short\n")
    ann.end_input()
    assert ann.end() == 1


TIMES = {
    "0001-01-01T00:00:00Z": "(unreadable time)",  # In New York, this is in the year 0.
    "0999-02-03T04:05:06+14:00": "09:09",
    "2026-01-02T03:04:05": "03:04",
    "9999-12-31T12:30:00+14:00": "17:30",
    "9999-12-31T23:59:59-14:00": "(unreadable time)",
    "yesterday": "(unreadable time)",
}


def test_a_time_of_any_year_is_shown_or_said_to_be_unreadable(emulator: Emulator, join: Start, group: str) -> None:
    for number, timestamp in enumerate(TIMES):
        row = {"groupId": group, "messageId": f"{group} {number}", "senderName": "Otto", "message": f"no. {number}"}
        put_row(emulator.client("dynamodb"), "ChatMessages", row | {"timestamp": timestamp})
    ann = join("Ann", zone="America/New_York")
    ann.type("Hello\n")
    ann.end_input()
    assert ann.end() == 0
    assert re.findall(r"(.*) Otto: no\. \d\n", ann.shown) == list(TIMES.values())
    assert "--- Saturday, 02 February 999\n09:09 " in ann.shown


def test_escape_sequences_and_false_lines_are_harmless(join: Start, url: str, group: str) -> None:
    name = "\x1b]0;title\x07Vera\n12:00 Bob"
    with ChatClient(url, "ve\x1b[2Jra", group) as vera:
        ann = join("Ann")
        ann.see(r"\* Connected")
        vera.say("\x1b[2J\x9b31m\u202etxt.exe\r\n12:00 Bob: I quit 👩‍🚀", senderName=name)
        ann.see(r"I quit 👩‍🚀\n")
        vera.say("\u200b", senderName="\u3164")
        ann.see(r"ve�\[2Jra: \(no text\)\n")
    ann.see(r"\* ve�\[2Jra has left\n")
    line = next(line for line in ann.shown.splitlines() if "Vera" in line)
    assert line[6:] == "�]0;title�Vera�12:00 Bob: �[2J�31m�txt.exe"
    assert "\n      | 12:00 Bob: I quit 👩‍🚀\n" in ann.shown
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", ann.shown)


def test_two_people_of_one_name_are_told_apart(join: Start, url: str, group: str) -> None:
    ann = join("Ann")
    ann.see(r"\* Connected")
    with ChatClient(url, "user-17", group, name="Bob") as bob, ChatClient(url, "eve", group, name="Ann") as eve:
        bob.say("I am Bob", senderName="Bob")
        ann.see(r"\d Bob: I am Bob\n")
        eve.say("I am Ann", senderName="ann")
        ann.see(r"\d ann \(eve\): I am Ann\n")
        eve.say("And Bob", senderName="Bob")
        ann.see(r"\d Bob \(eve\): And Bob\n")
        bob.say("No", senderName="Bob")
        ann.see(r"\d Bob \(user-17\): No\n")
    ann.see(r"Ann \(eve\)")


@pytest.mark.parametrize("text", ["\x1b", "\x7f", "\x85", "\u2028", "\u2066", "\ufeff", "\r", "\x00", "\ud800"])
def test_harmful_characters_are_replaced(text: str) -> None:
    assert harmless(f"a{text}b") == "a�b"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--name=Ann"], "GROUP is missing. Name the group to join: make join GROUP=demo NAME=ann"),
        (["--group=g", "--url=https://chat.example"], NOT_A_WEBSOCKET_URL),
        (["--group=g", "--url=ws://localhost:abc"], NOT_A_WEBSOCKET_URL),
        (["--group=g", "--url=ws://localhost:99999999"], NOT_A_WEBSOCKET_URL),
        (["--group=g", "--url=ws://[::1"], NOT_A_WEBSOCKET_URL),
        (["--group=g", "--url=ws://127.0.0.1:9/production?userId=ann"], "URL must not have a query"),
        ([f"--group={'g' * 257}"], "GROUP is too long. It must have at most 256 bytes"),
        (["--group=g", f"--name={'é' * 129}"], "NAME is too long. It must have at most 256 bytes"),
        (["--group=g", "--name=\u200b"], "Nothing of NAME can be seen. It must have a visible character"),
        (["--group=g", "--url=wss:///production"], NOT_A_WEBSOCKET_URL),
        (["--group=g", "--url=ws://127.0.0.1:9/production"], "No chat can be reached at ws://127.0.0.1:9/production"),
    ],
)
def test_wrong_arguments_are_explained_in_one_line(start: Start, arguments: list[str], said: str) -> None:
    joined = start(*arguments, token=TOKEN)
    assert joined.end() not in {0, None}
    assert said in joined.shown
    assert len(joined.shown.splitlines()) == 1
    assert "planted-secret" not in joined.shown


def test_a_refused_handshake_is_explained(join: Start, url: str) -> None:
    joined = join("Ann", re.sub("/execute-api/[^/]+", "/execute-api/nobodys", url), token=TOKEN)
    assert joined.end() == 1
    assert joined.shown.startswith("The chat refuses the connection (403). ")
    assert "planted-secret" not in joined.shown


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_a_chat_elsewhere_is_reached_through_the_proxy_of_the_environment(
    emulator: Emulator, join: Start, url: str, scheme: str
) -> None:
    with Proxy(emulator.port) as proxy:
        port = proxy.server_address[1]
        joined = join("Ann", url.replace("127.0.0.1", "chat.example"), proxy=f"{scheme}://127.0.0.1:{port}")
        joined.type("Hello\n")
        joined.end_input()
        assert joined.end() == 0
        assert "Ann: Hello\n" in joined.shown
        assert set(proxy.hosts) == {"chat.example"}


@pytest.mark.parametrize(
    ("proxy", "named", "why"),
    [
        ("http://me:planted-secret@127.0.0.1:{port}", "http://127.0.0.1:{port}", "proxy rejected connection: HTTP 407"),
        ("socks5h://me:planted-secret@127.0.0.1:{port}", "socks5h://127.0.0.1:{port}", "No acceptable authentication"),
        ("socks5h://me:planted-secret@127.0.0.1:9", "socks5h://127.0.0.1:9", "Could"),
        ("http://me:planted-secret@127.0.0.1:9", "http://127.0.0.1:9", "Connect call failed"),
        ("ftp://me:planted-secret@proxy.example", "ftp://proxy.example", "scheme ftp isn't supported"),
        ("me:planted-secret@proxy.example:3128", "proxy.example:3128", "scheme me isn't supported"),
        ("http://me:planted-secret@proxy:port", "http://proxy:port", "the proxy's address is not valid"),
        ("http://[::1", "http://[::1", "the proxy's address is not valid"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_in_one_line(start: Start, proxy: str, named: str, why: str) -> None:
    with Proxy(9, refuses=True) as refusing:
        port = refusing.server_address[1]
        joined = start("--group=g", "--url=wss://chat.example/production", token=TOKEN, proxy=proxy.format(port=port))
        assert joined.end() == 1
    head = f"No chat can be reached at wss://chat.example/production through the proxy {named.format(port=port)}: {why}"
    assert joined.shown.startswith(head)
    assert len(joined.shown.splitlines()) == 1
    assert "planted-secret" not in joined.shown


def test_the_user_comes_from_the_token(join: Start) -> None:
    joined = join("Ann", token=TOKEN)
    joined.type("Hello\n")
    joined.end_input()
    assert joined.end() == 0
    assert "as ann-1\n" in joined.shown
    assert "Ann: Hello\n" in joined.shown
    assert "planted-secret" not in joined.shown


def test_the_local_chat_is_found(emulator: Emulator, url: str) -> None:
    assert websocket_urls(emulator.port) == [url]
    assert websocket_urls(9) == []
