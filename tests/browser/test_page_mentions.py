"""Writing the names of people, and how they stand out in messages."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.clients import ChatClient

from .conftest import IN_BOTH_BROWSERS
from .person import Person

PHONE = (390, 780)

People = Callable[[str], Person]

_SUGGESTED = """
const list = document.getElementById("suggestions");
return list.checkVisibility() ? [...list.children].map((option) => option.querySelector("bdi").textContent) : [];
"""
_CHOSEN = """
const text = document.getElementById("text");
const option = document.getElementById(text.getAttribute("aria-activedescendant"));
const isChosen = option?.ariaSelected === "true" && option.role === "option";
return isChosen ? option.querySelector("bdi").textContent : "";
"""
_ARIA = """
const text = document.getElementById("text");
return ["role", "aria-expanded", "aria-controls"].map((name) => text.getAttribute(name));
"""


@pytest.fixture
def ann(person: People, group: str, chat_url: str) -> Iterator[Person]:
    """Ann, in a group with Bob Smith, Bobby and José, who has only written."""
    ann = person("Ann")
    with ExitStack() as others:
        for user, name, stays in (("u1", "José", False), ("u2", "Bobby", True), ("u3", "Bob Smith", True)):
            other = ChatClient(chat_url, user, group)
            with other if not stays else ExitStack():
                if stays:
                    others.enter_context(other)
                other.say(f"I am {name}", senderName=name)
                other.receive("message")
        ann.join(group, chat_url)
        ann.until(lambda: len(ann.texts) == 3 and len(ann.here) == 3)
        yield ann


def value(who: Person) -> str:
    return str(who.find("text").get_property("value"))


@IN_BOTH_BROWSERS
def test_people_are_suggested_after_an_at_sign(ann: Person) -> None:
    ann.write("Hello @")
    ann.until(lambda: sorted(ann.script(_SUGGESTED)) == ["Bob Smith", "Bobby", "José"])
    assert ann.script(_ARIA) == ["combobox", "true", "suggestions"]
    assert ann.accessibility_faults() == []
    ann.write("bob")
    ann.until(lambda: sorted(ann.script(_SUGGESTED)) == ["Bob Smith", "Bobby"])
    first, second = ann.script(_SUGGESTED)
    assert ann.script(_CHOSEN) == first
    for key, chosen in ((Keys.ARROW_DOWN, second), (Keys.ARROW_DOWN, first), (Keys.ARROW_UP, second)):
        ann.press(key)
        assert ann.script(_CHOSEN) == chosen
    ann.press(Keys.ENTER)
    # It is written, not sent, and the list does not come back for the same name.
    assert value(ann) == f"Hello @{second} "
    assert ann.script(_SUGGESTED) == []
    assert ann.script(_ARIA) == [None, None, None]
    ann.write("and @smi")
    ann.until(lambda: ann.script(_SUGGESTED) == ["Bob Smith"])
    ann.press(Keys.TAB)
    assert value(ann) == f"Hello @{second} and @Bob Smith "
    assert ann.focused == "text"
    ann.write("and @jose")
    ann.until(lambda: ann.script(_SUGGESTED) == ["José"])
    ann.browser.find_element(By.CSS_SELECTOR, "#suggestions li").click()
    text = f"Hello @{second} and @Bob Smith and @José "
    assert value(ann) == text
    assert ann.focused == "text"
    assert ann.texts[3:] == []
    ann.press(Keys.ENTER)
    ann.until_shown(text.rstrip())
    # There is nothing to choose after a whole name.
    ann.say("@bob smith")
    ann.until_shown("@bob smith")


@IN_BOTH_BROWSERS
def test_escape_closes_the_suggestions_alone(ann: Person) -> None:
    ann.appear(PHONE)
    ann.find("people-toggle").click()
    ann.write("@bob")
    ann.until(lambda: len(ann.script(_SUGGESTED)) == 2)
    ann.press(Keys.ESCAPE)
    assert ann.script(_SUGGESTED) == []
    assert ann.find("people").is_displayed()
    # It comes again with the next letter.
    ann.press(Keys.ARROW_LEFT)
    assert ann.script(_SUGGESTED) == []
    ann.press(Keys.ARROW_RIGHT)
    assert ann.script(_SUGGESTED) == []
    ann.press(Keys.BACKSPACE)
    ann.until(lambda: len(ann.script(_SUGGESTED)) == 2)
    ann.press(Keys.ESCAPE)
    assert ann.script(_SUGGESTED) == []
    ann.write("bb @b")
    ann.until(lambda: len(ann.script(_SUGGESTED)) == 2)
    ann.press(Keys.HOME)
    ann.until(lambda: ann.script(_SUGGESTED) == [])
    ann.press(Keys.END)
    ann.until(lambda: len(ann.script(_SUGGESTED)) == 2)
    ann.write("x")
    ann.until(lambda: ann.script(_SUGGESTED) == [])
    ann.press(Keys.ENTER)
    ann.until_shown("@bobb @bx")


def test_a_chosen_name_is_whole_though_a_longer_one_begins_with_it(ann: Person, group: str, chat_url: str) -> None:
    with ChatClient(chat_url, "u4", group) as bob:
        bob.say("I am Bob", senderName="Bob")
        ann.until_shown("I am Bob")
    ann.write("@bob")
    ann.until(lambda: len(ann.script(_SUGGESTED)) == 3)
    for _ in range(3):
        if ann.script(_CHOSEN) != "Bob":
            ann.press(Keys.ARROW_DOWN)
    ann.press(Keys.ENTER)
    assert (value(ann), ann.script(_SUGGESTED)) == ("@Bob ", [])
    ann.press(Keys.ENTER)
    ann.until_shown("@Bob")
    # The longest name that fits is meant.
    ann.say("@Bob Smith!")
    ann.until_shown("@Bob Smith!")
    marked = "return [...document.querySelectorAll('.own .person')].map((part) => part.textContent)"
    assert ann.script(marked) == ["@Bob", "@Bob Smith"]


def test_nobody_is_suggested_in_an_address_or_for_oneself(ann: Person) -> None:
    for text in ("me@bob", "@ann", "@ bob", "@nobody"):
        ann.find("text").clear()
        ann.write(text)
        assert ann.script(_SUGGESTED) == []
    ann.find("text").clear()
    ann.write("你好@bobb")
    assert ann.script(_SUGGESTED) == ["Bobby"]


def test_a_key_of_an_input_method_does_not_choose_or_send(ann: Person) -> None:
    ann.write("@bob")
    ann.until(lambda: len(ann.script(_SUGGESTED)) == 2)
    script = """
    const text = document.getElementById("text");
    const keys = ["Enter", "Tab", "ArrowDown", "Escape"].map((key) =>
      new KeyboardEvent("keydown", { key, ...arguments[0], bubbles: true, cancelable: true }));
    return keys.map((key) => text.dispatchEvent(key));
    """
    before = ann.script(_CHOSEN)
    for taken in ({"keyCode": 229}, {"isComposing": True}):
        assert ann.script(script, taken) == [True] * 4
        assert (value(ann), ann.script(_CHOSEN), len(ann.script(_SUGGESTED))) == ("@bob", before, 2)
    assert len(ann.texts) == 3
    # What is still being composed is searched for, too.
    ann.find("text").clear()
    ann.script("document.getElementById('text').focus()")
    compose = {"text": "@jos", "selectionStart": 4, "selectionEnd": 4}
    ann.browser.execute_cdp_cmd("Input.imeSetComposition", compose)
    ann.until(lambda: ann.script(_SUGGESTED) == ["José"])
    ann.browser.execute_cdp_cmd("Input.insertText", {"text": "@jos"})
    ann.press(Keys.ENTER)
    assert value(ann) == "@José "


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_mentions_of_others_are_marked_in_a_quieter_way(ann: Person, group: str, chat_url: str, scheme: str) -> None:
    ann.appear(PHONE, scheme)
    text = "@bob smith, @Bobby: @Bob, @Ann and Bobby, mail me@Bobby https://a.example/@Bobby"
    with ChatClient(chat_url, "u4", group) as zoe:
        zoe.say(text, senderName="Zoe")
        ann.until_shown(text)
        marks = """
        const [last] = [...document.querySelectorAll("#messages .text")].slice(-1);
        return [".person", "mark"].map((each) => [...last.querySelectorAll(each)].map((part) => part.textContent));
        """
        assert ann.script(marks) == [["@bob smith", "@Bobby"], ["@Ann"]]
        # Somebody with a longer name is somebody else. What was said before is marked when a new name is known.
        ann.say("@Ann Lee, are you there?")
        ann.until_shown("@Ann Lee, are you there?")
        assert ann.script(marks) == [[], []]
        with ChatClient(chat_url, "u5", group) as lee:
            lee.say("I am", senderName="Ann Lee")
            ann.until_shown("I am")
            earlier = "return [...document.querySelectorAll('.own .person')].map((part) => part.textContent)"
            ann.until(lambda: ann.script(earlier) == ["@Ann Lee"])
            zoe.say("@ann lee, hello", senderName="Zoe")
            ann.until_shown("@ann lee, hello")
            assert ann.script(marks) == [["@ann lee"], []]
            assert ann.script("return document.querySelectorAll('li.mention').length") == 1
    assert ann.accessibility_faults() == []
