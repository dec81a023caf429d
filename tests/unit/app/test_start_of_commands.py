"""What a process imports before it begins: help needs no library of data, a mapping none of another way to run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARIES = (
    "fastapi", "geopandas", "httpx", "numpy", "pandas", "polars", "pyarrow", "pydantic_settings", "pyproj",
    "shapely", "sqlalchemy", "torch",
)  # fmt: skip
COMMAND = """
import contextlib, io, json, sys
from extremeearth.app.command_line import main
sys.argv = ["extremeearth", *{words!r}]
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
    size, imported = told_by(COMMAND.format(words=(*words, "--help"), libraries=LIBRARIES))
    assert isinstance(size, int)
    assert size > 100
    assert imported == []


NOT_FOR_TABLES = (
    "geopandas", "httpx", "lxml", "pyogrio", "pystac", "rasterio", "rich", "sqlalchemy", "sqlglot",
    "extremeearth.knowledge.mapping.drafting.description", "extremeearth.knowledge.mapping.drafting.generation",
    "extremeearth.knowledge.mapping.running.workers",
)  # fmt: skip
IMPORTED = (
    "import json, sys\n"
    "from extremeearth.knowledge.mapping import map_to_rdf\n"
    "print(json.dumps([name for name in {names!r} if name in sys.modules]))"
)
RUN = """
import io, json, sys
from pathlib import Path
import pyarrow as pa
from extremeearth.knowledge.mapping import map_to_rdf
sources = {sources}
out = io.BytesIO()
report = map_to_rdf({mapping!r}, sources=sources, target=out)
print(json.dumps([report.triples, [name for name in {names!r} if name in sys.modules]]))
"""
MAPPING = """
@prefix rml: <http://w3id.org/rml/> .
<urn:m> rml:logicalSource [ rml:source [ rml:path "fields" ] ] ;
    rml:subjectMap [ rml:template "urn:field:{id}" ] ;
    rml:predicateObjectMap [ rml:predicate <urn:shape> ; rml:objectMap [ rml:reference "wkt" ] ] .
"""


def test_the_mapping_room_opens_without_data_frames() -> None:
    assert told_by(IMPORTED.format(names=(*NOT_FOR_TABLES, "pandas", "polars"))) == []


def test_a_mapping_of_text_imports_nothing_for_other_sources(tmp_path: Path) -> None:
    fields = tmp_path / "fields.csv"
    fields.write_text("id,wkt\n1,POINT (11 48)\n2,POINT (12 48)\n", encoding="utf-8")
    sources = f"{{'fields': Path({str(fields)!r})}}"
    told = told_by(RUN.format(sources=sources, mapping=MAPPING, names=NOT_FOR_TABLES))
    assert told == [2, []]


def test_a_mapping_of_a_table_imports_nothing_for_files() -> None:
    sources = "{'fields': pa.table({'id': [1], 'wkt': ['POINT (11 48)']})}"
    names = tuple(set(NOT_FOR_TABLES) - {"geopandas"})
    assert told_by(RUN.format(sources=sources, mapping=MAPPING, names=names)) == [1, []]


def test_links_of_two_files_open_no_way_to_the_web(tmp_path: Path) -> None:
    fields = tmp_path / "fields.csv"
    fields.write_text("id,wkt\n1,POINT (11 48)\n2,POINT (12 48)\n", encoding="utf-8")
    out = tmp_path / "links.nt"
    words = ("interlink", str(fields), str(fields), "-o", str(out), "--crs", "EPSG:4326", "--source-id", "id",
             "--target-id", "id", "--source-prefix", "urn:a:", "--target-prefix", "urn:b:")  # fmt: skip
    code = COMMAND.format(words=words, libraries=("httpx", "sqlalchemy"))
    assert told_by(code)[1] == []
    assert out.read_text(encoding="utf-8").count("sfEquals") == 2
