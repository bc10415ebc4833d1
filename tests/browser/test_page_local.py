"""The chat page as `make chat` serves it: its link, and a tab that stays open while the chat starts again."""

from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.local.test_kept import chat, page

from .chromium import Chromium
from .person import Person

pytestmark = pytest.mark.timeout(300)
"""On a busy machine, each start of a chat takes half a minute."""


def test_an_open_tab_goes_on_after_a_restart(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        with chat(tmp_path, port=0) as (_, url, shown):
            ann = Person(browser, page(shown), "Ann")
            ann.join("demo", url)
            ann.say("Before")
            ann.until(lambda: ann.count(text="Before", status="sent") == 1)
        ann.until(lambda: ann.text_of("state") != "Connected")
        ann.say("Meanwhile")
        with chat(tmp_path):
            ann.until(lambda: ann.count(text="Meanwhile", status="sent") == 1, seconds=40)
            ann.until_state("Connected")
            assert ann.texts == ["Before", "Meanwhile"]
            ann.browser.refresh()
            ann.until(lambda: ann.texts == ["Before", "Meanwhile"])


def test_the_link_of_a_chat_with_tokens_signs_in(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser, chat(tmp_path, "--jwt", port=0) as (_, _, shown):
        ann = Person(browser, "", "ann")
        browser.get(page(shown))
        ann.until(lambda: ann.find("group").is_displayed() or ann.find("text").is_displayed())
        if ann.find("group").is_displayed():
            ann.find("name").send_keys(Keys.ENTER)
        ann.until_state("Connected")
        assert "group=demo" in browser.current_url
        assert "token" not in browser.current_url
