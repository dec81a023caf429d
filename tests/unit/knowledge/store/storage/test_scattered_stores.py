"""Many small changes are folded together on the way; readers and older versions see the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from extremeearth.core.settings import Settings
from extremeearth.knowledge.store.graph import Graph
from extremeearth.knowledge.store.storage import GraphStorage, compact_scattered, maintenance

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
