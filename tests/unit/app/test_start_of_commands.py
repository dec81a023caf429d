"""What a process imports before it begins: help needs no library of data, a mapping none of another way to run it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LIBRARIES = (
    "fastapi", "geopandas", "httpx", "numpy", "pandas", "polars", "pyarrow", "pydantic_settings", "pyproj",
    "shapely", "sqlalchemy", "torch",
)  # fmt: skip
HELP = """
import contextlib, io, json, sys
from extremeearth.app.command_line import main
sys.argv = ["extremeearth", *{words!r}, "--help"]
shown = io.StringIO()
with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
    main()
print(json.dumps([len(shown.getvalue()), [name for name in {libraries!r} if name in sys.modules]]))
"""


def told_by(code: str) -> list[object]:
    """Run code in a process of its own; give what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-1000:]
    told: list[object] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize(
    "words",
    [(), ("rdf", "map"), ("interlink",), ("key", "create"), ("search",), ("graph", "query")],
)
def test_help_imports_no_library_of_data(words: tuple[str, ...]) -> None:
    size, imported = told_by(HELP.format(words=words, libraries=LIBRARIES))
    assert isinstance(size, int)
    assert size > 100
    assert imported == []
