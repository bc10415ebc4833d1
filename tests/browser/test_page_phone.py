"""The page on a phone, in real browsers: the list of groups, and the conversation that it covers."""

from collections.abc import Callable

from selenium.webdriver.common.keys import Keys

from tests.clients import ChatClient

from .conftest import DESKTOP, IN_BOTH_BROWSERS
from .person import ROW, Person

PHONE = (390, 844)

People = Callable[[str], Person]

_LIST = """
const shows = (element) => element.checkVisibility();
return [...document.querySelectorAll(".group")].map((each) => [
  each.dataset.group,
  shows(each.querySelector(".at")),
  each.querySelector(".count").textContent,
  each.ariaCurrent ?? each.getAttribute("aria-current"),
]);
"""


def is_listing(who: Person) -> bool:
    return bool(who.find("groups").is_displayed())


def address(who: Person) -> str:
    return str(who.script("return location.search"))


def back_with_the_arrow(who: Person) -> None:
    who.find("groups-toggle").click()
    # The history of the browser goes back a moment later.
    who.until(lambda: who.script("return history.state.list"))


def back_with_the_browser(who: Person) -> None:
    who.browser.back()
    who.until(lambda: is_listing(who))


@IN_BOTH_BROWSERS
def test_the_list_shows_no_group_and_reads_none(person: People, group: str, chat_url: str) -> None:
    chloe, other = person("Chloe"), f"{group} other"
    chloe.appear(PHONE)
    chloe.join(group, chat_url)
    back_with_the_arrow(chloe)
    chloe.join_another(other)
    with ChatClient(chat_url, "ben", group) as ben:
        # Of the first group, the browser has an entry before that of the list.
        for count, back in ((1, back_with_the_arrow), (2, back_with_the_browser)):
            ben.say(f"@Chloe {count}")
            chloe.until(
                lambda count=count: (
                    chloe.script("return document.querySelector('#groups-toggle .count').textContent")  # type: ignore[misc]
                    == str(count)
                )
            )
            back(chloe)
            unread = [[group, True, str(count), None], [other, False, "", None]]
            chloe.until(lambda unread=unread: chloe.script(_LIST) == unread)  # type: ignore[misc]
            chloe.until(lambda count=count: chloe.browser.title == f"({count}) Chat")  # type: ignore[misc]
            assert "group" not in address(chloe)
            # What was covered is not read either, when the person comes back to the window.
            chloe.look_away()
            chloe.look_back()
            chloe.script("document.dispatchEvent(new Event('visibilitychange'))")
            chloe.browser.refresh() if back is back_with_the_browser else chloe.choose(other)
    # After a reload, the list is still there. Without `unread`, the page counts from then on.
    chloe.until(lambda: len(chloe.groups) == 2)
    assert is_listing(chloe)
    assert "group" not in address(chloe)
    assert chloe.script("return document.querySelector('.group[aria-current]')") is None
    with ChatClient(chat_url, "ben", other) as ben:
        chloe.until(lambda: all(last for _, last, _ in chloe.groups))
        ben.say("new in the group that was shown last")
        chloe.until(lambda: [count for _, _, count in chloe.groups] == ["1", ""])
    assert chloe.accessibility_faults() == []
    # A wide page has room for a group beside the list.
    chloe.appear(DESKTOP)
    chloe.until(lambda: [count for _, _, count in chloe.groups] == ["", ""])
    assert chloe.text_of("title") == other
    assert chloe.script("return document.querySelector('.group[aria-current]').dataset.group") == other
    assert "group" in address(chloe)
    chloe.appear(PHONE)
    assert not is_listing(chloe)
    back_with_the_browser(chloe)
    assert "group" not in address(chloe)


@IN_BOTH_BROWSERS
def test_leaving_on_a_phone_leads_to_the_list_and_reads_nothing(person: People, group: str, chat_url: str) -> None:
    chloe, other = person("Chloe"), f"{group} other"
    chloe.appear(PHONE)
    chloe.join(group, chat_url)
    back_with_the_arrow(chloe)
    chloe.join_another(other)
    with ChatClient(chat_url, "ben", group) as ben:
        ben.say("one")
        chloe.until(lambda: chloe.groups[0] == (group, "ben: one", "1") or chloe.groups[0] == (group, "Ben: one", "1"))
        chloe.leave()
        chloe.until(lambda: [name for name, _, _ in chloe.groups] == [group])
        assert is_listing(chloe)
        ben.say("two")
        chloe.until(lambda: chloe.groups[0][2] == "2")
        chloe.until(lambda: "group" not in address(chloe))
        assert chloe.script(_LIST) == [[group, False, "2", None]]
        # The keyboard goes on from there.
        assert chloe.script("return document.activeElement.dataset.group") == group
        chloe.press(Keys.ESCAPE)
        chloe.until(lambda: chloe.groups[0][2] == "")
        assert chloe.first_unread == "one"


@IN_BOTH_BROWSERS
def test_nothing_is_read_behind_a_question(person: People, group: str, chat_url: str) -> None:
    ann = person("Ann")
    ann.join(group, chat_url)
    with ChatClient(chat_url, "vera", group) as vera:
        ann.ask_to_leave()
        vera.say("one")
        ann.until(lambda: ann.groups[0][2] == "1")
        ann.press(Keys.ESCAPE)
        ann.until(lambda: ann.groups[0][2] == "")


_TIME_AND_DOTS = (
    ROW
    + """
const [time, dots] = [row.querySelector(".time"), row.querySelector(".more path")];
const [a, b] = [time, dots].map((each) => each.getBoundingClientRect());
// Where it is not shown, it is one pixel wide, for screen readers.
const isSeen = time.checkVisibility({ visibilityProperty: true }) && time.parentElement.offsetWidth > 10;
return { isSeen, crosses: isSeen && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom };
"""
)


def tap(who: Person, part: str, place: int) -> None:
    """Tap on a part of a message. Unlike a click, it leaves the message under the pointer, as a finger does."""
    script = """
    const { x, y, width, height } = document.querySelectorAll(`#messages ${arguments[0]}`)[arguments[1]]
      .getBoundingClientRect();
    return { x: x + width / 2, y: y + height / 2 };
    """
    at = who.script(script, part, place)
    who.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    who.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_the_time_is_not_over_the_button_of_a_message(person: People, group: str, chat_url: str) -> None:
    """Only Chromium's driver can say that there is a touch screen."""
    ann = person("Ann")
    ann.appear(PHONE)
    ann.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        ann.join(group, chat_url)
        with ChatClient(chat_url, "vera", group) as vera:
            for text in ("first", "who brings the tent", "ok", "a long text, as wide as it can be " * 3):
                vera.say(text.strip())
                ann.until_shown(text.strip())
            ann.say_all(["mine", "mine again"])
            ann.until_shown("mine again")
        for text in (*ann.texts[1:4], "mine again"):
            # A tap on the text shows the time, and a tap on the button the bar.
            place = ann.texts.index(text)
            tap(ann, ".text", place)
            ann.until(lambda text=text: ann.script(_TIME_AND_DOTS, text)["isSeen"])  # type: ignore[misc]
            assert not ann.script(_TIME_AND_DOTS, text)["crosses"], text
            tap(ann, ".more", place)
            ann.until(lambda: ann.offered)
            assert not ann.script(_TIME_AND_DOTS, text)["crosses"]
            tap(ann, ".more", place)
            ann.until(lambda: not ann.offered)
    finally:
        ann.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
