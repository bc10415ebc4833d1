"""The chat page in real browsers, against the deployed program."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from local.deploy import deploy
from local.emulator import Emulator
from tests.clients import ChatClient
from tests.rows import put_row

from .conftest import DESKTOP, IN_BOTH_BROWSERS
from .network import Network
from .person import Person, Shown

PHONE = (390, 780)
BELOW = "const log = document.getElementById('log'); return log.scrollHeight - log.scrollTop - log.clientHeight"
"""Script: the height in pixels of the conversation below the visible part."""

People = Callable[[str], Person]
Store = Callable[[str, list[str]], None]


@pytest.fixture
def ann(person: People, group: str, chat_url: str) -> Person:
    ann = person("Ann")
    ann.join(group, chat_url)
    return ann


@IN_BOTH_BROWSERS
def test_two_people_chat(ann: Person, person: People, group: str, chat_url: str) -> None:
    bob = person("Bob")
    bob.join(group, chat_url)
    ann.say("Hello Bob")
    bob.until_shown("Hello Bob")
    bob.say("Hello Ann\nhow are you?")
    for one in (ann, bob):
        one.until_shown("Hello Ann\nhow are you?")

    assert ann.shown == [Shown("You", "Hello Bob", "sent"), Shown("Bob", "Hello Ann\nhow are you?", "sent")]
    assert bob.shown == [Shown("Ann", "Hello Bob", "sent"), Shown("You", "Hello Ann\nhow are you?", "sent")]
    times = ann.script("return [...document.querySelectorAll('#messages time')].map((time) => time.dateTime)")
    assert times == bob.script("return [...document.querySelectorAll('#messages time')].map((time) => time.dateTime)")


def test_a_newcomer_sees_what_was_said_before(ann: Person, person: People, group: str, chat_url: str) -> None:
    assert ann.text_of("beginning").startswith(f"Nobody has written in “{group}” yet.")
    ann.say("Before you came")
    ann.until_shown("Before you came")
    bob = person("Bob")
    bob.join(group, chat_url)
    bob.until_shown("Before you came")


def test_people_and_typing_are_shown(ann: Person, person: People, group: str, chat_url: str) -> None:
    bob = person("Bob")
    bob.join(group, chat_url)
    for who, here in ((ann, ["Ann (you)", "Bob"]), (bob, ["Bob (you)", "Ann"])):
        who.until(lambda who=who, here=here: who.here == here)  # type: ignore[misc]

    bob.write("I am ju")
    ann.until(lambda: ann.text_of("typing") == "Bob is typing …")
    bob.say("st saying")
    ann.until_shown("I am just saying")
    assert ann.text_of("typing") == ""

    bob.leave()
    ann.until(lambda: ann.here == ["Ann (you)"])


@IN_BOTH_BROWSERS
def test_a_conversation_continues_after_a_network_failure(
    person: People, network: Network, group: str, chat_url: str
) -> None:
    ann, bob = person("Ann"), person("Bob")
    ann.join(group, network.url)
    bob.join(group, chat_url)
    ann.say("one")
    bob.until_shown("one")

    network.fail()
    ann.until_state("Not connected")
    ann.say("two, without a network")
    ann.say("three, without a network")
    ann.until_shown("three, without a network", "sending")
    bob.say("where are you?")
    bob.until_shown("where are you?")
    assert bob.texts == ["one", "where are you?"]

    network.recover()
    ann.try_now()
    ann.until_state("Connected")
    said = ["one", "where are you?", "two, without a network", "three, without a network"]
    for who in (ann, bob):
        who.until(lambda who=who: who.texts == said)  # type: ignore[misc]
    ann.until_shown("three, without a network")


def test_messages_above_the_rate_limit_arrive_later_and_in_order(
    person: People, emulator: Emulator, group: str
) -> None:
    rate, burst = 3, 6
    config = {"namePrefix": "Limited", "messageRate": rate, "messageBurst": burst}
    ann = person("Ann")
    ann.join(group, str(deploy(emulator, config)["WebSocketURL"]))
    texts = [f"{number}" for number in range(10)]
    started = time.monotonic()
    ann.say_all(texts)
    ann.until(lambda: ann.count(status="sent") == len(texts), seconds=90)
    assert ann.texts == texts
    assert time.monotonic() - started > (len(texts) - burst) / rate  # A chat without the limit is faster.


@IN_BOTH_BROWSERS
def test_a_reload_keeps_unsent_text_and_unsent_messages(ann: Person, network: Network, group: str) -> None:
    ann.leave()
    ann.join(group, network.url)
    network.fail()
    ann.until_state("Not connected")
    ann.say("not sent yet")
    ann.say("nor this")
    ann.write("half a sen")
    ann.browser.refresh()
    ann.until(lambda: ann.texts == ["not sent yet", "nor this"])
    assert {message.status for message in ann.shown} == {"sending"}
    assert ann.find("text").get_property("value") == "half a sen"

    network.recover()
    ann.until_shown("nor this")
    assert ann.texts == ["not sent yet", "nor this"]
    ann.browser.refresh()
    ann.until_shown("nor this")
    assert ann.texts == ["not sent yet", "nor this"]


@IN_BOTH_BROWSERS
def test_two_tabs_keep_separate_unsent_messages(ann: Person, network: Network, group: str) -> None:
    network.fail()
    ann.leave()
    ann.open(group=group, endpoint=network.url)
    ann.find("name").send_keys(Keys.ENTER)
    ann.until_state("Not connected")
    ann.say("of the first tab")
    first = ann.browser.current_window_handle
    ann.browser.switch_to.new_window("tab")
    second = ann.browser.current_window_handle
    ann.open(group=group, endpoint=network.url)
    ann.find("name").send_keys(Keys.ENTER)
    ann.until_state("Not connected")
    ann.say("of the second tab")
    ann.until(lambda: ann.texts == ["of the second tab"])

    ann.browser.switch_to.window(first)
    assert ann.texts == ["of the first tab"]
    ann.browser.close()
    ann.browser.switch_to.window(second)
    ann.until_shown("of the first tab", "sending")

    network.recover()
    ann.until_shown("of the first tab")
    ann.until_shown("of the second tab")
    assert ann.texts == ["of the second tab", "of the first tab"]


def test_unusual_rows_of_other_programs_are_shown(ann: Person, emulator: Emulator, group: str) -> None:
    for number, row in enumerate(
        (
            {"message": "x" * 30_000},
            {"message": "from nobody"},
            {"senderId": "otto", "senderName": "You", "message": "not you"},
            {"senderId": "\u202eotto", "message": "turned"},
            {"senderId": "otto", "message": "some time", "timestamp": "yesterday"},
            {"senderId": "otto", "senderName": "\u3164"},
        )
    ):
        common = {
            "messageId": f"{group} {number}",
            "groupId": group,
            "timestamp": f"2026-01-01T00:00:0{number}.000000Z",
        }
        put_row(emulator.client("dynamodb"), "ChatMessages", common | row)
    ann.browser.refresh()
    ann.until_state("Connected")
    ann.say("mine")
    ann.until_shown("mine")
    assert {(message.name, message.text) for message in ann.shown} == {
        ("?", "This message is too large to show."),
        ("?", "from nobody"),
        ("otto", "not you"),
        ("otto", "turned"),
        ("otto", "some time"),
        ("otto", "This message has no text."),
        ("You", "mine"),
    }


def test_another_name_is_another_user(ann: Person, group: str) -> None:
    ann.say("I am Ann")
    ann.until_shown("I am Ann")
    ann.leave()
    ann.find("name").clear()
    ann.find("name").send_keys("Eve")
    ann.find("group").clear()
    ann.find("group").send_keys(group, Keys.ENTER)
    ann.until(lambda: ann.shown == [Shown("Ann", "I am Ann", "sent")])
    ann.until(lambda: ann.here == ["Eve (you)"])


def test_a_user_id_from_the_link_stays_when_the_name_changes(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.open(group=group, endpoint=chat_url, name="ann-1", userId="ann-1")
    for name in ("Anna", "Ann"):
        ann.find("group").clear()
        ann.find("group").send_keys(group)
        ann.find("name").clear()
        ann.find("name").send_keys(name, Keys.ENTER)
        ann.until_state("Connected")
        if name == "Anna":
            ann.leave()
    with ChatClient(chat_url, "vera", group) as vera:
        ann.say("Hello")
        assert vera.receive("message")["senderId"] == "ann-1"
        ann.until(lambda: ann.here == ["Ann (you)", "vera"])


def test_a_link_to_another_group_opens_that_group(ann: Person, group: str) -> None:
    ann.open(group=f"{group} other")
    assert ann.find("group").get_property("value") == f"{group} other"
    assert ann.find("name").get_property("value") == "Ann"
    ann.press(Keys.ENTER)
    ann.until_state("Connected")
    assert ann.text_of("title") == f"{group} other"


@IN_BOTH_BROWSERS
def test_a_refused_person_is_told_what_to_check(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.open(group=group, endpoint=re.sub("/execute-api/[^/]+", "/execute-api/nobodys", chat_url))
    ann.find("name").send_keys("Ann", Keys.ENTER)
    ann.until(lambda: "check the address" in ann.text_of("alert"))
    ann.leave()
    assert ann.find("endpoint").is_displayed()
    ann.find("endpoint").clear()
    ann.find("endpoint").send_keys(chat_url, Keys.ENTER)
    ann.until_state("Connected")
    assert ann.text_of("alert") == ""


def test_a_link_cannot_send_a_token_to_another_server(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.open(group=group, endpoint="wss://elsewhere.example/production")
    ann.until(lambda: ann.find("endpoint").is_displayed())
    ann.open(group=group, endpoint=chat_url)
    ann.open_connection()
    ann.find("token").send_keys("secret")
    ann.find("name").send_keys(ann.name, Keys.ENTER)
    ann.until_state("Connected")
    ann.open(group=group, endpoint="wss://elsewhere.example/production")
    ann.until_state("Connected")
    ann.leave()
    assert ann.find("endpoint").get_property("value") == chat_url
    assert ann.find("token").get_property("value") == "secret"


@IN_BOTH_BROWSERS
@pytest.mark.parametrize(
    "order", ["keydown compositionend", "compositionend keydown"], ids=["Chrome and Firefox", "Safari"]
)
def test_an_enter_that_confirms_the_text_of_an_input_method_does_not_send(ann: Person, order: str) -> None:
    ann.write("にほん")
    script = """
    const text = document.getElementById("text");
    text.dispatchEvent(new CompositionEvent("compositionstart"));
    const order = arguments[0].split(" ");
    const isComposing = order[0] === "keydown";
    const enter = new KeyboardEvent("keydown", { key: "Enter", keyCode: 229, isComposing, cancelable: true });
    const events = { keydown: enter, compositionend: new CompositionEvent("compositionend", { data: "にほん" }) };
    for (const name of order) text.dispatchEvent(events[name]);
    return enter.defaultPrevented;
    """
    assert ann.script(script, order) is False
    assert (ann.find("text").get_property("value"), ann.texts) == ("にほん", [])
    ann.press(Keys.ENTER)
    ann.until_shown("にほん")


def test_a_text_is_sent_as_it_was_typed_but_for_the_empty_lines_around_it(
    ann: Person, group: str, chat_url: str
) -> None:
    script = """
    document.getElementById("text").value = arguments[0];
    document.getElementById("composer").requestSubmit();
    """
    with ChatClient(chat_url, "vera", group) as vera:
        for typed in ("\u200b", " \n\u3164", "\n \n  if x: \n\n    y  \n\n"):
            ann.script(script, typed)
        assert vera.receive("message")["message"] == "  if x: \n\n    y  "
    # Spaces at the ends of lines are not shown.
    ann.until_shown("  if x:\n\n    y")
    assert len(ann.texts) == 1


@IN_BOTH_BROWSERS
def test_each_line_of_a_text_has_its_own_direction(ann: Person, group: str, chat_url: str) -> None:
    script = """
    const [selector, line] = arguments;
    const [box] = [...document.querySelectorAll(selector)].slice(-1);
    const text = [...box.childNodes].find((node) => node.nodeType === Node.TEXT_NODE) ?? box;
    const range = document.createRange();
    const lines = box.textContent.split("\\n");
    const start = lines.slice(0, line).join("\\n").length + (line ? 1 : 0);
    range.setStart(text, start);
    range.setEnd(text, start + lines[line].length);
    const [around, own] = [box.getBoundingClientRect(), range.getBoundingClientRect()];
    return own.left - around.left > around.right - own.right ? "from the right" : "from the left";
    """
    with ChatClient(chat_url, "dalia", group) as dalia:
        dalia.say("שלום\nHello to all of you\nשלום!", senderName="דליה")
        ann.until_shown("שלום\nHello to all of you\nשלום!")
    directions = [ann.script(script, "#messages .text", line) for line in range(3)]
    assert directions == ["from the right", "from the left", "from the right"]
    assert ann.script("return document.querySelector('.group .last').textContent").startswith("דליה: ")


@IN_BOTH_BROWSERS
def test_the_page_works_without_storage(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    script = """for (const storage of ["localStorage", "sessionStorage"])
      Object.defineProperty(globalThis, storage, { get() { throw new DOMException("blocked", "SecurityError"); } });"""
    with ann.browser.with_script(script):
        ann.join(group, chat_url)
        ann.say("Hello")
        ann.until_shown("Hello")


@IN_BOTH_BROWSERS
def test_the_page_works_whatever_is_stored(ann: Person) -> None:
    ann.say("Hello")
    ann.until_shown("Hello")
    session = json.loads(ann.script("return sessionStorage.getItem('chat-session-2')"))
    left = f"chat-left:{json.dumps([session['endpoint'], 'Ann'], separators=(',', ':'))}"
    damaged = [session | {"groups": [7]}, session | {"endpoint": "https://example.com"}, session | {"token": None}]
    for value in ("{broken", "7", *map(json.dumps, damaged)):
        ann.script("sessionStorage.setItem('chat-session-2', arguments[0])", value)
        ann.script("localStorage.setItem(arguments[0], arguments[1])", left, value)
        ann.browser.refresh()
        ann.until(lambda: ann.find("name").is_displayed())
        ann.press(Keys.ENTER)
        ann.until_shown("Hello")


@IN_BOTH_BROWSERS
def test_a_failed_message_shows_the_reason_and_can_be_edited(ann: Person) -> None:
    ann.say_all(["x" * 30_000])
    ann.until(lambda: [message.status for message in ann.shown] == ["failed"])
    reason = ann.browser.find_element(By.CSS_SELECTOR, "[data-status=failed] .reason").text
    assert reason.startswith("Not sent: ")
    ann.browser.find_element(By.CSS_SELECTOR, "[data-status=failed] .retry").click()
    ann.until(lambda: [message.status for message in ann.shown] == ["failed"])
    ann.say("The next one goes on")
    ann.until_shown("The next one goes on")
    ann.write("in the middle of")
    ann.browser.find_element(By.CSS_SELECTOR, "[data-status=failed] .edit").click()
    ann.until(lambda: ann.texts == ["The next one goes on"])
    assert ann.focused == "text"
    assert ann.find("text").get_property("value") == "x" * 30_000 + "\nin the middle of"


def test_a_failed_message_can_be_deleted(ann: Person) -> None:
    ann.say_all(["x" * 30_000])
    ann.until(lambda: [message.status for message in ann.shown] == ["failed"])
    ann.browser.find_element(By.CSS_SELECTOR, "[data-status=failed] .discard").click()
    ann.until(lambda: ann.texts == [])
    assert ann.find("text").get_property("value") == ""
    ann.browser.refresh()
    ann.until_state("Connected")
    assert ann.texts == []


SCRIPTS = [
    "<script>window.attacked = true</script>",
    "<img src=x onerror='window.attacked = true'>",
    "<svg onload='window.attacked = true'>",
    "javascript:window.attacked=true",
    "&lt;b&gt;{{constructor.constructor('window.attacked=true')()}}",
]


@IN_BOTH_BROWSERS
def test_a_script_in_a_message_is_shown_as_text(ann: Person, group: str, chat_url: str) -> None:
    name = "<img src=x onerror='window.attacked = true'>"
    with ChatClient(chat_url, name, group) as mallory:
        for script in SCRIPTS:
            mallory.say(script, senderName=name)
        for script in SCRIPTS:
            ann.until_shown(script)
        mallory.send("typing", isTyping=True)
        ann.until(lambda: ann.text_of("typing") == f"{name} is typing …")
    assert ann.shown == [Shown(name, script, "sent") for script in SCRIPTS]
    assert name in ann.here
    made = "#chat-view img, #messages script, #messages :is(.text, .name) svg"
    assert ann.browser.find_elements(By.CSS_SELECTOR, made) == []
    assert ann.script("return window.attacked") is None


@IN_BOTH_BROWSERS
def test_addresses_in_a_message_are_links(ann: Person, group: str, chat_url: str) -> None:
    addresses = ["https://example.com/a?b=(c)&d=1", "HTTPS://EXAMPLE.ORG", "https://en.wikipedia.org/wiki/Foo_(bar)"]
    others = "<http://[::1>. Not javascript://x or http:// but https://a.example，谢谢"
    turned = "\n\u202ehttps://b.example/\u202dx\nשלום https://c.example/ שלום"
    text = "See {}, ({}) and ({}). Not ".format(*addresses) + others + turned
    with ChatClient(chat_url, "vera", group) as vera:
        vera.say(text)
        ann.until_shown(text)
    links = "return [...document.querySelectorAll('#messages a')].map((a) => [a.textContent, a.href, a.rel])"
    expected = [*addresses, "https://a.example", "https://b.example/", "https://c.example/"]
    hrefs = [address.replace("HTTPS://EXAMPLE.ORG", "https://example.org/") for address in expected]
    hrefs[3] += "/"
    assert ann.script(links) == [[*link, "noopener noreferrer"] for link in zip(expected, hrefs, strict=True)]
    # However the text around it is written, an address is read from left to right.
    turns = """
    return [...document.querySelectorAll("#messages a")].slice(4).map(({ firstChild: text }) => {
      const range = document.createRange();
      const places = Array.from(text.data, (_, at) => {
        range.setStart(text, at);
        range.setEnd(text, at + 1);
        return range.getBoundingClientRect().left;
      });
      return places.findIndex((place, at) => place < places[at - 1]);
    });
    """
    assert ann.script(turns) == [-1, -1]


@IN_BOTH_BROWSERS
def test_a_continued_message_shows_its_time_under_the_pointer(ann: Person, group: str, chat_url: str) -> None:
    with ChatClient(chat_url, "vera", group) as vera:
        for text in ("one", "two", "long " * 40):
            vera.say(text)
            ann.until_shown(text.rstrip())
    for text in ("one", "two", "long " * 40):
        ann.say(text)
        ann.until(lambda text=text: ann.count(name="You", text=text.rstrip(), status="sent"))  # type: ignore[misc]
    clip = "return getComputedStyle(arguments[0].parentElement).clipPath"
    for size in (DESKTOP, PHONE):
        ann.appear(size)
        for number in (1, 2, 4, 5):
            time_of = ann.browser.find_elements(By.CSS_SELECTOR, "#messages time")[number]
            bubble = ann.browser.find_elements(By.CSS_SELECTOR, "#messages .bubble")[number]
            assert ann.script(clip, time_of) != "none"
            # One of the widest, whatever the time is now.
            ann.script("arguments[0].textContent = '12:58 PM'", time_of)
            before = bubble.rect
            ActionChains(ann.browser).move_to_element(bubble).perform()
            ann.until(lambda time_of=time_of: ann.script(clip, time_of) == "none")  # type: ignore[misc]
            # In one line beside the message, which stays where it is.
            assert bubble.rect == before
            assert time_of.rect["height"] < 24
            own = number > 2
            left, right = (time_of, bubble) if own else (bubble, time_of)
            gap = right.rect["x"] - left.rect["x"] - left.rect["width"]
            # The button of the message stands between them.
            assert 0 <= gap < 48, (size, number, gap)
            assert time_of.rect["x"] >= 0
            assert time_of.rect["x"] + time_of.rect["width"] <= size[0]


@IN_BOTH_BROWSERS
@pytest.mark.parametrize(
    "attempt",
    [
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.append(Object.assign(document.createElement('script'), { text: 'window.attacked = true' }))",
        "setTimeout('window.attacked = true')",
        "import('data:text/javascript,window.attacked = true').catch((error) => { window.refusal = error })",
    ],
)
def test_the_content_security_policy_blocks_injected_scripts(person: People, chat_url: str, attempt: str) -> None:
    ann = person("Ann")
    ann.open(endpoint=chat_url)
    ann.script(f"try {{ {attempt} }} catch (error) {{ window.refusal = error }}")
    ann.until(lambda: ann.script("return window.refusal instanceof TypeError || window.attacked"))
    assert not ann.script("return window.attacked")
    ann.browser.faults()  # discard the violations that it logged


@IN_BOTH_BROWSERS
def test_scrolling_up_loads_older_messages_and_keeps_the_position(
    person: People, store: Store, group: str, chat_url: str
) -> None:
    said = [f"message {number}" for number in range(120)]
    store(group, said)
    ann = person("Ann")
    ann.join(group, chat_url)
    ann.until(lambda: ann.texts == said[-50:])
    assert ann.script(BELOW) < 2
    assert ann.find("older").is_displayed()

    place = """
    const top = document.getElementById("log").getBoundingClientRect().top;
    const seen = [...document.querySelectorAll("#messages li")].find((li) => li.getBoundingClientRect().top > top);
    return [seen.querySelector(".text").textContent, Math.round(seen.getBoundingClientRect().top - top)];
    """
    before = ann.script(f"document.getElementById('log').scrollTop = 150; {place}")
    ann.until(lambda: len(ann.texts) == 100)
    assert ann.script(place) == before
    ann.script("document.getElementById('older').click()")
    ann.until(lambda: ann.texts == said)
    assert not ann.find("older").is_displayed()
    assert ann.text_of("beginning") == "This is where the conversation begins."


@pytest.fixture
def reader(person: People, store: Store, group: str, chat_url: str) -> Person:
    """Ann, at the end of a conversation that is longer than the window."""
    store(group, [f"message {number}" for number in range(40)])
    ann = person("Ann")
    ann.join(group, chat_url)
    ann.until_shown("message 39")
    return ann


@IN_BOTH_BROWSERS
def test_new_messages_do_not_move_a_person_who_reads_older_ones(reader: Person, group: str, chat_url: str) -> None:
    ann = reader
    with ChatClient(chat_url, "vera", group) as vera:
        ann.script("document.getElementById('log').scrollTop = 300")
        vera.say("one more")
        ann.until(lambda: ann.text_of("newest") == "1 new message ↓")
        assert ann.script("return document.getElementById('log').scrollTop") == 300
        vera.say("and another")
        ann.until(lambda: ann.text_of("newest") == "2 new messages ↓")
    ann.find("newest").click()
    ann.until(lambda: not ann.find("newest").is_displayed())
    assert ann.focused == "text"


@IN_BOTH_BROWSERS
def test_the_last_message_stays_visible_when_the_window_changes(
    person: People, store: Store, group: str, chat_url: str
) -> None:
    store(group, [f"message {number} {'and more ' * 8}" for number in range(40)])
    ann = person("Ann")
    ann.join(group, chat_url)
    ann.until(lambda: len(ann.texts) == 40)
    for size in (PHONE, DESKTOP, (390, 400)):
        ann.appear(size)
        ann.until(lambda: ann.script(BELOW) < 2)


@IN_BOTH_BROWSERS
def test_a_draft_of_many_lines_keeps_the_newest_message_in_view(reader: Person, group: str, chat_url: str) -> None:
    ann = reader
    ann.write("\n".join("abcdef"))
    ann.until(lambda: ann.script(BELOW) < 2)
    with ChatClient(chat_url, "vera", group) as vera:
        vera.say("one more")
        ann.until_shown("one more")
    ann.until(lambda: ann.script(BELOW) < 2)
    assert not ann.find("newest").is_displayed()


def test_a_new_message_adds_one_element_and_changes_no_other(
    person: People, store: Store, group: str, chat_url: str
) -> None:
    store(group, [f"message {number}" for number in range(500)])
    ann = person("Ann")
    ann.join(group, chat_url)
    for pages in range(1, 11):
        ann.until(lambda pages=pages: len(ann.texts) == 50 * pages)  # type: ignore[misc]
        ann.script("document.getElementById('older').click()")
    ann.script("document.getElementById('log').scrollTop = 1e6")
    with ChatClient(chat_url, "vera", group) as vera:
        ann.script(
            """
            window.changes = [];
            const note = (records) => window.changes.push(...records.map(({ type, target }) => `${type} ${target.id}`));
            const everything = { childList: true, attributes: true, characterData: true, subtree: true };
            new MutationObserver(note).observe(document.getElementById("messages"), everything);
            """
        )
        vera.say("one more")
        ann.until_shown("one more")
    assert ann.script("return window.changes") == ["childList messages"]


@pytest.mark.timeout(600)
def test_a_thousand_messages_survive_twenty_lost_connections(
    person: People, unhurried_chat_url: str, group: str
) -> None:
    ann, bob = person("Ann"), person("Bob")
    rounds = [[f"{number}" for number in range(first, first + 25)] for first in range(0, 500, 25)]

    def sees(who: Person, number: int, **values: str) -> bool:
        ann.try_now()  # The pauses grow with each cut.
        bob.try_now()
        return who.count(**values) == number

    with Network(unhurried_chat_url) as network:
        for who in (ann, bob):
            who.join(group, network.url)
            # To place and draw each change takes half of the browser's time, and this test reads only the elements.
            who.script("document.getElementById('log').style.display = 'none'")
        for texts in rounds:
            ann.say_all(texts)
            bob.say_all(texts)
            # Cut the network while both still send.
            ann.until(lambda texts=texts: sees(ann, 1, name="Bob", text=texts[5]))  # type: ignore[misc]
            network.cut()
        for who in (ann, bob):
            who.until(lambda who=who: sees(who, 1000, status="sent"), seconds=300)  # type: ignore[misc]
            assert [said.status for said in who.shown] == ["sent"] * 1000

    in_order = [text for texts in rounds for text in texts]
    for who, other in ((ann, "Bob"), (bob, "Ann")):
        shown = who.shown
        assert [said.text for said in shown if said.name == "You"] == in_order
        assert [said.text for said in shown if said.name == other] == in_order
    assert ann.texts == bob.texts


@IN_BOTH_BROWSERS
def test_the_join_form_is_filled_in_and_explains_mistakes(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.open(group=group)
    ann.until(lambda: ann.find("endpoint").get_property("value") == chat_url)  # from config.json
    assert ann.find("group").get_property("value") == group
    assert ann.focused == "name"
    ann.press(Keys.ENTER)
    assert ann.text_of("join-error") == "Your name is missing."
    assert ann.focused == "name"
    ann.find("name").send_keys("\u3164", Keys.ENTER)
    assert ann.text_of("join-error") == "Your name has no visible character."
    ann.open(group=group, endpoint="https://example.com")
    ann.find("name").send_keys("Ann", Keys.ENTER)
    assert (
        ann.text_of("join-error") == "WebSocket address must begin with wss:// or ws://, and have no spaces and no #."
    )
    assert ann.focused == "endpoint"
    ann.open(group="g" * 257)
    ann.press(Keys.ENTER)
    assert ann.text_of("join-error") == "Group is too long."
    assert ann.focused == "group"


@IN_BOTH_BROWSERS
def test_the_keyboard_reaches_everything_in_order(ann: Person) -> None:
    ann.appear(PHONE)
    assert ann.focused == "text"
    ann.find("people-toggle").send_keys(Keys.ENTER)
    assert ann.find("people").is_displayed()
    assert ann.find("people-toggle").get_attribute("aria-expanded") == "true"
    ann.press(Keys.TAB, Keys.ESCAPE)
    assert not ann.find("people").is_displayed()
    assert ann.focused == "people-toggle"

    on_phone = ["groups-toggle", "people-toggle", "log", "text", "primary icon"]
    at_the_side = ["other-group", "icon", "group", "notify", "sign-out"]
    everything = [*at_the_side, "log", "text", "primary icon", "invite", "leave"]
    tabbable = "#chat-view :is(a, button, input, textarea, [tabindex])"
    visible = """
    const shows = (element) => element.checkVisibility({ visibilityProperty: true });
    return [...document.querySelectorAll(arguments[0])].filter(shows).length;
    """
    for size, order in ((PHONE, on_phone), (DESKTOP, everything)):
        ann.appear(size)
        assert ann.script(visible, tabbable) == len(order)
        ann.script("document.getElementById(arguments[0]).focus()", order[0])
        for name in order:
            # After the end of the page, Firefox goes on in its own window.
            if name != order[0]:
                ann.press(Keys.TAB)
            assert ann.focused == name
            # The field for the text shows the focus at the form around it.
            assert (
                ann.script("return getComputedStyle(document.activeElement).outlineStyle") != "none" or name == "text"
            )


@IN_BOTH_BROWSERS
def test_a_screen_reader_announces_new_messages_but_not_history(person: People, network: Network, group: str) -> None:
    ann = person("Ann")
    ann.join(group, network.url)
    log = ann.find("log")
    assert log.aria_role == "log"
    ann.until(lambda: log.get_attribute("aria-busy") == "false")
    with ChatClient(network.url, "vera", group) as vera:
        vera.say("Hello")
        ann.until_shown("Hello")
    assert ann.browser.find_element(By.CSS_SELECTOR, "#messages li .name").text == "Vera"

    ann.leave()
    network.fail()
    ann.find("group").clear()
    ann.find("group").send_keys(group, Keys.ENTER)
    ann.until_state("Not connected")
    assert log.get_attribute("aria-busy") == "true"
    network.recover()
    ann.try_now()
    ann.until(lambda: log.get_attribute("aria-busy") == "false")
    assert ann.texts == ["Hello"]

    ann.script(
        """
        window.read = [];
        const texts = ({ addedNodes, target }) => [target.data, ...Array.from(addedNodes, (node) => node.textContent)];
        new MutationObserver((records) => read.push(...records.flatMap(texts).filter(Boolean)))
          .observe(document.getElementById("messages"), { childList: true, characterData: true, subtree: true });
        """
    )
    ann.say("Said once")
    ann.until_shown("Said once")
    assert [text.count("Said once") for text in ann.script("return read")] == [1]


@IN_BOTH_BROWSERS
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_has_no_serious_accessibility_fault(
    person: People, network: Network, group: str, size: tuple[int, int], scheme: str
) -> None:
    ann = person("Ann")
    ann.appear(size, scheme)
    ann.open(group=group, endpoint=network.url)
    assert ann.accessibility_faults() == []
    ann.join(group, network.url)
    with ChatClient(network.url, "vera", group) as vera:
        vera.say("Hello")
        ann.until_shown("Hello")
        ann.say_all(["Hello Vera", "x" * 30_000])
        ann.until(lambda: [message.status for message in ann.shown] == ["sent", "sent", "failed"])
        network.fail()
    ann.until_state("Not connected")
    ann.say("not sent yet")
    ann.until_shown("not sent yet", "sending")
    ann.script("document.getElementById('people-toggle').click()")
    assert ann.accessibility_faults() == []
    # The browser says that the person wants no motion.
    assert ann.script("return document.getAnimations().map((each) => each.animationName)") == []


@IN_BOTH_BROWSERS
def test_nothing_is_wider_than_the_window(ann: Person, group: str, chat_url: str) -> None:
    wide = """
    const scrolls = (element) =>
      element === document.documentElement || /auto|scroll/.test(getComputedStyle(element).overflowX);
    const all = [...document.querySelectorAll("*")];
    return all.filter((element) => scrolls(element) && element.scrollWidth > element.clientWidth).map(({ id }) => id);
    """
    long = "Verylongword" * 40
    with ChatClient(chat_url, "vera", group) as vera:
        vera.say(long, senderName="Vera" * 30)
        ann.until_shown(long)
    ann.write(long)
    backgrounds = set()
    for scheme in ("light", "dark"):
        for width in (390, 768, 1280):
            ann.appear((width, 780), scheme)
            assert ann.script(wide) == []
        backgrounds.add(ann.script("return getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2


CONVERSATION = [
    ("Ann", "Morning! The long table is booked for Saturday."),
    ("Bob", "Great. How many are we now?"),
    ("Ann", "Fourteen, if Mira's sister comes too"),
    ("Ann", "I'll ask her today"),
    ("Bob", "I can bring:\n- the big grill\n- the blue lanterns"),
]
ANSWER = "Perfect. One grill is enough though, the yard is small."

ELSEWHERE = [
    ("allotment 7", "The water is back on"),
    ("choir", "New sheets are in the cupboard"),
]


def test_the_page_fits_the_window_and_gives_the_screenshots(person: People, chat_url: str, pictures: Path) -> None:
    people = {name: person(name) for name in ("Ann", "Bob")}
    hours = (datetime.now(UTC).hour - 9 + 12) % 24 - 12
    for who in people.values():
        # In the conversation it is morning, so set a time zone where it is. Etc/GMT+h is h hours west of Greenwich.
        who.browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": f"Etc/GMT{hours:+d}"})
        who.join("garden party", chat_url)
        for other, _ in ELSEWHERE:
            who.join_another(other)
        who.choose("garden party")
    for name, text in CONVERSATION:
        people[name].say(text)
        for who in people.values():
            who.until_shown(text)
    ann, bob = people["Ann"], people["Bob"]
    ann.do(CONVERSATION[4][1], "Reply")
    ann.say(ANSWER)
    bob.until_shown(ANSWER)
    # These are in the fonts of most machines, and so in the pictures.
    ann.do(CONVERSATION[4][1], "React: heart")
    bob.do(CONVERSATION[2][1], "React: surprised")
    bob.do(ANSWER, "React: laughing")
    bob.do(CONVERSATION[0][1], "React: heart")
    ann.do(CONVERSATION[0][1], "React: heart")
    ann.until(lambda: len(ann.browser.find_elements(By.CSS_SELECTOR, ".chip")) == 4)
    ann.script("document.getElementById('log').scrollTop = 1e6")
    for other, text in ELSEWHERE:
        bob.choose(other)
        bob.say(text)
        bob.until_shown(text)
    bob.choose("garden party")
    ann.until(lambda: [unread for _, _, unread in ann.groups] == ["1"] * len(ELSEWHERE) + [""])
    ann.choose(ELSEWHERE[0][0])
    ann.choose("garden party")
    looks = {"light": (DESKTOP, "light"), "dark": (DESKTOP, "dark"), "phone": (PHONE, "light")}
    for look, ((width, height), scheme) in looks.items():
        ann.appear((width, height), scheme, scale=2)
        bob.write("S")
        ann.until(lambda: ann.text_of("typing") == "Bob is typing …")
        ann.browser.save_screenshot(pictures / f"{look}.png")
        picture = ann.browser.get_screenshot_as_png()
        assert (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])) == (width * 2, height * 2)
        overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert ann.script(overflow) == 0
        assert ann.script(BELOW) < 2
    ann.find("groups-toggle").click()
    assert ann.find("groups").rect["width"] == PHONE[0]
    ann.browser.save_screenshot(pictures / "phone-groups.png")
