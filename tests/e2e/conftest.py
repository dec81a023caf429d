"""A real platform and a real browser for the tests of the page."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import platform_server

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 30_000


def _real_data() -> Path | None:
    named = os.environ.get("EXTREMEEARTH_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if (folder / "bavaria-fields").is_dir() else None


@pytest.fixture(scope="session")
def chromium_command() -> tuple[str, list[str]]:
    """The system's Chromium and its flags; skips where there is none."""
    pytest.importorskip("playwright", reason="playwright is not installed")
    found = platform_server.chromium()
    if found is None:
        pytest.skip("no Chromium here: install the system's package 'chromium'")
    return found


@pytest.fixture(scope="session")
def _platform(
    chromium_command: tuple[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Seed and serve a platform, only where a browser can look at it; or take one that runs already."""
    running, key = os.environ.get("PAGE_URL"), os.environ.get("PAGE_KEY")
    if running and key:
        yield running.rstrip("/"), key
        return
    server = platform_server
    folder = tmp_path_factory.mktemp("platform")
    key = server.seed_platform(folder / "home", _real_data())
    with server.served(folder / "home", folder / "server.log") as url:
        yield url, key


@pytest.fixture(scope="session")
def platform_url(_platform: tuple[str, str]) -> str:
    """Address of a platform with crop maps, water need and leaf area of one season."""
    return _platform[0]


@pytest.fixture(scope="session")
def platform_key(_platform: tuple[str, str]) -> str:
    """A key of its project that may run processors."""
    return _platform[1]


@pytest.fixture(scope="session")
def empty_url(
    chromium_command: tuple[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of a platform on which nothing was done yet."""
    folder = tmp_path_factory.mktemp("empty")
    with platform_server.served(folder / "home", folder / "server.log") as url:
        yield url


@pytest.fixture(scope="module")
def browser(chromium_command: tuple[str, list[str]]) -> Iterator[Any]:
    """The browser; not for the whole session, since its event loop must not run under other tests."""
    from playwright.sync_api import sync_playwright

    program, flags = chromium_command
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=flags)
        yield started
        started.close()


class Watched:
    """A page together with what it complained of and whom it asked."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def _heard(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def strangers(self, url: str) -> list[str]:
        """Addresses that were asked for and are not of the platform at `url`."""
        local = ("data:", "blob:")
        return [asked for asked in self.requests if not asked.startswith((f"{url}/", *local))]


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Watched]]:
    """Open a page in a fresh profile: ``open_page(address, dark=False, width=1440, height=900)``."""
    contexts = []

    def open_at(
        address: str, *, dark: bool = False, width: int = 1440, height: int = 900
    ) -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        watched = Watched(context.new_page())
        watched.page.goto(address)
        return watched

    yield open_at
    for context in contexts:
        context.close()


@pytest.fixture
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Any, str], Path]:
    """Keep a screenshot for people, below ``.pytest_cache/d/screenshots``."""
    cache = getattr(request.config, "cache", None)  # absent under `-p no:cacheprovider`
    folder = tmp_path if cache is None else Path(cache.mkdir("screenshots"))

    def keep(page: Any, name: str) -> Path:
        path = folder / f"{name}.png"
        page.screenshot(path=path)
        return path

    return keep
