"""Inviting others to a group with a link, in real browsers."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from .conftest import DESKTOP, IN_BOTH_BROWSERS
from .person import Person

PHONE = (390, 844)

People = Callable[[str], Person]

_CLIPBOARD = """
window.copied = [];
Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => copied.push(text) } });
"""
_NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', { value: undefined });"


@IN_BOTH_BROWSERS
def test_a_link_leads_others_to_the_group(person: People, group: str, chat_url: str, page_url: str) -> None:
    ann, bob = person("Ann"), person("Bob")
    ann.join(group, chat_url)
    ann.script(_CLIPBOARD)
    for size in (DESKTOP, PHONE):
        ann.appear(size)
        if size == PHONE:
            ann.find("people-toggle").click()
        ann.find("invite").click()
        ann.until(lambda: ann.text_of("invite-said") == "Link copied.")
        assert not ann.find("invite-link").is_displayed()
    first, second = ann.script("return copied")
    assert first == second
    # No name, no token, and no endpoint: the page knows its own.
    assert parse_qs(urlsplit(first).query) == {"group": [group]}
    assert first.startswith(page_url)
    assert urlsplit(first).fragment == ""
    bob.browser.get(first)
    bob.until(lambda: bob.find("name").is_displayed())
    assert bob.find("group").get_property("value") == group
    # It is the link of the group that is shown.
    ann.appear(DESKTOP)
    ann.join_another(f"{group} other")
    assert ann.text_of("invite-said") == ""
    ann.find("invite").click()
    ann.until(lambda: len(ann.script("return copied")) == 3)
    assert parse_qs(urlsplit(ann.script("return copied")[2]).query) == {"group": [f"{group} other"]}


@IN_BOTH_BROWSERS
def test_a_page_without_a_clipboard_shows_the_link(person: People, group: str, unchanging_chat_url: str) -> None:
    """It leads to another server than the page's own, and what a token could be in is not passed on."""
    ann = person("Ann")
    ann.join(group, f"{unchanging_chat_url}?token=secret")
    ann.script(_NO_CLIPBOARD)
    ann.find("invite").click()
    ann.until(lambda: ann.text_of("invite-said") == "Copy this link:")
    link = ann.find("invite-link")
    assert link.is_displayed()
    assert ann.focused == "invite-link"
    selected = "const { selectionStart: a, selectionEnd: b, value } = document.activeElement; return value.slice(a, b)"
    query = parse_qs(urlsplit(ann.script(selected)).query)
    assert query == {"group": [group], "endpoint": [unchanging_chat_url]}
    assert ann.accessibility_faults() == []
