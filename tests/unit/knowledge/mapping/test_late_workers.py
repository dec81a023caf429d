"""Workers that are lost while they write, or that write on when nobody waits for them any more."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.knowledge.mapping import map_to_rdf
from extremeearth.knowledge.mapping.running import parallel
from extremeearth.knowledge.mapping.running.shared_file import Held, Places

MAPPING = """
@prefix rml: <http://w3id.org/rml/> .
<urn:m> rml:logicalSource [ rml:source "t.csv" ; rml:referenceFormulation rml:CSV ] ;
    rml:subjectMap [ rml:template "urn:{id}" ; rml:class <urn:Note> ] ;
    rml:predicateObjectMap [ rml:predicate <urn:p> ; rml:objectMap [ rml:reference "note" ] ] .
"""
STEPS = ("before its turn", "before it writes", "in the middle", "before it answers")


def held(data: bytes) -> Held:
    taken = Held()
    taken.write(data)
    return taken


class DeadlyPlaces(Places):
    """Each piece is made once for each step, and its worker dies there, before it is placed."""

    def put(self, number: int, held: Held, *, patience_s: float = 5.0) -> int | None:
        step = self._next_step(number)
        if step == "before its turn":
            _die()
        start = self._awaited(number, patience_s)
        assert start is not None
        if step == "before it writes":
            self.settle(number, start + held.size)
            _die()
        if step == "in the middle":
            half = Held()
            half.write(b"-" * (held.size - 1) + b"\n")
            super().put(number, half)
            _die()
        placed = super().put(number, held)
        if step == "before it answers":
            _die()
        return placed

    def _next_step(self, number: int) -> str | None:
        for step in STEPS:
            died = self.target.parents[1] / "died" / f"{number} {step}"
            if not died.exists():
                died.touch()
                return step
        return None


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Patient(LocalEngine):
    """Tries as often as there are steps to die at."""

    def map(self, function, items, *, label, **more):
        return super().map(function, items, label=label, retries=len(STEPS), **more)


def test_workers_may_die_at_each_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines are those of one process, each once, also where rows come again in other pieces."""
    rows = [f"{n % 45},note {n % 45}" for n in range(60)]
    (tmp_path / "died").mkdir()
    (tmp_path / "t.csv").write_text("\n".join(["id,note", *rows, ""]))
    map_to_rdf(MAPPING, folder=tmp_path, target=tmp_path / "whole.nt")
    monkeypatch.setattr("extremeearth.knowledge.mapping.running.line_files.PIECE_BYTES", 200)
    monkeypatch.setattr(parallel, "Places", DeadlyPlaces)
    with Patient(workers=2) as engine:
        report = map_to_rdf(MAPPING, folder=tmp_path, target=tmp_path / "out.nt", engine=engine)
    found = Counter((tmp_path / "out.nt").read_bytes().splitlines())
    assert found == Counter((tmp_path / "whole.nt").read_bytes().splitlines())
    assert set(found.values()) == {1}
    assert (report.triples, report.repeated) == (90, 30)
    died = Counter(p.name.partition(" ")[2] for p in (tmp_path / "died").iterdir())
    assert set(died) == set(STEPS)
    assert min(died.values()) > 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["died", "out.nt", "t.csv", "whole.nt"]


def test_a_late_worker_leaves_the_file_of_the_next_process_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes the same target next has a folder and a file of the same names."""
    target = tmp_path / "lines.nt"
    places = Places.beside(target, start=0)
    settle = Places.settle

    def taken_away(self: Places, number: int, end: int) -> None:
        settle(self, number, end)
        target.unlink()
        target.write_bytes(b"lines of another")

    monkeypatch.setattr(Places, "settle", taken_away)
    assert places.put(0, held(b"late\n")) == 0
    assert target.read_bytes() == b"lines of another"


def test_a_piece_that_cannot_be_written_has_no_end(tmp_path: Path) -> None:
    places = Places.beside(tmp_path / "lines.nt", start=0)
    places.target.unlink()
    with pytest.raises(FileNotFoundError):
        places.put(0, held(b"lines\n"))
    assert places.end(0) is None
