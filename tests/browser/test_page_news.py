"""What a person is told: news while they are away, mentions, trouble that comes and goes, and namesakes."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from local.deploy import deploy
from local.emulator import Emulator
from local.identity_provider import IdentityProvider
from local.prerequisites import create_members_table
from tests.clients import ChatClient
from tests.rows import put_row

from .conftest import IN_BOTH_BROWSERS
from .network import Network
from .person import Person

pytestmark = IN_BOTH_BROWSERS

People = Callable[[str], Person]

_RECORD_NOTIFICATIONS = """
window.notified = [];
window.Notification = class extends Notification {
  constructor(title, options) {
    super(title, options);
    window.notified.push({ notification: this, said: [title, options.body] });
  }
  // Without a desktop, the event of the browser comes late or never.
  close() {
    super.close();
    this.gone = true;
  }
};
"""
_RECORD_WORDS = """
window.words = { said: [], alert: [] };
for (const id of ["said", "alert"])
  new MutationObserver(() => words[id].push(document.getElementById(id).textContent))
    .observe(document.getElementById(id), { childList: true, characterData: true, subtree: true });
"""


def _try_until(who: Person, holds: Callable[[], bool]) -> None:
    """Try to connect, without the pauses between the attempts, until something holds."""

    def tried() -> bool:
        who.try_now()
        return holds()

    who.until(tried)


def test_what_came_by_catch_up_counts_while_the_person_is_away(person: People, network: Network, group: str) -> None:
    ann = person("Ann")
    with ChatClient(network.url, "vera", group) as vera:
        ann.join(group, network.url)
        vera.say("before")
        ann.until_shown("before")
    ann.look_away()
    network.fail()
    ann.until_state("Not connected")
    network.recover()
    with ChatClient(network.url, "vera", group) as vera:
        for text in ("one", "two", "three"):
            vera.say(text)
    _try_until(ann, lambda: ann.browser.title == f"(3) {group} – Chat")
    ann.until(lambda: ann.first_unread == "one")
    ann.look_back()
    ann.until(lambda: ann.browser.title == f"{group} – Chat")


def test_a_late_message_counts_though_its_place_is_above_what_was_read(
    person: People, emulator: Emulator, network: Network, group: str
) -> None:
    ann = person("Ann")
    ann.join(group, network.url)
    ann.say("first")
    ann.until_shown("first")
    between = datetime.now(UTC)
    ann.say("second")
    ann.until_shown("second")
    ann.look_away()
    row = {"messageId": f"{group} late", "groupId": group, "senderId": "otto", "senderName": "Otto", "message": "late"}
    at = {"timestamp": f"{between:%Y-%m-%dT%H:%M:%S.%fZ}"}
    put_row(emulator.client("dynamodb"), "ChatMessages", row | at)
    network.cut()
    ann.until(lambda: ann.browser.title == f"(1) {group} – Chat")
    ann.until(lambda: ann.texts == ["first", "late", "second"])
    ann.until(lambda: ann.first_unread == "late")
    ann.look_back()
    ann.until(lambda: ann.browser.title == f"{group} – Chat")
    # It was read: the next one alone is new.
    ann.look_away()
    with ChatClient(network.url, "vera", group) as vera:
        vera.say("third")
    ann.until(lambda: ann.browser.title == f"(1) {group} – Chat")
    ann.until(lambda: ann.first_unread == "third")


def test_a_mention_stands_out(person: People, group: str, chat_url: str) -> None:
    ann, other = person("Ann"), f"{group} other"
    at = "return document.querySelector('.group .at').checkVisibility()"
    ann.join(group, chat_url)
    ann.join_another(other)
    with ChatClient(chat_url, "vera", group) as vera:
        vera.say("Annabel and Joann are here")
        ann.until(lambda: ann.groups[0] == (group, "Vera: Annabel and Joann are here", "1"))
        assert not ann.script(at)
        # A name without an "@" can be a word like any other.
        vera.say("Did you know Ann, or ann?")
        ann.until(lambda: ann.groups[0][2] == "2")
        assert not ann.script(at)
        vera.say("ANN, are you there? @ann!")
        ann.until(lambda: ann.groups[0][2] == "3")
        assert ann.script(at)
    ann.choose(group)
    ann.say("I am Ann")
    ann.until_shown("I am Ann")
    marks = "return [...document.querySelectorAll('mark')].map((mark) => mark.textContent)"
    assert ann.script(marks) == ["@ann"]
    assert ann.texts[2] == "ANN, are you there? @ann!"
    assert not ann.script(at)


def test_the_desktop_is_notified_if_the_person_asks_for_it(
    person: People, group: str, chat_url: str, page_url: str
) -> None:
    ann, other = person("Ann"), f"{group} other"
    said = "return notified.map(({ said }) => said)"
    with ann.browser.with_notifications(page_url), ann.browser.with_script(_RECORD_NOTIFICATIONS):
        ann.join(group, chat_url)
        ann.join_another(other)
        with ChatClient(chat_url, "vera", group) as vera:
            ann.look_away()
            vera.say("Nobody has asked")
            ann.until(lambda: ann.groups[0][2] == "1")
            ann.look_back()
            ann.find("notify").click()
            ann.until(lambda: ann.text_of("notify-state") == "Notifications: on")
            vera.say("She looks")
            ann.until(lambda: ann.groups[0][2] == "2")
            assert ann.script(said) == []
            ann.look_away()
            vera.say("Are you there?")
            ann.until(lambda: ann.script(said) == [[group, "Vera: Are you there?"]])
            # To choose it opens the group, and what is read is taken away.
            ann.look_back()
            ann.script("notified[0].notification.dispatchEvent(new Event('click'))")
            ann.until(lambda: ann.text_of("title") == group)
            ann.look_away()
            vera.say("One more")
            ann.until(lambda: ann.script(said)[1:] == [[group, "Vera: One more"]])
            ann.look_back()
            ann.until(lambda: ann.script("return notified[1].notification.gone"))
        ann.browser.refresh()
        ann.until_state("Connected")
        assert ann.text_of("notify-state") == "Notifications: on"
        ann.find("notify").click()
        ann.until(lambda: ann.text_of("notify-state") == "Notifications: off")


def test_blocked_notifications_are_explained(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.join(group, chat_url)
    ann.script(
        """
        Notification.requestPermission = async () => "denied";
        Object.defineProperty(Notification, "permission", { get: () => "denied" });
        """
    )
    ann.find("notify").click()
    ann.until(lambda: "Your browser blocks notifications" in ann.text_of("alert"))
    assert ann.text_of("notify-state") == "Notifications: blocked"


def test_a_lost_connection_is_announced_once_and_its_alert_goes(person: People, network: Network, group: str) -> None:
    ann = person("Ann")
    ann.join(group, network.url)
    ann.script(_RECORD_WORDS)
    network.fail()
    ann.until_state("Not connected")
    # There is no token that could be wrong.
    unreached = "Not connected: the server cannot be reached. What you write is kept and sent when you are back."
    _try_until(ann, lambda: ann.text_of("alert") == unreached)
    for _ in range(3):
        ann.until_state("Not connected")
        ann.try_now()
    network.recover()
    _try_until(ann, lambda: ann.text_of("state") == "Connected")
    ann.until(lambda: ann.text_of("alert") == "")
    words = ann.script("return words")
    assert words["said"] == ["Not connected", "Connected"]
    assert [word for word in words["alert"] if word] == words["alert"][:1]


@pytest.fixture(scope="session")
def members_url(emulator: Emulator) -> str:
    """WebSocket URL of a running chat with a members table."""
    create_members_table(emulator)
    config = {"namePrefix": "Removing", "groupMembersTable": "GroupMembers", "membershipRecheck": 1}
    return str(deploy(emulator, config)["WebSocketURL"])


def test_a_person_who_is_removed_is_told_after_a_good_start(
    person: People, emulator: Emulator, members_url: str, group: str
) -> None:
    for user in ("Ann", "vera"):
        row = {"memberId": f"{user} in {group}", "groupId": group, "userId": user}
        put_row(emulator.client("dynamodb"), "GroupMembers", row)
    ann = person("Ann")
    with ChatClient(members_url, "vera", group) as vera:
        ann.join(group, members_url)
        vera.say("Hello")
        ann.until_shown("Hello")
        key = {"memberId": {"S": f"Ann in {group}"}}
        emulator.client("dynamodb").delete_item(TableName="GroupMembers", Key=key)
        time.sleep(1.1)  # membershipRecheck
        vera.say("Without Ann")
        ann.until_state("Not in this group")
    assert ann.text_of("alert").startswith("You are not a member of this group, or not any more.")
    assert ann.texts == ["Hello"]


@pytest.fixture(scope="session")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        yield running


@pytest.fixture(scope="session")
def tokens_url(emulator: Emulator, provider: IdentityProvider) -> str:
    """WebSocket URL of a running chat that needs tokens."""
    config = {"namePrefix": "Ending", "authentication": "jwt", "jwtIssuer": provider.issuer, "clockSkew": 0}
    config |= {"jwtJwksUrl": provider.jwks_url, "groupClaim": provider.group_claim}
    return str(deploy(emulator, config | {"jwtAudience": [provider.audience]})["WebSocketURL"])


def test_a_token_that_has_ended_is_told_after_a_good_start(
    person: People, provider: IdentityProvider, tokens_url: str, group: str
) -> None:
    # The first connection starts the functions. On a slow machine, that takes longer than the token lives.
    with ChatClient(tokens_url, "Vera", group, token=provider.mint("Vera", [group])) as vera:
        vera.ask("getHistory")
    ann = person("Ann")
    ann.open(group=group, endpoint=tokens_url)
    ann.find("name").send_keys("Ann")
    ann.open_connection()
    # To type it takes seconds.
    token = provider.mint("Ann", [group], exp=int(time.time()) + 15)
    ann.script("document.getElementById('token').value = arguments[0]", token)
    ann.find("token").send_keys(Keys.ENTER)
    ann.until_state("Connected")
    assert ann.text_of("alert") == ""
    _try_until(ann, lambda: ann.text_of("alert").startswith("Not connected. The token has ended. What you write"))
    assert ann.text_of("alert").endswith("If you have a new token, sign out and join with it.")


def test_a_full_storage_is_told_until_all_is_sent(person: People, network: Network, group: str) -> None:
    ann = person("Ann")
    ann.join(group, network.url)
    network.fail()
    ann.until_state("Not connected")
    ann.script("Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }")
    ann.say("Hello")
    ann.until(lambda: "This browser keeps no messages" in ann.text_of("alert"))
    network.recover()
    ann.try_now()
    ann.until_shown("Hello")
    ann.until(lambda: ann.text_of("alert") == "")


def test_two_people_of_one_name_are_told_apart(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.join(group, chat_url)
    senders = "return [...document.querySelectorAll('#messages .name')].map((name) => name.textContent)"
    with ChatClient(chat_url, "user-17", group) as bob:
        bob.say("I am Bob", senderName="Bob")
        ann.until_shown("I am Bob")
        assert ann.script(senders) == ["Bob"]
        with ChatClient(chat_url, "user-18", group) as bob_too, ChatClient(chat_url, "eve", group) as eve:
            bob_too.say("So am I", senderName="b\u200dob")
            eve.say("I am Bob 17", senderName="Bob (user-17)")
            eve.say("And I am Ann", senderName="Ann")
            ann.until_shown("And I am Ann")
            assert ann.script(senders) == ["Bob (user-17)", "b\u200dob (user-18)", "Bob (user-17) (eve)", "Ann (eve)"]
            ann.until(lambda: ann.here == ["Ann (you)", "Ann (eve)", "Bob (user-17)", "b\u200dob (user-18)"])
            assert ann.groups[0][1] == "Ann (eve): And I am Ann"
            eve.send("typing", isTyping=True)
            ann.until(lambda: ann.text_of("typing") == "Ann (eve) is typing …")


_WATCH_NOTICE = """
window.told = "";
const note = () => (window.told ||= document.getElementById("notice-text").textContent);
new MutationObserver(note).observe(document.getElementById("notice"), { subtree: true, childList: true });
"""


def test_a_name_that_is_in_use_is_told(person: People, group: str, chat_url: str) -> None:
    first, second = person("Ann"), person("Ann")
    first.join(group, chat_url)
    second.join(group, chat_url)
    third = person("Ann")
    third.open(group=group, endpoint=chat_url)
    assert third.find("no-password").text == "This chat has no passwords, so anyone can use any name."
    third.open_connection()
    third.find("token").send_keys("a")
    third.until(lambda: not third.find("no-password").is_displayed())
    told = "Somebody was already here as “Ann”"
    second.until(lambda: second.text_of("notice-text").startswith(told))
    assert second.text_of("alert") == ""
    assert second.accessibility_faults() == []
    second.say("It is me")
    second.until(lambda: not second.find("notice").is_displayed())
    first.until(lambda: "A message was sent as “Ann” from elsewhere." in first.text_of("notice-text"))
    # Who comes and goes does not end it.
    with ChatClient(chat_url, "vera", group):
        first.until(lambda: "vera" in first.here)
        assert "from elsewhere." in first.text_of("notice-text")
    first.find("notice-end").click()
    assert not first.find("notice").is_displayed()
    assert first.focused == "text"
    # It goes by itself, too.
    hurried = (
        "const { setTimeout } = window; window.setTimeout = (act, ms) => setTimeout(act, ms === 30_000 ? 300 : ms);"
    )
    first.script(hurried)
    first.leave()
    first.until(lambda: first.find("name").is_displayed())
    first.find("group").clear()
    first.find("group").send_keys(group)
    first.script(_WATCH_NOTICE)
    first.find("name").send_keys(Keys.ENTER)
    first.until(lambda: first.script("return window.told").startswith(told))
    first.until(lambda: not first.find("notice").is_displayed())


def test_another_tab_of_this_browser_is_nobody_else(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.join(group, chat_url)
    first = ann.browser.current_window_handle
    ann.browser.switch_to.new_window("tab")
    ann.join(group, chat_url)
    devices = "return document.querySelectorAll('#members li').length"
    ann.until(lambda: ann.script(devices) == 1)
    ann.say("Hello")
    ann.until_shown("Hello")
    second = ann.browser.current_window_handle
    ann.browser.switch_to.window(first)
    ann.until_shown("Hello")
    # What comes after it has come, too.
    ann.say("Here, too")
    ann.until_shown("Here, too")
    assert (ann.text_of("notice-text"), ann.text_of("alert")) == ("", "")
    ann.browser.switch_to.window(second)
    ann.until_shown("Here, too")
    assert (ann.text_of("notice-text"), ann.text_of("alert")) == ("", "")
    ann.browser.close()
    ann.browser.switch_to.window(first)


@pytest.mark.parametrize("button", ["leave", "sign-out"])
def test_leaving_with_unsent_messages_asks(person: People, network: Network, group: str, button: str) -> None:
    ann = person("Ann")
    ann.join(group, network.url)
    ann.join_another(f"{group} other")
    network.fail()
    ann.until_state("Not connected")
    ann.say("one")
    ann.say("two")
    ann.find(button).click()
    assert ann.text_of("question-title") == "2 messages are not sent"
    then = {"leave": "This page goes on sending", "sign-out": "This browser keeps what is not sent"}
    assert ann.text_of("question-what").startswith(then[button])
    assert ann.accessibility_faults() == []
    ann.press(Keys.ESCAPE)
    assert ann.find("text").is_displayed()
    ann.find(button).click()
    ann.browser.find_element(By.CSS_SELECTOR, "#question [value=other]").click()
    if button == "leave":
        ann.until(lambda: ann.text_of("title") == group)
        # They are still to be sent. And Escape means to stay, whatever was chosen before: Firefox remembers that.
        ann.find("sign-out").click()
        assert ann.text_of("question-title") == "2 messages are not sent"
        ann.press(Keys.ESCAPE)
        assert ann.find("text").is_displayed()
    else:
        ann.until(lambda: ann.find("name").is_displayed())
    network.recover()
    with ChatClient(network.url, "vera", f"{group} other") as vera:
        if button == "leave":
            ann.try_now()
        else:
            ann.find("name").send_keys(Keys.ENTER)
        assert [vera.receive()["message"] for _ in range(2)] == ["one", "two"]
