"""Real browsers with the chat page. The program is deployed into the emulator."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from selenium.common import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from local.deploy import deploy
from local.emulator import Emulator
from local.page import Page
from local.prerequisites import create_messages_table
from tests.packages import install
from tests.rows import put_row

from .network import Network
from .person import Person

DESKTOP = (1180, 740)

_HOW_TO_INSTALL = (
    "The browser tests need Chromium and its driver: apt-get install chromium chromium-driver (Debian, Ubuntu), "
    "brew install --cask chromium chromedriver (macOS), or an installed Google Chrome"
)
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses root, the user in containers, without this. The pages are our own.
    "--disable-gpu",
    "--force-prefers-reduced-motion",  # Without a GPU, the turning rings of unsent messages cost much CPU time.
    # Connect only to the loopback address.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator(port=0) as running:
        create_messages_table(running)
        yield running


@pytest.fixture(scope="session")
def chat_url(emulator: Emulator) -> str:
    """WebSocket URL of a running chat."""
    return str(deploy(emulator)["WebSocketURL"])


@pytest.fixture(scope="session")
def unhurried_chat_url(emulator: Emulator) -> str:
    """WebSocket URL of a running chat with very high rate limits."""
    config = {"namePrefix": "Unhurried", "messageRate": 1_000, "messageBurst": 1_000}
    return str(deploy(emulator, config)["WebSocketURL"])


@pytest.fixture
def store(emulator: Emulator) -> Callable[[str, list[str]], None]:
    """Store texts in the history of a group, as another program would."""

    def put(group: str, texts: list[str]) -> None:
        first = datetime.now(UTC) - timedelta(seconds=len(texts))
        for number, text in enumerate(texts):
            row = {
                "messageId": str(uuid4()),
                "groupId": group,
                "senderId": "otto",
                "senderName": "Otto",
                "message": text,
                "timestamp": f"{first + timedelta(seconds=number):%Y-%m-%dT%H:%M:%S.%fZ}",
            }
            put_row(emulator.client("dynamodb"), "ChatMessages", row)

    return put


@pytest.fixture(scope="session")
def page_url(chat_url: str) -> Iterator[str]:
    with Page(chat_url) as page:
        yield page.url


@pytest.fixture
def network(chat_url: str) -> Iterator[Network]:
    with Network(chat_url) as network:
        yield network


@pytest.fixture
def group() -> str:
    """Name of a group that no other test uses."""
    return f"group {next(_numbers)}"


_numbers = count(1)


@pytest.fixture(scope="session")
def start_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Chrome]]:
    browsers = []
    # The browser does not delete its profiles.
    environment = {**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("browser"))}

    def start() -> Chrome:
        options = ChromeOptions()
        for flag in _FLAGS:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.binary_location = _chromium() or ""
        try:
            browser = Chrome(options, ChromeService(shutil.which("chromedriver"), env=environment))
        except WebDriverException as error:
            pytest.fail(f"{_HOW_TO_INSTALL}. {error.msg}")
        browsers.append(browser)
        return browser

    yield start
    for browser in browsers:
        browser.quit()


def _chromium() -> str | None:
    """Path of a Chromium. Installs one if that works without a password. With None, Selenium looks for one."""
    install("chromedriver", "chromium", "chromium-driver")
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def idle_browsers() -> list[Chrome]:
    """Browsers that no test uses at the moment. Starting one takes a second."""
    return []


@pytest.fixture
def person(
    page_url: str, start_browser: Callable[[], Chrome], idle_browsers: list[Chrome]
) -> Iterator[Callable[[str], Person]]:
    """Give a person a browser with empty storage. Fails at the end if the browser logged an error of the page."""
    people: list[Person] = []

    def make(name: str) -> Person:
        browser = idle_browsers.pop() if idle_browsers else start_browser()
        browser.get_log("browser")  # type: ignore[no-untyped-call]  # discard the entries of earlier tests
        people.append(Person(browser, page_url, name))
        people[-1].appear(DESKTOP)
        return people[-1]

    yield make
    for who in people:
        browser = who.browser
        faults = [entry for entry in browser.get_log("browser") if entry["source"] != "network"]  # type: ignore[no-untyped-call]
        browser.get("about:blank")
        forget = {"origin": page_url.rstrip("/"), "storageTypes": "all"}
        browser.execute_cdp_cmd("Storage.clearDataForOrigin", forget)
        browser.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})  # That of the machine.
        idle_browsers.append(browser)
        assert not faults, faults


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Folder for screenshots. Set ``PICTURES`` to keep them."""
    folder = Path(os.environ.get("PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
