"""The tutorial from a shapefile to an answer: its blocks run one after the other, and print what it says."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from extremeearth.app.command_line.main import gather

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how" / "tutorial-shapefile.md"
BLOCK = re.compile(r"^```(?P<language>[a-z]+)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_tutorial_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    printed = shown = ""
    done = {"python": 0, "console": 0, "text": 0, "turtle": 0, "output": 0}
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
            shown = result.stdout
        elif language == "output":
            assert code in shown
        elif language == "turtle":
            assert code in Path("fields.rml.ttl").read_text()
        else:
            assert printed.strip() == code.strip()
    assert done == {"python": 4, "console": 6, "text": 3, "turtle": 1, "output": 1}
    assert "<svg" in Path("fields.svg").read_text()
    assert "<svg" in Path("links.html").read_text()
