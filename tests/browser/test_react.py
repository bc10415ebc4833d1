"""The React hooks in StrictMode, in a real Chromium, against the deployed program."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from local.deploy import deploy
from local.emulator import Emulator

from .person import Person

ROOT = Path(__file__).parents[2]
LINGER_SECONDS = 1


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The test's page with React as developers use it, which mounts each component twice in StrictMode."""
    app = tmp_path_factory.mktemp("react")
    documented = (ROOT / "docs" / "nextjs.md").read_text()
    for name, code in re.findall(r"`app/chat/(\w+\.tsx)`[^`]*```tsx\n(.*?)```", documented, re.DOTALL):
        (app / name).write_text(code)
    options = (
        '--define:process.env.NODE_ENV="development"',
        "--define:process.env.NEXT_PUBLIC_WS_ENDPOINT=endpoint",
        f"--alias:documented={app}",
        f"--alias:websocket-chat-client={ROOT / 'web' / 'chat-client.js'}",
        f"--alias:websocket-chat-client/react={ROOT / 'web' / 'react.js'}",
    )
    esbuild = ROOT / "node_modules" / ".bin" / "esbuild"
    page = ROOT / "tests" / "browser" / "module" / "react_page.tsx"
    result = subprocess.run(
        [esbuild, page, "--bundle", "--format=iife", "--jsx=automatic", "--log-level=error", *options],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "NODE_PATH": str(ROOT / "node_modules")},
    )
    return result.stdout


class ReactPage:
    """A page that shows components for several users, each in an element of its own."""

    def __init__(self, person: Person, url: str) -> None:
        self.person = person
        self.url = url

    def show(self, user: str, groups: list[str]) -> None:
        who = {"id": user, "name": user.capitalize()}
        self.person.script("window.endpoint = arguments[0]", self.url)
        self._show(user, "App", {"user": who, "groupIds": groups})

    def probe(self, options: Mapping[str, object] | None, token: str | None = None, **props: object) -> None:
        """Show the component that keeps what the hooks return. ``token`` is the code of what ``getToken`` returns."""
        self._show("probe", "Probe", {"url": self.url, "options": options, **props}, token)

    def _show(self, element: str, component: str, props: dict[str, object], token: str | None = None) -> None:
        script = f"arguments[2].options.getToken = () => {token};" if token else ""
        self.person.script(script + "show(...arguments)", element, component, props)

    def hide(self, element: str) -> None:
        self.person.script("hide(arguments[0])", element)

    def texts(self, user: str, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)"
        return list(self.person.script(script, f"#{user} {selector}"))

    def until(self, user: str, selector: str, *texts: str) -> None:
        self.person.until(lambda: self.texts(user, selector) == list(texts))

    def say(self, user: str, text: str) -> None:
        self.person.browser.find_element(By.CSS_SELECTOR, f"#{user} input").send_keys(text, Keys.ENTER)

    def open(self, user: str, number: int) -> None:
        self.person.browser.find_elements(By.CSS_SELECTOR, f"#{user} nav button")[number].click()

    def sent(self, user: str) -> list[list[str]]:
        """Joins and leaves, by socket of the user. ``show`` gives a name to the socket, ``probe`` does not."""
        script = """
        return sockets
          .map(({ url, actions }) => ({ query: new URL(url).searchParams, actions }))
          .filter(({ query }) => (query.get("name")?.toLowerCase() ?? query.get("userId")) === arguments[0])
          .map(({ actions }) => actions.filter((action) => /^(join|leave)Group/.test(action)));
        """
        return list(self.person.script(script, user))

    def probed(self, code: str) -> Any:
        return self.person.script(f"return probe.{code}")


@pytest.fixture
def page(person: Callable[[str], Person], page_url: str, bundle: str, chat_url: str) -> ReactPage:
    ann = person("Ann")
    ann.browser.get(f"{page_url}react.js")
    # Without it, React tells the console about its own tools.
    ann.script("window.__REACT_DEVTOOLS_GLOBAL_HOOK__ = { isDisabled: true };" + bundle)
    ann.script("document.body.replaceChildren()")
    return ReactPage(ann, chat_url)


def test_two_people_chat_in_two_groups_over_one_socket_each(page: ReactPage, emulator: Emulator, group: str) -> None:
    page.url = str(deploy(emulator, {"namePrefix": "React", "unread": True})["WebSocketURL"])
    groups = [f"{group}, red", f"{group}, blue"]
    red, blue = groups
    for user in ("ann", "ben"):
        page.show(user, groups)
    for user in ("ann", "ben"):
        page.until(user, "[role=status]", "online")
        page.until(user, "section > p", "Here: Ann, Ben")
        # The component of the open group was mounted twice, too.
        assert page.sent(user) == [[f"joinGroup {red} with events", f"joinGroup {blue}"]]

    page.say("ann", "one")
    page.say("ben", "two")
    for user in ("ann", "ben"):
        page.until(user, "ol span", "one", "two")
        page.until(user, "ol i", "seen")
    page.open("ben", 1)
    page.until("ben", "ol span")
    page.say("ann", "three")
    page.until("ann", "ol span", "one", "two", "three")
    page.until("ben", "nav i", "1")
    assert page.texts("ben", "ol span") == []
    assert page.texts("ann", "ol i") == ["seen"]
    page.probe({"userId": "ben", "senderName": "Phone"})
    page.person.until(lambda: page.probed("unread.unread") == 1)
    page.open("ben", 0)
    page.until("ben", "ol span", "one", "two", "three")
    page.until("ben", "nav i")
    page.until("ann", "ol i", "seen", "seen")
    page.person.until(lambda: page.probed("unread.unread") == 0)
    assert page.probed("unread.groups.map(({ groupId }) => groupId)") == [red]
    page.hide("probe")

    before = page.sent("ben")
    page.hide("ben")
    page.show("ben", groups)
    page.until("ben", "ol span", "one", "two", "three")
    time.sleep(1.5 * LINGER_SECONDS)
    assert len(page.sent("ben")) == 1
    assert not [action for action in page.sent("ben")[0][len(before[0]) :] if action.startswith("leave")]
    page.show("ben", [red])
    page.person.until(lambda: page.sent("ben")[0][-1] == f"leaveGroup {blue}")

    page.hide("ben")
    page.until("ann", "section > p", "Here: Ann")
    page.say("ann", "four")
    page.show("ben", groups)
    page.until("ben", "ol span", "one", "two", "three", "four")
    assert len(page.sent("ben")) == 2
    page.person.until(lambda: page.person.script("return sockets.filter((one) => one.readyState === 1).length") == 2)


def test_what_the_hooks_return_is_stable_and_has_errors(page: ReactPage, group: str) -> None:
    page.probe(None, groupId=group)
    assert page.probed("chat.state") == "idle"
    assert page.probed("unread.error") is None
    cy = {"userId": "cy", "timing": {"resyncDelayMs": 100}}
    page.probe(cy, groupId=group)
    page.person.until(lambda: page.probed("group.presence.members.length") == 1)
    page.person.until(lambda: page.probed("unread.error?.code") == "UNKNOWN_ACTION")
    time.sleep(1)  # The client asks once more for history and presence.
    renders = page.probed("renders")
    page.person.script("window.before = { ...probe }")
    page.probe(cy, groupId=group)
    page.person.until(lambda: page.probed("renders") > renders)
    for name in ("chat", "group", "unread"):
        assert page.person.script("return Object.is(before[arguments[0]], probe[arguments[0]])", name)
    assert page.probed("renders") == renders + 2  # StrictMode renders twice.
    assert page.sent("cy") == [[f"joinGroup {group} with events"]]

    # Another user is another connection, and the first one ends.
    page.probe({"userId": "dan"}, groupId=group)
    page.person.until(lambda: page.probed("group.presence.members.map(({ userId }) => userId).join()") == "dan")
    page.probe({"userId": "eve"}, "Promise.reject(new Error('no token'))", groupId=group)
    page.person.until(lambda: page.probed("chat.error?.code") == "CONNECT")
    assert page.probed("chat.error.message") == "no token"
    page.probe({"userId": "eve"}, "'token'", groupId=group)
    page.person.until(lambda: page.probed("group.state") == "online")
    assert page.probed("chat.error") is None

    # What the client refuses is an error, and takes nothing away from the page.
    page.probe({"userId": "eve"}, "'token'", groupId="g" * 257)
    page.person.until(lambda: page.probed("group.error?.code") == "BAD_REQUEST")
    page.probe({"userId": "e" * 257}, groupId=group)
    page.person.until(lambda: page.probed("chat.error?.code") == "BAD_REQUEST")
    assert page.probed("chat.error.message").startswith("userId must be")
    page.hide("probe")
