"""The page that follows a query from text to rows: its blocks run, and print what it says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[4] / "docs" / "how" / "graph-queries.md"
BLOCK = re.compile(r"^```(?P<language>python|text)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_page_prints_what_it_says() -> None:
    names: dict[str, Any] = {}
    printed: str | None = None
    compared = 0
    for match in BLOCK.finditer(PAGE.read_text()):
        if match["language"] == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(match["code"], names)
            printed = out.getvalue().replace("\r\n", "\n")
        else:
            assert printed is not None
            assert printed.strip() == match["code"].strip()
            compared += 1
    assert compared == 3
