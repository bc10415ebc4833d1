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
