"""A real headless browser, used by keyboard alone."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "NOT TESTED: both browser authorizations, as Chromium is not installed: apt-get install chromium chromium-driver"
)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=900,1000",
)


class Browser:
    """A person at a browser who has no mouse."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    @property
    def address(self) -> str:
        """The URL in the address bar."""
        return str(self._driver.current_url)

    @property
    def heading(self) -> str:
        """The page's main heading."""
        return str(self._driver.execute_script("return document.querySelector('h1')?.textContent ?? ''"))

    def open(self, url: str) -> None:
        """Go to an address."""
        self._driver.get(url)

    def switches(self) -> dict[str, bool]:
        """The page's switches by their value, and whether they are on."""
        script = "return [...document.querySelectorAll('[role=switch]')].map(e => [e.value, e.checked])"
        return dict(self._driver.execute_script(script))

    def press_on(self, text: str, key: str) -> None:
        """Go from control to control with the tab key until one with this text has the focus, and press a key there."""
        label = "const e = document.activeElement; return (e.labels?.[0] ?? e).innerText ?? ''"
        for _ in range(20):
            ActionChains(self._driver).send_keys(Keys.TAB).perform()
            if text in self._driver.execute_script(label):
                ActionChains(self._driver).send_keys(key).perform()
                return
        raise AssertionError(f"the tab key does not lead to {text!r}")

    def deny(self, scope: str) -> None:
        """Switch a scope off."""
        self.press_on(scope, Keys.SPACE)
        assert self.switches()[scope] is False

    def wait_for(self, page: str) -> str:
        """Wait until this page has been called with a query; returns the complete address.

        The consent page names the page it leads to in its own query, so a query does not count as an address.
        """
        WebDriverWait(self._driver, 20).until(lambda _: page in self.address.partition("?")[0])
        return self.address

    @contextmanager
    def cut_off_from(self, pattern: str) -> Iterator[None]:
        """Block addresses that match this pattern."""
        self._driver.execute_cdp_cmd("Network.enable", {})
        self._driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": [pattern]})
        try:
            yield
        finally:
            self._driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})

    def picture(self, name: str) -> None:
        """Save a screenshot of the page into the folder that the environment variable PICTURES names."""
        folder = os.environ.get("PICTURES")
        if folder:
            self._driver.save_screenshot(str(Path(folder, f"{name}.png")))


@contextmanager
def start_browser(profile: Path) -> Iterator[Browser]:
    """Start Chromium with an empty profile, or skip the test if it is not installed."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if not (found and driver):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    options = webdriver.ChromeOptions()
    options.binary_location = found
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    chromium = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield Browser(chromium)
    finally:
        chromium.quit()
