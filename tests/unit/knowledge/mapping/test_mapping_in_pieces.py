"""Workers that read pieces of a source and write their own lines: the same statements, each once."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv

from extremeearth.core.errors import DataBrokenError, DataMissingError
from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.knowledge.mapping import GeometryOptions, Parts, map_to_rdf
from extremeearth.knowledge.mapping.running import parallel
from extremeearth.knowledge.mapping.running.outputs import open_target
from extremeearth.knowledge.mapping.running.workers import SourcePiece
from extremeearth.knowledge.mapping.sources.damage import text_bytes
from extremeearth.knowledge.mapping.sources.delimited import CsvSource
from extremeearth.knowledge.mapping.sources.row_spans import row_spans
from extremeearth.knowledge.rdf import packed_into

MAPPING = """@prefix rml: <http://w3id.org/rml/> .
<urn:m> rml:logicalSource [ rml:source [ rml:path "t.%s" ] ] ;
    rml:subjectMap [ rml:template "urn:s:{id}" ; rml:class <urn:C> ] ;
    rml:predicateObjectMap [ rml:predicate <urn:p> ; rml:objectMap [ rml:reference "note" ] ] .
<urn:n> rml:logicalSource [ rml:source [ rml:path "t.%s" ] ] ;
    rml:subjectMap [ rml:template "urn:n:{note}" ] ;
    rml:predicateObjectMap [ rml:predicate <urn:q> ; rml:objectMap [ rml:reference "kind" ] ] ."""
CSV = MAPPING.replace("%s", "csv")

values = st.text(alphabet='a",\n', max_size=4)
cells = values | st.sampled_from(['5" pipe', '""', "\r\n", "ä"])


class Here(LocalEngine):
    """An engine of one process that counts the items it is given."""

    def __init__(self):
        super().__init__()
        self.items = []

    def map(self, function, items, **kwargs):
        def counted():
            for item in items:
                self.items.append(type(item).__name__)
                yield item

        return super().map(function, counted(), **kwargs)


@pytest.fixture
def engine():
    return Here()


@pytest.fixture
def cut(monkeypatch):
    """Let a file be cut to pieces of a few bytes."""

    def bytes_of_pieces(size):
        monkeypatch.setattr(parallel, "PIECE_BYTES", size)
        for file in ("outputs", "line_files"):
            monkeypatch.setattr(f"extremeearth.knowledge.mapping.running.{file}.PIECE_BYTES", size)

    return bytes_of_pieces


def read_rows(source):
    """Give the rows of a source of texts, or `None` where it cannot be read; and what was left out."""
    rows = []
    try:
        for frame in source.frames(("a", "b"), batch_rows=1_000):
            rows += zip(*(frame.columns[name].to_pylist() for name in ("a", "b")), strict=True)
    except DataBrokenError:
        return None, None
    return rows, Counter(source.options.totals())


garbage = st.text(alphabet='a",\x00', max_size=6).map(lambda text: text.encode() + b"\xff\x01")
rows_of_cells = st.lists(st.tuples(cells, cells), min_size=3, max_size=12)


@settings(deadline=None, max_examples=80)
@given(
    rows_of_cells, st.lists(st.tuples(st.integers(1, 30), garbage | garbage.map(lambda g: g + b'"')), max_size=3),
    st.booleans(), st.tuples(st.integers(1, 40), st.integers(1, 200)),
)  # fmt: skip
@example([("a", "b")] * 4, [(2, b'",\xff\x01')], False, (1, 200))
@example([("x\ny", "b")] * 4, [(2, b'"\xff\x01')], False, (1, 7))
def test_garbage_with_quotes_reads_the_same_in_pieces(tmp_path_factory, rows, lines, raw, sizes):
    size, chunk = sizes
    path = tmp_path_factory.mktemp("garbage") / "t.csv"
    with path.open("w", newline="") as file:
        if raw:  # quotes where they come, as careless programs write them
            file.write("".join(f"{','.join(row)}\n" for row in [("a", "b"), *rows]))
        else:
            csv.writer(file, lineterminator="\n").writerows([("a", "b"), *rows])
    said = path.read_bytes().split(b"\n")
    for number, line in lines:
        said.insert(min(number, len(said)), line)
    path.write_bytes(b"\n".join(said))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_bytes, "CHUNK", chunk)
        whole = read_rows(CsvSource("t.csv", path, (), GeometryOptions(on_error="skip")))
        source = CsvSource("t.csv", path, (), GeometryOptions(on_error="skip"))
        found = [
            read_rows(replace(piece, options=GeometryOptions(on_error="skip")))
            for piece in source.pieces(("a", "b"), piece_bytes=size)
        ]
    if whole[0] is None:
        assert any(rows is None for rows, _ in found)
    else:
        assert [row for rows, _ in found for row in rows] == whole[0]
        assert sum((counts for _, counts in found), Counter()) == whole[1]


def write_csv(path, rows, *, quoting=csv.QUOTE_MINIMAL):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=quoting, lineterminator="\n")
        writer.writerows([("id", "note", "kind"), *rows])


def lines_of(target):
    data = target.read_bytes()
    return Counter((gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).splitlines())


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(cells, cells), max_size=12), st.booleans(), st.integers(1, 40), st.integers(1, 20),
)  # fmt: skip
@example([("a", '5" pipe')] * 3, False, 1, 3)
def test_pieces_of_a_file_have_its_rows(tmp_path_factory, rows, raw, size, block):
    path = tmp_path_factory.mktemp("spans") / "t.csv"
    if raw:  # quotes where they come, as careless programs write them
        path.write_text("".join(f"{','.join(row)}\n" for row in [("a", "b"), *rows]))
    else:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("a", "b"), *rows])
    data = path.read_bytes()

    def read(part, names=None):
        reader = arrow_csv.open_csv(
            io.BytesIO(part),
            read_options=arrow_csv.ReadOptions(column_names=names),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types={"a": pa.string(), "b": pa.string()}
            ),
        )
        return [row for batch in reader for row in batch.to_pylist()]

    spans = list(row_spans(path, delimiter=",", piece_bytes=size, block_bytes=block))
    assert b"".join(data[start:end] for start, end in spans) == data
    assert all(end - start >= size for start, end in spans[:-1])
    try:
        whole = read(data)
    except pa.ArrowInvalid:
        return  # no CSV: whether it is cut does not matter
    found = []
    for number, (start, end) in enumerate(spans):
        if data[start:end].strip():
            found += read(data[start:end], ["a", "b"] if number else None)
    assert found == whole


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_a_large_file_is_cut_as_often_as_asked(tmp_path, start):
    path = tmp_path / "t.csv"
    write_csv(path, [(n, 'two\n"lines"', "k") for n in range(1000)], quoting=csv.QUOTE_ALL)
    path.write_bytes(start + path.read_bytes())
    spans = list(row_spans(path, delimiter=",", piece_bytes=1000, block_bytes=300))
    assert len(spans) >= path.stat().st_size // 1000 * 0.9


def test_no_row_of_a_piece_has_the_number_of_another(tmp_path):
    write_csv(tmp_path / "t.csv", [(n, "a", "k") for n in range(50)])
    whole = CsvSource("t.csv", tmp_path / "t.csv", ())
    numbers = [
        frame.first_row + row
        for piece in whole.pieces(("id",), piece_bytes=20)
        for frame in piece.frames(("id",), batch_rows=2)
        for row in range(frame.rows)
    ]
    assert len(set(numbers)) == len(numbers) == 50


def test_a_piece_counts_nothing_that_was_found_before(tmp_path):
    """A source is read again where another triples map looks something up in it."""
    options = GeometryOptions(
        counts={"t.csv": Counter(broken=2)}, places={"broken": "row 7 of t.csv"}
    )
    source = CsvSource("t.csv", tmp_path / "t.csv", (), options)
    here = SourcePiece(0, source, ("id",), 10, options).here()
    assert (here.options.counts, here.options.places) == ({}, {})
    assert here.source.options is here.options
    assert (options.counts["t.csv"].total(), len(options.places)) == (2, 1)


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_lines_may_come_one_by_one_and_in_whole_packed_files(tmp_path, packing):
    part = tmp_path / "part"
    with part.open("wb") as file, packed_into(file, packing) as packed:
        packed.write(b"2\n")
    with open_target(tmp_path / f"a.nt{packing}") as sink:
        for _ in range(2):
            sink.write(b"1\n")
            sink.append(part, 2)
    assert statements(tmp_path / f"a.nt{packing}") == {b"1": 2, b"2": 2}


@pytest.mark.parametrize("name", ["a.nt", "a.nt.gz", "a.nq.zst", "a.ttl", "parts"])
@pytest.mark.parametrize("repeated", [False, True])
def test_the_statements_are_those_of_one_process(tmp_path, engine, cut, name, repeated):
    """Ids that come again in other pieces make lines that are left out there."""
    rows = [(n % 40 if repeated else n, f"note {n % 7}", "k") for n in range(200)]
    write_csv(tmp_path / "t.csv", rows)
    expected = map_to_rdf(CSV, folder=tmp_path, target=tmp_path / "whole.nt", batch_rows=30)
    cut(500)
    target = tmp_path / name
    if name == "parts":
        target = Parts(folder=target, form=".nt.gz", part_bytes=3000)
    report = map_to_rdf(CSV, folder=tmp_path, target=target, engine=engine, batch_rows=30)
    assert set(engine.items) == {"SourcePiece"}
    assert len(engine.items) > 3
    assert (report.rows, report.triples, report.repeated) == (
        expected.rows, expected.triples, report.repeated,
    )  # fmt: skip
    found = statements(target)
    assert found == lines_of(tmp_path / "whole.nt")
    assert set(found.values()) == {1}
    assert not [p for p in tmp_path.rglob("*") if p.name.startswith((".", "tmp"))]


def statements(target):
    import pyoxigraph as ox

    if isinstance(target, Parts):
        files = sorted(target.folder.iterdir())
        assert [f.name for f in files] == [target.name(n) for n in range(len(files))]
        assert len(files) > 1
        assert {f.stat().st_mode & 0o777 for f in files} == {0o644}
        return sum(map(lines_of, files), Counter())
    if target.suffix == ".zst":
        with pa.input_stream(str(target), compression="zstd") as stream:
            return Counter(stream.read().splitlines())
    if target.suffix == ".ttl":
        parsed = ox.parse(target.read_bytes(), format=ox.RdfFormat.TURTLE)
        return Counter(f"{t.subject} {t.predicate} {t.object} .".encode() for t in parsed)
    return lines_of(target)


def test_workers_of_their_own_write_the_same(tmp_path, cut):
    rows = [(n % 150, f"note {n % 7}", "k") for n in range(200)]
    write_csv(tmp_path / "t.csv", rows)
    map_to_rdf(CSV, folder=tmp_path, target=tmp_path / "whole.nt")
    cut(1000)
    report = map_to_rdf(
        CSV, folder=tmp_path, target=tmp_path / "a.nt", engine=LocalEngine(workers=2)
    )
    assert lines_of(tmp_path / "a.nt") == lines_of(tmp_path / "whole.nt")
    assert report.rows == 400


def test_workers_without_our_files_are_sent_rows_and_send_lines(tmp_path, cut):
    class Elsewhere(Here):
        shares_files = False

    write_csv(tmp_path / "t.csv", [(n % 150, f"note {n % 7}", "k") for n in range(200)])
    map_to_rdf(CSV, folder=tmp_path, target=tmp_path / "whole.nt")
    cut(100)
    engine = Elsewhere()
    map_to_rdf(CSV, folder=tmp_path, target=tmp_path / "a.nt", engine=engine, batch_rows=30)
    assert engine.items == ["PackedFrame"] * 7
    assert lines_of(tmp_path / "a.nt") == lines_of(tmp_path / "whole.nt")


def test_row_groups_are_pieces(tmp_path, engine, cut):
    table = pa.table(
        {"id": range(200), "note": [f"n{n % 7}" for n in range(200)], "kind": ["k"] * 200}
    )
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=30)
    mapping = MAPPING.replace("%s", "parquet")
    map_to_rdf(mapping, folder=tmp_path, target=tmp_path / "whole.nt")
    cut(1)
    map_to_rdf(mapping, folder=tmp_path, target=tmp_path / "a.nt", engine=engine)
    assert engine.items == ["SourcePiece"] * 7
    assert lines_of(tmp_path / "a.nt") == lines_of(tmp_path / "whole.nt")


def test_a_broken_row_group_of_a_later_piece_is_told_with_its_rows(tmp_path, engine, cut):
    table = pa.table({"id": range(200), "note": ["n"] * 200, "kind": ["k"] * 200})
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, row_group_size=50)
    with pq.ParquetFile(path) as file:
        at = file.metadata.row_group(2).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[at : at + 40] = b"\xff" * 40
    path.write_bytes(data)
    cut(1)
    mapping = MAPPING.replace("%s", "parquet")
    report = map_to_rdf(
        mapping, folder=tmp_path, target=tmp_path / "a.nt", engine=engine, on_error="skip"
    )
    assert set(engine.items) == {"SourcePiece"}
    assert "rows 100 to 149 of t.parquet" in report.places.values()


@pytest.mark.parametrize("runs", [None, "pieces", "processes"])
def test_a_file_without_one_row_that_can_be_read_is_an_error(tmp_path, engine, cut, runs):
    path = tmp_path / "t.parquet"
    whole = break_row_groups(path, range(4))
    cut(1)
    mapping = MAPPING.replace("%s", "parquet")
    on = {"pieces": engine, "processes": LocalEngine(workers=2)}.get(runs)
    options = {"folder": tmp_path, "target": tmp_path / "a.nt", "on_error": "skip", "engine": on}
    with pytest.raises(DataBrokenError, match=r"t\.parquet is damaged: not one row of it can be"):
        map_to_rdf(mapping, **options)
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]
    for good in range(4):
        path.write_bytes(whole)
        break_row_groups(path, set(range(4)) - {good}, make=False)
        assert map_to_rdf(mapping, **options).rows == 2 * 50


def break_row_groups(path, groups, *, make=True):
    """Write a file of four row groups, and break the pages of some; give the whole one."""
    table = pa.table({"id": range(200), "note": ["n"] * 200, "kind": ["k"] * 200})
    if make:
        pq.write_table(table, path, row_group_size=50)
    whole = path.read_bytes()
    data = bytearray(whole)
    with pq.ParquetFile(path) as file:
        for group in groups:
            for column in range(3):
                said = file.metadata.row_group(group).column(column)
                at = said.dictionary_page_offset
                data[at : at + 40] = b"\xff" * 40
    path.write_bytes(data)
    return whole


@pytest.mark.parametrize("declared", [None, 90, 300])
def test_a_geopackage_is_cut_by_its_features(tmp_path, engine, cut, declared):
    """The number of features that is declared may be out of date."""
    import sqlite3

    import geopandas as gpd
    import shapely

    shapes = shapely.points([[n / 10, n % 90] for n in range(200)])
    frame = gpd.GeoDataFrame(
        {"id": range(200), "note": "a", "kind": "k"}, geometry=shapes, crs="EPSG:4326"
    )
    frame.drop(index=range(0, 200, 3)).to_file(tmp_path / "t.gpkg")
    if declared is not None:
        with sqlite3.connect(tmp_path / "t.gpkg") as database:
            database.execute(f"UPDATE gpkg_ogr_contents SET feature_count = {declared}")
        database.close()
    mapping = MAPPING.replace("%s", "gpkg").replace('"kind"', '"geometry"')
    map_to_rdf(mapping, folder=tmp_path, target=tmp_path / "whole.nt", batch_rows=20)
    cut((tmp_path / "t.gpkg").stat().st_size // 7)
    map_to_rdf(mapping, folder=tmp_path, target=tmp_path / "a.nt", engine=engine, batch_rows=6)
    assert engine.items == ["SourcePiece"] * 7
    assert len(lines_of(tmp_path / "whole.nt")) == 133 * 3
    assert lines_of(tmp_path / "a.nt") == lines_of(tmp_path / "whole.nt")


def test_rows_that_are_named_by_their_number_are_not_cut(tmp_path, engine, cut):
    """Two triples maps that read a file apart must name its rows alike."""
    write_csv(tmp_path / "t.csv", [(n, "a", "k") for n in range(50)])
    mapping = CSV.replace('rml:template "urn:n:{note}"', "rml:termType rml:BlankNode")
    cut(20)
    map_to_rdf(mapping, folder=tmp_path, target=tmp_path / "a.nt", engine=engine)
    assert set(engine.items) == {"PackedFrame"}


def test_what_is_found_in_pieces_is_counted_together(tmp_path, engine, cut):
    shapes = ["POLYGON ((0 0, 1 1, 0 1, 1 0, 0 0))", "POINT (1 95)", "POLYGON ((0 0, 1 1"]
    write_csv(tmp_path / "t.csv", [(n, "a", shapes[n % 3]) for n in range(90)])
    mapping = MAPPING.replace("%s", "csv").replace('"kind"', '"geometry"')
    options = {"folder": tmp_path, "on_error": "skip", "geometry": GeometryOptions(crs="EPSG:4326")}
    whole = map_to_rdf(mapping, target=tmp_path / "whole.nt", **options)
    cut(300)
    report = map_to_rdf(mapping, target=tmp_path / "a.nt", engine=engine, **options)
    assert len(engine.items) > 3
    assert report.geometries == whole.geometries
    assert min(report.geometries.values()) == 30
    assert (report.skipped, report.places) == (whole.skipped, whole.places)


def test_a_piece_of_garbage_alone_has_no_rows(tmp_path, engine, cut):
    path = tmp_path / "t.csv"
    write_csv(path, [(n, "a", "k") for n in range(40)])
    path.write_bytes(path.read_bytes() + 20 * b"\xff\xfe\x00 broken\n")
    options = {"folder": tmp_path, "on_error": "skip"}
    whole = map_to_rdf(CSV, target=tmp_path / "whole.nt", **options)
    cut(20)
    report = map_to_rdf(CSV, target=tmp_path / "a.nt", engine=engine, **options)
    assert len(engine.items) > 20
    assert lines_of(tmp_path / "a.nt") == lines_of(tmp_path / "whole.nt")
    assert report.geometries == whole.geometries == {"is a line of bytes that are no text": 20}


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("runs", [None, LocalEngine()])
def test_a_header_alone_has_no_rows(tmp_path, end, runs):
    (tmp_path / "t.csv").write_text(f"id,note,kind{end}", newline="")
    report = map_to_rdf(CSV, folder=tmp_path, target=tmp_path / "a.nt", engine=runs)
    assert (report.rows, (tmp_path / "a.nt").read_bytes()) == (0, b"")


def test_an_error_names_the_row_of_the_file(tmp_path, engine, cut):
    write_csv(tmp_path / "t.csv", [(n, "a", "k") for n in range(30_000)])
    with (tmp_path / "t.csv").open("a") as file:
        file.write("30000,a\n")
    messages = []
    for options in ({}, {"engine": engine}):
        with pytest.raises(DataBrokenError) as caught:
            map_to_rdf(CSV, folder=tmp_path, target=tmp_path / "a.nt", **options)
        messages.append(caught.value.message.partition("t.csv is")[2])
        cut(50_000)
    assert len(engine.items) > 3
    assert messages[0] == messages[1]
    assert "30002" in messages[0], "the header is row 1"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv"]


def test_a_source_that_changes_is_found_by_its_pieces(tmp_path, cut):
    path = tmp_path / "t.csv"
    write_csv(path, [(n, "a", "k") for n in range(80)])
    cut(100)

    class Changing(Here):
        def map(self, function, items, **kwargs):
            for number, item in enumerate(items):
                if number == 3:
                    path.write_text(path.read_text() + "80,a,k\n")
                yield from super().map(function, [item], **kwargs)

    with pytest.raises(DataBrokenError, match="changed while"):
        map_to_rdf(CSV, folder=tmp_path, target=tmp_path / "a.nt", engine=Changing())
    assert not (tmp_path / "a.nt").exists()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_worker_that_does_not_see_a_file_says_so(tmp_path, cut, form):
    path = tmp_path / f"t.{form}"
    rows = {"id": range(80), "note": ["a"] * 80, "kind": ["k"] * 80}
    if form == "csv":
        write_csv(path, zip(*rows.values(), strict=True))
    else:
        pq.write_table(pa.table(rows), path, row_group_size=10)
    cut(100)

    class Elsewhere(Here):
        def map(self, function, items, **kwargs):
            waiting = list(items)
            path.unlink()  # what another machine has never had
            return super().map(function, waiting, **kwargs)

    mapping = MAPPING.replace("%s", form)
    with pytest.raises(DataMissingError, match="is not there") as caught:
        map_to_rdf(mapping, folder=tmp_path, target=tmp_path / "a.nt", engine=Elsewhere())
    assert "EXTREMEEARTH_ENGINE_SHARES_FILES" in caught.value.hint
    assert not list(tmp_path.iterdir())
