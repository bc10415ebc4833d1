"""What a person meets who got only the address of the page."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from selenium.webdriver.common.keys import Keys

from local.emulator import Emulator
from tests.clients import ChatClient
from tests.rows import put_row

from .conftest import DESKTOP, IN_BOTH_BROWSERS
from .network import Network
from .person import Person

PHONE = (390, 780)

People = Callable[[str], Person]


def test_leaving_a_group_asks(person: People, group: str, chat_url: str) -> None:
    ann, other = person("Ann"), f"{group} other"
    ann.join(group, chat_url)
    ann.join_another(other)
    ann.ask_to_leave()
    assert ann.text_of("question-title") == f"Leave “{other}”?"
    what = "You stop getting messages of this group on this device. You can join it again by its name."
    assert ann.text_of("question-what") == what
    assert ann.focused == "question-safe"
    assert ann.accessibility_faults() == []
    ann.press(Keys.ESCAPE)
    ann.until(lambda: ann.focused == "leave")
    ann.press(Keys.ENTER)
    # The focus is on the safe answer.
    ann.until(lambda: ann.focused == "question-safe")
    ann.press(Keys.ENTER)
    ann.until(lambda: ann.focused == "leave")
    assert sorted(name for name, _, _ in ann.groups) == [group, other]
    ann.leave()
    ann.until(lambda: [name for name, _, _ in ann.groups] == [group])
    # With the only group goes the user, and what was left stays away.
    ann.ask_to_leave()
    assert ann.text_of("question-what").endswith("You are in no other group, so you also sign out.")
    # Escape means to stay, whatever was chosen before.
    ann.press(Keys.ESCAPE)
    ann.until(lambda: ann.focused == "leave")
    ann.press(Keys.ENTER)
    ann.until(lambda: ann.focused == "question-safe")
    ann.find("question-other").click()
    ann.until(lambda: ann.find("name").is_displayed())
    ann.find("group").clear()
    ann.find("group").send_keys(f"{group} third", Keys.ENTER)
    ann.until_state("Connected")
    assert [name for name, _, _ in ann.groups] == [f"{group} third"]


@pytest.mark.parametrize("typed", ["{} CAFÉ", "{} cafe\u0301 ", "{}\u2003ｃａｆé"])
def test_a_group_that_looks_like_one_of_theirs_is_told(person: People, group: str, chat_url: str, typed: str) -> None:
    ann, cafe, alike = person("Ann"), f"{group} café", typed.format(group)
    ann.join(cafe, chat_url)
    ann.join_another(group)
    ann.find("other-group").send_keys(alike, Keys.ENTER)
    if alike.endswith(" "):  # The same, in another form.
        ann.until(lambda: ann.text_of("title") == cafe)
        return
    ann.until(lambda: ann.text_of("question-title") == f"You are in “{cafe}”")
    assert ann.text_of("question-what").startswith(f"“{alike}” looks nearly the same, but is another group")
    assert ann.focused == "question-safe"
    assert ann.accessibility_faults() == []
    ann.press(Keys.ESCAPE)
    ann.until(lambda: ann.focused == "other-group")
    assert ann.find("other-group").get_property("value") == alike
    assert ann.text_of("title") == group
    ann.press(Keys.ENTER)
    ann.until(lambda: ann.focused == "question-safe")
    ann.press(Keys.ENTER)
    ann.until(lambda: ann.text_of("title") == cafe)
    assert ann.find("other-group").get_property("value") == ""
    assert len(ann.groups) == 2
    ann.find("other-group").send_keys(alike, Keys.ENTER)
    ann.find("question-other").click()
    ann.until(lambda: ann.text_of("title") == alike)
    assert len(ann.groups) == 3


def test_a_link_to_a_group_that_looks_like_one_of_theirs_is_told(person: People, group: str, chat_url: str) -> None:
    ann, alike = person("Ann"), group.upper()
    ann.join(group, chat_url)
    ann.open(group=alike)
    ann.press(Keys.ENTER)
    ann.until(lambda: ann.text_of("question-title") == f"You are in “{group}”")
    ann.press(Keys.ESCAPE)
    assert ann.find("name").is_displayed()
    ann.find("name").send_keys(Keys.ENTER)
    ann.press(Keys.ENTER)
    ann.until_state("Connected")
    assert ann.text_of("title") == group
    assert [name for name, _, _ in ann.groups] == [group]
    # Also if they are in it in another window only.
    first = ann.browser.current_window_handle
    ann.browser.switch_to.new_window("tab")
    ann.open(group=alike, endpoint=chat_url)
    ann.press(Keys.ENTER)
    ann.until(lambda: ann.text_of("question-title") == f"You are in “{group}”")
    ann.press(Keys.ENTER)
    ann.until(lambda: ann.text_of("title") == group)
    ann.find("sign-out").click()
    kept = {"chat-name", f'chat-joined:["{chat_url}","Ann"]'}
    assert set(ann.script("return Object.keys(localStorage)")) == kept
    ann.browser.close()
    ann.browser.switch_to.window(first)


def test_a_mention_is_marked_beside_the_count(person: People, group: str, chat_url: str) -> None:
    ann, other = person("Ann"), f"{group} other"
    ann.join(group, chat_url)
    ann.join_another(other)
    with ChatClient(chat_url, "vera", group) as vera:
        vera.say("Are you there, @Ann?")
        ann.until(lambda: ann.groups[0][2] == "1")
    for size, where in ((DESKTOP, ".group"), (PHONE, "#groups-toggle")):
        ann.appear(size)
        script = f"return ['.at', '.badge'].map((part) => document.querySelector(`{where} ${{part}}`).innerText)"
        at, badge = ann.script(script)
        assert at.startswith("@")
        assert badge.split() == ["1", "unread"]


def rows(who: Person, *parts: str) -> list[list[str]]:
    """What is visible of these parts of the groups at the side."""
    script = """
    return [...document.querySelectorAll("#group-list li")].map((li) => arguments[0].map((part) => {
      const element = li.querySelector(part);
      return element.checkVisibility() ? element.ariaLabel || element.innerText.replace(/\\s+/g, " ") : "";
    }));
    """
    return list(who.script(script, parts))


@IN_BOTH_BROWSERS
def test_the_list_shows_drafts(person: People, group: str, chat_url: str) -> None:
    ann, other = person("Ann"), f"{group} other"
    ann.join(group, chat_url)
    ann.say("Hello")
    ann.until_shown("Hello")
    ann.write("half a sen")
    ann.until(lambda: rows(ann, ".last", ".draft") == [["You: Hello", ""]])
    ann.join_another(other)
    ann.until(lambda: rows(ann, ".last", ".draft") == [["", "Draft: half a sen"], ["No messages yet", ""]])
    assert ann.accessibility_faults() == []
    ann.browser.refresh()
    ann.until(lambda: rows(ann, ".draft") == [["Draft: half a sen"], [""]])
    # On a phone, the list covers the text field.
    ann.appear(PHONE)
    at_once = """
    const text = document.getElementById("text");
    text.value = "and here";
    text.dispatchEvent(new Event("input"));
    document.getElementById("groups-toggle").click();
    const drafts = () => [...document.querySelectorAll(".draft:not([hidden])")].map((draft) => draft.textContent);
    return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(drafts()))));
    """
    assert ann.script(at_once) == ["Draft: half a sen", "Draft: and here"]
    assert ann.accessibility_faults() == []
    ann.choose(group)
    ann.find("text").send_keys(Keys.ENTER)
    ann.until_shown("half a sen")
    ann.find("groups-toggle").click()
    ann.until(lambda: sorted(rows(ann, ".draft")) == [[""], ["Draft: and here"]])


def test_the_list_marks_groups_with_unsent_messages(person: People, network: Network, group: str) -> None:
    ann, other = person("Ann"), f"{group} other"
    ann.join(group, network.url)
    with ChatClient(network.url, "otto", group) as otto:
        otto.say("before")
        ann.until_shown("before")
    ann.join_another(other)
    network.fail()
    ann.until_state("Not connected")
    ann.say("one")
    ann.say("two")
    # The clock is beside the text that waits, and the group is the newest.
    ann.until(
        lambda: (
            rows(ann, ".name", ".last", ".unsent")
            == [[other, "You: two", "2 messages are not sent"], [group, "Otto: before", ""]]
        )
    )
    # A group that is joined meanwhile says why it is empty.
    ann.find("other-group").send_keys(f"{group} third", Keys.ENTER)
    ann.until(lambda: ann.text_of("beginning") == "Messages load when you are connected.")
    assert ann.find("beginning").is_displayed()
    ann.until(lambda: [f"{group} third", "Not loaded yet", ""] in rows(ann, ".name", ".last", ".unsent"))
    ann.ask_to_leave()
    ann.find("question-other").click()
    ann.until(lambda: len(ann.groups) == 2)
    clock, mark = (
        f"return document.querySelector('.unsent:not([hidden]) .{part}').checkVisibility()"
        for part in ("clock", "mark")
    )
    assert (ann.script(clock), ann.script(mark)) == (True, False)
    assert ann.accessibility_faults() == []
    network.recover()
    ann.try_now()
    ann.until(lambda: rows(ann, ".unsent") == [[""], [""]])
    ann.say_all(["x" * 30_000])
    ann.until(lambda: sorted(rows(ann, ".unsent")) == [[""], ["1 message is not sent"]])
    ann.until(lambda: (ann.script(clock), ann.script(mark)) == (False, True))
    ann.choose(group)
    assert sorted(rows(ann, ".unsent")) == [[""], ["1 message is not sent"]]
    assert ann.accessibility_faults() == []


def test_the_server_is_asked_for_only_if_the_page_has_none(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.open(group=group)
    ann.until(lambda: ann.find("endpoint").get_property("value") == chat_url)
    assert not ann.find("endpoint").is_displayed()
    assert ann.browser.find_element("css selector", "summary").text == "Advanced: server and token"
    ann.find("name").send_keys(Keys.TAB, Keys.ENTER)
    assert ann.find("own-endpoint").is_displayed()
    assert ann.accessibility_faults() == []
    ann.open(group=group, endpoint=chat_url)
    assert not ann.find("endpoint").is_displayed()
    # Another one than its own.
    ann.open(group=group, endpoint="wss://elsewhere.example/production")
    ann.until(lambda: ann.find("endpoint").is_displayed())
    script = "window.fetch = async () => new Response('', { status: 404 });"
    added = ann.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        for query in ({}, {"endpoint": chat_url}):
            ann.open(group=group, **query)
            ann.until(lambda: ann.find("endpoint").is_displayed())
            assert not ann.find("own-endpoint").is_displayed()
    finally:
        ann.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_the_bell_says_what_it_does(person: People, group: str, chat_url: str, page_url: str) -> None:
    ann = person("Ann")
    slash = "return document.querySelector('#notify .slash').checkVisibility()"

    def allow(setting: str) -> None:
        values = {"permission": {"name": "notifications"}, "setting": setting, "origin": page_url.rstrip("/")}
        ann.browser.execute_cdp_cmd("Browser.setPermission", values)

    try:
        allow("granted")
        ann.join(group, chat_url)
        assert (ann.find("notify").text, ann.script(slash)) == ("Notifications: off", True)
        ann.find("notify").click()
        ann.until(lambda: ann.find("notify").text == "Notifications: on")
        assert not ann.script(slash)
        # In the settings of the browser.
        allow("denied")
        ann.until(lambda: ann.find("notify").text == "Notifications: blocked")
        assert ann.script(slash)
        ann.find("notify").click()
        ann.until(lambda: "Your browser blocks notifications" in ann.text_of("alert"))
        allow("granted")
        ann.until(lambda: ann.find("notify").text == "Notifications: on")
        assert ann.text_of("alert") == ""
        # In another tab.
        first = ann.browser.current_window_handle
        ann.browser.switch_to.new_window("tab")
        ann.join(group, chat_url)
        ann.find("notify").click()
        ann.until(lambda: ann.find("notify").text == "Notifications: off")
        ann.browser.close()
        ann.browser.switch_to.window(first)
        ann.until(lambda: ann.find("notify").text == "Notifications: off")
    finally:
        ann.browser.execute_cdp_cmd("Browser.resetPermissions", {})


def test_nothing_in_the_header_covers_another_thing(person: People, network: Network, group: str) -> None:
    ann, other = person("Ann"), f"{group} other"
    ann.join(other, network.url)
    ann.join_another(group)
    with ChatClient(network.url, "vera", other) as vera:
        for number in range(12):
            vera.say(f"{number} @Ann")
        ann.until(lambda: "12" in [unread for _, _, unread in ann.groups])
    network.fail()
    ann.until_state("Not connected")
    overlaps = """
    const all = document.querySelectorAll("header > button, .state > :not(#countdown), #title");
    const boxes = [...all].map((each) => each.getBoundingClientRect()).filter(({ width }) => width);
    const covers = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    return [boxes.length, boxes.flatMap((a, i) => boxes.filter((b, j) => j > i && covers(a, b))).length];
    """
    for width in (320, 390, 768, 1280):
        ann.appear((width, 780))
        number, covered = ann.script(overlaps)
        assert number >= 3
        assert covered == 0, width


def test_try_now_answers_at_once_and_keeps_the_focus(person: People, network: Network, group: str) -> None:
    ann = person("Ann")
    ann.join(group, network.url)
    network.fail()
    ann.until_state("Not connected")
    ann.write("half a sen")
    button = ann.find("try-now")
    watch = """
    window.states = [];
    const note = () => states.push([document.getElementById("state").textContent, performance.now()]);
    new MutationObserver(note).observe(document.getElementById("state"), { childList: true });
    """
    ann.script(watch)
    button.click()
    # Also if the attempt fails at once, a person can read it.
    ann.until(lambda: [word for word, _ in ann.script("return states")][-1:] == ["Not connected"])
    (first, began), *_, (_, ended) = ann.script("return states")
    assert first == "Connecting …"
    assert ended - began > 500
    assert ann.focused == "text"
    # On a phone, the focus is in the log, and the keyboard must not come.
    ann.script("document.getElementById('log').focus()")
    button.click()
    ann.until(lambda: not button.is_displayed())
    assert ann.focused == "log"
    ann.until(button.is_displayed)
    ann.script("document.getElementById('try-now').focus()")
    ann.press(Keys.ENTER)
    ann.until(lambda: ann.focused == "text")
    network.recover()
    ann.try_now()
    ann.until_state("Connected")


@IN_BOTH_BROWSERS
def test_a_phone_shows_the_end_of_the_draft_and_no_frame(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.appear(PHONE)
    ann.join(group, chat_url)
    ann.write("\n".join("abcdefghij"))
    ann.script("document.getElementById('text').setSelectionRange(0, 0)")
    if ann.browser.capabilities["browserName"] != "firefox":
        ann.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        ann.browser.refresh()
        ann.until_state("Connected")
        draft = """
        const { selectionStart, scrollTop, scrollHeight, clientHeight } = document.getElementById("text");
        return [selectionStart, scrollHeight - clientHeight - scrollTop < 2, scrollTop > 0];
        """
        assert ann.script(draft) == [19, True, True]
        if ann.browser.capabilities["browserName"] == "firefox":
            return
        frame = "return getComputedStyle(document.activeElement).outlineStyle"
        assert (ann.focused, ann.script(frame)) == ("log", "none")
        ann.press(Keys.ARROW_UP)
        assert (ann.focused, ann.script(frame)) == ("log", "solid")
    finally:
        if ann.browser.capabilities["browserName"] != "firefox":
            ann.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_the_keyboard_goes_between_groups(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    a, b, c = names = [f"{group} {letter}" for letter in "abc"]
    ann.join(a, chat_url)
    for name in (b, c):
        ann.join_another(name)
    ann.until(lambda: [name for name, _, _ in ann.groups] == names)
    ann.write("half a sen")
    for key, shown in (
        (Keys.ARROW_DOWN, c),
        (Keys.ARROW_UP, b),
        (Keys.ARROW_UP, a),
        (Keys.ARROW_UP, a),
        (Keys.ARROW_DOWN, b),
    ):
        ann.press(key, holding=Keys.ALT)
        ann.until(lambda shown=shown: ann.text_of("title") == shown)  # type: ignore[misc]
        assert ann.focused == "text"
    assert ann.texts == []
    # The page says so, and the list is one stop for the Tab key.
    assert ann.script("return document.querySelector('.keys').checkVisibility()")
    assert ann.browser.find_element("css selector", ".keys").text == "Alt ↑ ↓ to switch"
    assert "Alt and the arrow" in ann.script("return document.querySelector('.keys').title")
    assert ann.script("return document.querySelector('.group').getAttribute('aria-keyshortcuts')")
    ann.find("other-group").send_keys(Keys.TAB, Keys.TAB)
    focused = "return document.activeElement.dataset.group ?? document.activeElement.id"
    assert ann.script(focused) == b
    for key, name in ((Keys.ARROW_DOWN, c), (Keys.ARROW_DOWN, c), (Keys.ARROW_UP, b), (Keys.ARROW_UP, a)):
        ann.press(key)
        assert ann.script(focused) == name
    ann.press(Keys.ENTER)
    ann.until(lambda: ann.text_of("title") == a)
    ann.find("other-group").send_keys(Keys.TAB, Keys.TAB, Keys.TAB)
    assert ann.script(focused) == "notify"


_RECORD_NOTIFICATIONS = """
window.notified = [];
window.Notification = class extends Notification {
  constructor(title, options) { super(title, options); notified.push(options.body); }
};
"""
_NOTIFIED = "return notified"
_IN_FRONT = """
return navigator.locks.query().then(({ held }) => held.filter(({ name }) => name.startsWith("chat-in-front")).length);
"""


@pytest.mark.parametrize("before", ["", "delete Navigator.prototype.locks;"], ids=["locks", "no locks"])
def test_a_tab_in_the_back_does_not_notify_of_what_the_tab_in_front_shows(
    person: People, group: str, chat_url: str, before: str
) -> None:
    ann = person("Ann")
    ann.browser.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["notifications"]})
    source = {"source": f"{before} {_RECORD_NOTIFICATIONS}"}
    added = ann.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
    try:
        ann.join(group, chat_url)
        ann.find("notify").click()
        ann.until(lambda: ann.text_of("notify-state") == "Notifications: on")
        ann.look_away()
        back = ann.browser.current_window_handle
        ann.browser.switch_to.new_window("tab")
        front = ann.browser.current_window_handle
        ann.join(group, chat_url)
        with ChatClient(chat_url, "vera", group) as vera:
            vera.say("one")
            ann.until_shown("one")
            ann.browser.switch_to.window(back)
            ann.until(lambda: ann.groups[0][2] == "1")
            if before:
                ann.until(lambda: ann.script(_NOTIFIED) == ["Vera: one"])
                ann.browser.switch_to.window(front)
                ann.browser.close()
                return
            # When the person leaves the other tab, too, this one notifies again.
            ann.browser.switch_to.window(front)
            ann.look_away()
            ann.until(lambda: ann.script(_IN_FRONT) == 0)
            vera.say("two")
            ann.browser.switch_to.window(back)
            ann.until(lambda: ann.script(_NOTIFIED) == ["Vera: two"])
            # A tab that closes is no longer in front.
            ann.browser.switch_to.window(front)
            ann.look_back()
            ann.until(lambda: ann.script(_IN_FRONT) == 1)
            ann.browser.close()
            ann.browser.switch_to.window(back)
            ann.until(lambda: ann.script(_IN_FRONT) == 0)
            vera.say("three")
            ann.until(lambda: ann.script(_NOTIFIED) == ["Vera: two", "Vera: three"])
    finally:
        ann.browser.switch_to.window(back)
        ann.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
        ann.browser.execute_cdp_cmd("Browser.resetPermissions", {})


def test_a_long_run_of_one_sender_shows_its_times(
    person: People, emulator: Emulator, group: str, chat_url: str
) -> None:
    begin = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for number in range(53):  # More than a page.
        row = {"messageId": f"{group} {number}", "groupId": group, "senderId": "otto", "message": f"{number}"}
        at = {"timestamp": f"{begin + timedelta(seconds=30 * number):%Y-%m-%dT%H:%M:%S.%fZ}"}
        put_row(emulator.client("dynamodb"), "ChatMessages", row | at)
    ann = person("Ann")
    ann.join(group, chat_url)
    ann.until_shown("52")
    heads = (
        "return [...document.querySelectorAll('#messages li:not(.continued) .text')].map((text) => text.textContent)"
    )
    assert ann.script(heads) == ["3", "13", "23", "33", "43"]
    # What comes above moves the times of all that follow.
    ann.script("document.getElementById('older').click()")
    ann.until_shown("0")
    assert ann.script(heads) == ["0", "10", "20", "30", "40", "50"]


@IN_BOTH_BROWSERS
def test_back_on_a_phone_leads_to_the_list_each_time(person: People, group: str, chat_url: str) -> None:
    ann, other = person("Ann"), f"{group} other"

    def listing() -> bool:
        return bool(ann.find("groups").is_displayed())

    ann.appear(PHONE)
    ann.join(group, chat_url)
    for _ in range(3):
        ann.browser.back()
        ann.until(listing)
        ann.choose(group)
        ann.until(lambda: not listing())
        assert ann.find("text").is_displayed()
    ann.browser.back()
    ann.until(listing)
    ann.join_another(other)
    ann.until(lambda: not listing())
    # After the button of the header, too, the list is one step.
    before = ann.script("return history.length")
    for _ in range(2):
        ann.find("groups-toggle").click()
        ann.until(lambda: ann.script("return history.state.list") and listing())
        ann.choose(other)
        ann.until(lambda: not listing())
    assert ann.script("return history.length") == before
    ann.find("groups-toggle").click()
    ann.until(lambda: ann.script("return history.state.list") and listing())
    # There, Back leaves the chat.
    ann.browser.back()
    ann.until(lambda: not ann.script("return history.state?.inChat"))


@IN_BOTH_BROWSERS
def test_back_closes_a_question_alone(person: People, group: str, chat_url: str) -> None:
    ann, other = person("Ann"), f"{group} other"
    is_open = "return document.getElementById('question').open"
    for size in (DESKTOP, PHONE):
        ann.appear(size)
        ann.join(other if size == PHONE else group, chat_url)
        for _ in range(2):
            ann.ask_to_leave()
            assert ann.script(is_open)
            ann.browser.back()
            ann.until(lambda: not ann.script(is_open))
            assert ann.find("text").is_displayed()
            assert not ann.script("return history.state.question")
            # An answer leaves no step behind.
            ann.ask_to_leave()
            ann.find("question-safe").click()
            ann.until(lambda: not ann.script("return history.state.question"))
        assert ann.find("text").is_displayed()
    ann.browser.back()
    ann.until(lambda: ann.find("groups").is_displayed())


@IN_BOTH_BROWSERS
def test_questions_that_follow_each_other_at_once_leave_the_page_where_it_is(
    person: People, group: str, chat_url: str
) -> None:
    """The browser takes a moment to go back from a question. Keys that repeat are quicker."""
    ann = person("Ann")
    ann.join(group, chat_url)
    ann.script("document.getElementById('leave').focus()")
    for _ in range(5):
        ann.press(*[Keys.ENTER, Keys.ESCAPE] * 5)
        ann.until(lambda: ann.focused == "question-safe" or not ann.script("return history.state?.question"))
        # Whichever key was too early: the question is there, or it can be asked again.
        if ann.focused == "leave":
            ann.press(Keys.ENTER)
        ann.until(lambda: ann.focused == "question-safe")
        ann.press(Keys.ESCAPE)
        ann.until(lambda: not ann.script("return history.state?.question"))
        assert ann.focused == "leave"


@IN_BOTH_BROWSERS
def test_a_draft_outlives_its_tab_and_another_tab_hears_of_a_new_group(
    person: People, group: str, chat_url: str
) -> None:
    ann, other = person("Ann"), f"{group} other"
    ann.join(group, chat_url)
    ann.write("half a sentence")
    first = ann.browser.current_window_handle
    ann.browser.switch_to.new_window("tab")
    try:
        ann.open()
        ann.until(lambda: ann.text_of("join-button") == "Continue")
        ann.find("name").send_keys(Keys.ENTER)
        ann.until_state("Connected")
        assert ann.find("text").get_property("value") == "half a sentence"
        ann.join_another(other)
    finally:
        ann.browser.close()
        ann.browser.switch_to.window(first)
    ann.until(lambda: sorted(name for name, _, _ in ann.groups) == sorted([group, other]))
    assert ann.text_of("title") == group


@IN_BOTH_BROWSERS
def test_a_new_tab_goes_on_with_the_groups_of_the_user(person: People, group: str, chat_url: str) -> None:
    ann, other, empty = person("Ann"), f"{group} other", f"{group} empty"
    ann.join(group, chat_url)
    ann.say("Hello")
    ann.until_shown("Hello")
    ann.join_another(empty)
    ann.join_another(other)
    everything = sorted([group, empty, other])
    first = ann.browser.current_window_handle
    ann.browser.switch_to.new_window("tab")
    try:
        ann.open()
        ann.until(lambda: ann.find("their-groups").is_displayed())
        assert ann.text_of("join-title") == "Welcome back, Ann"
        assert ann.text_of("their-groups") == f"Your groups: {group}, {empty}, {other}."
        assert ann.text_of("join-button") == "Continue"
        assert not ann.find("group").is_displayed()
        assert ann.accessibility_faults() == []
        # Somebody else is in other groups.
        ann.find("name").send_keys("e")
        ann.until(lambda: not ann.find("their-groups").is_displayed())
        assert [ann.text_of("join-title"), ann.text_of("join-button")] == ["Join a group", "Join"]
        assert ann.find("group").is_displayed()
        ann.find("name").send_keys(Keys.BACKSPACE, Keys.ENTER)
        ann.until_state("Connected")
        assert ann.text_of("title") == other
        assert sorted(name for name, _, _ in ann.groups) == everything
        # A link may lead to another group.
        ann.find("sign-out").click()
        ann.open(group=f"{group} new")
        ann.until(lambda: ann.text_of("join-title") == "Welcome back, Ann")
        assert ann.text_of("their-groups").endswith(". They open, too.")
        assert ann.find("group").get_property("value") == f"{group} new"
        assert ann.text_of("join-button") == "Join"
        ann.open(group=other)
        ann.until(lambda: ann.text_of("join-button") == "Continue")
        ann.find("name").send_keys(Keys.ENTER)
        ann.until_state("Connected")
        # They stay known after signing out, with or without messages.
        ann.find("sign-out").click()
        ann.until(lambda: ann.find("their-groups").is_displayed())
        ann.find("name").send_keys(Keys.ENTER)
        ann.until_state("Connected")
        ann.until(lambda: sorted(name for name, _, _ in ann.groups) == everything)
        # What was left is not offered.
        for _ in everything:
            ann.leave()
        ann.until(lambda: ann.find("name").is_displayed())
        assert ann.find("group").get_property("value") == "general"
        assert not ann.find("their-groups").is_displayed()
        ann.browser.refresh()
        ann.until(lambda: ann.find("group").get_property("value") == "general")
    finally:
        ann.browser.close()
        ann.browser.switch_to.window(first)


@IN_BOTH_BROWSERS
def test_typing_replaces_the_group_that_is_filled_in(person: People) -> None:
    ann = person("Ann")
    ann.open()
    ann.until(lambda: ann.find("group").get_property("value") == "general")
    ann.find("group").click()
    ann.press(*"lunch")
    assert ann.find("group").get_property("value") == "lunch"
    # A second click places the cursor.
    ann.find("group").click()
    ann.press("x")
    assert "lunch" in ann.find("group").get_property("value").replace("x", "")  # type: ignore[union-attr]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_empty_group_without_others_tells_to_check_its_name(
    person: People, group: str, chat_url: str, scheme: str
) -> None:
    ann, wrong = person("Ann"), group.upper()
    ann.appear(PHONE, scheme)
    ann.join(wrong, chat_url)
    ann.until(lambda: ann.text_of("beginning").startswith(f"Nobody has written in “{wrong}” yet. Copy the link"))
    assert ann.accessibility_faults() == []
    with ChatClient(chat_url, "vera", wrong) as vera:
        ann.until(lambda: ann.text_of("beginning") == "No messages yet. Say hello!")
        vera.say("Hello")
        ann.until(lambda: ann.text_of("beginning") == "This is where the conversation begins.")


_PARTS = """
return [...document.querySelectorAll("#messages li:last-child .text > *")].map((part) => [
  part.localName,
  part.className,
  part.textContent,
  getComputedStyle(part).unicodeBidi,
  getComputedStyle(part).direction,
]);
"""


@IN_BOTH_BROWSERS
def test_a_mention_is_one_run_in_its_own_direction(person: People, group: str, chat_url: str) -> None:
    dana = person("דנה")
    dana.join(group, chat_url)
    with ChatClient(chat_url, "vera", group) as vera, ChatClient(chat_url, "سعاد", group) as suad:
        suad.say("مرحبا")
        dana.until_shown("مرحبا")
        for text in ("שלום @דנה, hello", "hello @דנה!", "ו@דנה hello"):
            vera.say(text)
            dana.until_shown(text)
            dana.until(lambda: dana.script(_PARTS) == [["mark", "", "@דנה", "isolate", "rtl"]])
        for text in ("hello @سعاد!", "مرحبا @سعاد hello"):
            vera.say(text)
            dana.until_shown(text)
            assert dana.script(_PARTS) == [["span", "person", "@سعاد", "isolate", "rtl"]]
        # The @ of a mail address is no mention, and the name after it neither.
        vera.say("mail me@דנה")
        dana.until_shown("mail me@דנה")
        assert dana.script(_PARTS) == []


def test_enter_on_a_phone_makes_a_new_line(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.join(group, chat_url)
    keys = (
        "const text = document.getElementById('text'); return [text.enterKeyHint, text.title.includes('Shift+Enter')]"
    )
    assert ann.script(keys) == ["send", True]
    # A laptop with a touch screen has a pointer that hovers.
    emulate = ann.browser.execute_cdp_cmd
    emulate("Emulation.setTouchEmulationEnabled", {"enabled": True})
    emulate("Emulation.setEmitTouchEventsForMouse", {"enabled": True, "configuration": "mobile"})
    ann.appear(PHONE)
    try:
        ann.browser.refresh()
        ann.until_state("Connected")
        assert ann.script("return matchMedia('(pointer: coarse) and (hover: none)').matches")
        assert ann.script(keys) == ["enter", False]
        assert "Enter" not in ann.text_of("text-hint")
        ann.find("text").send_keys("one", Keys.ENTER, "two")
        assert ann.find("text").get_property("value") == "one\ntwo"
        ann.script("document.querySelector('#composer [type=submit]').click()")
        ann.until_shown("one\ntwo")
        assert ann.accessibility_faults() == []
    finally:
        emulate("Emulation.setEmitTouchEventsForMouse", {"enabled": False})
        emulate("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_enter_does_not_send_half_a_mention(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.join(group, chat_url)
    ann.find("text").send_keys("Hi @Ver")
    with ChatClient(chat_url, "vera", group):
        ann.until(lambda: "vera" in ann.here)
        assert not ann.find("suggestions").is_displayed()
        ann.press(Keys.ENTER)
        ann.until(lambda: ann.find("suggestions").is_displayed())
        assert ann.texts == []
        ann.press(Keys.ENTER)
        assert ann.find("text").get_property("value") == "Hi @vera "
        ann.press(Keys.ENTER)
        ann.until_shown("Hi @vera")


@IN_BOTH_BROWSERS
def test_what_is_typed_in_the_log_goes_to_the_text_field(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.join(group, chat_url)
    for keys, focused, value in (("hi", "text", "hi"), (Keys.ARROW_DOWN, "log", "hi"), (" ", "log", "hi")):
        ann.script("document.getElementById('log').focus()")
        ann.press(*keys)
        assert (ann.focused, ann.find("text").get_property("value")) == (focused, value)
    ann.press("c", holding=Keys.CONTROL)
    assert ann.focused == "log"


@IN_BOTH_BROWSERS
def test_an_address_without_its_scheme_is_a_link_and_breaks_between_its_parts(
    person: People, group: str, chat_url: str
) -> None:
    ann = person("Ann")
    ann.appear(PHONE)
    ann.join(group, chat_url)
    text = "see www.example.net/path. Not awww.example.net, a@www.example.net or www.no"
    with ChatClient(chat_url, "vera", group) as vera:
        vera.say(text)
        ann.until_shown(text)
        links = "return [...document.querySelectorAll('.text a')].map(({ textContent, href }) => [textContent, href])"
        assert ann.script(links) == [["www.example.net/path", "https://www.example.net/path"]]
        long = "https://www.example.net/" + "/".join(["abcdefghijklmnop"] * 8) + "?one=two&three=four"
        vera.say(long)
        ann.until_shown(long)
    # Where each line begins.
    lines = """
    const link = [...document.querySelectorAll(".text a")].at(-1);
    const walker = document.createTreeWalker(link, NodeFilter.SHOW_TEXT);
    const starts = [];
    let [last, before] = [0, ""];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      for (let i = 0; i < node.length; i++) {
        const range = new Range();
        range.setStart(node, i);
        range.setEnd(node, i + 1);
        const { top } = range.getBoundingClientRect();
        if (last && top > last + 5) starts.push(before);
        [last, before] = [top, node.data[i]];
      }
    }
    return starts;
    """
    ends = ann.script(lines)
    assert len(ends) >= 3
    assert set(ends) <= set("/.?&"), ends


def test_a_lost_network_is_shown_at_once_and_the_header_stays(person: People, network: Network, group: str) -> None:
    ann = person("Ann")
    ann.join(group, network.url)
    height = "return document.querySelector('header').getBoundingClientRect().height"
    heights = {}
    for size in (DESKTOP, PHONE):
        ann.appear(size)
        heights[size] = ann.script(height)
    at_once = "dispatchEvent(new Event(arguments[0])); return document.getElementById('state').textContent"
    assert ann.script(at_once, "offline") == "Not connected"
    assert not ann.find("try-now").is_displayed()
    assert ann.script(at_once, "online") == "Connected"
    # The browser can be wrong: a server on this machine needs no network.
    hurried = "const { setTimeout } = window; window.setTimeout = (act, ms) => setTimeout(act, ms > 9_000 ? 300 : ms);"
    ann.script(f"{hurried} const {{ now }} = Date; Date.now = () => now() - (window.past ?? 0)")
    assert ann.script(at_once, "offline") == "Not connected"
    ann.script("window.past = -20_000")
    ann.until_state("Connected")
    network.fail()
    ann.until_state("Not connected")
    for size in (DESKTOP, PHONE):
        ann.appear(size)
        ann.until(lambda: ann.find("try-now").is_displayed())
        assert ann.script(height) == heights[size]


def test_the_ways_out_have_words(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.join(group, chat_url)
    assert ann.find("sign-out").text == "Sign out"
    assert ann.find("leave").text == "Leave the group"
    ann.appear(PHONE)
    assert not ann.find("leave").is_displayed()
    ann.find("people-toggle").click()
    assert ann.find("leave").text == "Leave the group"
    assert ann.accessibility_faults() == []
    ann.find("groups-toggle").click()
    assert ann.find("sign-out").text == "Sign out"


def test_everybody_sees_the_same_colours(person: People, group: str, chat_url: str) -> None:
    # These ids once wanted the same colour, and whoever came later got another one.
    people = [person(name) for name in ("aaa", "bbf")]
    hues = """
    return [...document.querySelectorAll(":is(#messages, #members) .avatar")].filter((each) => each.checkVisibility())
      .map((each) => [each.parentElement.textContent.includes("bbf"), each.style.getPropertyValue("--hue")])
      .filter(([isBbf]) => isBbf).map(([, hue]) => hue);
    """
    for one in people:
        one.join(group, chat_url)
    people[1].say("I am bbf")
    for one in people:
        one.until_shown("I am bbf")
        one.until(lambda one=one: one.script(hues))  # type: ignore[misc]
    seen = {hue for one in people for hue in one.script(hues)}
    people[0].browser.refresh()
    people[0].until_shown("I am bbf")
    assert len(seen | set(people[0].script(hues))) == 1
