"""The page in a real browser, over a real platform."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("browser")]

JOB_PATIENCE_MS = 240_000
PANEL_PX = 392
"""What the side panel covers of a wide page: the map's centre lies right of it."""


def _expect() -> Any:
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    return expect


@pytest.fixture(scope="module")
def crop_map(platform_url: str) -> dict[str, Any]:
    """The newest crop map: its item and its features."""
    search = {
        "collections": ["crop-type-maps"],
        "sortby": [{"field": "properties.created", "direction": "desc"}],
    }
    item = httpx.post(f"{platform_url}/stac/search", json=search).json()["features"][0]
    return {
        "item": item,
        "features": httpx.get(item["assets"]["geojson"]["href"]).json()["features"],
    }


@pytest.fixture(scope="module")
def parcel(crop_map: dict[str, Any]) -> dict[str, Any]:
    """The largest parcel of the map, with a point inside."""
    largest = max(
        crop_map["features"], key=lambda feature: shapely.geometry.shape(feature["geometry"]).area
    )
    inside = shapely.geometry.shape(largest["geometry"]).representative_point()
    layer = f"crop-type-maps/{crop_map['item']['id']}~1~85"
    return largest["properties"] | {"lon": inside.x, "lat": inside.y, "layer": layer}


def _title(name: str) -> str:
    plain = name.replace("_", " ")
    return plain[:1].upper() + plain[1:]


def _on_parcel(url: str, key: str, parcel: dict[str, Any]) -> str:
    place = f"{parcel['lon']:.5f},{parcel['lat']:.5f},17"
    return f"{url}/#key={key}&map={place}&layers={parcel['layer']}"


def _click_centre(page: Any) -> None:
    size = page.viewport_size
    page.mouse.click((size["width"] + PANEL_PX) / 2, size["height"] / 2)


def test_it_loads_quietly_and_asks_nobody_else(
    open_page: Callable[..., Any],
    platform_url: str,
    crop_map: dict[str, Any],
    picture: Callable[[Any, str], Path],
) -> None:
    opened = open_page(platform_url)
    legend = opened.page.get_by_role("region", name="Legend")
    for entry in crop_map["item"]["properties"]["ee:legend"]:
        _expect()(legend.get_by_text(_title(entry["name"]), exact=True).first).to_be_visible()
    _expect()(legend.get_by_text("Irrigation need over the season")).to_be_visible()
    opened.page.wait_for_load_state("networkidle")
    assert opened.complaints == []
    assert opened.strangers(platform_url) == []
    assert picture(opened.page, "page").stat().st_size > 50_000


def test_the_map_is_drawn_in_the_colours_of_the_legend(
    open_page: Callable[..., Any], platform_url: str, platform_key: str, parcel: dict[str, Any]
) -> None:
    page = open_page(_on_parcel(platform_url, platform_key, parcel)).page
    _expect()(page.get_by_role("region", name="Legend")).to_be_visible()
    page.wait_for_load_state("networkidle")
    colour = [int(parcel["colour"][i : i + 2], 16) for i in (1, 3, 5)]
    size = page.viewport_size
    spot = {
        "x": (size["width"] + PANEL_PX) / 2 + 6,
        "y": size["height"] / 2 + 6,
        "width": 4,
        "height": 4,
    }
    for _ in range(50):
        red, green, blue = _mean_colour(page.screenshot(clip=spot))
        # the layer is drawn at 85 % over the land's colour, names may lie on it
        if all(
            abs(seen - wanted) < 60 for seen, wanted in zip((red, green, blue), colour, strict=True)
        ):
            return
        page.wait_for_timeout(200)
    pytest.fail(f"the parcel is drawn in {red, green, blue}, its class has {colour}")


def _mean_colour(png: bytes) -> tuple[float, ...]:
    import io

    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        return tuple(np.asarray(image.convert("RGB")).reshape(-1, 3).mean(axis=0))


def test_a_click_tells_what_grows_there_and_draws_its_curves(
    open_page: Callable[..., Any],
    platform_url: str,
    platform_key: str,
    parcel: dict[str, Any],
    picture: Callable[[Any, str], Path],
) -> None:
    opened = open_page(_on_parcel(platform_url, platform_key, parcel))
    page = opened.page
    _expect()(page.get_by_role("region", name="Legend")).to_be_visible()
    page.wait_for_load_state("networkidle")
    _click_centre(page)
    panel = page.get_by_role("complementary", name="Selected feature")
    _expect()(panel.get_by_role("heading")).to_have_text(_title(parcel["predicted"]))
    _expect()(panel.get_by_text(f"Parcel {parcel['parcel_id']}")).to_be_visible()
    _expect()(panel.get_by_text(parcel["declared_name"])).to_be_visible()
    _expect()(panel.get_by_text(f"{round(parcel['confidence'] * 100)} %").first).to_be_visible()
    _expect()(panel.get_by_text(re.compile(r"\d ha$")).first).to_be_visible()
    for chart in ("Leaf area index m²/m²", "Evapotranspiration mm per day", "Soil water mm"):
        figure = panel.locator("figure").filter(has_text=chart.split(" m")[0])
        _expect()(figure).to_contain_text(chart.rsplit(" ", 1)[-1])
        _expect()(figure.locator("canvas")).to_be_visible()
    assert opened.complaints == []
    picture(page, "parcel")
    page.keyboard.press("Escape")
    _expect()(panel).to_have_count(0)


def test_the_key_leaves_the_address_at_once_and_is_never_written_there(
    open_page: Callable[..., Any], platform_url: str, platform_key: str
) -> None:
    page = open_page(f"{platform_url}/#key={platform_key}&panel=run").page
    _expect()(page.get_by_role("button", name="Key in use")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert platform_key not in page.url
    assert page.evaluate("localStorage.length") == 0
    page.reload()
    _expect()(page.get_by_role("button", name="Key in use")).to_be_visible()
    page.get_by_role("button", name="Key in use").click()
    page.get_by_role("button", name="Forget the key").click()
    _expect()(page.get_by_role("button", name="No key")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_wrong_key_is_explained_and_the_public_map_still_shown(
    open_page: Callable[..., Any], platform_url: str
) -> None:
    page = open_page(f"{platform_url}/#key=nobody.{'x' * 43}").page
    dialog = page.get_by_role("dialog", name="Your API key")
    _expect()(dialog.get_by_role("alert")).to_contain_text("key")
    _expect()(dialog.get_by_role("alert")).to_contain_text("Request ")
    assert "nobody" not in page.url
    dialog.get_by_label("API key").fill("no point in it")
    dialog.get_by_role("button", name="Use this key").click()
    _expect()(dialog.get_by_role("alert")).to_contain_text("two parts")
    page.keyboard.press("Escape")
    _expect()(dialog).to_have_count(0)
    _expect()(
        page.get_by_role("region", name="Legend").get_by_text("Predicted crop")
    ).to_be_visible()


def test_a_processor_runs_from_a_drawn_box_to_a_layer(
    open_page: Callable[..., Any],
    platform_url: str,
    platform_key: str,
    picture: Callable[[Any, str], Path],
) -> None:
    opened = open_page(f"{platform_url}/#key={platform_key}")
    page = opened.page
    _expect()(page.get_by_role("region", name="Legend")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.get_by_role("tab", name="Run").click()
    page.get_by_label("Processor").select_option("crop-type")
    _expect()(page.get_by_label("From")).not_to_have_value("")
    page.get_by_role("button", name="Draw on the map").click()
    page.mouse.move(560, 200)
    page.mouse.down()
    page.mouse.move(900, 420, steps=4)
    page.mouse.move(1240, 700, steps=4)
    page.mouse.up()
    sides = [
        float(page.get_by_label(side, exact=True).input_value())
        for side in ("West", "South", "East", "North")
    ]
    assert sides[0] < sides[2]
    assert sides[1] < sides[3]
    page.get_by_role("button", name="Run", exact=True).click()
    job = page.locator("[data-status]").first
    _expect()(job.get_by_role("heading")).to_have_text("Crop types")
    _expect()(job).to_have_attribute("data-status", "successful", timeout=JOB_PATIENCE_MS)
    _expect()(job.get_by_role("button", name="On the map")).to_be_visible()
    job.get_by_role("button", name="Log").click()
    _expect()(job.get_by_role("log")).to_contain_text("parcels")
    picture(page, "result")
    page.get_by_role("tab", name="Layers").click()
    _expect()(page.get_by_text("Result", exact=True)).to_be_visible()
    assert opened.complaints == []
    assert opened.strangers(platform_url) == []


def test_a_job_is_cancelled(
    open_page: Callable[..., Any], platform_url: str, platform_key: str
) -> None:
    form = "panel=run&box=11.5,48.3,11.8,48.5&process=leaf-area-index&from=2018-03-01&to=2018-07-31"
    page = open_page(f"{platform_url}/#key={platform_key}&{form}").page
    page.get_by_role("button", name="Run", exact=True).click()
    job = page.locator("[data-status]").first
    job.get_by_role("button", name="Cancel").click()
    _expect()(job).to_have_attribute("data-status", "dismissed")
    _expect()(job.get_by_text("Cancelled")).to_be_visible()
    job.get_by_role("button", name="Remove").click()
    _expect()(page.locator("[data-status=dismissed]")).to_have_count(0)


def test_leaf_area_of_fields_becomes_one_layer_with_curves(
    open_page: Callable[..., Any], platform_url: str
) -> None:
    opened = open_page(platform_url)
    page = opened.page
    page.get_by_label("Add a map").select_option(label="Leaf area index of fields")
    page.get_by_role("button", name="Leaf area index of fields as a table").click()
    page.get_by_role("button", name=re.compile("^Show Field")).first.click()
    panel = page.get_by_role("complementary", name="Selected feature")
    _expect()(panel.get_by_text("Largest leaf area index")).to_be_visible()
    _expect()(panel.locator("figure canvas")).to_have_count(1)
    assert opened.complaints == []


def test_what_cannot_be_run_says_why(
    open_page: Callable[..., Any], platform_url: str, platform_key: str
) -> None:
    page = open_page(
        f"{platform_url}/#key={platform_key}&panel=run&box=0,0,0.1,0.1&process=crop-type"
    ).page
    page.get_by_role("button", name="Run", exact=True).click()
    job = page.locator("[data-status]").first
    _expect()(job).to_have_attribute("data-status", "failed", timeout=JOB_PATIENCE_MS)
    _expect()(job.get_by_role("alert")).to_contain_text("There is no parcel-series in the box")
    job.get_by_role("button", name="Change and run").click()
    _expect()(page.get_by_label("East", exact=True)).to_have_value("0.1")


def test_wrong_input_is_explained_beside_the_field_before_it_is_sent(
    open_page: Callable[..., Any], platform_url: str, platform_key: str
) -> None:
    opened = open_page(f"{platform_url}/#key={platform_key}&panel=run&process=crop-type")
    page = opened.page
    page.get_by_label("Model").fill("NO MODEL")
    page.get_by_role("button", name="Run", exact=True).click()
    _expect()(page.get_by_text("Draw an area on the map or type its four numbers.")).to_be_visible()
    _expect()(page.get_by_text("This does not have the form that is asked for.")).to_be_visible()
    _expect()(page.get_by_label("West", exact=True)).to_be_focused()
    for side, value in zip(
        ("West", "South", "East", "North"), ("11.7", "48.3", "11.6", "48.4"), strict=True
    ):
        page.get_by_label(side, exact=True).fill(value)
    page.get_by_role("button", name="Run", exact=True).click()
    _expect()(
        page.get_by_text("West must be less than east, and south less than north.")
    ).to_be_visible()
    assert not [asked for asked in opened.requests if asked.endswith("/execution")]


def test_a_reload_restores_everything(
    open_page: Callable[..., Any], platform_url: str, platform_key: str, parcel: dict[str, Any]
) -> None:
    page = open_page(_on_parcel(platform_url, platform_key, parcel)).page
    _expect()(page.get_by_role("region", name="Legend")).to_be_visible()
    page.wait_for_load_state("networkidle")
    _click_centre(page)
    _expect()(page.get_by_role("complementary", name="Selected feature")).to_be_visible()
    page.get_by_role("slider").first.fill("40")
    page.get_by_role("checkbox").first.uncheck()
    page.get_by_role("tab", name="Run").click()
    page.get_by_label("Processor").select_option("water-availability")
    for side, value in zip(
        ("West", "South", "East", "North"), ("11.6", "48.3", "11.7", "48.4"), strict=True
    ):
        page.get_by_label(side, exact=True).fill(value)
    page.get_by_label("From").fill("2018-04-02")
    _expect()(page).to_have_url(re.compile("from=2018-04-02.*select="))
    before = page.url
    page.reload()
    _expect()(page.get_by_role("complementary", name="Selected feature")).to_be_visible()
    _expect()(page.get_by_label("Processor")).to_have_value("water-availability")
    _expect()(page.get_by_label("East", exact=True)).to_have_value("11.7")
    _expect()(page.get_by_label("From")).to_have_value("2018-04-02")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    assert page.url == before
    page.get_by_role("tab", name="Layers").click()
    _expect()(page.get_by_role("slider").first).to_have_value("40")
    _expect()(page.get_by_role("checkbox").first).not_to_be_checked()


def test_the_table_stands_in_for_the_map(
    open_page: Callable[..., Any], platform_url: str, crop_map: dict[str, Any]
) -> None:
    page = open_page(platform_url).page
    page.get_by_role("button", name=re.compile(r"^Crop types.* as a table$")).click()
    table = page.get_by_role("table")
    _expect()(table).to_be_visible()
    _expect()(page.get_by_text(f"{len(crop_map['features'])} rows")).to_be_visible()
    page.get_by_role("button", name="Confidence").click()
    shown = table.locator("tbody tr").first.locator("td.number").all_inner_texts()
    least = min(feature["properties"]["confidence"] for feature in crop_map["features"])
    assert f"{round(least * 100)} %" in shown
    number = crop_map["features"][0]["properties"]["parcel_id"]
    page.get_by_placeholder("Filter rows").fill(str(number))
    page.get_by_role("button", name=f"Show Parcel {number} on the map").click()
    _expect()(
        page.get_by_role("complementary", name="Selected feature").get_by_text(f"Parcel {number}")
    ).to_be_visible()


def test_it_is_worked_by_keys_alone(open_page: Callable[..., Any], platform_url: str) -> None:
    page = open_page(platform_url).page
    _expect()(page.get_by_role("region", name="Legend")).to_be_visible()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="How to use this page")
    _expect()(dialog).to_be_visible()
    page.keyboard.press("Escape")
    _expect()(dialog).to_have_count(0)
    page.keyboard.press("r")
    _expect()(page.get_by_role("tab", name="Run")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Run").focus()
    page.keyboard.press("ArrowRight")
    _expect()(page.get_by_role("tab", name="Jobs")).to_be_focused()
    page.keyboard.press("t")
    _expect()(page.get_by_role("table")).to_be_visible()
    page.keyboard.press("Escape")
    _expect()(page.get_by_role("table")).to_have_count(0)
    page.locator("body").evaluate(
        "body => { document.activeElement.blur(); window.scrollTo(0, 0); }"
    )
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText.trim()"
            )
        )
    assert {
        "Help",
        "Jobs",
        "Legend",
        "Zoom in",
        "Projection",
        "Map. Arrow keys move it, plus and minus zoom.",
    } <= seen


def test_the_map_moves_by_arrow_keys(
    open_page: Callable[..., Any], platform_url: str, parcel: dict[str, Any]
) -> None:
    page = open_page(f"{platform_url}/#map={parcel['lon']:.5f},{parcel['lat']:.5f},14").page
    _expect()(page.get_by_role("region", name="Legend")).to_be_visible()
    page.get_by_role("application").focus()
    before = page.url
    page.keyboard.press("ArrowRight")
    _expect()(page).not_to_have_url(before)


@pytest.mark.parametrize("code", ["3413", "3031"])
def test_polar_projections_load_when_they_are_chosen(
    open_page: Callable[..., Any], platform_url: str, code: str, picture: Callable[[Any, str], Path]
) -> None:
    opened = open_page(platform_url)
    page = opened.page
    _expect()(page.get_by_role("region", name="Legend")).to_be_visible()
    page.get_by_role("button", name="Projection").click()
    page.get_by_role(
        "button", name=re.compile("^Arctic" if code == "3413" else "^Antarctic")
    ).click()
    _expect()(page).to_have_url(re.compile(f"proj={code}"))
    page.wait_for_load_state("networkidle")
    picture(page, f"polar-{code}")
    assert opened.complaints == []
    assert opened.strangers(platform_url) == []


def test_a_narrow_screen_shows_map_and_panels(
    open_page: Callable[..., Any], platform_url: str, picture: Callable[[Any, str], Path]
) -> None:
    page = open_page(platform_url, width=480, height=900).page
    _expect()(page.get_by_role("checkbox").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 480
    picture(page, "narrow")
    page.get_by_role("button", name="Fold the panel").click()
    _expect()(page.get_by_role("checkbox").first).to_be_hidden()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_serious_barrier_is_found(
    open_page: Callable[..., Any],
    platform_url: str,
    platform_key: str,
    parcel: dict[str, Any],
    *,
    dark: bool,
    picture: Callable[[Any, str], Path],
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    ).Axe()
    page = open_page(_on_parcel(platform_url, platform_key, parcel), dark=dark).page
    _expect()(page.get_by_role("region", name="Legend")).to_be_visible()
    page.wait_for_load_state("networkidle")

    def check(where: str) -> None:
        found = [
            f"{where}: {violation['id']}: {violation['help']}: {[node['html'][:160] for node in violation['nodes']]}"
            for violation in axe.run(page).response["violations"]
            if violation["impact"] in {"serious", "critical"}
        ]
        assert not found, "\n".join(found)

    check("layers")
    _click_centre(page)
    _expect()(page.locator("figure canvas").first).to_be_visible()
    check("feature")
    picture(page, f"feature-{'dark' if dark else 'light'}")
    page.get_by_role("tab", name="Run").click()
    page.get_by_role("button", name="Run", exact=True).click()
    check("form with errors")
    page.get_by_role("tab", name="Jobs").click()
    check("jobs")
    page.keyboard.press("t")
    _expect()(page.get_by_role("table")).to_be_visible()
    check("table")
    page.keyboard.press("?")
    _expect()(page.get_by_role("dialog")).to_be_visible()
    check("help")
