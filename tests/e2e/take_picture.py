"""Take the README's picture of the page: ``python -m tests.e2e.take_picture [--url URL --key KEY]``.

Without an address, a platform is seeded and served for it; real data are taken where they are found.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.e2e.platform_server import chromium, seed_platform, served

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "images" / "page.png"
WIDTH, HEIGHT = 1440, 900
PATIENCE_MS = 60_000


def main() -> int:
    """Take the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="address of a platform that runs")
    parser.add_argument("--key", help="API key of its project")
    parser.add_argument("--dark", action="store_true", help="in the dark colours")
    parser.add_argument(
        "--out", type=Path, default=PICTURE, help="file to write (default: the README's)"
    )
    options = parser.parse_args()
    browser = chromium()
    if browser is None:
        print("No Chromium found.", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        url, key = options.url, options.key
        if not url or not key:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            named = os.environ.get("EXTREMEEARTH_DATA")
            data = Path(named) if named else ROOT.parent / "shared" / "data"
            key = seed_platform(folder / "home", data if data.is_dir() else None, epochs=None)
            url = stack.enter_context(served(folder / "home", folder / "server.log"))
        options.out.parent.mkdir(parents=True, exist_ok=True)
        photograph(browser, f"{url.rstrip('/')}/#key={key}", options.out, dark=options.dark)
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")
    return 0


def photograph(browser: tuple[str, list[str]], address: str, out: Path, *, dark: bool) -> None:
    """Open the page, choose a parcel in the middle of the map, and wait until its curves are drawn."""
    from playwright.sync_api import sync_playwright

    program, flags = browser
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=flags)
        context = started.new_context(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(address)
        page.get_by_role("region", name="Legend").wait_for()
        page.wait_for_load_state("networkidle")
        _choose_a_parcel(page)
        page.locator("figure canvas").nth(2).wait_for()
        page.mouse.move(WIDTH - 120, 560)  # a day on the curves
        page.wait_for_timeout(800)
        page.screenshot(path=out)
        started.close()


def _choose_a_parcel(page: Any) -> None:
    """Click outwards from the middle until a field crop is hit, then show the whole map between the panels."""
    panel = page.get_by_role("complementary", name="Selected feature")
    for step in range(20):
        page.mouse.click(760 + 9 * step, 600 - 12 * step)
        page.wait_for_timeout(400)
        if panel.count() and panel.get_by_role("heading").inner_text().startswith("Winter"):
            break
    page.get_by_role("button", name=re.compile("^Zoom to Crop")).click()
    page.wait_for_timeout(800)


if __name__ == "__main__":
    sys.exit(main())
