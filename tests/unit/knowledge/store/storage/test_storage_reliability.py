"""Killed writers, full disks, torn files, writers side by side: the store is at its last commit, whole."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from extremeearth.core.errors import (
    ConflictError,
    DataBrokenError,
    DataMissingError,
    InputError,
    SchemaVersionError,
    StorageError,
)
from extremeearth.knowledge.sparql.terms import Iri, Literal
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.storage import (
    GraphStorage,
    Writing,
    check,
    open_storage,
    quads_table,
    vacuum,
)

Start = Callable[..., int]
KILLS = 16


def add(storage: GraphStorage, name: str, rows: int = 1) -> None:
    def change(writing: Writing) -> None:
        ids = writing.number(TermColumn.of(Iri(f"urn:{name}:{i}") for i in range(rows)))
        writing.insert(quads_table(ids, np.repeat(ids[:1], rows), ids, np.zeros(rows, np.int64)))

    storage.transact(change)


def told_counts(path: Path) -> list[int]:
    lines = path.read_bytes().split(b"\n")
    return [int(line) for line in lines[:-1]]


def wait_for_lines(path: Path, number: int) -> None:
    until = time.monotonic() + 60
    while not path.exists() or len(told_counts(path)) < number:
        assert time.monotonic() < until
        time.sleep(0.002)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_end(process: int) -> None:
    until = time.monotonic() + 60
    while is_running(process):
        assert time.monotonic() < until
        time.sleep(0.002)


def test_a_killed_writer_leaves_the_last_commit(tmp_path: Path, start_writer: Start) -> None:
    """Kill at moments spread over what a commit does: parsing, data files, each of the three logs."""
    folder, told = tmp_path / "graph", tmp_path / "told"
    chance = random.Random(7)
    before = 0
    for kill in range(KILLS):
        told.unlink(missing_ok=True)
        rows = chance.choice([1, 50, 5_000])
        writer = start_writer(folder, told, name=f"w{kill}", commits=10_000, rows=rows)
        wait_for_lines(told, 1 + kill % 2)
        time.sleep(chance.uniform(0, 0.15 if rows > 1000 else 0.06))
        os.kill(writer, signal.SIGKILL)
        wait_for_end(writer)
        counts = [before, *[count for count in told_counts(told) if count]]
        storage = open_storage(folder)
        count = len(storage.snapshot())
        # the last commit may be one that the writer did not live to tell
        assert count in {counts[-1], counts[-1] + rows}
        assert count == storage.snapshot().scan().num_rows
        report = check(storage)
        assert report.problems == ()
        assert report.quads == count
        assert report.version == storage.snapshot().version
        before = count
    add(open_storage(folder), "after")
    assert check(open_storage(folder)).problems == ()
    assert before > 0


def test_two_processes_write_at_once_and_nothing_is_lost(
    tmp_path: Path, start_writer: Start
) -> None:
    folder = tmp_path / "graph"
    open_storage(folder)
    writers = [
        start_writer(folder, tmp_path / name, name=name, commits=25, rows=4) for name in ("a", "b")
    ]
    reader = open_storage(folder)
    seen = [0]
    while any(map(is_running, writers)):
        seen.append(len(reader.snapshot()))
        assert seen[-1] >= seen[-2]
    assert len(open_storage(folder).snapshot()) == len(reader.snapshot()) == 2 * 25 * 4
    told = [count for name in "ab" for count in told_counts(tmp_path / name) if count]
    assert sorted(told) == [4 * (i + 1) for i in range(50)], "each commit was on top of another"
    report = check(reader)
    assert report.problems == ()
    assert report.leftovers == 0


@pytest.fixture
def no_space(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Make the disk full after so many more files."""
    real = os.fsync
    left = [10**9]

    def fsync(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)

    def after(files: int) -> None:
        left[0] = files

    yield after
    left[0] = 10**9


@pytest.mark.parametrize("files", range(4))
def test_a_full_disk_changes_nothing(
    tmp_path: Path, no_space: Callable[[int], None], files: int
) -> None:
    storage = open_storage(tmp_path / "graph")
    add(storage, "first", 10)
    no_space(files)
    with pytest.raises(StorageError, match="No space left"):
        add(storage, "second", 10)
    no_space(10**9)
    for opened in (storage, open_storage(tmp_path / "graph")):
        assert len(opened.snapshot()) == 10
        assert opened.snapshot().version == 1
    add(storage, "third", 10)
    assert len(open_storage(tmp_path / "graph").snapshot()) == 20
    assert check(storage).problems == ()


FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from extremeearth.core.errors import StorageError
from extremeearth.knowledge.sparql.terms import Iri
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.storage import open_storage, quads_table

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
storage = open_storage(Path(sys.argv[1]))
storage.snapshot()

def change(writing):
    ids = writing.number(TermColumn.of(Iri(f"urn:{i}") for i in range(int(sys.argv[3]))))
    writing.insert(quads_table(ids, ids[:1].repeat(len(ids)), ids, np.zeros(len(ids), np.int64)))

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    storage.transact(change)
except StorageError as err:
    print(err)
    sys.exit(3)
"""


@pytest.mark.parametrize(("limit", "rows"), [(20_000, 50_000), (300, 5)])
def test_the_system_refuses_to_write_more(tmp_path: Path, limit: int, rows: int) -> None:
    """A limit of the operating system, at a data file or already at the log of commits."""
    storage = open_storage(tmp_path / "graph")
    add(storage, "first", 10)
    script = tmp_path / "full.py"
    script.write_text(FULL)
    command = [sys.executable, script, tmp_path / "graph", str(limit), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, done.stderr
    assert "disk" in done.stdout
    assert len(storage.snapshot()) == len(open_storage(tmp_path / "graph").snapshot()) == 10
    add(storage, "second", 10)
    assert check(storage).problems == ()


def test_a_torn_file_that_no_commit_names_is_ignored(tmp_path: Path) -> None:
    storage = open_storage(tmp_path / "graph")
    add(storage, "first", 10)
    for table in ("terms", "geometries", "quads"):
        (tmp_path / "graph" / table / "0123.parquet").write_bytes(b"PAR1 torn")
    assert len(open_storage(tmp_path / "graph").snapshot().scan()) == 10
    report = check(storage)
    assert (report.problems, report.leftovers) == ((), 3)
    assert vacuum(storage, keep_days=0) == 0, "a writer may be about to name them"
    old = time.time() - 3 * 86400
    for table in ("terms", "geometries", "quads"):
        os.utime(tmp_path / "graph" / table / "0123.parquet", (old, old))
    assert vacuum(storage, keep_days=0) == 3
    assert check(storage).leftovers == 0


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("table", ["terms", "geometries", "quads"])
@pytest.mark.parametrize("damage", [tear, Path.unlink])
def test_a_broken_file_that_a_commit_names_is_told(
    tmp_path: Path, table: str, damage: Callable[[Path], None]
) -> None:
    storage = open_storage(tmp_path / "graph")

    def change(writing: Writing) -> None:
        point = Literal("POINT (1 2)", Iri("http://www.opengis.net/ont/geosparql#wktLiteral"))
        ids = writing.number(TermColumn.of([Iri("urn:a"), point]))
        writing.insert(quads_table(ids[:1], ids[:1], ids[1:], np.zeros(1, np.int64)))

    storage.transact(change)
    (path,) = (tmp_path / "graph" / table).glob("*.parquet")
    damage(path)
    with pytest.raises(DataBrokenError, match=f"{table}/{path.name}"):
        open_storage(tmp_path / "graph").snapshot().scan()
    assert path.name in check(storage).problems[0]


def test_a_gap_in_the_dictionary_is_told(tmp_path: Path) -> None:
    storage = open_storage(tmp_path / "graph")
    add(storage, "first", 10)
    add(storage, "second", 10)
    log = storage.tables.terms
    first = min(log.files().values(), key=lambda file: file.low("id", 0))
    log.commit([], removed=[first], facts={})
    with pytest.raises(DataBrokenError, match="gap"):
        open_storage(tmp_path / "graph").snapshot()
    assert "numbers of terms" in check(storage).problems[0]


def test_a_geometry_that_a_killed_writer_left_out_is_made_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = Literal("POINT (1 2)", Iri("http://www.opengis.net/ont/geosparql#wktLiteral"))

    def change(writing: Writing) -> None:
        ids = writing.number(TermColumn.of([Iri("urn:a"), point, Iri("urn:b")]))
        writing.insert(quads_table(ids[:1], ids[:1], ids[1:2], np.zeros(1, np.int64)))

    storage = open_storage(tmp_path / "graph")

    def killed(*args: object, **named: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(storage.tables.geometries, "commit", killed)
    with pytest.raises(KeyboardInterrupt):
        storage.transact(change)
    again = open_storage(tmp_path / "graph")
    again.transact(change)
    snapshot = open_storage(tmp_path / "graph").snapshot()
    assert len(snapshot.terms) == 3, "the terms of the killed writer are used"
    assert len(snapshot.geometries.in_box(0, 0, 2, 3)) == 1
    assert check(again).problems == ()


def test_readers_of_the_same_process_do_not_confuse_a_writer(tmp_path: Path) -> None:
    """A reader may load terms of another process while a transaction numbers its own."""
    one, other = open_storage(tmp_path / "graph"), open_storage(tmp_path / "graph")
    runs = []

    def change(writing: Writing) -> None:
        runs.append(1)
        ids = writing.number(TermColumn.of([Iri("urn:mine")]))
        if len(runs) == 1:
            add(other, "theirs", 5)
            assert len(one.snapshot()) == 5
        writing.insert(quads_table(ids, ids, ids, np.zeros(1, np.int64)))

    one.transact(change)
    assert len(runs) == 2
    for opened in (one, other, open_storage(tmp_path / "graph")):
        terms = opened.snapshot().terms
        assert len(terms) == 6
        assert len(set(map(str, terms.take(np.arange(1, 7)).terms()))) == 6
    assert check(one).problems == ()


def test_numbers_that_are_no_terms_are_refused(tmp_path: Path) -> None:
    storage = open_storage(None)
    add(storage, "first", 2)
    one = np.ones(1, np.int64)
    for s, p, o, g in ((0, 1, 1, 0), (1, 9, 1, 0), (1, 1, -1, 0), (1, 1, 1, -1)):
        with pytest.raises(InputError, match="not all terms"):
            storage.transact(lambda w, q=(s, p, o, g): w.insert(quads_table(*(one * n for n in q))))
    assert storage.snapshot().version == 1


def test_places_that_are_no_store(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConflictError, match="something else"):
        open_storage(tmp_path)
    with pytest.raises(ConflictError, match="is a file"):
        open_storage(tmp_path / "notes.txt")
    with pytest.raises(DataMissingError, match="no graph store"):
        open_storage(tmp_path / "nothing", create=False)
    assert not (tmp_path / "nothing").exists()
    for url in ("ftp://example.org/a", "s3://UPPER/x"):
        with pytest.raises(InputError):
            open_storage(url)
    other = open_storage(tmp_path / "graph")
    log = tmp_path / "graph" / "quads" / "_delta_log" / f"{0:020d}.json"
    log.write_text(log.read_text().replace("extremeearth-graph-1", "extremeearth-graph-0"))
    with pytest.raises(SchemaVersionError):
        open_storage(other.url)
