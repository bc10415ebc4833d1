"""A person with the chat page open in a browser: what they do and what they see."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from .chromium import Chromium
from .firefox import Window

Browser = Chromium | Window

_AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"

_SHOWN = """
return [...document.querySelectorAll("#messages li")].map((li) => [
  li.querySelector(".name").textContent,
  li.querySelector(".text").textContent,
  li.dataset.status,
]);
"""
_COUNT = """
const [name, text, status] = arguments;
return [...document.querySelectorAll("#messages li")].filter(
  (li) =>
    (!name || li.querySelector(".name").textContent === name) &&
    (!text || li.querySelector(".text").textContent === text) &&
    (!status || li.dataset.status === status),
).length;
"""


ROW = """
const row = [...document.querySelectorAll("#messages li")].findLast(
  (li) => li.querySelector(".text").textContent === arguments[0]);
"""
"""Begin of a script: the element of the last message with a text."""
_OFFERED = """
const bar = document.getElementById("actions");
return bar.hidden ? [] : [...bar.querySelectorAll("button")].filter((each) => each.checkVisibility())
  .map((each) => each.ariaLabel);
"""
_HERE = """
return [...document.querySelectorAll("#members li")].map((li) =>
  [...li.childNodes].slice(1).map(({ textContent }) => textContent).join(""),
);
"""
_GROUPS = """
return [...document.querySelectorAll("#group-list li")].map((li) =>
  ["name", "last", "count"].map((part) => li.querySelector(`.${part}`).textContent),
);
"""


@dataclass(frozen=True)
class Shown:
    """A message on the page."""

    name: str
    text: str
    status: str


class Person:
    """Controls one browser."""

    def __init__(self, browser: Browser, page_url: str, name: str) -> None:
        self.browser = browser
        self.name = name
        self._page_url = page_url

    def open(self, **query: str) -> None:
        self.browser.get(f"{self._page_url}?{urlencode(query)}")
        self.until(lambda: self.find("name").is_displayed() or self.find("text").is_displayed())

    def join(self, group: str, endpoint: str, token: str = "") -> None:
        """Open the page, join, and wait until connected."""
        self.open(group=group, endpoint=endpoint)
        if token:
            self.open_connection()
            self.find("token").send_keys(token)
        self.find("name").clear()
        self.find("name").send_keys(self.name, Keys.ENTER)
        self.until_state("Connected")

    def open_connection(self) -> None:
        """Open the part of the join form with the server and the token. It is closed if the page has a server."""
        self.script("document.getElementById('connection').open = true")

    def say(self, text: str) -> None:
        self.write(text)
        self.find("text").send_keys(Keys.ENTER)

    def write(self, text: str) -> None:
        """Write into the text field without sending."""
        for number, line in enumerate(text.split("\n")):
            if number:
                ActionChains(self.browser).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
            self.find("text").send_keys(line)

    def say_all(self, texts: list[str]) -> None:
        """Send many messages at once, faster than a person can type."""
        script = """
        const text = document.getElementById("text");
        for (const said of arguments[0]) {
          text.value = said;
          document.getElementById("composer").requestSubmit();
        }
        """
        self.script(script, texts)

    @property
    def shown(self) -> list[Shown]:
        return [Shown(*message) for message in self.script(_SHOWN)]

    def count(self, *, name: str = "", text: str = "", status: str = "") -> int:
        """Number of messages with these values. With hundreds of messages, ``shown`` is slow."""
        return int(self.script(_COUNT, name, text, status))

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.shown]

    @property
    def here(self) -> list[str]:
        """Names in the list of people."""
        return list(self.script(_HERE))

    @property
    def groups(self) -> list[tuple[str, str, str]]:
        """The groups at the side: name, last message, number of unread messages."""
        return [(name, last, unread) for name, last, unread in self.script(_GROUPS)]

    def choose(self, group: str) -> None:
        """Show a group of the list."""
        script = "[...document.querySelectorAll('.group')].find((each) => each.dataset.group === arguments[0]).click()"
        self.script(script, group)
        self.until_state("Connected")

    def join_another(self, group: str) -> None:
        self.find("other-group").send_keys(group, Keys.ENTER)
        self.until_state("Connected")

    def leave(self) -> None:
        """Leave the shown group, and sign out if it is the only one."""
        self.ask_to_leave()
        self.find("question-other").click()
        # The question takes its entry of the history away a little later.
        self.until(lambda: not self.script("return history.state?.question"))

    def ask_to_leave(self) -> None:
        """Press the button to leave the shown group. Where the page is narrow, it is below the people."""
        if not self.find("leave").is_displayed():
            self.find("people-toggle").click()
        self.find("leave").click()

    def point(self, text: str) -> None:
        """Move the mouse to a message, if it is there."""
        place = self.script(ROW + "return row ? [...document.querySelectorAll('#messages li')].indexOf(row) : -1", text)
        if place < 0:
            return
        # Firefox moves the mouse only to what is in sight.
        self.script(ROW + "row.scrollIntoView({ block: 'nearest' })", text)
        bubble = self.browser.find_elements(By.CSS_SELECTOR, "#messages .bubble")[place]
        # Where the mouse is already, it would not move.
        ActionChains(self.browser).move_to_element(self.find("title")).move_to_element(bubble).perform()

    @property
    def offered(self) -> list[str]:
        """The names of the actions in the bar. Empty without the bar."""
        return list(self.script(_OFFERED))

    def hover(self, text: str) -> None:
        """Move the mouse to a message, until the bar comes."""

        def hovers() -> bool:
            self.point(text)
            return bool(self.offered)

        self.until(hovers)

    def do(self, text: str, action: str) -> None:
        """Choose an action of the bar with the mouse."""
        self.hover(text)
        self.browser.find_element(By.CSS_SELECTOR, f'#actions [aria-label="{action}"]').click()

    def look_away(self) -> None:
        """Use another window. The tests keep the focus in every window, so a script takes it away."""
        self.script("document.hasFocus = () => false; dispatchEvent(new Event('blur'))")

    def look_back(self) -> None:
        self.script("delete document.hasFocus; dispatchEvent(new Event('focus'))")

    def find(self, element_id: str) -> WebElement:
        return self.browser.find_element(By.ID, element_id)

    def text_of(self, element_id: str) -> str:
        return str(self.find(element_id).get_property("textContent"))

    @property
    def first_unread(self) -> str:
        """The text of the message below the unread line. Empty without a line."""
        return str(self.script("return document.querySelector('li:has(.line) .text')?.textContent ?? ''"))

    @property
    def focused(self) -> str:
        """Id or class of the element that has the focus."""
        return str(self.script("return document.activeElement.id || document.activeElement.className"))

    def press(self, *keys: str, holding: str = "") -> None:
        """Press keys one after the other, while another one is held down."""
        actions = ActionChains(self.browser)
        if holding:
            actions.key_down(holding).send_keys(*keys).key_up(holding).perform()
        else:
            actions.send_keys(*keys).perform()

    def script(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(script, *arguments)

    def until(self, holds: Callable[[], object], seconds: float = 30) -> None:
        started = time.monotonic()
        while not holds():
            waited = time.monotonic() - started
            assert waited < seconds, (
                f"{self.name} did not see it within {seconds} s. Last messages shown: {self.shown[-5:]}"
            )
            # Each look costs the browser time, so look less often the longer it takes.
            time.sleep(min(max(waited / 8, 0.01), 0.5))

    def try_now(self) -> None:
        """Press the button to connect now if it is shown. A script presses it: the page may hide it at any moment."""
        self.script("const button = document.getElementById('try-now'); button.hidden || button.click()")

    def until_shown(self, text: str, status: str = "sent") -> None:
        self.until(lambda: any((message.text, message.status) == (text, status) for message in self.shown))

    def until_state(self, state: str) -> None:
        self.until(lambda: self.text_of("state") == state)

    def appear(self, size: tuple[int, int], scheme: str = "light", scale: int = 1) -> None:
        """Set the size of the window's content, width and height in CSS pixels, and the colour scheme.

        Args:
            size: Width and height.
            scheme: light or dark.
            scale: Pixels of a screenshot per CSS pixel. The browser draws without a GPU, so 2 costs four times as much.
        """
        self.browser.appear(size, scheme, scale)

    def accessibility_faults(self) -> list[str]:
        """Serious and critical violations that axe finds."""
        self.script(_AXE.read_text())
        violations = self.script("return axe.run().then(({ violations }) => violations)")
        return [
            f"{violation['id']}: {violation['help']}: {[node['html'] for node in violation['nodes']]}"
            for violation in violations
            if violation["impact"] in {"serious", "critical"}
        ]
