"""The tutorials: their blocks run one after the other, and print what they say."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from extremeearth.app.command_line.main import gather
from extremeearth.core.geodesy import area_m2

PAGES = Path(__file__).resolve().parents[3] / "docs" / "how"
BLOCK = re.compile(r"^```(?P<language>[a-z]+)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)


def walk(page: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Run a page's blocks in the current folder and compare what is printed; give its names, and counts of blocks."""
    names: dict[str, Any] = {}
    printed = shown = ""
    done: Counter[str] = Counter()
    for match in BLOCK.finditer(page.read_text()):
        language, code = match["language"], match["code"]
        done[language] += 1
        if language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(code, names)
            printed = out.getvalue().replace("\r\n", "\n")
        elif language == "console":
            result = CliRunner().invoke(gather(), shlex.split(code.removeprefix("$ "))[1:])
            assert result.exit_code == 0, result.stderr
            shown = result.stdout
        elif language == "output":
            assert code in shown
        elif language == "turtle":
            assert code in Path("fields.rml.ttl").read_text()
        else:
            assert language == "text"
            assert printed.strip() == code.strip()
    return names, dict(done)


def test_from_a_shapefile_to_an_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, done = walk(PAGES / "tutorial-shapefile.md")
    assert done == {"python": 4, "console": 6, "text": 3, "turtle": 1, "output": 1}
    assert "<svg" in Path("fields.svg").read_text()
    assert "<svg" in Path("links.html").read_text()


def test_from_declared_parcels_to_crop_groups(tmp_path, monkeypatch, data_folder):
    """On real parcels; the answer is also what pandas counts."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(data_folder / "bavaria-fields" / "lpis_test_area_2018.gpkg", "parcels.gpkg")
    for name in ("de.csv", "HCAT3.csv"):
        shutil.copy(data_folder / "hcat-crop-taxonomy" / name, name)
    page = PAGES / "tutorial-parcels.md"
    names, done = walk(page)
    assert done == {"python": 4, "console": 1, "text": 2}
    parcels = names["parcels"]
    cereal = parcels[parcels.declared_hcat.str.startswith("330101", na=False)]
    hectares = round(area_m2(cereal.geometry.to_numpy(), crs=parcels.crs).sum() / 10_000)
    assert f"\ncereal,{len(cereal)},{hectares}\n" in page.read_text()
