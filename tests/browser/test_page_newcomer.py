"""What a person meets who got only the address of the page."""

from collections.abc import Callable

import pytest
from selenium.webdriver.common.keys import Keys

from tests.clients import ChatClient

from .conftest import DESKTOP, IN_BOTH_BROWSERS
from .person import Person

PHONE = (390, 780)

People = Callable[[str], Person]


@IN_BOTH_BROWSERS
def test_leaving_a_group_asks(person: People, group: str, chat_url: str) -> None:
    ann, other = person("Ann"), f"{group} other"
    ann.join(group, chat_url)
    ann.join_another(other)
    ann.find("leave").click()
    assert ann.text_of("question-title") == f"Leave “{other}”?"
    assert ann.text_of("question-what") == "You stop getting messages of this group. You can join it again by its name."
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
    ann.find("leave").click()
    assert ann.text_of("question-what").endswith("You are in no other group, so you also sign out.")
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


def test_a_mention_is_marked_beside_the_count(person: People, group: str, chat_url: str) -> None:
    ann, other = person("Ann"), f"{group} other"
    ann.join(group, chat_url)
    ann.join_another(other)
    with ChatClient(chat_url, "vera", group) as vera:
        vera.say("Are you there, Ann?")
        ann.until(lambda: ann.groups[0][2] == "1")
    for size, where in ((DESKTOP, ".group"), (PHONE, "#groups-toggle")):
        ann.appear(size)
        script = f"return ['.at', '.badge'].map((part) => document.querySelector(`{where} ${{part}}`).innerText)"
        at, badge = ann.script(script)
        assert at.startswith("@")
        assert badge.split() == ["1", "unread"]
