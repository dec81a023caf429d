"""The tutorial about declared parcels: its blocks run on real ones, and print what it says and what pandas counts."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from extremeearth.app.command_line.main import gather
from extremeearth.core.geodesy import area_m2

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how" / "tutorial-parcels.md"
BLOCK = re.compile(r"^```(?P<language>[a-z]+)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_tutorial_prints_what_it_says(tmp_path, monkeypatch, data_folder):
    monkeypatch.chdir(tmp_path)
    shutil.copy(data_folder / "bavaria-fields" / "lpis_test_area_2018.gpkg", "parcels.gpkg")
    for name in ("de.csv", "HCAT3.csv"):
        shutil.copy(data_folder / "hcat-crop-taxonomy" / name, name)
    names: dict[str, Any] = {}
    printed = ""
    done = {"python": 0, "console": 0, "text": 0}
    for match in BLOCK.finditer(PAGE.read_text()):
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
        else:
            assert printed.strip() == code.strip()
    assert done == {"python": 4, "console": 1, "text": 2}
    parcels = names["parcels"]
    cereal = parcels[parcels.declared_hcat.str.startswith("330101", na=False)]
    hectares = round(area_m2(cereal.geometry.to_numpy(), crs=parcels.crs).sum() / 10_000)
    assert f"\ncereal,{len(cereal)},{hectares}\n" in PAGE.read_text()
