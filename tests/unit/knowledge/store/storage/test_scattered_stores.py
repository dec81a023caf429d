"""Many small changes are folded together on the way; readers and older versions see the same."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from extremeearth.core.errors import DataBrokenError
from extremeearth.core.settings import Settings
from extremeearth.knowledge.store.graph import Graph
from extremeearth.knowledge.store.storage import (
    GraphStorage,
    compact,
    compact_scattered,
    maintenance,
)

COUNT = "SELECT (COUNT(*) AS ?n) { ?s <urn:p> ?o }"


def files_of(storage: GraphStorage) -> int:
    tables = storage.tables
    return sum(len(log.files()) for log in (tables.terms, tables.geometries, tables.quads))


def counted(graph: Graph, version: int | None = None) -> str:
    return graph.query(COUNT, version=version).rows[0][0].lexical


def changed(path: Path, most_files: int, changes: int) -> Graph:
    graph = Graph.open(path, settings=Settings(graph_compact_files=most_files))
    for number in range(changes):
        graph.update(f"INSERT DATA {{ <urn:s{number}> <urn:p> {number} }}")
    return graph


def test_a_writer_folds_what_many_changes_scattered(tmp_path: Path) -> None:
    graph = changed(tmp_path / "store", 6, 3)
    reader = Graph.open(tmp_path / "store", read_only=True)
    held = reader.storage.snapshot()
    third = graph.find_version()
    for number in range(3, 9):
        graph.update(f"INSERT DATA {{ <urn:s{number}> <urn:p> {number} }}")
    assert files_of(graph.storage) <= 7
    assert counted(graph) == counted(reader) == "9"
    assert counted(graph, version=third) == "3"
    assert len(held) == 3
    assert held.scan().num_rows == 3
    assert graph.check().is_whole


def test_loading_folds_too(tmp_path: Path) -> None:
    graph = Graph.open(tmp_path / "store", settings=Settings(graph_compact_files=6))
    for number in range(9):
        graph.load(b"<urn:s%d> <urn:p> %d ." % (number, number), "ttl")
    assert files_of(graph.storage) <= 7
    assert counted(graph) == "9"


def test_nothing_is_folded_where_the_setting_says_so(tmp_path: Path) -> None:
    graph = changed(tmp_path / "store", 0, 8)
    assert files_of(graph.storage) == 16


def test_a_store_that_takes_long_to_fold_is_left_to_its_keeper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = changed(tmp_path / "store", 0, 8)
    monkeypatch.setattr(maintenance, "MOST_ROWS_AT_ONCE", 7)
    assert compact_scattered(graph.storage, most_files=6) is None
    monkeypatch.setattr(maintenance, "MOST_ROWS_AT_ONCE", 8)
    report = compact_scattered(graph.storage, most_files=6)
    assert report is not None
    assert (report.before, report.after) == (16, 2)


def test_a_change_holds_though_it_could_not_be_folded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = changed(tmp_path / "store", 0, 8)
    monkeypatch.setattr(maintenance, "TRIES", 0)  # as where another compaction is always first
    assert compact_scattered(graph.storage, most_files=6) is None
    assert counted(graph) == "8"


def test_what_lies_in_files_of_its_own_counts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two large loads of one predicate would be put together as well."""
    graph = Graph.open(tmp_path / "store", settings=Settings(graph_compact_files=0))
    for part in range(2):
        lines = "".join(f"<urn:s{number}> <urn:own> {part} .\n" for number in range(10_000))
        graph.load(lines.encode(), "ttl")
    for number in range(8):
        graph.update(f"INSERT DATA {{ <urn:s{number}> <urn:p> {number} }}")
    monkeypatch.setattr(maintenance, "MOST_ROWS_AT_ONCE", 20_007)
    assert compact_scattered(graph.storage, most_files=6) is None
    monkeypatch.setattr(maintenance, "MOST_ROWS_AT_ONCE", 20_008)
    assert compact_scattered(graph.storage, most_files=6) is not None
    assert counted(graph) == "8"


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("terms", '"' + " ".join(map(str, range(500))) + '"'),
        ("geometries", '"POINT (1 2)"^^<http://www.opengis.net/ont/geosparql#wktLiteral>'),
    ],
)
def test_terms_and_geometries_that_take_long_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, value: str
) -> None:
    graph = changed(tmp_path / "store", 0, 1)
    for number in range(6):
        graph.update(f"INSERT DATA {{ <urn:a> <urn:at> {value.replace('2', f'2{number}')} }}")
    logs = graph.storage.tables
    size = {
        log.kind.name: sum(file.size for file in log.files().values())
        for log in (logs.terms, logs.geometries)
    }
    assert max(size, key=lambda name: size[name]) == table
    monkeypatch.setattr(maintenance, "MOST_BYTES_AT_ONCE", size[table] - 1)
    assert compact_scattered(graph.storage, most_files=6) is None
    monkeypatch.setattr(maintenance, "MOST_BYTES_AT_ONCE", size[table])
    assert compact_scattered(graph.storage, most_files=6) is not None


def test_a_change_holds_though_a_file_of_another_is_broken(tmp_path: Path) -> None:
    graph = changed(tmp_path / "store", 0, 8)
    file = next(iter(graph.storage.tables.terms.files()))
    (tmp_path / "store" / "terms" / file).write_bytes(b"broken")
    graph._settings = Settings(graph_compact_files=6)
    assert graph.update("INSERT DATA { <urn:s9> <urn:p> 9 }").inserted == 1
    with pytest.raises(DataBrokenError):
        graph.compact()


def test_a_compaction_beside_a_writer_and_another_process(tmp_path: Path) -> None:
    """A compaction looks for newer versions; a transaction of the same process starts from one state all the same."""
    graph, other = (changed(tmp_path / "store", 0, 2) for _ in range(2))
    terms: Any = graph.storage.tables.terms
    looked = terms.files
    threads: list[threading.Thread] = []

    def files(version: int | None = None) -> Any:
        found = looked(version)
        if not threads and threading.current_thread() is threading.main_thread():
            threads.append(threading.Thread(target=compact, args=(graph.storage,)))
            other.update("INSERT DATA { <urn:theirs> <urn:p> <urn:their-object> }")
            threads[0].start()
            threads[0].join(0.3)  # it has to wait
        return found

    terms.files = files
    graph.update("INSERT DATA { <urn:mine> <urn:p> <urn:my-object> }")
    threads[0].join()
    assert counted(graph) == counted(other) == "4"
    assert graph.check().problems == ()
