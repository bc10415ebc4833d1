"""Real browsers with the chat page. The program is deployed into the emulator."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest

from local.deploy import deploy
from local.emulator import Emulator
from local.page import Page
from local.prerequisites import create_messages_table
from tests.rows import put_row

from .chromium import Chromium
from .firefox import Firefox, Window, start_firefox
from .network import Network
from .person import Browser, Person

DESKTOP = (1180, 740)

_FIREFOX = pytest.param("firefox", marks=pytest.mark.xdist_group("firefox"))
IN_BOTH_BROWSERS = pytest.mark.parametrize("engine", ["chromium", _FIREFOX], indirect=True)
"""Mark of a test that runs in Chromium, and in Firefox too.

Without the mark are tests of what no browser decides: which rows, names and counts the server and the page's code give.
``test_a_thousand_messages_survive_twenty_lost_connections`` would take too long in a second browser, and one set of
screenshots is enough. Tests that press a button with Enter run in Chromium alone, too: in Firefox, that does nothing in
a window behind another one, and all people share one Firefox.
"""


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator(port=0) as running:
        create_messages_table(running)
        yield running


@pytest.fixture(scope="session")
def chat_url(emulator: Emulator) -> str:
    """WebSocket URL of a running chat."""
    return str(deploy(emulator, {"changes": True})["WebSocketURL"])


@pytest.fixture(scope="session")
def unchanging_chat_url(emulator: Emulator) -> str:
    """WebSocket URL of a running chat whose messages cannot be changed."""
    return str(deploy(emulator, {"namePrefix": "Unchanging"})["WebSocketURL"])


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


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """Name of the browser. Without a mark, Chromium."""
    return str(getattr(request, "param", "chromium"))


@pytest.fixture(scope="session")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with start_firefox(tmp_path_factory.mktemp("firefox")) as firefox:
        yield firefox


@pytest.fixture(scope="session")
def start_browser(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Browser]]:
    with ExitStack() as browsers:

        def start(engine: str) -> Browser:
            if engine == "firefox":
                return Window(request.getfixturevalue("firefox"))
            return browsers.enter_context(Chromium(tmp_path_factory.mktemp("chromium")))

        yield start


@pytest.fixture(scope="session")
def idle_browsers() -> dict[str, list[Browser]]:
    """Browsers that no test uses at the moment, by engine. Starting one takes a second."""
    return {"chromium": [], "firefox": []}


@pytest.fixture
def person(
    page_url: str, engine: str, start_browser: Callable[[str], Browser], idle_browsers: dict[str, list[Browser]]
) -> Iterator[Callable[[str], Person]]:
    """Give a person a browser with empty storage. Fails at the end if the browser logged an error of the page."""
    people: list[Person] = []
    idle = idle_browsers[engine]

    def make(name: str) -> Person:
        browser = idle.pop() if idle else start_browser(engine)
        browser.faults()  # discard the entries of earlier tests
        people.append(Person(browser, page_url, name))
        people[-1].appear(DESKTOP)
        return people[-1]

    yield make
    for who in people:
        faults = who.browser.faults()
        who.browser.forget(page_url)
        idle.append(who.browser)
        assert not faults, faults


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Folder for screenshots. Set ``PICTURES`` to keep them."""
    folder = Path(os.environ.get("PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
