"""Each statement once per triples map, whatever the batches, and in bounded memory."""

from __future__ import annotations

import io
import weakref
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.infrastructure.engine import LocalEngine
from extremeearth.knowledge.mapping import map_to_rdf
from extremeearth.knowledge.mapping.running.distinct import Distinct, HashSet, Sieve, hashes_of

MAPPING = """@prefix rml: <http://w3id.org/rml/> .
<urn:m> rml:logicalSource [ rml:source [ rml:path "t" ] ] ;
    rml:subjectMap [ rml:template "urn:s:{s}" ; rml:class <urn:C> ] ;
    rml:predicateObjectMap [ rml:predicate <urn:p> ; rml:objectMap [ rml:reference "a" ] ] ;
    rml:predicateObjectMap [ rml:predicate <urn:%s> ; rml:objectMap [ rml:reference "b" ] ] ."""

rows = st.lists(st.tuples(*[st.integers(0, 2)] * 3), max_size=20)


@settings(deadline=None)
@given(rows, st.integers(1, 6), st.sampled_from(["p", "q"]), st.booleans())
def test_no_line_comes_twice_and_none_is_lost(values, batch_rows, second, on_engine):
    table = pa.table({n: pa.array([v[i] for v in values], pa.int64()) for i, n in enumerate("sab")})
    out = io.BytesIO()
    report = map_to_rdf(
        MAPPING % second, sources={"t": table}, target=out, batch_rows=batch_rows,
        engine=LocalEngine() if on_engine else None,
    )  # fmt: skip
    lines = Counter(out.getvalue().decode().splitlines())
    integer = "^^<http://www.w3.org/2001/XMLSchema#integer> ."
    expected = {
        line
        for s, a, b in values
        for line in (
            f"<urn:s:{s}> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <urn:C> .",
            f'<urn:s:{s}> <urn:p> "{a}"{integer}',
            f'<urn:s:{s}> <urn:{second}> "{b}"{integer}',
        )
    }
    assert set(lines) == expected
    assert set(lines.values()) <= {1}
    assert report.triples == len(expected)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 50), max_size=12), max_size=12), st.integers(1, 20))
def test_a_set_of_hashes_is_a_set_whatever_is_on_disk(parts, spill):
    seen, known = HashSet(spill_hashes=spill), set()
    for part in parts:
        numbers = np.array(part, dtype=np.uint64)
        assert seen.contains(numbers).tolist() == [n in known for n in part]
        seen.add(numbers)
        known.update(part)
    assert len(seen) >= len(known)
    seen.close()
    assert len(seen) == 0


def test_memory_is_bounded_by_the_spilling():
    seen = HashSet(spill_hashes=1000)
    for start in range(0, 50_000, 400):
        numbers = np.arange(start, start + 400, dtype=np.uint64)
        assert not seen.contains(numbers).any()
        seen.add(numbers)
        assert seen.in_memory < 2000
    assert seen.contains(np.array([0, 49_999, 50_000], dtype=np.uint64)).tolist() == [
        True, True, False,
    ]  # fmt: skip
    seen.close()


@pytest.mark.parametrize("spill", [900, 20_000, 1 << 20])
def test_a_set_that_grows_knows_its_hashes(spill):
    """Past where the sieve grows, on disk and in memory, where few and where many come again."""
    random = np.random.default_rng(1)
    seen = HashSet(spill_hashes=spill)
    known = np.zeros(0, np.uint64)
    for number in range(20):
        new = random.integers(0, 1 << 64, 3_000, dtype=np.uint64)
        old = random.choice(known, (0, 5, 2_000)[number % 3]) if number else known
        asked = np.concatenate([new, old])
        asked = np.sort(asked) if number % 2 else random.permutation(asked)
        assert seen.contains(asked).tolist() == np.isin(asked, known).tolist()
        seen.add(asked)
        known = np.union1d(known, new)
    assert not Sieve().suits(len(known)), "it has grown"
    seen.close()


def test_a_sieve_lets_few_others_through_and_is_bounded():
    random = np.random.default_rng(2)
    hashes = np.sort(random.integers(0, 1 << 64, 200_000, dtype=np.uint64))
    sieve = Sieve(len(hashes))
    assert sieve.suits(len(hashes))
    sieve.add(hashes)
    assert sieve.passes(random.permutation(hashes)).all()
    others = random.integers(0, 1 << 64, 200_000, dtype=np.uint64)
    assert 0 < sieve.passes(others).mean() < 0.02
    largest = Sieve(10**9)
    assert largest.suits(10**12), "it grows no more"


def test_lines_are_looked_up_only_where_a_subject_comes_again(monkeypatch):
    asked = []
    real = HashSet.contains
    monkeypatch.setattr(
        HashSet, "contains", lambda self, h: (asked.append(len(h)), real(self, h))[1]
    )
    with Distinct() as distinct:
        for name in ("a", "b", "a"):
            line = pa.array([f"<{name}> <p> <o> .\n"] * 1, pa.large_string())
            list(distinct.new(hashes_of(f"<{name}>"), [(line, hashes_of(line))]))
    assert len(asked) == 4  # three for the subjects, one for the lines of the second <a>
    assert distinct.repeated == 1


def test_the_report_counts_what_came_again(mapped):
    table = pa.table({"s": [1, 2, 1], "a": [1, 1, 1], "b": [1, 1, 2]})
    _, report = mapped(MAPPING % "q", sources={"t": table}, batch_rows=2)
    assert (report.triples, report.repeated) == (7, 2)


def test_batches_bound_the_memory_of_a_run(mapped):
    """A source that makes its rows as they are asked for: nothing reads ahead more than one batch."""
    from extremeearth.knowledge.mapping.frames import Frame
    from extremeearth.knowledge.mapping.running import execution

    made, alive = [], []
    columns: list[weakref.ref[pa.Array]] = []

    class Endless:
        def check(self, references):
            pass

        def frames(self, references, *, batch_rows):
            for number in range(50):
                made.append(batch_rows)
                frame = Frame(
                    columns={n: pa.array(np.arange(batch_rows) + number * batch_rows) for n in references},
                    rows=batch_rows, first_row=number * batch_rows,
                )  # fmt: skip
                alive.append(sum(column() is not None for column in columns))
                columns.extend(map(weakref.ref, frame.columns.values()))
                yield frame

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "open_source", lambda *_, **__: Endless())
        _, report = mapped(MAPPING % "q", batch_rows=200)
    assert report.rows == 50 * 200
    assert set(made) == {200}
    assert max(alive) <= len(columns) // 50, "no more than the columns of one batch before"
