"""Each statement once: what was written is remembered as 64-bit hashes, in memory and beyond it on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa

from extremeearth.knowledge.mapping.rules.overlaps import Circle

__all__ = ["Distinct", "HashSet", "Memories", "each_once", "hashes_of"]

SPILL_HASHES = 1 << 23
"""A sorted run of this many hashes (64 MiB) goes to disk, and grows no more."""

MOST_RUNS = 16
"""More sorted runs in memory than these are merged."""

_LEAST_BITS, _MOST_BITS = 21, 28
_BITS_PER_HASH = 64
_STRETCH = 1 << 18
_BIT = np.left_shift(1, np.arange(8)).astype(np.uint8)


def hashes_of(texts: Any) -> Any:
    """Give a 64-bit hash of each text, the same in every process.

    Examples
    --------
    >>> first, second, third = hashes_of(pa.array(["a", "b", "a"], pa.large_string()))
    >>> bool(first == third), bool(first == second)
    (True, False)
    """
    import polars as pl

    if isinstance(texts, str):
        texts = pa.array([texts], pa.large_string())
    # rows of a frame: the hash of a series would go through the planner of queries each time
    return pl.DataFrame({"": pl.from_arrow(texts)}).hash_rows(seed=0).to_numpy()


def each_once(hashes: Any) -> Any:
    """Sort and leave repeats out; `numpy.unique` would build a table of them first, at ten times the cost.

    Examples
    --------
    >>> each_once(np.array([3, 1, 3], np.uint64)).tolist()
    [1, 3]
    """
    ordered = np.sort(hashes)
    kept = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=kept[1:])
    return ordered if kept.all() else ordered[kept]


class Sieve:
    """Lets through the hashes that may be in a set, by a table with a bit for all that begin the same way.

    Sorted hashes go through the table in its order, so that this costs a fraction of a search. A table of up to 32 MiB
    has 64 bits for each hash of a small set, and 2.7 for each of a hundred millions.

    Examples
    --------
    >>> sieve = Sieve()
    >>> sieve.add(np.array([5 << 50], np.uint64))
    >>> sieve.passes(np.array([5 << 50, 6 << 50, 5 << 60], np.uint64))
    array([ True, False, False])
    """

    def __init__(self, hashes: int = 0) -> None:
        wanted = (hashes * _BITS_PER_HASH).bit_length()
        # four times as many at each step, so that few steps are needed
        bits = min(_MOST_BITS, max(_LEAST_BITS, wanted + (wanted - _LEAST_BITS) % 2))
        self._shift = np.uint64(64 - bits)
        self._table = np.zeros(1 << (bits - 3), np.uint8)

    def suits(self, hashes: int) -> bool:
        """Tell whether the table is large enough for so many, or as large as one gets."""
        bits = 8 * len(self._table)
        return bits >= hashes * _BITS_PER_HASH or bits >= 1 << _MOST_BITS

    def add(self, hashes: Any) -> None:
        """Let some sorted hashes through from now on."""
        for start in range(0, len(hashes), _STRETCH):
            begins = self._begins(hashes[start : start + _STRETCH])
            places = begins >> 3
            first = np.ones(len(places), dtype=bool)
            np.not_equal(places[1:], places[:-1], out=first[1:])
            at = np.flatnonzero(first)
            self._table[places[at]] |= np.bitwise_or.reduceat(_BIT.take(begins & 7), at)

    def passes(self, hashes: Any) -> Any:
        """Tell which may be there; the others are not."""
        begins = self._begins(hashes)
        return (self._table.take(begins >> 3) & _BIT.take(begins & 7)) != 0

    def _begins(self, hashes: Any) -> Any:
        return (hashes >> self._shift).view(np.int64)


class HashSet:
    """A set of 64-bit numbers that grows by whole arrays: sorted runs, large ones on disk.

    What is never asked for is never sorted.

    Examples
    --------
    >>> seen = HashSet()
    >>> seen.add(np.array([3, 1], dtype=np.uint64))
    >>> seen.contains(np.array([1, 2], dtype=np.uint64))
    array([ True, False])
    >>> seen.close()
    """

    def __init__(self, *, spill_hashes: int = SPILL_HASHES) -> None:
        self._spill = spill_hashes
        self._pending: list[Any] = []
        self._count = 0
        self._runs: list[Any] = []
        self._full: list[Any] = []
        self._unsorted: list[Path] = []
        self._sieve = Sieve()
        self._sifted = self._files = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __len__(self) -> int:
        there = sum(map(len, (*self._runs, *self._full)))
        return self._count + there + len(self._unsorted) * self._spill

    @property
    def in_memory(self) -> int:
        """How many hashes are in memory; the others are in files."""
        return self._count + sum(map(len, self._runs))

    def add(self, hashes: Any) -> None:
        """Take hashes; repeats do no harm. They are sorted when somebody asks; many go to disk as they are."""
        self._pending.append(hashes)
        self._count += len(hashes)
        if self._count < self._spill:
            return
        waiting = np.concatenate(self._pending)
        while len(waiting) >= self._spill:
            self._unsorted.append(self._saved(waiting[: self._spill]))
            waiting = waiting[self._spill :]
        self._pending, self._count = [waiting], len(waiting)

    def contains(self, hashes: Any) -> Any:
        """Tell which of these were taken before."""
        self._settle()
        found = self._sieve.passes(hashes)
        maybe = np.flatnonzero(found)
        if not len(maybe):
            return found
        if len(maybe) * MOST_RUNS > len(
            hashes
        ):  # many are there indeed: a search in each run would cost more
            self._merge()
        wanted = hashes[maybe]
        there = np.zeros(len(wanted), dtype=bool)
        for run in (*self._runs, *self._full):
            places = np.searchsorted(run, wanted)
            places[places == len(run)] = 0
            there |= run[places] == wanted
        found[maybe] = there
        return found

    def close(self) -> None:
        """Forget everything."""
        self._pending, self._runs, self._full, self._unsorted, self._count = [], [], [], [], 0
        self._sieve, self._sifted = Sieve(), 0
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _settle(self) -> None:
        """Sort what came, and see that there are not too many runs."""
        while self._unsorted:
            file = self._unsorted.pop()
            run = each_once(np.load(file, allow_pickle=False))
            self._keep(run)
            self._sift(run)
            file.unlink()
        if not self._count:
            return
        is_run = len(self._pending) == 1 and _is_sorted(self._pending[0])
        run = self._pending[0] if is_run else each_once(np.concatenate(self._pending))
        self._pending, self._count = [], 0
        self._runs.append(run)
        self._sift(run)
        if len(self._runs) > MOST_RUNS or sum(map(len, self._runs)) >= self._spill:
            self._merge()

    def _sift(self, run: Any) -> None:
        """Let a new run through the sieve, which grows with the set."""
        self._sifted += len(run)
        if self._sieve.suits(self._sifted):
            self._sieve.add(run)
            return
        self._sieve = Sieve(self._sifted)
        for known in (*self._runs, *self._full):
            self._sieve.add(known)

    def _merge(self) -> None:
        """Merge the last runs into one, so that each is at least twice as long as all that follow."""
        start = len(self._runs) - 1
        size = len(self._runs[start]) if self._runs else 0
        while start > 0 and len(self._runs[start - 1]) < 2 * size:
            start -= 1
            size += len(self._runs[start])
        if size < self._spill and start >= len(self._runs) - 1:
            return
        last = self._runs[start:]
        run = last[0] if len(last) == 1 else each_once(np.concatenate(last))
        del self._runs[start:]
        if len(run) < self._spill:
            self._runs.append(run)
        else:
            self._keep(run)

    def _keep(self, run: Any) -> None:
        """Put a sorted run on disk, where it is looked up."""
        self._full.append(np.load(self._saved(run), mmap_mode="r", allow_pickle=False))

    def _saved(self, hashes: Any) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="extremeearth-distinct-")
        file = Path(self._folder.name) / f"{self._files}.npy"
        self._files += 1
        np.save(file, hashes, allow_pickle=False)
        return file


def _is_sorted(hashes: Any) -> bool:
    return bool((hashes[1:] > hashes[:-1]).all())


class Distinct:
    """Leaves out the statements of one circle that were written before.

    A statement can only come again with a subject that comes again, so lines are looked up only then. Two different
    lines are taken for the same if their hashes are equal: for a hundred million lines the chance that one is lost
    is below one in three thousand, and far smaller where few subjects come again.

    Parameters
    ----------
    overlapping
        Whether two statements of the same row may be equal, so that lines are always looked up.

    Examples
    --------
    >>> lines = pa.array(["<a> <p> 1 .", "<b> <p> 1 ."], pa.large_string())
    >>> with Distinct() as distinct:
    ...     subjects = hashes_of(pa.array(["a", "b"], pa.large_string()))
    ...     parts = [(lines, hashes_of(lines))]
    ...     [len(part) for _ in range(2) for part, _ in distinct.new(subjects, parts)]
    [2, 0]
    """

    def __init__(self, *, overlapping: bool = False) -> None:
        self._subjects, self._lines = HashSet(), HashSet()
        self._overlapping = overlapping
        self.repeated = 0

    def __enter__(self) -> Distinct:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._subjects.close()
        self._lines.close()

    def new(self, subjects: Any, parts: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        """Give the lines of a batch that are new; `subjects` are hashes of subjects, `parts` lines with theirs."""
        look = self._must_look(subjects, overlapping=self._overlapping)
        for lines, hashes in parts:
            fresh = self._fresh(hashes, look=look)
            yield (
                (lines, hashes) if fresh is None else (lines.filter(pa.array(fresh)), hashes[fresh])
            )

    def unseen(self, subjects: Any, hashes: Any) -> Any:
        """Tell which lines are new by their hashes alone, or `None` where all are; `subjects` as in `new`.

        These are lines of which each comes once already, as a worker had them.
        """
        return self._fresh(hashes, look=self._must_look(subjects))

    def _must_look(self, subjects: Any, *, overlapping: bool = False) -> bool:
        look = overlapping or bool(self._subjects.contains(subjects).any())
        self._subjects.add(subjects)
        return look

    def _fresh(self, hashes: Any, *, look: bool) -> Any:
        """Tell which lines are new, or `None` for all; remember them."""
        if not look:
            self._lines.add(hashes)
            return None
        first = np.zeros(len(hashes), dtype=bool)
        first[np.unique(hashes, return_index=True)[1]] = True
        fresh = first & ~self._lines.contains(hashes)
        self._lines.add(hashes[fresh])
        self.repeated += int((~fresh).sum())
        return None if fresh.all() else fresh


class Memories:
    """What was written, by circle; that of several triples maps is remembered to the end of the run.

    Examples
    --------
    >>> with Memories() as memories:
    ...     with memories.of([Circle(("a",)), Circle(("a", "b"))]) as first:
    ...         pass
    ...     with memories.of([Circle(("a", "b"))]) as second:
    ...         second[Circle(("a", "b"))] is first[Circle(("a", "b"))]
    True
    """

    def __init__(self) -> None:
        self._shared: dict[Circle, Distinct] = {}
        self._forgotten = 0
        self._stack = ExitStack()

    def __enter__(self) -> Memories:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def repeated(self) -> int:
        """How many lines came again."""
        return self._forgotten + sum(distinct.repeated for distinct in self._shared.values())

    @contextmanager
    def of(self, circles: Iterable[Circle]) -> Iterator[dict[Circle, Distinct]]:
        """Give what is remembered of some circles; that of single triples maps is forgotten after this."""
        with ExitStack() as stack:
            known: dict[Circle, Distinct] = {}
            for circle in circles:
                if len(circle.maps) > 1 and circle in self._shared:
                    known[circle] = self._shared[circle]
                    continue
                distinct = Distinct(overlapping=circle.in_a_row)
                known[circle] = distinct
                if len(circle.maps) > 1:
                    self._shared[circle] = self._stack.enter_context(distinct)
                else:
                    stack.enter_context(distinct)
            yield known
            self._forgotten += sum(d.repeated for c, d in known.items() if len(c.maps) == 1)
