"""A Chromium, driven by Selenium."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.common import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from tests.packages import find, find_or_install

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


class Chromium(Chrome):
    """A browser with one window."""

    def __init__(self, folder: Path) -> None:
        """Start it.

        Args:
            folder: For its profile, which it does not delete.
        """
        driver = find_or_install(["chromedriver"], ["chromium", "chromium-driver"])
        options = ChromeOptions()
        for flag in _FLAGS:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        # Without a name, Selenium looks for one.
        options.binary_location = find(["chromium", "chromium-browser", "google-chrome"]) or ""
        try:
            super().__init__(options, ChromeService(driver, env={**os.environ, "TMPDIR": str(folder)}))
        except WebDriverException as error:
            pytest.fail(f"{_HOW_TO_INSTALL}. {error.msg}")
        # On a slow machine, a headless browser may lose the focus, and its page then counts nothing as read.
        self.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})

    def appear(self, size: tuple[int, int], scheme: str, scale: int) -> None:
        """See ``Person.appear``."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": scale, "mobile": False}
        preference = {"name": "prefers-color-scheme", "value": scheme}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [preference]})

    @contextmanager
    def with_script(self, script: str) -> Iterator[None]:
        """Run a script in each page that is opened meanwhile, before the page's own scripts."""
        added = self.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        try:
            yield
        finally:
            self.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)

    @contextmanager
    def with_notifications(self, page_url: str) -> Iterator[None]:
        """Let the page notify, as a user does who agrees."""
        granted = {"permissions": ["notifications"], "origin": page_url.rstrip("/")}
        self.execute_cdp_cmd("Browser.grantPermissions", granted)
        try:
            yield
        finally:
            self.execute_cdp_cmd("Browser.resetPermissions", {})

    def faults(self) -> list[object]:
        """What the page logged since the last call, except that the network failed."""
        return [entry for entry in self.get_log("browser") if entry["source"] != "network"]  # type: ignore[no-untyped-call]

    def forget(self, page_url: str) -> None:
        """Leave the page, and delete what it has stored."""
        self.get("about:blank")
        forget = {"origin": page_url.rstrip("/"), "storageTypes": "all"}
        self.execute_cdp_cmd("Storage.clearDataForOrigin", forget)
        self.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})  # That of the machine.
