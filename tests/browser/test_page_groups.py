"""Many groups on the chat page, and what is new in them, in real browsers, against the deployed program."""

import time
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from selenium.webdriver.common.keys import Keys

from local.deploy import deploy
from local.emulator import Emulator
from local.identity_provider import IdentityProvider
from tests.clients import ChatClient
from tests.rows import put_row

from .conftest import IN_BOTH_BROWSERS
from .person import Person

PHONE = (390, 780)

People = Callable[[str], Person]
Store = Callable[[str, list[str]], None]


@IN_BOTH_BROWSERS
def test_groups_at_the_side(person: People, store: Store, group: str, chat_url: str) -> None:
    red, blue = f"{group} red", f"{group} blue"
    store(red, [f"message {number}" for number in range(40)])
    ann = person("Ann")
    ann.join(red, chat_url)
    ann.until_shown("message 39")
    ann.join_another(blue)
    ann.say("Hello blue")
    ann.until_shown("Hello blue")
    ann.until(lambda: ann.groups == [(blue, "You: Hello blue", ""), (red, "Otto: message 39", "")])

    ann.choose(red)
    assert ann.texts == [f"message {number}" for number in range(40)]
    ann.script("document.getElementById('log').scrollTop = 300")
    ann.write("half a sen")
    ann.until(lambda: ann.find("newest").is_displayed())
    ann.choose(blue)
    assert ann.texts == ["Hello blue"]
    assert ann.find("text").get_property("value") == ""
    with ChatClient(chat_url, "vera", red) as vera:
        vera.say("one")
        vera.say("two")
        ann.until(lambda: ann.groups == [(red, "Vera: two", "2"), (blue, "You: Hello blue", "")])
        ann.until(lambda: ann.browser.title == f"(2) {blue} – Chat")
        vera.send("typing", isTyping=True)
    ann.choose(red)
    # It is where it was, and what is new is further down.
    assert ann.find("text").get_property("value") == "half a sen"
    assert ann.script("return document.getElementById('log').scrollTop") == 300
    assert ann.text_of("newest") == "2 new messages ↓"
    assert ann.groups[0] == (red, "Vera: two", "2")
    ann.find("newest").click()
    ann.until(lambda: ann.groups[0] == (red, "Vera: two", ""))
    ann.until(lambda: ann.browser.title == f"{red} – Chat")
    assert ann.first_unread == "one"

    ann.browser.refresh()
    ann.until(lambda: [name for name, _, _ in ann.groups] == [red, blue])
    assert ann.text_of("title") == red
    ann.leave()
    ann.until(lambda: [name for name, _, _ in ann.groups] == [blue])
    assert ann.text_of("title") == blue
    ann.until(lambda: ann.texts == ["Hello blue"])
    ann.find("sign-out").click()
    assert ann.find("name").is_displayed()
    assert ann.find("group").get_property("value") == blue


def test_a_link_adds_its_group(person: People, group: str, chat_url: str) -> None:
    ann, other = person("Ann"), f"{group} other"
    ann.join(group, chat_url)
    ann.open(group=other)
    ann.press(Keys.ENTER)
    ann.until(lambda: sorted(name for name, _, _ in ann.groups) == [group, other])
    assert ann.text_of("title") == other
    ann.open(group=group)
    ann.until_state("Connected")
    assert ann.text_of("title") == group
    assert len(ann.groups) == 2


def composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def test_what_looks_the_same_is_the_same_group_and_user(person: People, group: str, chat_url: str) -> None:
    ann, ben = person(composed("Änn")), person(decomposed("Bén Ångström"))
    for one, as_typed in ((ann, composed), (ben, decomposed)):
        one.open(endpoint=chat_url)
        one.find("group").clear()
        one.find("group").send_keys(as_typed(f"{group} café 한국"))
        one.find("name").clear()
        one.find("name").send_keys(one.name, Keys.ENTER)
        one.until_state("Connected")
        one.join_another(as_typed(f"{group} naïve"))
    ann.say("in the second group")
    ben.until_shown("in the second group")
    ann.until(lambda: ann.here == [composed("Änn (you)"), composed("Bén Ångström")])
    for one in (ann, ben):
        one.choose(composed(f"{group} café 한국"))
    ben.say("in the first group")
    ann.until_shown("in the first group")


def test_a_group_that_another_program_made_is_joined_as_it_is(person: People, emulator: Emulator, group: str) -> None:
    """In a link, in the list, and after a reload."""
    url = str(deploy(emulator, {"namePrefix": "Exact", "unread": True})["WebSocketURL"])
    one, two = (decomposed(f"{group} {name}") for name in ("café", "naïve"))
    ann = person("Ann")
    with ChatClient(url, "vera", one) as vera, ChatClient(url, "vera", two) as vera_too:
        vera.say("first")
        vera_too.say("second")
        with ChatClient(url, "Ann", two, protocol=2) as elsewhere:
            second = vera_too.receive("message")
            elsewhere.send("markRead", messageId=second["messageId"], timestamp=second["timestamp"], requestId="r")
            elsewhere.receive("read")
        ann.join(one, url)
        ann.until_shown("first")
        ann.until(lambda: two in [name for name, _, _ in ann.groups])
        # The form knows it, too, although it was not shown yet.
        ann.find("sign-out").click()
        ann.until(lambda: ann.text_of("their-groups") == f"Your groups: {two}, {one}.")
        ann.find("name").send_keys(Keys.ENTER)
        ann.until_state("Connected")
        ann.choose(two)
        ann.until_shown("second")
        ann.browser.refresh()
        ann.until_shown("second")
        ann.say("here")
        assert vera_too.receive("message")["message"] == "here"


@IN_BOTH_BROWSERS
def test_what_is_typed_is_taken_whole_or_refused(person: People, group: str, chat_url: str) -> None:
    family = "👨‍👩‍👧‍👦"
    long = f"{group:.<60}{family}"
    ann = person("Ann")
    ann.open(endpoint=chat_url)
    ann.find("group").clear()
    ann.find("group").send_keys(long)
    ann.find("name").send_keys("Ann", Keys.ENTER)
    ann.until_state("Connected")
    assert ann.text_of("title") == long
    other = ann.find("other-group")
    other.send_keys(family * 11, Keys.ENTER)  # 275 bytes.
    assert other.get_attribute("aria-invalid") == "true"
    assert ann.text_of("other-group-error") == "The name of the group is too long."
    assert ann.focused == "other-group"
    other.clear()
    other.send_keys(Keys.ENTER)
    assert ann.text_of("other-group-error") == "The name of the group is missing."
    assert ann.accessibility_faults() == []
    other.send_keys("x")
    assert ann.text_of("other-group-error") == ""
    other.clear()
    ann.join_another(family * 10)
    ann.until(lambda: ann.text_of("title") == family * 10)
    assert other.get_attribute("aria-invalid") == "false"
    assert ann.text_of("other-group-error") == ""


@IN_BOTH_BROWSERS
def test_the_circle_has_the_first_character_as_a_person_sees_it(person: People, group: str, chat_url: str) -> None:
    characters = {"👨‍👩‍👧‍👦 family": "👨‍👩‍👧‍👦", "🇩🇪🇫🇷": "🇩🇪", "e\u0301mile": "E\u0301", "ab": "A"}
    ann = person("Ann")
    ann.join(group, chat_url)
    script = """
    return import("/page/elements.js").then(({ showAvatar }) => arguments[0].map((name) => {
      const avatar = document.createElement("span");
      showAvatar(avatar, name, name);
      return avatar.textContent;
    }));
    """
    assert ann.script(script, list(characters)) == list(characters.values())


def test_names_come_with_presence_and_typing(person: People, group: str, chat_url: str) -> None:
    ann, bob = person("Ann"), person("Bob")
    ann.join(group, chat_url)
    bob.open(group=group, endpoint=chat_url, name="Bob", userId="user-17")
    bob.press(Keys.ENTER)
    bob.until_state("Connected")
    # Bob has written nothing that would give his name.
    ann.until(lambda: ann.here == ["Ann (you)", "Bob"])
    bob.write("I am ju")
    ann.until(lambda: ann.text_of("typing") == "Bob is typing …")
    bob.join_another(f"{group} other")
    ann.until(lambda: ann.text_of("typing") == "")
    bob.write("elsewhere")
    assert ann.text_of("typing") == ""


@IN_BOTH_BROWSERS
def test_a_user_who_goes_to_another_page_is_not_here(person: People, group: str, chat_url: str) -> None:
    """The browser keeps the page for the way back, and would keep its connection, too."""
    ann, bob = person("Ann"), person("Bob")
    for one in (ann, bob):
        one.join(group, chat_url)
    bob.until(lambda: bob.here == ["Bob (you)", "Ann"])
    ann.browser.execute_script("location.href = 'page.css'")
    bob.until(lambda: bob.here == ["Bob (you)"])
    bob.say("Are you there?")
    ann.browser.back()
    ann.until(lambda: ann.texts == ["Are you there?"])
    bob.until(lambda: bob.here == ["Bob (you)", "Ann"])


@IN_BOTH_BROWSERS
def test_days_blocks_and_what_is_new(person: People, emulator: Emulator, group: str, chat_url: str) -> None:
    now = datetime.now(UTC)
    long_ago = datetime(2024, 2, 29, 12, tzinfo=UTC)
    for number, (sender, at) in enumerate(
        [
            ("Otto", long_ago),
            ("Otto", long_ago + timedelta(minutes=1)),
            ("Vera", long_ago + timedelta(minutes=2)),
            ("Vera", long_ago + timedelta(minutes=8)),
            ("Vera", now - timedelta(days=1)),
            ("Vera", now - timedelta(seconds=1)),
        ]
    ):
        row = {
            "messageId": f"{group} {number}",
            "groupId": group,
            "senderId": sender.lower(),
            "senderName": sender,
            "message": f"{number}",
            "timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        put_row(emulator.client("dynamodb"), "ChatMessages", row)
    ann = person("Ann")
    ann.join(group, chat_url)
    ann.until_shown("5")
    days = "return [...document.querySelectorAll('.day:not([hidden])')].map((day) => day.textContent)"
    assert ann.script(days) == ["Thursday, February 29, 2024", "Yesterday", "Today"]
    # Name and time once for a block of one sender without a pause.
    heads = """
    return [...document.querySelectorAll("#messages li")]
      .filter((li) => li.querySelector(".by").getBoundingClientRect().width > 1)
      .map((li) => li.querySelector(".text").textContent);
    """
    assert ann.script(heads) == ["0", "2", "3", "4", "5"]
    assert ann.first_unread == ""

    with ChatClient(chat_url, "vera", group) as vera:
        vera.say("seen")
        ann.until_shown("seen")
        ann.look_away()
        vera.say("one")
        vera.say("two")
        ann.until(lambda: ann.first_unread == "one")
        ann.until(lambda: ann.groups == [(group, "Vera: two", "2")])
        ann.until(lambda: ann.browser.title == f"(2) {group} – Chat")
        ann.look_back()
        ann.until(lambda: ann.browser.title == f"{group} – Chat")
        vera.say("three")
        ann.until_shown("three")
        # The line stays while the user reads, and goes with an answer.
        assert ann.first_unread == "one"
        assert ann.script(heads)[-2:] == ["5", "one"]
    ann.say("I see")
    ann.until(lambda: ann.first_unread == "")

    # When the user comes back on the next day.
    tomorrow = """
    const { Date } = window;
    window.Date = class extends Date {
      constructor(...given) { super(...(given.length ? given : [Date.now() + 86_400_000])); }
    };
    """
    ann.script(tomorrow)
    ann.look_back()
    first, second, third = ann.script(days)
    assert (first, third) == ("Thursday, February 29, 2024", "Yesterday")
    assert second.startswith(f"{now - timedelta(days=1):%A, %B %-d}")
    ann.until(lambda: ann.script("return document.querySelector('.group .time').textContent") == "Yesterday")


@IN_BOTH_BROWSERS
def test_the_list_slides_on_a_phone(person: People, group: str, chat_url: str) -> None:
    ann, other = person("Ann"), f"{group} other"
    ann.appear(PHONE)
    ann.join(group, chat_url)
    assert not ann.find("groups").is_displayed()
    ann.find("groups-toggle").click()
    assert ann.find("groups").is_displayed()
    ann.join_another(other)
    ann.until(lambda: not ann.find("groups").is_displayed())
    with ChatClient(chat_url, "vera", group) as vera:
        vera.say("Hello")
        badge = "return document.querySelector('#groups-toggle .count').textContent"
        ann.until(lambda: ann.script(badge) == "1")
        ann.find("groups-toggle").click()
        # Under the list, the conversation is not read, nor reached with the keyboard.
        assert ann.focused == "group"
        assert ann.find("groups-toggle").get_attribute("aria-expanded") == "true"
        ann.press(*[Keys.TAB] * 3)
        assert ann.focused not in {"text", "log", "leave", "groups-toggle", "people-toggle"}
        assert ann.accessibility_faults() == []
    ann.choose(group)
    ann.until(lambda: not ann.find("groups").is_displayed())
    assert ann.text_of("title") == group
    assert ann.first_unread == "Hello"


@IN_BOTH_BROWSERS
def test_back_returns_to_the_group_before_and_on_a_phone_to_the_list(person: People, group: str, chat_url: str) -> None:
    ann, other = person("Ann"), f"{group} other"
    ann.appear(PHONE)
    ann.join(group, chat_url)
    ann.browser.back()
    ann.until(lambda: ann.find("groups").is_displayed())
    ann.join_another(other)
    ann.until(lambda: not ann.find("groups").is_displayed())
    assert ann.text_of("title") == other
    ann.browser.back()
    ann.until(lambda: ann.find("groups").is_displayed())
    ann.until(lambda: ann.browser.title == "Chat")
    ann.browser.forward()
    ann.until(lambda: ann.text_of("title") == other)
    ann.browser.refresh()
    ann.until_state("Connected")
    assert ann.text_of("title") == other


def test_the_server_counts_what_is_unread_on_every_device(person: People, emulator: Emulator, group: str) -> None:
    """The token is the identity, as in production."""
    red, blue = f"{group} red", f"{group} blue"
    with IdentityProvider() as provider:
        config = {"namePrefix": "Counting", "unread": True, "authentication": "jwt", "jwtIssuer": provider.issuer}
        more = {"groupClaim": provider.group_claim, "jwtAudience": [provider.audience], "jwtJwksUrl": provider.jwks_url}
        url = str(deploy(emulator, config | more)["WebSocketURL"])
        tokens = {name: provider.mint(name, groups=[red, blue]) for name in ("Ann", "vera")}
        phone, laptop = person("Ann"), person("Ann")
        phone.join(red, url, tokens["Ann"])
        with ChatClient(url, "vera", red, token=tokens["vera"]) as vera:
            vera.say("zero")
            phone.until_shown("zero")
            phone.join_another(blue)
            for text in ("one", "two", "three"):
                vera.say(text)
            phone.until(lambda: phone.groups == [(red, "Vera: three", "3"), (blue, "No messages yet", "")])
            phone.browser.refresh()
            phone.until(lambda: phone.groups == [(red, "Vera: three", "3"), (blue, "No messages yet", "")])
            assert phone.browser.title == f"(3) {blue} – Chat"

            # Another device finds the groups, and what it reads is read everywhere.
            laptop.join(blue, url, tokens["Ann"])
            laptop.until(lambda: laptop.groups == [(red, "Vera: three", "3"), (blue, "No messages yet", "")])
            laptop.choose(red)
            laptop.until(lambda: laptop.first_unread == "one")
            for who in (laptop, phone):
                who.until(lambda who=who: [unread for _, _, unread in who.groups] == ["", ""])  # type: ignore[misc]
            assert phone.browser.title == f"{blue} – Chat"

            # A reload in the group shows what came meanwhile below the line.
            laptop.look_away()
            vera.say("four")
            laptop.until(lambda: laptop.browser.title == f"(1) {red} – Chat")
            laptop.browser.refresh()
            laptop.until(lambda: laptop.first_unread == "four")
            phone.until(lambda: phone.groups[0] == (red, "Vera: four", ""))

        laptop.find("other-group").send_keys("not in the token", Keys.ENTER)
        laptop.until_state("Not in this group")
        assert (
            laptop.text_of("alert")
            == "You are not a member of this group, or not any more. Ask to be added, or leave it."
        )
        laptop.leave()
        laptop.until(lambda: len(laptop.groups) == 2)
        laptop.choose(red)

        # A group that is left stays away, though the server still lists it.
        laptop.leave()
        laptop.until(lambda: [name for name, _, _ in laptop.groups] == [blue])
        laptop.browser.refresh()
        laptop.until_state("Connected")
        time.sleep(1)
        assert [name for name, _, _ in laptop.groups] == [blue]
