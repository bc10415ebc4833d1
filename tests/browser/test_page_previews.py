"""One line of a message: in the quote of an answer, and in the list of groups."""

from collections.abc import Callable

import pytest

from tests.clients import ChatClient

from .conftest import DESKTOP, IN_BOTH_BROWSERS
from .person import ROW, Person

PHONE = (390, 844)

People = Callable[[str], Person]

_QUOTE = (
    ROW
    + """
const [quote, bubble] = [row.querySelector(".quote"), row.querySelector(".bubble")];
const log = document.getElementById("log");
const said = quote.querySelector(".said");
return {
  isCut: [quote, said].some(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1), // Both are rounded.
  width: quote.clientWidth,
  bubble: bubble.offsetWidth,
  isInside: log.scrollWidth <= log.clientWidth && bubble.getBoundingClientRect().right < innerWidth,
};
"""
)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@IN_BOTH_BROWSERS
def test_a_short_answer_has_room_for_its_quote(
    person: People, group: str, chat_url: str, size: tuple[int, int]
) -> None:
    ann = person("Ann")
    ann.appear(size)
    ann.join(group, chat_url)
    with ChatClient(chat_url, "vera", group) as vera:

        def say(text: str, **more: str) -> str:
            vera.say(text, **more)
            ann.until_shown(text)
            return str(vera.receive("message")["messageId"])

        short = say("who brings the tent")
        text = " ".join(["Shall we go to the lake on Saturday?"] * 5)
        long = say(text)
        for answer in ("ok", "@"):
            say(answer, replyTo=short)
            quote = ann.script(_QUOTE, answer)
            assert (quote["isCut"], quote["isInside"]) == (False, True), quote
        say("no", replyTo=long)
        quote = ann.script(_QUOTE, "no")
        # What is too long is cut at the width that a long message has.
        widest = ann.script(ROW + "return row.querySelector('.bubble').offsetWidth", text)
        assert (quote["isCut"], quote["isInside"]) == (True, True)
        assert abs(quote["bubble"] - widest) <= 8
        assert quote["width"] > 180


# Where the first and the last letter of a line are, in the element that cuts it.
_LETTERS = """
const element = document.querySelector(arguments[0]);
const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
const nodes = [];
while (walker.nextNode()) nodes.push(walker.currentNode);
const line = nodes.at(-1);
const boxOf = (at) => {
  const range = new Range();
  range.setStart(line, at);
  range.setEnd(line, at + 1);
  const { left, right } = range.getBoundingClientRect();
  return [left, right];
};
const { left, right } = element.getBoundingClientRect();
const isSeen = ([from, to]) => from >= left - 1 && to <= right + 1;
return [isSeen(boxOf(0)), isSeen(boxOf(line.length - 1)), element.textContent];
"""


@IN_BOTH_BROWSERS
def test_a_line_from_right_to_left_shows_its_beginning(person: People, group: str, chat_url: str) -> None:
    """In the list, as a draft, in a quote, and above the text field. Where it is too long, its end is cut."""
    arabic = " ".join(["سنلتقي عند البحيرة في الصباح الباكر مع الجميع"] * 8)
    ann, other = person("Ann"), f"{group} other"
    ann.join(other, chat_url)
    ann.write(arabic)
    ann.join_another(group)
    with ChatClient(chat_url, "chloe", group) as chloe:
        chloe.say(arabic)
        ann.until_shown(arabic)
        chloe.say("ok", replyTo=chloe.receive("message")["messageId"])
        ann.until_shown("ok")
        chloe.say(arabic)
        ann.until(lambda: ann.texts == [arabic, "ok", arabic])
    ann.do(arabic, "Reply")
    parts = {
        ".group[aria-current] .last": f"Chloe: {arabic}",
        ".group:not([aria-current]) .draft": f"Draft: {arabic}",
        "#messages button.quote:not([hidden])": "Chloe: ",
        "#about .quote": "Chloe: ",
    }
    for where, text in parts.items():
        ann.until(lambda where=where: ann.script("return document.querySelector(arguments[0]) !== null", where))  # type: ignore[misc]
        begins, ends, shown = ann.script(_LETTERS, where)
        assert (begins, ends) == (True, False), where
        assert shown.startswith(text)
