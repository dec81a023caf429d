"""The page of a platform on which nothing was done yet: each empty panel says so and offers one step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]


def test_every_empty_panel_has_a_sentence_and_a_button(
    open_page: Callable[..., Any], empty_url: str, picture: Callable[[Any, str], Path]
) -> None:
    from playwright.sync_api import expect

    opened = open_page(empty_url)
    page = opened.page
    expect(page.get_by_text("There is no map yet.")).to_be_visible()
    picture(page, "empty")
    page.get_by_role("button", name="Run a processor").click()
    expect(page.get_by_label("Processor")).to_be_visible()
    expect(page.get_by_text("Running a processor needs an API key.")).to_be_visible()
    page.get_by_role("tab", name="Jobs").click()
    expect(
        page.get_by_text("Jobs belong to a project: enter its API key to see them.")
    ).to_be_visible()
    page.get_by_role("tabpanel").get_by_role("button", name="Enter a key").click()
    expect(page.get_by_role("dialog", name="Your API key")).to_be_visible()
    assert opened.complaints == []
    assert opened.strangers(empty_url) == []


def test_the_server_shuts_the_page_in(empty_url: str) -> None:
    answer = httpx.get(empty_url, headers={"Accept": "text/html"})
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(empty_url, headers={"Host": "rebound.example"}).status_code == 400


def test_a_server_that_went_away_is_explained(
    open_page: Callable[..., Any], empty_url: str
) -> None:
    from playwright.sync_api import expect

    page = open_page(empty_url).page
    expect(page.get_by_text("There is no map yet.")).to_be_visible()
    page.context.route("**/stac/**", lambda route: route.abort())
    page.goto("about:blank")
    page.context.route("**/processes", lambda route: route.abort())
    page.goto(empty_url)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The server does not answer.")
    page.context.unroute_all()
    alert.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("There is no map yet.")).to_be_visible()
