"""A Firefox that several people share, and what Selenium does with it, over WebDriver BiDi.

Debian has no geckodriver, through which Selenium would drive it.
"""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.common import WebDriverException
from selenium.webdriver import FirefoxOptions, Remote
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.remote.command import Command
from websockets.sync.client import ClientConnection, connect

from tests.packages import find_or_install

_HOW_TO_INSTALL = "Not run in Firefox: there is no firefox on PATH. To install it: apt-get install firefox-esr (Debian)"
_START_SECONDS = 60
# As in Chromium. Without the second one, each socket that fails makes the next one wait longer, up to a minute.
_PREFERENCES = """
user_pref("ui.prefersReducedMotion", 1);
user_pref("network.websocket.delay-failed-reconnects", false);
"""
_FOCUS = "() => { Document.prototype.hasFocus = () => true; }"
_SCHEME = "layout.css.prefers-color-scheme.content-override"
# Selenium's key of an element's id.
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
# Values go as JSON, elements as they are.
_RUN = """async (...given) => {
  const values = given.map((value) => (typeof value === "string" ? JSON.parse(value) : value));
  return JSON.stringify(await (function () { %s }).apply(null, values));
}"""


class Firefox:
    """A running Firefox."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last = 0
        self.log: list[dict[str, Any]] = []
        """Entries of the logs of all windows."""
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded"])
        # Each window would lose the focus to the next one.
        self.command("script.addPreloadScript", functionDeclaration=_FOCUS)

    def command(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command and wait for its result."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while (answer := json.loads(self._socket.recv(timeout=60))).get("id") != self._last:
            if answer["type"] == "event":
                self.log.append(answer["params"])
        if "error" in answer:
            raise WebDriverException(f"{method}: {answer['error']}: {answer['message']}")
        return dict(answer["result"])


@contextmanager
def start_firefox(profile: Path) -> Iterator[Firefox]:
    """Start Firefox, and stop it afterwards. Skips the test if Firefox is not installed."""
    program = find_or_install(["firefox-esr", "firefox"], ["firefox-esr"])
    if not program:
        pytest.skip(_HOW_TO_INSTALL)
    (profile / "user.js").write_text(_PREFERENCES)
    # Only Firefox's own pages can set the colour scheme, so the tests need access to those.
    flags = ["--headless", "--remote-debugging-port=0", "--remote-allow-system-access", "--profile", str(profile)]
    log = profile / "log"
    with log.open("w") as written, subprocess.Popen([program, *flags], stdout=written, stderr=written) as process:
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not (found := re.search(r"BiDi listening on (\S+)\n", log.read_text())):
                assert process.poll() is None, f"Firefox stopped: {log.read_text()}"
                assert time.monotonic() < deadline, f"Firefox did not start: {log.read_text()}"
                time.sleep(0.05)
            with connect(f"{found[1]}/session", max_size=None) as socket:
                firefox = Firefox(socket)
                yield firefox
                firefox.command("browser.close")
        finally:
            process.terminate()


class Window(Remote):
    """A window of a Firefox, with storage of its own. It does those commands of Selenium that the tests use."""

    def __init__(self, firefox: Firefox) -> None:
        self._firefox = firefox
        super().__init__(options=FirefoxOptions())

    def execute(self, driver_command: Any, params: dict[str, Any] | None = None) -> Any:
        """Do what Selenium would send to a driver."""
        given = self._wrap_value(params or {})  # type: ignore[no-untyped-call]
        return {"value": self._unwrap_value(self._execute(driver_command, given))}  # type: ignore[no-untyped-call]

    def _execute(self, command: str, given: dict[str, Any]) -> Any:  # noqa: C901, PLR0911, PLR0912 - a case for each command
        match command:
            case Command.NEW_SESSION:
                self._user = self._firefox.command("browser.createUserContext")["userContext"]
                tab = self._firefox.command("browsingContext.create", type="window", userContext=self._user)
                self._tab = tab["context"]
                return {"capabilities": {"browserName": "firefox"}}
            case Command.GET:
                return self._do("browsingContext.navigate", url=given["url"], wait="complete")
            case Command.REFRESH:
                return self._do("browsingContext.reload", wait="complete")
            case Command.GO_BACK:
                return self._do("browsingContext.traverseHistory", delta=-1)
            case Command.GO_FORWARD:
                return self._do("browsingContext.traverseHistory", delta=1)
            case Command.GET_TITLE:
                return self._run("return document.title")
            case Command.W3C_GET_CURRENT_WINDOW_HANDLE:
                return self._tab
            case Command.NEW_WINDOW:
                # Else it could open in the window of another person, and hide their page.
                own = {"userContext": self._user, "referenceContext": self._tab}
                tab = self._firefox.command("browsingContext.create", type="tab", **own)
                return {"handle": tab["context"]}
            case Command.SWITCH_TO_WINDOW:
                self._tab = given["handle"]
                return self._do("browsingContext.activate")
            case Command.CLOSE:
                return self._do("browsingContext.close")
            case Command.FIND_ELEMENT:
                return self._execute(Command.FIND_ELEMENTS, given)[0]
            case Command.FIND_ELEMENTS:
                nodes = self._do("browsingContext.locateNodes", locator={"type": "css", "value": given["value"]})
                return [{_ELEMENT: node["sharedId"]} for node in nodes["nodes"]]
            case Command.GET_ELEMENT_PROPERTY:
                return self._run("return arguments[0][arguments[1]]", {_ELEMENT: given["id"]}, given["name"])
            case Command.GET_ELEMENT_TEXT:
                return self._run("return arguments[0].innerText", {_ELEMENT: given["id"]})
            case Command.GET_ELEMENT_ARIA_ROLE:
                return self._run("return arguments[0].role", {_ELEMENT: given["id"]})
            case Command.GET_ELEMENT_RECT:
                return self._run("return arguments[0].getBoundingClientRect()", {_ELEMENT: given["id"]})
            case Command.CLEAR_ELEMENT:
                return self._run("arguments[0].value = ''", {_ELEMENT: given["id"]})
            case Command.CLICK_ELEMENT:
                return self._click(given["id"])
            case Command.SEND_KEYS_TO_ELEMENT:
                self._run("arguments[0].focus()", {_ELEMENT: given["id"]})
                return ActionChains(self).send_keys(given["text"]).perform()
            case Command.W3C_ACTIONS:
                return self._do("input.performActions", actions=[_with_elements(source) for source in given["actions"]])
            case Command.W3C_EXECUTE_SCRIPT:
                return self._run(given["script"], *given["args"])
        # Selenium has many more. A test that needs another one adds it above.
        raise WebDriverException(f"Window cannot do the command {command} of Selenium")

    def _do(self, method: str, **parameters: object) -> dict[str, Any]:
        return self._firefox.command(method, context=self._tab, **parameters)

    def _run(self, script: str, *arguments: Any) -> Any:
        values = [
            {"sharedId": argument[_ELEMENT]}
            if isinstance(argument, dict) and _ELEMENT in argument
            else {"type": "string", "value": json.dumps(argument)}
            for argument in arguments
        ]
        result = self._firefox.command(
            "script.callFunction",
            functionDeclaration=_RUN % script,
            arguments=values,
            target={"context": self._tab},
            awaitPromise=True,
        )
        if result["type"] == "exception":
            raise WebDriverException(result["exceptionDetails"]["text"])
        return json.loads(result["result"].get("value", "null"))

    def _click(self, element_id: str) -> None:
        self._run("arguments[0].scrollIntoView({ block: 'nearest' })", {_ELEMENT: element_id})
        actions = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": {_ELEMENT: element_id}},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._execute(Command.W3C_ACTIONS, {"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]})

    def appear(self, size: tuple[int, int], scheme: str, scale: int) -> None:
        """See ``Person.appear``. The scheme is that of all windows."""
        viewport = {"width": size[0], "height": size[1]}
        self._do("browsingContext.setViewport", viewport=viewport, devicePixelRatio=scale)
        own_pages = self._firefox.command("browsingContext.getTree", maxDepth=0, **{"moz:scope": "chrome"})["contexts"]
        set_scheme = f"Services.prefs.setIntPref('{_SCHEME}', {['dark', 'light'].index(scheme)})"
        target = {"context": own_pages[0]["context"]}
        self._firefox.command("script.evaluate", expression=set_scheme, target=target, awaitPromise=False)

    @contextmanager
    def with_script(self, script: str) -> Iterator[None]:
        """See ``Chromium.with_script``."""
        function = f"() => {{ {script} }}"
        added = self._firefox.command("script.addPreloadScript", functionDeclaration=function, contexts=[self._tab])
        try:
            yield
        finally:
            self._firefox.command("script.removePreloadScript", script=added["script"])

    @contextmanager
    def with_notifications(self, page_url: str) -> Iterator[None]:
        """See ``Chromium.with_notifications``."""

        def permit(state: str) -> None:
            whom = {"origin": page_url.rstrip("/"), "userContext": self._user}
            descriptor = {"name": "notifications"}
            self._firefox.command("permissions.setPermission", descriptor=descriptor, state=state, **whom)

        permit("granted")
        try:
            yield
        finally:
            permit("prompt")

    def faults(self) -> list[object]:
        """What the page logged since the last call, except that the network failed."""
        self.execute_script("")  # Its answer comes after the entries.
        own = [entry for entry in self._firefox.log if entry["source"].get("context") == self._tab]
        self._firefox.log = [entry for entry in self._firefox.log if entry not in own]
        # Only the entry of a failed connection names no line of a script.
        return [entry for entry in own if "stackTrace" in entry]

    def forget(self, page_url: str) -> None:
        """Leave the page, and delete what it has stored."""
        self.get(f"{page_url}page.css")
        self.execute_script("localStorage.clear(); sessionStorage.clear();")
        self.get("about:blank")


def _with_elements(source: dict[str, Any]) -> dict[str, Any]:
    """Return a source of actions of Selenium, with its elements as BiDi names them."""

    def converted(action: dict[str, Any]) -> dict[str, Any]:
        origin = action.get("origin")
        if not isinstance(origin, dict):
            return action
        return action | {"origin": {"type": "element", "element": {"sharedId": origin[_ELEMENT]}}}

    return source | {"actions": [converted(action) for action in source.get("actions", [])]}
