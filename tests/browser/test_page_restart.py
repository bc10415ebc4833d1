"""A tab of the chat page that stays open while `make chat` stops and starts again."""

from pathlib import Path

import pytest

from tests.local.test_kept import chat, page

from .chromium import Chromium
from .person import Person


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
