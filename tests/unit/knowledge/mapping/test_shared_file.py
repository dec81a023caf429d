"""Workers that write to one file: each at its place, in order, and nothing between the lines in the end."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extremeearth.core.errors import InputError
from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.knowledge.mapping import map_to_rdf
from extremeearth.knowledge.mapping.running import shared_file
from extremeearth.knowledge.mapping.running.shared_file import Held, Places, close_holes

MAPPING = """
@prefix rml: <http://w3id.org/rml/> .
<urn:m> rml:logicalSource [ rml:source "t.csv" ; rml:referenceFormulation rml:CSV ] ;
    rml:subjectMap [ rml:template "urn:{id}" ; rml:class <urn:Note> ] ;
    rml:predicateObjectMap [ rml:predicate <urn:p> ; rml:objectMap [ rml:reference "note" ] ] .
"""


class Here(LocalEngine):
    """Works in this process, on some of the items before others, and tells where their lines were left."""

    def __init__(self, *order):
        super().__init__(workers=1)
        self.order, self.left = order, []

    def map(self, function, items, *, label, **_):
        items = list(items)
        done = {}
        for number in [*self.order, *(n for n in range(len(items)) if n not in self.order)]:
            done[number] = function(items[number])
        self.left = [type(done[number].lines).__name__ for number in sorted(done)]
        yield from (done[number] for number in sorted(done))


def held(data):
    taken = Held()
    taken.write(data)
    return taken


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """A file of rows that is cut to pieces of about 100 bytes."""
    monkeypatch.setattr("extremeearth.knowledge.mapping.running.line_files.PIECE_BYTES", 100)
    monkeypatch.setattr(shared_file, "PATIENCE_S", 0.02)

    def write(ids):
        lines = [f"{n},note {n % 7} {'x' * (n % 11)}" for n in ids]
        (tmp_path / "t.csv").write_text("\n".join(["id,note", *lines, ""]))
        return tmp_path

    return write


def mapped(folder, engine=None, mapping=MAPPING):
    target = folder / "out.nt"
    report = map_to_rdf(mapping, folder=folder, target=target, engine=engine)
    assert sorted(p.name for p in folder.iterdir()) == ["out.nt", "t.csv"]
    return target.read_bytes(), report


def test_pieces_are_written_where_they_stay(notes):
    folder = notes(range(60))
    engine = Here()
    here, _ = mapped(folder, engine)
    assert set(engine.left) == {"int"}
    assert len(engine.left) > 5
    for _ in range(3):
        beside, report = mapped(folder, LocalEngine(workers=2))
        assert beside == here  # in the order of the source, whoever was first
        assert report.triples == 120
    assert sorted(here.splitlines()) == sorted(mapped(folder)[0].splitlines())


def test_a_piece_whose_turn_does_not_come_has_a_file_of_its_own(notes):
    folder = notes(range(60))
    expected, _ = mapped(folder, Here())
    engine = Here(1, 0, 2, 3, 5, 4)
    assert mapped(folder, engine)[0] == expected
    # behind one that has no place, none has
    assert engine.left[:6] == ["int", *["PosixPath"] * 5]


def test_lines_that_come_again_leave_no_holes(notes):
    """First rows of pieces, last ones, whole pieces, and the last piece of all."""
    ids = [*range(20), *range(5), *range(20, 40), *range(20, 40), *range(40, 50), *range(10)]
    folder = notes(ids)
    expected = Counter(mapped(folder)[0].splitlines())
    assert set(expected.values()) == {1}
    for engine in (Here(), Here(0, 1, 2, 4, 3), LocalEngine(workers=2)):
        found, report = mapped(folder, engine)
        assert Counter(found.splitlines()) == expected
        assert (report.triples, report.rows) == (100, len(ids))


def test_a_placed_piece_that_is_lost_may_be_made_again_on_another_machine(notes):
    """What stands behind it is placed already."""

    class Again(Here):
        def map(self, function, items, **_):
            items = list(items)
            done = [function(item) for item in items]
            desk = function.desk
            elsewhere = replace(desk, places=replace(desk.places, machine="another"))
            for number in (0, 4):
                done[number] = replace(function, desk=elsewhere)(items[number])
            self.left = [type(one.lines).__name__ for one in done]
            yield from done

    for ids in ([n % 30 for n in range(100)], range(100)):
        folder = notes(ids)
        expected = Counter(mapped(folder)[0].splitlines())
        engine = Again()
        assert Counter(mapped(folder, engine)[0].splitlines()) == expected
        assert engine.left[:5] == ["PosixPath", "int", "int", "int", "PosixPath"]


def test_what_stands_before_and_behind_stays(notes):
    """Of several sources each begins where the one before it ended."""
    folder = notes([*range(30), *range(25)])
    again = MAPPING.replace("<urn:m>", "<urn:n>").replace('"urn:{id}"', '"urn:other:{id}"')
    again = again.replace("rml:CSV ]", 'rml:CSV ; rml:null "-" ]')
    both = MAPPING + again
    expected = Counter(mapped(folder, mapping=both)[0].splitlines())
    assert len(expected) == 120
    assert Counter(mapped(folder, Here(), mapping=both)[0].splitlines()) == expected


def test_a_file_behind_closed_holes_begins_at_their_end(notes):
    folder = notes([*range(30), *range(25)])
    other = (
        MAPPING.replace("t.csv", "./t.csv").replace("urn:m", "urn:n").replace("urn:{", "urn:o:{")
    )
    expected = Counter(mapped(folder, mapping=MAPPING + other)[0].splitlines())
    found, report = mapped(folder, Here(), mapping=MAPPING + other)
    assert report.repeated
    assert Counter(found.splitlines()) == expected
    assert set(expected.values()) == {1}


def test_a_piece_that_is_made_again_has_the_place_that_it_had(tmp_path):
    places = Places.beside(tmp_path / "a.nt", start=0)
    assert places.put(0, held(b"one\n")) == 0
    assert places.put(1, held(b"two\n")) == 4
    assert places.put(0, held(b"one\n")) == 0
    assert (tmp_path / "a.nt").read_bytes() == b"one\ntwo\n"
    with pytest.raises(InputError, match="another length"):
        places.put(0, held(b"longer\n"))
    assert (tmp_path / "a.nt").read_bytes() == b"one\ntwo\n"


def test_nothing_is_written_from_another_machine(tmp_path):
    places = replace(Places.beside(tmp_path / "a.nt", start=0), machine="another")
    assert places.put(0, held(b"one\n")) is None
    assert (tmp_path / "a.nt").read_bytes() == b""


def test_empty_pieces_have_a_turn_too(tmp_path):
    places = Places.beside(tmp_path / "a.nt", start=0)
    assert places.put(0, Held()) == 0
    assert places.put(1, held(b"one\n"), patience_s=0) == 0
    assert places.end(1) == 4


@given(
    st.lists(st.tuples(st.binary(max_size=12), st.integers(0, 6)), max_size=8),
    st.binary(max_size=8),
    st.integers(1, 5),
)
def test_holes_are_closed(kept, last, moved):
    data, holes = b"", []
    for piece, hole in kept:
        data += piece
        holes.append((len(data), hole))
        data += b"-" * hole
    data += last
    file = io.BytesIO(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_file, "MOVED_BYTES", moved)
        end = close_holes(file, holes, end=len(data))
    assert file.getvalue() == b"".join(piece for piece, _ in kept) + last
    assert (end, file.tell()) == (len(file.getvalue()),) * 2
