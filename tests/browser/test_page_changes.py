"""Replies, edits, deletions and reactions on the page."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from handlers.protocol.cursors import Position, encode
from local.emulator import Emulator
from tests.clients import ChatClient
from tests.rows import put_row

from .conftest import IN_BOTH_BROWSERS
from .network import Network
from .person import ROW, Person

pytestmark = IN_BOTH_BROWSERS

PHONE = (390, 780)

People = Callable[[str], Person]
Store = Callable[[str, list[str]], None]

_STATE = (
    ROW
    + """
if (!row) return null;
const shown = (part) => part?.checkVisibility() ? part.textContent : "";
return {
  quote: shown(row.querySelector(".quote")),
  edited: shown(row.querySelector(".edited")),
  chips: [...row.querySelectorAll(".chip")].map((chip) => chip.textContent + (chip.ariaPressed === "true" ? "!" : "")),
  live: row.ariaLive,
  classes: row.className,
};
"""
)
REACTIONS = ["thumbs up", "heart", "laughing", "hooray", "surprised", "sad"]
ALL = [f"React: {name}" for name in REACTIONS] + ["Reply", "Edit", "Delete"]
_SHORT_PATIENCE = """
const wait = setTimeout;
window.setTimeout = (callback, ms, ...more) => wait(callback, ms === 60000 ? 1000 : ms, ...more);
"""
"""The client gives up a change after one minute. Tests need not wait for so long."""


def _state(who: Person, text: str) -> dict[str, object]:
    return dict(who.script(_STATE, text) or {})


def _alert(who: Person) -> str:
    return who.text_of("alert")


def _press_alert(who: Person, button: str) -> None:
    script = "[...document.querySelectorAll('#alert button')].find((each) => each.textContent === arguments[0]).click()"
    who.script(script, button)


@pytest.fixture
def ann(person: People, group: str, chat_url: str) -> Person:
    ann = person("Ann")
    ann.join(group, chat_url)
    return ann


def _message_id(emulator: Emulator, group: str, text: str) -> dict[str, str]:
    """The key of the stored message with a text."""
    rows = emulator.client("dynamodb").scan(TableName="ChatMessages")["Items"]
    [row] = [row for row in rows if row["groupId"]["S"] == group and row["message"]["S"] == text]
    return {"messageId": row["messageId"]["S"], "timestamp": row["timestamp"]["S"]}


def test_two_people_reply_edit_react_and_delete(ann: Person, person: People, group: str, chat_url: str) -> None:
    bob = person("Bob")
    bob.join(group, chat_url)
    ann.say("Shall we meet?\nOn Friday?")
    bob.until_shown("Shall we meet?\nOn Friday?")
    bob.hover("Shall we meet?\nOn Friday?")
    bob.until(lambda: bob.offered == ALL[:-2])

    bob.do("Shall we meet?\nOn Friday?", "Reply")
    assert (bob.focused, bob.text_of("about-what")) == ("text", "Reply to Ann: Shall we meet?")
    bob.say("Yes")
    for who, name in ((ann, "You"), (bob, "Ann")):
        who.until_shown("Yes")
        assert _state(who, "Yes")["quote"] == f"{name}: Shall we meet?"
    assert not bob.find("about").is_displayed()

    ann.do("Yes", "React: hooray")
    ann.until(lambda: _state(ann, "Yes")["chips"] == ["🎉 1!"])
    bob.until(lambda: _state(bob, "Yes")["chips"] == ["🎉 1"])
    bob.script(ROW + "row.querySelector('.chip').click()", "Yes")
    for who in (ann, bob):
        who.until(lambda who=who: _state(who, "Yes")["chips"] == ["🎉 2!"])  # type: ignore[misc]
    chip = bob.browser.find_element(By.CSS_SELECTOR, ".chip")
    assert chip.get_attribute("aria-label") == "🎉 2: Ann, you"
    bob.script(ROW + "row.querySelector('.chip').click()", "Yes")
    ann.until(lambda: _state(ann, "Yes")["chips"] == ["🎉 1!"])
    # In one order for everybody, whichever came first.
    bob.do("Yes", "React: thumbs up")
    ann.until(lambda: _state(ann, "Yes")["chips"] == ["👍 1", "🎉 1!"])
    bob.until(lambda: _state(bob, "Yes")["chips"] == ["👍 1!", "🎉 1"])

    ann.hover("Shall we meet?\nOn Friday?")
    assert ann.offered == ALL
    ann.do("Shall we meet?\nOn Friday?", "Edit")
    assert ann.text_of("about-what") == "Editing You: Shall we meet?"
    ann.script("document.getElementById('text').value = ''")
    ann.say("Shall we eat?")
    for who, name in ((ann, "You"), (bob, "Ann")):
        who.until_shown("Shall we eat?")
        who.until(lambda who=who, name=name: _state(who, "Yes")["quote"] == f"{name}: Shall we eat?")  # type: ignore[misc]
        assert _state(who, "Shall we eat?")["edited"] == "edited"
    edited = bob.browser.find_element(By.CSS_SELECTOR, ".edited")
    assert str(datetime.now(UTC).year) in str(edited.get_attribute("title"))
    # A screen reader does not read the whole message again.
    assert _state(bob, "Shall we eat?")["live"] == "off"
    assert _alert(ann) == _alert(bob) == ""


def test_a_deleted_message_is_so_for_everybody(ann: Person, person: People, group: str, chat_url: str) -> None:
    bob = person("Bob")
    bob.join(group, chat_url)
    ann.say("Shall we eat?")
    bob.until_shown("Shall we eat?")
    bob.do("Shall we eat?", "Reply")
    bob.say("Yes")
    ann.until_shown("Yes")
    ann.do("Shall we eat?", "Delete")
    ann.until(lambda: ann.focused == "question-safe")
    assert ann.find("question-what").text == "“Shall we eat?”\nOthers will see “Message deleted” in its place."
    assert ann.accessibility_faults() == []
    ann.press(Keys.ESCAPE)
    ann.until(lambda: not ann.find("question").is_displayed())
    assert "Shall we eat?" in ann.texts
    ann.do("Shall we eat?", "Delete")
    ann.find("question-other").click()
    for who, name in ((ann, "You"), (bob, "Ann")):
        who.until_shown("Message deleted")
        who.until(lambda who=who, name=name: _state(who, "Yes")["quote"] == f"{name}: Message deleted")  # type: ignore[misc]
        assert not _state(who, "Message deleted")["edited"]
        who.hover("Yes")
        who.point("Message deleted")
        who.until(lambda who=who: who.offered == [])  # type: ignore[misc]
    assert _alert(ann) == _alert(bob) == ""
    ann.browser.refresh()
    ann.until_shown("Message deleted")
    assert _state(ann, "Yes")["quote"] == "You: Message deleted"


def test_the_composer_keeps_the_draft(ann: Person, group: str, chat_url: str) -> None:
    other = f"{group} other"
    with ChatClient(chat_url, "vera", group) as vera:
        vera.say("Hello")
        ann.until_shown("Hello")
    ann.say("First")
    ann.until_shown("First")
    ann.say("Second")
    ann.until_shown("Second")
    # The arrow up edits the last message, and only in an empty field.
    ann.hover("Second")
    ann.until(lambda: ann.offered == ALL)
    ann.press(Keys.ARROW_UP)
    value = "return document.getElementById('text').value"
    assert (ann.text_of("about-what"), ann.script(value)) == ("Editing You: Second", "Second")
    ann.press(Keys.ESCAPE)
    assert (ann.script(value), ann.find("about").is_displayed(), ann.focused) == ("", False, "text")
    ann.write("My draft")
    ann.press(Keys.ARROW_UP)
    assert not ann.find("about").is_displayed()
    ann.do("Hello", "Reply")
    ann.do("First", "Edit")
    assert ann.script(value) == "First"
    ann.write(" changed")
    # Another group has its own draft, and the edit waits here.
    ann.join_another(other)
    assert (ann.script(value), ann.find("about").is_displayed()) == ("", False)
    ann.choose(group)
    assert (ann.script(value), ann.text_of("about-what")) == ("First changed", "Editing You: First")
    ann.press(Keys.ESCAPE)
    assert (ann.script(value), ann.text_of("about-what")) == ("My draft", "Reply to Vera: Hello")
    ann.browser.refresh()
    ann.until_shown("Hello")
    ann.until(lambda: ann.text_of("about-what") == "Reply to Vera: Hello")
    assert ann.script(value) == "My draft"
    ann.find("about-end").click()
    assert (ann.script(value), ann.find("about").is_displayed(), ann.focused) == ("My draft", False, "text")
    # Escape ends the suggestions, then the reply, and nothing else.
    ann.do("Hello", "Reply")
    ann.write(" @ve")
    assert ann.find("suggestions").is_displayed()
    ann.press(Keys.ESCAPE)
    assert (ann.find("suggestions").is_displayed(), ann.find("about").is_displayed()) == (False, True)
    ann.press(Keys.ESCAPE)
    assert (ann.script(value), ann.find("about").is_displayed()) == ("My draft @ve", False)
    ann.press(Keys.ENTER)
    ann.until_shown("My draft @ve")
    assert _state(ann, "My draft @ve")["quote"] == ""


def test_a_change_that_the_server_refuses_is_undone(ann: Person, emulator: Emulator, group: str) -> None:
    ann.say("Here today")
    ann.until_shown("Here today")
    ann.hover("Here today")
    ann.until(lambda: ann.offered == ALL)
    # The client lets it pass, and the server does not: with its other fields, the frame would be too large.
    ann.do("Here today", "Edit")
    long = "x" * 28_500
    ann.script("document.getElementById('text').value = arguments[0]", long)
    ann.press(Keys.ENTER)
    ann.until(lambda: _alert(ann).startswith("Not edited: "))
    ann.until(lambda: ann.texts == ["Here today"])
    assert not _state(ann, "Here today")["edited"]
    _press_alert(ann, "Edit again")
    assert ann.script("return document.getElementById('text').value") == long
    assert (ann.text_of("about-what"), _alert(ann)) == ("Editing You: Here today", "")
    ann.press(Keys.ESCAPE)

    emulator.client("dynamodb").delete_item(
        TableName="ChatMessages",
        Key={"messageId": {"S": _message_id(emulator, group, "Here today")["messageId"]}},
    )
    ann.do("Here today", "React: heart")
    ann.until(lambda: _alert(ann).startswith("Reaction not added: "))
    # The page draws it with the next frame.
    ann.until(lambda: _state(ann, "Here today")["chips"] == [])
    _press_alert(ann, "Close")
    assert _alert(ann) == ""
    ann.do("Here today", "Delete")
    ann.find("question-other").click()
    ann.until(lambda: _alert(ann).startswith("Not deleted: "))
    ann.until(lambda: ann.texts == ["Here today"])
    assert ann.accessibility_faults() == []


def test_an_edit_without_a_network_is_shown_at_once_and_undone_at_last(
    person: People, network: Network, group: str
) -> None:
    ann = person("Ann")
    with ann.browser.with_script(_SHORT_PATIENCE):
        ann.join(group, network.url)
    ann.say("Before")
    ann.until_shown("Before")
    ann.hover("Before")
    ann.until(lambda: ann.offered == ALL)
    network.fail()
    ann.until_state("Not connected")
    ann.press(Keys.ARROW_UP)
    ann.write(" and after")
    ann.press(Keys.ENTER)
    ann.until_shown("Before and after")
    ann.until(lambda: "Not edited: " in _alert(ann))
    ann.until_shown("Before")
    network.recover()
    ann.try_now()
    ann.until_state("Connected")
    _press_alert(ann, "Edit again")
    ann.press(Keys.ENTER)
    ann.until_shown("Before and after")
    ann.until(lambda: _state(ann, "Before and after")["edited"])
    ann.browser.refresh()
    ann.until_shown("Before and after")


def test_changes_come_by_catch_up_without_news_or_a_move(
    person: People, network: Network, chat_url: str, group: str
) -> None:
    ann = person("Ann")
    ann.join(group, network.url)
    with ChatClient(chat_url, "vera", group) as vera:
        for number in range(25):
            vera.say(f"message {number}")
            vera.receive("message")
            time.sleep(0.1)  # A connection may send 20 at once, and 10 a second.
        ann.until_shown("message 24")
        ids = {message["message"]: message["messageId"] for message in vera.ask("getHistory")["messages"]}
        ann.script("document.getElementById('log').scrollTop = 300")
        place = ROW + "return row.getBoundingClientRect().bottom"
        time.sleep(0.5)
        before = ann.script(place, "message 9")
        ann.look_away()
        network.fail()
        ann.until_state("Not connected")
        long = "\n".join("alongertextthanbefore")
        vera.ask("editMessage", messageId=ids["message 0"], message=long)
        vera.ask("deleteMessage", messageId=ids["message 1"])
        vera.ask("react", messageId=ids["message 24"], reaction="👍", on=True)
        vera.ask("editMessage", messageId=ids["message 24"], message="the end")
        network.recover()
        ann.try_now()
        ann.until_state("Connected")
        ann.until_shown("the end")
        assert {long, "Message deleted"} < set(ann.texts)
        assert _state(ann, "the end")["chips"] == ["👍 1"]
        # They come once more by a push.
        vera.ask("react", messageId=ids["message 2"], reaction="👍", on=True)
        ann.until(lambda: _state(ann, "message 2")["chips"] == ["👍 1"])
        assert abs(ann.script(place, "message 9") - before) <= 2
        assert ann.browser.title == f"{group} – Chat"
        assert (ann.first_unread, ann.groups) == ("", [(group, "Vera: the end", "")])


def test_a_reset_shows_the_page_of_the_reset(
    person: People, network: Network, emulator: Emulator, store: Store, group: str
) -> None:
    old = (datetime.now(UTC) - timedelta(days=29, minutes=5)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    cursor = encode(group, Position(timestamp=old, message_id="m", changes=old))
    script = """
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
      const frame = JSON.parse(data);
      if (window.isOld) for (const each of frame.groups ?? []) if (each.after) each.after = CURSOR;
      return send.call(this, JSON.stringify(frame));
    };
    """.replace("CURSOR", json.dumps(cursor))
    store(group, [f"message {number}" for number in range(60)])
    ann = person("Ann")
    with ann.browser.with_script(script):
        ann.join(group, network.url)
    ann.until_shown("message 59")
    ann.script("document.getElementById('older').click()")
    ann.until_shown("message 0")
    ann.script("document.getElementById('log').scrollTop = 1e6")
    # The person reads here.
    ann.script(ROW + "document.getElementById('log').scrollTop = row.offsetTop + 5", "message 30")
    time.sleep(0.5)
    top = ROW + "return Math.round(row.getBoundingClientRect().top)"
    before = ann.script(top, "message 32")
    network.fail()
    ann.until_state("Not connected")
    dynamodb = emulator.client("dynamodb")
    gone = _message_id(emulator, group, "message 30")["messageId"]
    dynamodb.delete_item(TableName="ChatMessages", Key={"messageId": {"S": gone}})
    ann.script("window.isOld = true")
    network.recover()
    ann.try_now()
    ann.until_state("Connected")
    ann.until(lambda: "message 30" not in ann.texts)
    assert "message 31" in ann.texts
    assert "message 59" in ann.texts
    assert abs(ann.script(top, "message 32") - before) <= 1
    assert ann.first_unread == ""
    assert ann.browser.title == f"{group} – Chat"


def test_a_quote_leads_to_its_message(
    person: People, emulator: Emulator, store: Store, group: str, chat_url: str
) -> None:
    ann = person("Ann")
    stamp = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S.%fZ}"
    first = f"{group} first"
    row = {"messageId": first, "groupId": group, "senderId": "vera", "message": "The first", "timestamp": stamp}
    put_row(emulator.client("dynamodb"), "ChatMessages", row | {"senderName": "Vera"})
    store(group, [f"message {number}" for number in range(120)])
    with ChatClient(chat_url, "vera", group) as vera:
        vera.say("See above", replyTo=first)
        vera.say("See nowhere", replyTo="no such message")
        ann.join(group, chat_url)
        ann.until_shown("See nowhere")
        assert _state(ann, "See above")["quote"] == "A message that is not here"
        ann.script(ROW + "row.querySelector('.quote').click()", "See above")
        ann.until(lambda: "found" in str(_state(ann, "The first").get("classes")))
        in_sight = """
        const box = row.getBoundingClientRect(), log = document.getElementById("log").getBoundingClientRect();
        return box.top >= log.top && box.bottom <= log.bottom;
        """
        assert ann.script(ROW + in_sight, "The first")
        assert ann.focused == "more"
        assert _state(ann, "See above")["quote"] == "Vera: The first"
        ann.until(lambda: "found" not in str(_state(ann, "The first")["classes"]))
        ann.script(ROW + "row.querySelector('.quote').click()", "See nowhere")
        ann.until(lambda: _alert(ann).startswith("This message is not here."))
        _press_alert(ann, "Close")


def test_the_keyboard_alone_does_everything(ann: Person, group: str, chat_url: str) -> None:
    with ChatClient(chat_url, "vera", group) as vera:
        for text in ("one", "two", "three"):
            vera.say(text)
        ann.until_shown("three")
        ann.say("mine")
        ann.until_shown("mine")
        ann.hover("mine")
        ann.until(lambda: ann.offered == ALL)
        ActionChains(ann.browser).move_to_element(ann.find("title")).perform()
        ann.until(lambda: ann.offered == [])
        at = "return document.activeElement.closest('li')?.querySelector('.text').textContent ?? ''"
        ann.script("document.getElementById('log').focus()")
        # One stop between the log and the text field, however many messages there are.
        ann.press(Keys.TAB)
        assert (ann.focused, ann.script(at)) == ("more", "mine")
        ann.until(lambda: ann.script("return getComputedStyle(document.activeElement).opacity") == "1")
        ann.press(Keys.TAB)
        assert ann.focused == "text"
        ann.press(Keys.TAB, holding=Keys.SHIFT)
        assert (ann.focused, ann.script(at)) == ("more", "mine")
        ann.press(Keys.ARROW_UP, Keys.ARROW_UP)
        assert ann.script(at) == "two"
        ann.press(Keys.ENTER)
        label = "return document.activeElement.ariaLabel"
        assert (ann.script(label), ann.offered) == (ALL[0], ALL[:-2])
        assert ann.find("actions").get_attribute("aria-label") == "Actions for Vera: two"
        ann.press(Keys.ESCAPE)
        assert (ann.focused, ann.script(at), ann.offered) == ("more", "two", [])
        ann.press(Keys.ENTER, Keys.ARROW_RIGHT, Keys.ENTER)
        ann.until(lambda: _state(ann, "two")["chips"] == ["❤️ 1!"])
        assert (ann.focused, ann.script(at)) == ("more", "two")
        # The reaction can be taken away where it is shown, and the focus is not lost with it.
        ann.press(Keys.ARROW_RIGHT)
        assert ann.focused == "chip"
        ann.press(Keys.ENTER)
        ann.until(lambda: _state(ann, "two")["chips"] == [])
        ann.until(lambda: (ann.focused, ann.script(at)) == ("more", "two"))
        ann.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER, Keys.ARROW_LEFT)
        assert ann.script(label) == ALL[0]
        ann.press(*[Keys.ARROW_RIGHT] * 8)
        assert ann.script(label) == "Delete"
        ann.press(Keys.ENTER)
        ann.until(lambda: ann.focused == "question-safe")
        ann.press(Keys.ESCAPE)
        ann.until(lambda: (ann.focused, ann.script(at)) == ("more", "mine"))
        ann.press(Keys.ENTER, *[Keys.ARROW_RIGHT] * 6, Keys.ENTER)
        assert (ann.focused, ann.text_of("about-what")) == ("text", "Reply to You: mine")
        ann.press(Keys.ESCAPE)
        ann.script("document.getElementById('log').focus()")
        ann.press(Keys.TAB, Keys.ENTER, Keys.TAB)
        # The bar closes when the focus leaves it.
        ann.until(lambda: ann.offered == [])
        assert ann.focused == "text"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_bar_fits_and_has_no_accessibility_fault(
    ann: Person, emulator: Emulator, group: str, chat_url: str, width: int, scheme: str
) -> None:
    ann.appear((width, 780), scheme)
    row = {"groupId": group, "senderId": "system", "message": "Vera has joined", "type": "system"}
    stamp = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    put_row(emulator.client("dynamodb"), "ChatMessages", row | {"messageId": f"{group} s", "timestamp": stamp})
    with ChatClient(chat_url, "vera", group) as vera:
        vera.say("שלום, מה שלומך?")
        hebrew = vera.receive("message")["messageId"]
        vera.say("😀", replyTo=hebrew)
        vera.say("A picture", type="image", data={"url": "https://example.com/1.jpg"}, clientMessageId="c")
        vera.say("Verylongword" * 40, replyTo=hebrew)
        vera.ask("react", messageId=hebrew, reaction="Verylongword" * 5, on=True)
        vera.ask("editMessage", messageId=hebrew, message="שלום!")
        ann.until_shown("שלום!")
    ann.say("mine")
    ann.until_shown("mine")
    ann.browser.refresh()
    ann.until_shown("mine")
    ann.until_state("Connected")
    assert "system" in str(_state(ann, "Vera has joined")["classes"])
    assert ann.script("return document.querySelectorAll('#messages img').length") == 0
    for text in (*ann.texts,):
        ann.hover(text)
        expected = ALL if text == "mine" else ALL[:-2]
        ann.until(lambda expected=expected: ann.offered == expected)  # type: ignore[misc]
        inside = """
        const bar = document.getElementById("actions").getBoundingClientRect();
        const log = document.getElementById("log").getBoundingClientRect();
        return bar.left >= log.left && bar.right <= log.right && bar.top >= log.top && bar.bottom <= log.bottom;
        """
        assert ann.script(inside), text
        overflow = (
            "const { scrollWidth, clientWidth } = document.getElementById('log'); return scrollWidth - clientWidth"
        )
        assert ann.script(overflow) == 0
    ann.hover("mine")
    assert ann.accessibility_faults() == []
    ann.do("שלום!", "Reply")
    assert ann.accessibility_faults() == []


def test_a_finger_opens_the_bar_with_the_button(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    if ann.browser.capabilities["browserName"] == "firefox":
        pytest.skip("Only Chromium's driver can say that there is a touch screen")
    ann.appear(PHONE)
    ann.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        ann.join(group, chat_url)
        # Enter makes a new line there.
        ann.find("text").send_keys("mine")
        ann.browser.find_element(By.CSS_SELECTOR, "#composer [aria-label=Send]").click()
        ann.until_shown("mine")
        more = ann.browser.find_element(By.CSS_SELECTOR, "#messages .more")
        assert ann.script("return getComputedStyle(arguments[0]).opacity", more) == "1"

        def opened() -> bool:
            more.click()
            return bool(ann.offered == ALL)

        ann.until(opened)
        boxes = "return [...document.querySelectorAll('#actions button')].map((each) => each.offsetHeight)"
        assert min(ann.script(boxes)) >= 44
        bar = ann.find("actions").rect
        assert (bar["x"] >= 0, bar["x"] + bar["width"] <= PHONE[0]) == (True, True)
        ann.browser.find_element(By.CSS_SELECTOR, "#actions [data-reaction]").click()
        ann.until(lambda: _state(ann, "mine")["chips"] == ["👍 1!"])
    finally:
        ann.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_a_chat_without_changes_offers_replies_only(person: People, unchanging_chat_url: str, group: str) -> None:
    ann = person("Ann")
    ann.join(group, unchanging_chat_url)
    ann.say("One")
    ann.until_shown("One")
    ann.hover("One")
    time.sleep(1)
    assert ann.offered == ["Reply"]
    ann.press(Keys.ARROW_UP)
    assert not ann.find("about").is_displayed()
    ann.do("One", "Reply")
    ann.say("Two")
    ann.until_shown("Two")
    assert _state(ann, "Two")["quote"] == "You: One"
    assert _alert(ann) == ""
