"""``python -m local.join``: replies, edits, deletions and reactions."""

import asyncio
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest

from local.deploy import deploy
from local.emulator import Emulator
from local.link import Frame
from local.terminal import Terminal
from local.terminal_client import TerminalClient
from tests.browser.network import Network
from tests.clients import ChatClient

from .joined import Joined, Start
from .screen import OpenScreen

pytestmark = pytest.mark.xdist_group("local/test_join.py")  # They share the emulator.


@pytest.fixture(scope="module")
def changing_url(emulator: Emulator) -> str:
    """WebSocket URL of a chat in which messages can be changed."""
    config = {"namePrefix": "Changing", "unread": True, "changes": True}
    return str(deploy(emulator, config)["WebSocketURL"])


@pytest.fixture
def group() -> str:
    return uuid4().hex[:8]


@pytest.fixture
def vera(changing_url: str, group: str) -> Iterator[ChatClient]:
    with ChatClient(changing_url, "vera", group, protocol=2) as vera:
        yield vera


@pytest.fixture
def ann(start: Start, changing_url: str, group: str) -> Joined:
    return start(f"--group={group}", "--name=Ann", f"--url={changing_url}")


def say(user: ChatClient, text: str, **options: object) -> str:
    """Say a text. Returns its id."""
    user.say(text, **options)
    while (message := user.receive("message"))["message"] != text:
        pass
    return str(message["messageId"])


def change(user: ChatClient, group: str, action: str, message_id: str, **fields: object) -> None:
    user.send(action, groupId=group, messageId=message_id, **fields)


def stored(user: ChatClient, group: str) -> list[dict[str, object]]:
    """The messages of a group."""
    messages: list[dict[str, object]] = user.ask("getHistory", groupId=group)["messages"]
    return messages


def test_what_others_do_is_shown(ann: Joined, vera: ChatClient, group: str) -> None:
    ann.see(r"\* Here: Ann, vera\n")
    hello = say(vera, "Hello\n  there")
    ann.see(r"\d\d:\d\d Vera: Hello\n {5} \|   there\n")
    say(vera, "Yes", replyTo=hello)
    ann.see(r" {5} > Vera: Hello there\n\d\d:\d\d Vera: Yes\n")
    say(vera, "No", replyTo="of another day")
    ann.see(r" {5} > \(a message that is not shown here\)\n\d\d:\d\d Vera: No\n")
    change(vera, group, "editMessage", hello, message="Hi\nall")
    ann.see(r"\* Vera edited: Hi\n {2}\| all\n")
    change(vera, group, "react", hello, reaction="👍", on=True)
    ann.see(r"\* Vera: Hi all \+ 👍 vera\n")
    change(vera, group, "react", hello, reaction="👍", on=False)
    ann.see(r"\* Vera: Hi all \+ no reactions\n")
    change(vera, group, "deleteMessage", hello)
    ann.see(r"\* Vera's message of \d\d:\d\d is deleted\n")
    harmful = say(vera, "harmful")
    change(vera, group, "editMessage", harmful, message="\x1b[2J\n* Ann has left")
    ann.see("\\* Vera edited: \ufffd\\[2J\n {2}\\| \\* Ann has left\n")


def test_a_message_that_comes_changed_is_shown_as_it_is(
    start: Start, vera: ChatClient, changing_url: str, group: str
) -> None:
    edited, deleted = say(vera, "first"), say(vera, "second")
    change(vera, group, "editMessage", edited, message="one\ntwo")
    change(vera, group, "react", edited, reaction="👍", on=True)
    change(vera, group, "deleteMessage", deleted)
    for number in range(4):
        with ChatClient(changing_url, f"user-{number}", group) as user:
            user.ask("react", groupId=group, messageId=edited, reaction="🎈", on=True)
    ann = start(f"--group={group}", "--name=Ann", f"--url={changing_url}")
    ann.see(r"\d\d:\d\d Vera: one\n {5} \| two \(edited\)\n {5} \+ 🎈 4 {2}👍 vera\n\d\d:\d\d Vera: \(deleted\)\n")


def test_the_user_replies_edits_deletes_and_reacts(ann: Joined, vera: ChatClient, group: str) -> None:
    ann.see(r"\* Here: Ann, vera\n")
    say(vera, "first")
    say(vera, "second")
    ann.see(r"Vera: second\n")
    ann.type("/reply Which?\n")
    ann.see(r" > Vera: second\n\d\d:\d\d Ann: Which\?\n")
    ann.type("/messages\n")
    ann.see(r"\* #1 \d\d:\d\d Vera: first\n\* #2 \d\d:\d\d Vera: second\n\* #3 \d\d:\d\d Ann: Which\?\n")
    say(vera, "third")
    ann.see(r"Vera: third\n")
    ann.type("/reply #1 This\n")
    ann.see(r" > Vera: first\n\d\d:\d\d Ann: This\n")
    ann.type("/react 👍\n")
    ann.see(r"\* Vera: third \+ 👍 Ann\n")
    ann.type("/react 👍\n")
    ann.see(r"\* Vera: third \+ no reactions\n")
    ann.type("/react #1 🎈\n")
    ann.see(r"\* Vera: first \+ 🎈 Ann\n")
    ann.type("/edit That\n")
    ann.see(r"\* Ann edited: That\n")
    ann.type("/edit #3 Which one?\n")
    ann.see(r"\* Ann edited: Which one\?\n")
    ann.type("/messages\n")
    ann.see(r"\* #1 .* Vera: first \+ 🎈 Ann\n\* #2 .*\n\* #3 .* Ann: Which one\? \(edited\)\n\* #4 .* Vera: third\n")
    ann.see(r"\* #5 .* Ann: That \(edited\)\n")
    ann.type("/delete\nno\n/delete\n")
    ann.see(r"\* To delete this message, type the same again: Ann: That\n")
    ann.see(r"\* To delete this message, type the same again: Ann: no\n")
    ann.type("/delete #3\nyes\n/delete #3\n")
    for _ in range(2):
        ann.see(r"\* To delete this message, .* Ann: Which one\?\n")
    ann.type("/delete #3\n")
    ann.see(r"\* Ann's message of \d\d:\d\d is deleted\n")
    ann.type("/messages\n")
    ann.see(r"\* #3 .* Ann: \(deleted\)\n\* #4 .*\n\* #5 .* Ann: That \(edited\)\n\* #6 .* Ann: no\n")
    ann.type("/delete\n/delete\n")
    ann.see(r"\* Ann's message of \d\d:\d\d is deleted\n")
    ann.type("/edit maybe\n")
    ann.see(r"\* Ann edited: maybe\n")
    ann.end_input()
    assert ann.end() == 0
    texts = [message["message"] for message in stored(vera, group)]
    assert texts == ["first", "second", "", "third", "That", "maybe", ""]


def test_what_is_refused_is_told(ann: Joined, start: Start, vera: ChatClient, url: str, group: str) -> None:
    ann.see(r"\* Here: Ann, vera\n")
    ann.type("/edit x\n/reply x\n/react #7 x\n/delete\n/edit\n/edit #1\n/react \n")
    ann.see(rf"\* There is no message of yours in {group}\n\* There is no message of others in {group}\n")
    ann.see(r"\* There is no message #7\. /messages shows the numbers\n\* There is no message of yours in .*\n")
    ann.see(r"(\* Type it like this: /edit TEXT, or /edit #3 TEXT\n){2}\* Type it like this: /react EMOJI, ")
    hers = say(vera, "hers")
    ann.see("Vera: hers\n")
    ann.type("/messages\n/edit #1 mine\n")
    ann.see(r"\* Not edited: mine: only the author can edit a message \(FORBIDDEN\)")
    ann.type(f"/react {'x' * 65}\n")
    ann.see(r"\* Your reaction is not changed: reaction must be a string of 1 to 64 bytes.*\(BAD_REQUEST\)")
    ann.type(f"/delete 3\n/delete #1\nmine\n/edit {'日本' * 4_000}\n/edit {'x' * 33_000}\n")
    ann.see(r"\* Type it like this: /delete, or /delete #3\n")
    ann.see(r"\* Not changed: the message is \d+ bytes too long\. Shorten it\n")
    ann.see(r"Ann edited: 日本")
    change(vera, group, "deleteMessage", hers)
    ann.see("is deleted\n")
    ann.type("/react #1 👍\n")
    ann.see(r"\* Your reaction is not changed: .* \(NOT_FOUND\)")
    ann.end_input()
    assert ann.end() == 1
    old = start(f"--group={group}", "--name=Ann", f"--url={url}")
    old.type("old\n/edit new\n")
    old.see(r"\* Not edited: new: this chat was deployed without `changes`\n")


def test_a_file_edits_its_own_message_and_replies_in_order(
    start: Start, vera: ChatClient, changing_url: str, group: str
) -> None:
    say(vera, "question")
    ann = start(f"--group={group}", "--name=Ann", f"--url={changing_url}")
    ann.type("/reply answer\nreport\n/edit final report\nsecret\n/delete\n/delete\n")
    ann.end_input()
    assert ann.end() == 0
    found = [(one["message"], "replyTo" in one, "deletedAt" in one) for one in stored(vera, group)]
    assert found == [
        ("question", False, False),
        ("answer", True, False),
        ("final report", False, False),
        ("", False, True),
    ]


def test_a_change_waits_for_the_connection_or_is_told_at_the_end(
    start: Start, vera: ChatClient, changing_url: str, group: str
) -> None:
    with Network(changing_url) as network:
        ann = start(f"--group={group}", "--name=Ann", f"--url={network.url}")
        ann.type("draft\n")
        ann.see("Ann: draft\n")
        network.fail()
        ann.see("The connection is lost")
        ann.type("/edit better\n")
        network.recover()
        ann.see(r"\* Ann edited: better\n\* Connected again\n")
        network.fail()
        ann.see("The connection is lost")
        ann.type("/edit lost\n")
        ann.end_input()
        ann.see(r"\* Not edited: lost\. The chat has not answered\n")
        assert ann.end() == 1
    assert [one["message"] for one in stored(vera, group)] == ["better"]


def test_of_several_groups_it_says_which_and_after_too_long_an_absence_that_messages_come_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def message(number: int, text: str, **more: object) -> Frame:
        stamp = {"messageId": f"m{number}", "timestamp": f"2026-01-01T00:00:0{number}.000000Z", "message": text}
        return {"groupId": "demo", "senderId": "bob"} | stamp | more

    async def play() -> None:
        client = TerminalClient("ws://127.0.0.1:9", "ann", ["demo", "support"], Terminal())
        client.on_message(message(1, "one"))
        client.on_change(message(1, "two", changedAt="3", editedAt="3"))
        client.on_change(message(0, "not shown", changedAt="4", editedAt="2", reactions={"👍": ["bob"]}))
        client.on_change(message(1, "three", changedAt="5", editedAt="5", reactions={"👍": ["bob"]}))
        client.on_change(message(9, "also not shown", changedAt="6", editedAt="6"))
        client.on_reset(client.rooms["demo"])
        client.on_message(message(2, "last", replyTo="m1"))

    asyncio.run(play())
    output = capsys.readouterr()
    assert output.err.splitlines() == [
        "* [demo] bob edited: two",
        "* [demo] bob: not shown + 👍 bob",
        "* [demo] bob edited: three",
        "* [demo] bob: three + 👍 bob",
        "* [demo] bob edited: also not shown",
        "* You were away from demo for long. These are its messages as they are now:",
    ]
    assert output.out.splitlines()[-2] == "      > (a message that is not shown here)"
    assert output.out.endswith(" [demo] bob: last\n")


def test_on_a_screen_the_line_that_is_typed_stays_and_a_reply_may_have_many_lines(
    open_screen: OpenScreen, vera: ChatClient, changing_url: str, group: str
) -> None:
    ann = open_screen(f"--group={group}", "--name=Ann", f"--url={changing_url}", columns="60")
    status = f" connected | you write to {group}"
    ann.find("* Here: Ann, vera")
    hello = say(vera, "Hello")
    ann.find("hh:mm Vera: Hello")
    ann.type("I am typing")
    change(vera, group, "editMessage", hello, message="Hello all")
    ann.see("* Vera edited: Hello all", "> I am typing", status)
    ann.press("C-u")
    ann.paste("/reply one\ntwo")
    ann.press("Enter")
    ann.see("> /reply one", "  two", "* Reply to Vera: Hello all", ">", status)
    while (message := vera.receive("message"))["senderId"] == "vera":
        pass
    assert (message["message"], message["replyTo"]) == ("one\ntwo", hello)
    ann.type("/delete")
    ann.press("Enter")
    ann.find("* To delete this message, type the same again: Ann: one two")
    ann.press("Up", "Enter")
    ann.find("* Ann's message of ")
    assert re.search(r"\* Ann's message of \d\d:\d\d is deleted", "\n".join(ann.lines()))
