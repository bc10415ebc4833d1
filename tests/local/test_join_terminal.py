"""``python -m local.join`` in a real terminal: what is typed survives what is shown meanwhile."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.browser.network import Network
from tests.clients import ChatClient

from .screen import OpenScreen, Screen

pytestmark = pytest.mark.xdist_group("local/test_join.py")  # They share the chat.

LONG = {
    "latin": "The quick brown fox jumps over the lazy dog and runs far away from home, then back",
    "CJK": "日本語のとても長い文章を入力しているときに通知が届いても、入力した文字は壊れません。a 確認",
    "emoji": "👋 hello 🎉 to all 👍 of you 🦊 and 🚀 a 日本 long tail 🐘 of words 🎈 and the end 🏁",
}


@pytest.fixture
def group() -> str:
    """Name of a group that no other test uses. It is short, so that the status line has room for it."""
    return uuid4().hex[:8]


@pytest.fixture
def status(group: str) -> str:
    return f" connected | you write to {group}"


@pytest.fixture
def ann(open_screen: OpenScreen, url: str, group: str, status: str) -> Screen:
    """Ann, who is connected."""
    screen = open_screen(f"--group={group}", "--name=Ann", f"--url={url}")
    screen.see("* Here: Ann", ">", status)
    return screen


@pytest.fixture
def vera(ann: Screen, url: str, group: str) -> Iterator[ChatClient]:
    """Another user. Ann has seen her join."""
    with ChatClient(url, "vera", group) as vera:
        ann.find("* vera has joined")
        yield vera


def hear(vera: ChatClient) -> str:
    """The next message that Vera receives and has not sent."""
    while (message := vera.receive("message"))["senderId"] == "vera":
        pass
    return str(message["message"])


@pytest.mark.parametrize("kind", LONG)
def test_wrapped_input_with_the_cursor_in_the_middle_survives_a_notice(
    ann: Screen, vera: ChatClient, url: str, group: str, kind: str
) -> None:
    text = LONG[kind]
    ann.type(text)
    ann.see_typed(text)
    ann.press("-N", "12", "Left")
    vera.say("Hello 🎈")
    ann.find("hh:mm Vera: Hello 🎈")
    ann.see_typed(text)
    ann.type("très 本 🦊 ")
    text = text[:-12] + "très 本 🦊 " + text[-12:]
    ann.see_typed(text)
    with ChatClient(url, "walt", group):
        ann.find("* walt has joined")
        ann.type("X")
    ann.find("* walt has left")
    text = text[:-12] + "X" + text[-12:]
    ann.see_typed(text)
    ann.press("Enter")
    assert hear(vera) == text
    ann.find("\n>\n")
    assert "\n".join(ann.lines(scrolled=True)).count(text) == 1


def test_a_paste_of_many_lines_is_one_message(ann: Screen, vera: ChatClient, status: str) -> None:
    pasted = "one\n\n  three 日本\nvera: four\n\tfive"
    ann.type("[")
    for number in range(5):
        vera.say(f"notice {number}")
    ann.paste(pasted)
    ann.type("]")
    ann.find("hh:mm Vera: notice 4")
    ann.see("> [one", "", "    three 日本", "  vera: four", "  ^Ifive]", status)
    ann.press("Enter")
    assert hear(vera) == f"[{pasted}]"
    ann.see("> [one", "", "    three 日本", "  vera: four", "   five]", ">", status)


def test_a_command_is_one_line(ann: Screen, status: str) -> None:
    ann.paste("/join other\nand more")
    ann.press("Enter")
    ann.see(" a message: //join other", "  | and more", ">", status)


def test_lines_that_are_not_sent_are_shown_at_the_end(open_screen: OpenScreen, url: str, group: str) -> None:
    with Network(url) as network:
        ann = open_screen(f"--group={group}", "--name=Ann", f"--url={network.url}")
        ann.find("* Here: Ann")
        network.fail()
        ann.find("* The connection is lost")
        ann.paste("one\ntwo")
        ann.press("Enter")
        ann.find("1 unsent")
        ann.press("C-c")
        ann.see("* Not sent: one", "  | two", ">", "ended with 0", "$")


def test_a_paste_that_is_higher_than_the_screen_is_one_message(ann: Screen, vera: ChatClient, status: str) -> None:
    lines = [f"line {number} of a long paste, which wraps 日本" for number in range(100)]
    ann.paste("\n".join(lines))
    ann.find("line 99 of")
    vera.say("Hello")
    ann.find("hh:mm Vera: Hello")
    ann.find("line 99 of")
    ann.press("Enter")
    assert hear(vera) == "\n".join(lines)
    ann.see(">", status)
    shown = ann.lines(scrolled=True)
    assert [line.removeprefix("> ").strip() for line in shown if "of a long paste" in line] == lines


def test_no_notice_ends_the_mode_for_pastes(ann: Screen, vera: ChatClient) -> None:
    """Between its end and its begin, the terminal would take a paste for many lines that are typed."""
    for number in range(5):
        vera.say(f"notice {number}")
    ann.wait(lambda: "notice 4" in ann.raw, "notice 4")
    assert "\x1b[?2004h" in ann.raw
    assert "\x1b[?2004l" not in ann.raw


def test_a_key_begins_another_line_of_the_same_message(ann: Screen, vera: ChatClient, status: str) -> None:
    ann.type("one")
    ann.press("M-Enter")
    ann.type("two")
    ann.see("> one", "  two", status)
    ann.press("Escape", "Enter")
    ann.type("three")
    ann.see("> one", "  two", "  three", status)
    ann.press("Enter")
    assert hear(vera) == "one\ntwo\nthree"
    ann.type("/help")
    ann.press("Enter")
    ann.find("* Alt-Enter")


def test_arrow_up_brings_earlier_messages_and_none_is_on_the_disk(ann: Screen, vera: ChatClient, status: str) -> None:
    for text in ("first", "second"):
        ann.type(text)
        ann.press("Enter")
        assert hear(vera) == text
        ann.see(f"> {text}", ">", status)
    ann.press("Up", "Up")
    ann.see("> second", "> first", status)
    ann.press("Down")
    ann.see("> second", "> second", status)
    ann.type(" again")
    ann.press("Enter")
    assert hear(vera) == "second again"
    ann.press("C-d")
    ann.find("ended with 0")
    assert not list(ann.home.iterdir())


def test_the_status_line_says_what_is_not_sent(open_screen: OpenScreen, url: str, group: str, status: str) -> None:
    with Network(url) as network:
        ann = open_screen(f"--group={group}", "--name=Ann", f"--url={network.url}")
        ann.see("* Here: Ann", ">", status)
        network.fail()
        ann.see(">", f" connecting again | you write to {group[:-1]}")
        for number in (1, 2):
            ann.type(f"no. {number}")
            ann.press("Enter")
            ann.see(f"> no. {number}", ">", f" connecting again | {number} unsent | you write")
        network.recover()
        ann.find("* Connected again")
        ann.see(">", status)  # The server may still count the lost connection of Ann.
        assert "\n".join(ann.lines()).count("no. 1") == 1


def test_an_own_message_is_shown_once_and_a_message_with_its_id_too(ann: Screen, vera: ChatClient, status: str) -> None:
    ann.type("mine")
    ann.press("Enter")
    vera.say("not mine", clientMessageId=vera.receive("message")["clientMessageId"])
    ann.see("hh:mm Vera: not mine", ">", status)
    assert "\n".join(ann.lines()).count("mine") == 2


def test_bytes_that_are_no_text_are_replaced(ann: Screen, vera: ChatClient) -> None:
    ann.press("-H", "63", "61", "66", "e9", "0d")
    assert hear(vera) == "caf\ufffd"


def test_a_terminal_that_becomes_narrower_or_wider_shows_the_input_once(
    ann: Screen, vera: ChatClient, status: str
) -> None:
    text = "the first line is long enough to wrap twice, if there are 25 columns"
    ann.type(text)
    ann.see_typed(text)
    for columns in (25, 18, 60):
        ann.resize(columns)
        ann.see(status[:columns].rstrip())  # Until it is drawn again, a narrower terminal breaks it.
        ann.see_typed(text)
        vera.say(f"{columns} columns")
        ann.find(f"hh:mm Vera: {columns}")
        ann.see_typed(text)
    ann.press("M-Enter", "M-Enter")
    ann.type("end")
    ann.see(f"> {text[:57]}", text[58:], "", "  end", status)
    ann.resize(25)
    ann.see(text[48:], "", "  end", status[:25].rstrip())
    ann.see_typed(text + "end")
    ann.press("Enter")
    assert hear(vera) == text + "\n\nend"


@pytest.mark.parametrize("keys", [["C-c"], ["C-c", "C-c"], []], ids=["Ctrl-C", "Ctrl-C twice", "SIGTERM"])
def test_the_terminal_is_restored_in_the_middle_of_a_line(ann: Screen, status: str, keys: list[str]) -> None:
    ann.type("half a sentence")
    ann.see("> half a sentence", status)
    if keys:
        ann.press(*keys)
    else:
        ann.terminate()
    ann.see("> half a sentence", "ended with 0", "$")
    ann.see_restored()
    assert "\x1b[6n" not in ann.raw  # No question about the cursor: not every terminal answers.


def test_ctrl_d_deletes_a_character_and_then_ends(ann: Screen, status: str) -> None:
    ann.type("x")
    ann.press("C-a", "C-d")
    ann.see(">", status)
    ann.press("C-d")
    ann.see(">", "ended with 0", "$")
    ann.see_restored()


def test_it_can_be_suspended(ann: Screen, vera: ChatClient, status: str) -> None:
    ann.type("half a ")
    ann.see("> half a", status)
    ann.press("C-z")
    ann.find("\n$")
    vera.say("Hello")
    vera.receive("message")
    ann.type("fg")
    ann.press("Enter")
    ann.find("hh:mm Vera: Hello")
    ann.see("> half a", status)
    ann.type("sentence")
    ann.press("Enter")
    assert hear(vera) == "half a sentence"


@pytest.mark.parametrize("how", [{"term": "dumb"}, {"after": " | cat"}, {"after": " < /dev/null"}], ids=str)
def test_there_are_plain_lines_where_a_line_cannot_be_edited(
    open_screen: OpenScreen, url: str, group: str, how: dict[str, str]
) -> None:
    ann = open_screen(f"--group={group}", "--name=Ann", f"--url={url}", **how)
    if "<" in how.get("after", ""):
        ann.find("ended with 0")
    else:
        ann.find("* Here: Ann")
        with ChatClient(url, "vera", group) as vera:
            ann.type("mine")
            ann.press("Enter")
            assert hear(vera) == "mine"
            vera.say("not mine")
            ann.find("hh:mm Vera: not mine")
        # Into a pipe, it is shown as all messages are.
        assert ("hh:mm Ann: mine" in ann.lines()) == ("after" in how)
        ann.press("C-d")
        ann.find("ended with 0")
    assert "\x1b[" not in ann.raw.replace("\x1b[?2004", "")
