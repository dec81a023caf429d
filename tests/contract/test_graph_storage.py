"""One suite for every place of a graph store: memory, a folder, and OpenStack Swift through S3."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import (
    AccessError,
    ConflictError,
    DataMissingError,
    InputError,
    NotFoundError,
)
from extremeearth.core.settings import Settings
from extremeearth.knowledge.sparql.terms import BlankNode, Iri, Literal, Term
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.storage import (
    DEFAULT_GRAPH,
    UNKNOWN,
    GraphStorage,
    Snapshot,
    Storage,
    Writing,
    check,
    compact,
    open_storage,
    quads_table,
    vacuum,
)

KINDS = ("memory", "folder", "swift")
WKT = Iri("http://www.opengis.net/ont/geosparql#wktLiteral")
Quad = tuple[Term, Term, Term, Term | None]
Again = Callable[..., GraphStorage]


def iri(name: object) -> Iri:
    return Iri(f"http://example.org/{name}")


def wkt(text: str) -> Literal:
    return Literal(text, WKT)


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> GraphStorage:
    return make(request, tmp_path)


@pytest.fixture(params=KINDS[1:])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Again:
    """Open the same lasting store again and again, each time as another process would."""
    if request.param == "folder":
        return partial(open_storage, tmp_path / "graph")
    url, options = request.getfixturevalue("swift_store")
    return partial(open_storage, f"{url}/some/graph", settings=Settings(**options))


def make(request: pytest.FixtureRequest, tmp_path: Path) -> GraphStorage:
    if request.param == "memory":
        return open_storage(None)
    if request.param == "folder":
        return open_storage((tmp_path / "a graph").as_uri())
    url, options = request.getfixturevalue("swift_store")
    return open_storage(url, settings=Settings(**options))


def table(writing: Writing, quads: Iterable[Quad]) -> object:
    """Number the terms of quads and make the table of them."""
    rows = list(quads)
    columns = [writing.number(TermColumn.of(row[i] for row in rows)) for i in range(3)]
    graphs = writing.number(TermColumn.of(row[3] for row in rows))
    return quads_table(*columns, np.where(graphs == UNKNOWN, DEFAULT_GRAPH, graphs))


def add(storage: Storage, *quads: Quad) -> int:
    def change(writing: Writing) -> int:
        writing.insert(table(writing, quads))
        return writing.inserted

    return storage.transact(change)


def remove(storage: Storage, *quads: Quad) -> int:
    def change(writing: Writing) -> int:
        writing.delete(table(writing, quads))
        return writing.deleted

    return storage.transact(change)


def content(snapshot: Snapshot) -> set[Quad]:
    rows = snapshot.scan()
    decoded = [snapshot.terms.take(rows[name].to_numpy()).terms() for name in "spog"]
    found = list(zip(*decoded, strict=True))
    assert len(set(found)) == len(found) == len(snapshot)
    return set(found)  # type: ignore[arg-type]  # only graphs are None


A, B, P, Q, G, H = (iri(name) for name in "ABPQGH")
SOME: Sequence[Quad] = (
    (A, P, B, None),
    (A, P, B, G),
    (B, P, Literal("x"), H),
    (A, Q, Literal("x", language="de"), None),
    (BlankNode("b"), Q, Literal("7", Iri("http://www.w3.org/2001/XMLSchema#integer")), G),
)


def test_a_new_store_is_empty(storage: GraphStorage) -> None:
    snapshot = storage.snapshot()
    assert (len(snapshot), len(snapshot.terms), len(snapshot.geometries)) == (0, 0, 0)
    assert snapshot.scan().num_rows == 0
    assert snapshot.scan().column_names == ["s", "p", "o", "g"]
    assert snapshot.predicates().tolist() == snapshot.graphs().tolist() == []
    assert snapshot.geometries.in_box(-180, -90, 180, 90).tolist() == []
    assert snapshot.geometries.table().num_rows == 0
    assert snapshot.statistics.box_fraction(0, 0, 1, 1) == 0


def test_what_is_inserted_is_there(storage: GraphStorage) -> None:
    assert add(storage, *SOME) == len(SOME)
    assert content(storage.snapshot()) == set(SOME)
    assert add(storage, *SOME, (A, P, A, None)) == 1
    assert content(storage.snapshot()) == {*SOME, (A, P, A, None)}


def test_what_is_deleted_is_gone(storage: GraphStorage) -> None:
    add(storage, *SOME)
    assert remove(storage, SOME[0], (A, P, A, None)) == 1
    assert content(storage.snapshot()) == set(SOME[1:])
    assert remove(storage, *SOME) == len(SOME) - 1
    assert content(storage.snapshot()) == set()
    assert storage.snapshot().predicates().tolist() == []


def test_a_store_opened_again_is_the_same(place: Again) -> None:
    first = place()
    add(first, *SOME)
    remove(first, SOME[1])
    again = place()
    assert content(again.snapshot()) == {SOME[0], *SOME[2:]}
    assert again.snapshot().version == first.snapshot().version == 2
    add(again, (B, Q, A, None))
    assert content(first.snapshot()) == {SOME[0], *SOME[2:], (B, Q, A, None)}
    every = np.arange(1, len(first.snapshot().terms) + 1)
    one, other = (opened.snapshot().terms.take(every).terms() for opened in (first, again))
    assert one == other


def test_a_snapshot_never_changes(storage: GraphStorage) -> None:
    add(storage, *SOME)
    before = storage.snapshot()
    remove(storage, SOME[0])
    add(storage, (B, Q, A, None))
    compact(storage)
    assert content(before) == set(SOME)
    assert storage.snapshot() is storage.snapshot()


def test_a_failed_change_leaves_nothing(storage: GraphStorage) -> None:
    add(storage, *SOME)

    def change(writing: Writing) -> None:
        writing.insert(table(writing, [(B, Q, iri("new"), None)]))
        writing.delete(table(writing, SOME))
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        storage.transact(change)
    snapshot = storage.snapshot()
    assert (content(snapshot), snapshot.version) == (set(SOME), 1)
    assert snapshot.terms.find(TermColumn.of([iri("new")])).tolist() == [UNKNOWN]


def test_nothing_changed_is_no_version(storage: GraphStorage) -> None:
    add(storage, *SOME)

    def change(writing: Writing) -> str:
        quads = table(writing, [(B, Q, iri("new"), None)])
        writing.insert(quads)
        writing.delete(quads)
        writing.insert(table(writing, SOME))
        return "done"

    assert storage.transact(change) == "done"
    assert storage.snapshot().version == 1


def test_a_transaction_sees_its_own_changes(storage: GraphStorage) -> None:
    add(storage, *SOME)
    far = (A, P, wkt("POINT (8 9)"), None)

    def change(writing: Writing) -> None:
        writing.insert(table(writing, [far]))
        assert content(writing.snapshot) == {*SOME, far}
        assert len(writing.snapshot.geometries.in_box(7, 8, 9, 10)) == 1
        writing.delete(table(writing, [SOME[0], far]))
        assert content(writing.snapshot) == set(SOME[1:])
        writing.insert(table(writing, [SOME[0]]))
        assert (writing.inserted, writing.deleted) == (0, 0)
        writing.delete(table(writing, [SOME[2]]))
        assert content(writing.snapshot) == {*SOME} - {SOME[2]}

    storage.transact(change)
    assert content(storage.snapshot()) == {*SOME} - {SOME[2]}


def test_scans_find_by_any_part(storage: GraphStorage) -> None:
    add(storage, *SOME)
    snapshot = storage.snapshot()
    a, b, p, g, h, x = snapshot.terms.find(TermColumn.of([A, B, P, G, H, Literal("x")])).tolist()
    assert min(a, b, p, g, h, x) > 0

    def count(**parts: object) -> int:
        return int(snapshot.scan(**parts).num_rows)  # type: ignore[arg-type]  # a test of them

    assert [count(subject=a), count(predicate=p), count(object=b)] == [3, 3, 2]
    assert [count(subject=a, predicate=p), count(predicate=p, object=x)] == [2, 1]
    assert [count(subject=a, object=b), count(subject=b, object=b)] == [2, 0]
    assert [count(graphs=[0]), count(graphs=[g, h]), count(graphs=[]), count(graphs=None)] == [
        2,
        3,
        0,
        5,
    ]
    assert [count(object=b, graphs=[g]), count(subject=a, predicate=p, object=b, graphs=[0])] == [
        1,
        1,
    ]
    assert [count(subject=UNKNOWN), count(predicate=UNKNOWN), count(object=UNKNOWN)] == [0, 0, 0]
    assert [count(predicate=a), count(graphs=[999])] == [0, 0]
    assert snapshot.graphs().tolist() == sorted([g, h])
    assert p in snapshot.predicates()


def test_terms_come_back_as_they_went_in(storage: GraphStorage) -> None:
    odd: list[Term] = [
        Literal(""), Literal(" \n\t\0"), Literal("日本"), Literal("x", language="en"), Literal("x"),
        Iri("x"), BlankNode("x"), Literal("x", Iri("x")), Literal("a" * 100_000),
    ]  # fmt: skip
    add(storage, *((A, P, term, None) for term in [*odd, *odd]))
    terms = storage.snapshot().terms
    ids = terms.find(TermColumn.of(odd))
    assert len(set(ids.tolist())) == len(odd)
    assert terms.take(ids).terms() == odd
    assert terms.take(np.array([0, ids[0], UNKNOWN, 10**9])).terms() == [None, odd[0], None, None]
    assert terms.types(np.array([0, len(terms) + 1])).tolist() == [-1, -1]
    assert terms.find(TermColumn.of([None, Literal("y")])).tolist() == [UNKNOWN, UNKNOWN]


def test_typed_values(storage: GraphStorage) -> None:
    xsd = "http://www.w3.org/2001/XMLSchema#"
    literals = [
        Literal("7.5", Iri(f"{xsd}decimal")),
        Literal("7.5", Iri(f"{xsd}integer")),
        Literal("1970-01-01T00:00:01Z", Iri(f"{xsd}dateTime")),
    ]
    add(storage, *((A, P, literal, None) for literal in literals))
    terms = storage.snapshot().terms
    ids = np.append(terms.find(TermColumn.of(literals)), 0)
    np.testing.assert_array_equal(terms.numbers(ids), [7.5, np.nan, np.nan, np.nan])
    none = np.iinfo(np.int64).min
    assert terms.instants(ids).tolist() == [none, none, 1_000_000, none]


def test_geometries_are_found_by_number_and_box(storage: GraphStorage) -> None:
    literals = [
        wkt("POINT (1 2)"),
        wkt("<http://www.opengis.net/def/crs/EPSG/0/4326> POINT (48 11)"),
        wkt("<http://www.opengis.net/def/crs/EPSG/0/32632> POINT (500000 5000000)"),
        wkt("POINT EMPTY"),
        wkt("POINT (1"),
    ]

    def change(writing: Writing) -> list[str]:
        writing.insert(table(writing, [(A, P, literal, None) for literal in literals]))
        return list(writing.problems.values())

    problems = storage.transact(change)
    assert len(problems) == 1
    snapshot = storage.snapshot()
    ids = snapshot.terms.find(TermColumn.of(literals))
    assert min(ids) > 0, "what cannot be read stays as a literal"
    shapes = snapshot.geometries.column(np.append(ids, [0, 1])).shapes
    assert [str(shape) for shape in shapes] == [
        "POINT (1 2)", "POINT (11 48)", "POINT (500000 5000000)", "POINT EMPTY", "None", "None", "None",
    ]  # fmt: skip
    assert snapshot.geometries.in_box(0, 0, 3, 3).tolist() == [ids[0]]
    assert snapshot.geometries.in_box(8, 44, 12, 49).tolist() in (
        [ids[1], ids[2]],
        [ids[2], ids[1]],
    )
    assert snapshot.geometries.in_box(170, -90, 2, 90).tolist() == [ids[0]]
    rows = snapshot.geometries.table()
    assert rows.column_names == ["id", "wkb", "crs", "xmin", "ymin", "xmax", "ymax"]
    assert sorted(rows["id"].to_pylist()) == sorted(ids[:4].tolist())
    assert 0 < snapshot.statistics.box_fraction(0, 0, 20, 60) <= 1


def test_older_versions_can_be_asked(storage: GraphStorage) -> None:
    before = datetime.now(UTC) - timedelta(days=1)
    for quad in SOME:
        add(storage, quad)
    remove(storage, SOME[0])
    for version in range(len(SOME) + 1):
        assert content(storage.snapshot(version=version)) == set(SOME[:version])
    versions = storage.versions().to_pylist()
    assert [entry["version"] for entry in versions] == list(range(len(SOME) + 2))
    assert [(entry["inserted"], entry["deleted"]) for entry in versions][1:] == [(1, 0)] * 5 + [
        (0, 1)
    ]
    assert storage.snapshot(as_of=datetime.now(UTC)).version == len(SOME) + 1
    moment = versions[2]["time"]
    assert content(storage.snapshot(as_of=moment)) >= set(SOME[:2])
    for wrong in (-1, 100):
        with pytest.raises(NotFoundError, match="version"):
            storage.snapshot(version=wrong)
    with pytest.raises(NotFoundError, match="did not exist"):
        storage.snapshot(as_of=before)
    with pytest.raises(InputError, match="Both"):
        storage.snapshot(version=1, as_of=before)


def test_statistics_count(storage: GraphStorage) -> None:
    add(storage, *SOME)
    snapshot = storage.snapshot()
    p = int(snapshot.terms.find(TermColumn.of([P]))[0])
    counts = snapshot.statistics.predicate(p)
    assert (snapshot.statistics.triples, counts.triples, counts.subjects, counts.objects) == (
        5,
        3,
        2,
        2,
    )
    assert snapshot.statistics.predicate(10**6).triples == 0


def test_compaction_and_vacuum_keep_the_quads(storage: GraphStorage) -> None:
    for quad in (*SOME, (A, P, wkt("POINT (1 2)"), None), (A, P, wkt("POINT (3 4)"), None)):
        add(storage, quad)
    remove(storage, SOME[0])
    before = content(storage.snapshot())
    report = compact(storage)
    assert (report.before, report.after) == (17, 3)
    assert content(storage.snapshot()) == before
    assert content(storage.snapshot(version=3)) == set(SOME[:3])
    assert compact(storage).version == report.version, "there is nothing more to fold"
    assert vacuum(storage, keep_days=0) >= report.before
    assert content(storage.snapshot()) == before
    with pytest.raises(NotFoundError):
        storage.snapshot(version=4).scan()
    add(storage, (B, Q, wkt("POINT (5 6)"), None))
    checked = check(storage)
    assert checked.problems == ()
    assert (checked.quads, checked.geometries) == (len(before) + 1, 3)


def test_a_store_that_another_compacted_is_followed(place: Again) -> None:
    first, other = place(), place()
    for quad in SOME:
        add(first, quad)
    assert content(other.snapshot()) == set(SOME)
    compact(first)
    add(first, (A, P, A, None))
    vacuum(first, keep_days=0)
    assert content(other.snapshot()) == {*SOME, (A, P, A, None)}
    add(other, (B, P, B, None))
    assert content(place().snapshot()) == {*SOME, (A, P, A, None), (B, P, B, None)}


def test_the_loser_of_a_race_runs_again(place: Again) -> None:
    one, other = place(), place()
    runs = []

    def change(writing: Writing) -> None:
        runs.append(len(writing.snapshot))
        if len(runs) == 1:
            add(other, (iri("fast"), P, iri("fast object"), None))
        writing.insert(table(writing, [(iri("slow"), P, iri("slow object"), None)]))

    one.transact(change)
    assert runs == [0, 1]
    assert len(content(one.snapshot())) == len(content(other.snapshot())) == 2
    assert check(one).problems == ()


def test_a_loser_without_new_terms_runs_again_too(place: Again) -> None:
    one, other = place(), place()
    add(one, (A, P, B, None))
    runs = []

    def change(writing: Writing) -> None:
        runs.append(len(writing.snapshot))
        if len(runs) == 1:
            add(other, (B, P, A, None))
        writing.insert(table(writing, [(B, P, A, None), (A, P, A, None)]))

    one.transact(change)
    assert runs == [1, 2]
    assert check(one).problems == ()
    assert one.versions()["inserted"].to_pylist() == [0, 1, 1, 1]


def test_a_race_that_is_always_lost_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from extremeearth.knowledge.store.storage import store

    monkeypatch.setattr(store, "LONGEST_WAIT_S", 0.0)
    monkeypatch.setattr(store, "TRIES", 3)
    one, other = open_storage(tmp_path / "g"), open_storage(tmp_path / "g")
    runs = []

    def change(writing: Writing) -> None:
        runs.append(1)
        add(other, (iri(len(runs)), P, B, None))
        writing.insert(table(writing, [(A, P, A, None)]))

    with pytest.raises(ConflictError, match="3 times"):
        one.transact(change)
    assert len(one.snapshot()) == len(runs) == 3
    assert check(one).leftovers == 0, "a lost race leaves no files"


def test_threads_read_while_others_write(storage: GraphStorage) -> None:
    counts, failures = [], []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                snapshot = storage.snapshot()
                rows = snapshot.scan()
                assert rows.num_rows == len(snapshot) == 2 * snapshot.version
                subject = int(rows["s"][0].as_py()) if rows.num_rows else 1
                assert snapshot.scan(subject=subject).num_rows == (2 if rows.num_rows else 0)
                counts.append(snapshot.version)
        except Exception as err:  # shown by the test
            failures.append(err)

    def write(name: str) -> None:
        try:
            for i in range(5):
                add(storage, (iri(f"{name}{i}"), P, B, None), (iri(f"{name}{i}"), Q, iri(i), None))
        except Exception as err:  # shown by the test
            failures.append(err)

    readers = [threading.Thread(target=read) for _ in range(4)]
    writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert failures == []
    assert counts
    assert len(storage.snapshot()) == 20


def test_reading_only(place: Again) -> None:
    with pytest.raises(DataMissingError):
        place(create=False).snapshot()
    add(place(), *SOME)
    reader = place(read_only=True)
    assert content(reader.snapshot()) == set(SOME)
    for act in (lambda: add(reader, SOME[0]), lambda: compact(reader), lambda: vacuum(reader)):
        with pytest.raises(AccessError, match="reading only"):
            act()


Names = tuple[str, str, str, str]
NAMES = st.sampled_from("abc")
QUADS = st.tuples(NAMES, st.sampled_from("pq"), NAMES, st.sampled_from(["", "g", "h"]))
STEPS = st.lists(st.tuples(st.booleans(), st.lists(QUADS, max_size=6)), max_size=5)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=4))
def test_any_sequence_of_changes_is_that_of_a_set(
    transactions: list[list[tuple[bool, list[Names]]]],
) -> None:
    storage = open_storage(None)
    expected: set[Names] = set()
    states = [set(expected)]

    def terms(quads: Iterable[Names]) -> list[Quad]:
        return [(iri(s), iri(p), iri(o), iri(g) if g else None) for s, p, o, g in quads]

    for steps in transactions:
        wanted = set(expected)

        def change(writing: Writing, steps: list[tuple[bool, list[Names]]] = steps) -> None:
            for insert, quads in steps:
                rows = table(writing, terms(quads))
                (writing.insert if insert else writing.delete)(rows)

        for insert, quads in steps:
            wanted = wanted | set(quads) if insert else wanted - set(quads)
        storage.transact(change)
        if wanted != expected:
            states.append(set(wanted))
        expected = wanted
    for version, state in enumerate(states):
        assert content(storage.snapshot(version=version)) == set(terms(state))
    assert check(storage).problems == ()
    compact(storage)
    assert content(storage.snapshot()) == set(terms(expected))
