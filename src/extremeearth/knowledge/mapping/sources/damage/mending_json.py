"""What can be read of damaged JSON: the records of a list, one by one, with those left out that are broken."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping.sources.damage.mending import ENDS, RECORD, Loss

__all__ = ["ListScanner", "mend_geojson", "path_of_list"]

CHUNK = 1 << 20
MAX_RECORD = 64 << 20
"""A record that does not end within so many characters is broken."""
_DECODER = json.JSONDecoder()
_NEXT = re.compile(r"\}\s*,\s*(?=\{)")
_SPACE = re.compile(r"[\s,]*")
_BROKEN_FEATURE = "is a feature that cannot be read"


class _MoreNeededError(Exception):
    """What is being read goes on behind what was taken from the file."""


@dataclass(slots=True)
class ListScanner:
    """Reads a list of JSON from a text, element by element, and goes on behind those that are broken.

    Attributes
    ----------
    file
        The text.
    name
        What messages call it.
    lost, first_lost
        How many records were left out, and where the first of them is.
    complete
        Whether the list came to its end.

    Examples
    --------
    >>> import io
    >>> scanner = ListScanner(io.StringIO('{"fields": [{"id": 1}, {"id" 2}, {"id": 3}]}'), "f.json")
    >>> scanner.open(("fields",))
    >>> [value["id"] for _, value in scanner.records(lambda value: "id" in value)]
    [1, 3]
    >>> scanner.lost, scanner.first_lost
    (1, 'record 1 (line 1) of f.json')
    """

    file: TextIO
    name: str
    lost: int = 0
    first_lost: str = ""
    complete: bool = False
    head: str = ""
    """What is before the list."""
    kind: str = "record"
    members: tuple[tuple[str, int], ...] = ()
    """Names in the record that was read last and how often: by these records are counted that are broken."""
    _text: str = ""
    _at: int = 0
    _line: int = 1
    _number: int = 0
    _ended: bool = False

    def open(self, steps: tuple[str | int, ...]) -> None:
        """Go to the list that names lead to.

        Raises
        ------
        DataBrokenError
            It is not found, as what is before it is broken.
        """
        while True:
            self._refill()
            try:
                at = _list_at(self._text, steps)
            except _MoreNeededError:
                if not self._ended and len(self._text) < MAX_RECORD:
                    continue
                at = None
            if at is None:
                raise DataBrokenError(
                    f"{self.name} is damaged before its first {self.kind}: nothing can be read of it.",
                    hint="Check the file.",
                )
            self.head = self._text[:at]
            self._move(at)
            return

    def records(self, fits: Callable[[Any], bool]) -> Iterator[tuple[str, Any]]:
        """Give each record as text and as value.

        Parameters
        ----------
        fits
            Tells whether a value that was found behind a broken one is a record, and not a part of one.
        """
        while True:
            self._skip_space()
            if self._at >= len(self._text):
                return
            if self._text[self._at] == "]":
                self._move(self._at + 1)
                self.complete = True
                return
            found = self._decode(self._at)
            if found is None:
                place = self._place(self._number)
                count = self._resume(fits)
                self.lost, self.first_lost = self.lost + count, self.first_lost or place
                self._number += count
                continue
            value, end = found
            text = self._text[self._at : end]
            if isinstance(value, dict):
                names = (json.dumps(name) for name in value)
                self.members = tuple((name, said) for name in names if (said := text.count(name)))
            self._number += 1
            self._move(end)
            yield text, value

    def leave_out(self) -> None:
        """Count the record that was given last as one that is none."""
        self.lost += 1
        self.first_lost = self.first_lost or self._place(self._number - 1)

    def _place(self, number: int) -> str:
        return f"{self.kind} {number} (line {self._line}) of {self.name}"

    def rest(self) -> str:
        """Give what is behind the list, as far as it is short."""
        self._refill()
        return self._text[self._at :]

    def losses(self, reason: str = RECORD) -> list[Loss]:
        """Tell what was left out."""
        said = []
        if self.lost:
            said.append(Loss(count=self.lost, reason=reason, place=self.first_lost))
        if not self.complete:
            said.append(Loss(count=1, reason=ENDS, place=f"line {self._line} of {self.name}"))
        return said

    def _refill(self) -> None:
        more = self.file.read(CHUNK)
        self._ended = not more
        self._text = self._text[self._at :] + more
        self._at = 0

    def _move(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _skip_space(self) -> None:
        while True:
            match = _SPACE.match(self._text, self._at)
            self._move(match.end() if match else self._at)
            if self._at < len(self._text) or self._ended:
                return
            self._refill()

    def _decode(self, start: int) -> tuple[Any, int] | None:
        """Read one value; `None` if it is broken. What is before `start` may go from the text."""
        behind = start - self._at
        while True:
            start = self._at + behind
            try:
                value, end = _DECODER.raw_decode(self._text, start)
            except json.JSONDecodeError as err:
                if self._ended or not _goes_on(err, len(self._text)):
                    return None
                if len(self._text) - start > MAX_RECORD:
                    return None
            except RecursionError:
                return None
            else:
                if end < len(self._text) or self._ended:  # a number might go on
                    return value, end
            self._refill()

    def _resume(self, fits: Callable[[Any], bool]) -> int:
        """Go to the next record behind a broken one; tell how many were left out."""
        behind = 1
        while True:
            match = _NEXT.search(self._text, self._at + behind)
            if match is None:
                if not self._ended:
                    behind = max(behind, len(self._text) - self._at - 1)
                    behind = self._back_to_brace(behind)
                    if behind > MAX_RECORD:  # so that memory stays bounded
                        self._move(self._at + behind)
                        behind = 0
                    self._refill()
                    continue
                count = self._count(len(self._text))
                self._move(len(self._text))
                return count
            behind = match.end() - self._at
            found = self._decode(match.end())
            if found is not None and fits(found[0]):
                end = self._at + behind
                count = self._count(end)
                self._move(end)
                return count

    def _back_to_brace(self, behind: int) -> int:
        """Give a place from which on the end of a record is found that was only taken in part."""
        brace = self._text.rfind("}", self._at + 1, self._at + behind + 1)
        return behind if brace < 0 else min(behind, brace - self._at)

    def _count(self, end: int) -> int:
        said = (self._text.count(name, self._at, end) // n for name, n in self.members)
        return max(1, *said, 0)


def _goes_on(err: json.JSONDecodeError, size: int) -> bool:
    """Tell whether a value may only have been cut where the text that was taken from the file ends."""
    return err.pos >= size - 8 or err.msg.startswith("Unterminated string")


def _list_at(text: str, steps: tuple[str | int, ...]) -> int | None:
    """Find where the list begins that names lead to; `None` if something else is there."""
    at = _blank(text, 1 if text.startswith("\ufeff") else 0)
    for step in steps:
        if not isinstance(step, str) or text[at] != "{":
            return None
        at = _blank(text, at + 1)
        while True:
            name, at = _value(text, at)
            at = _blank(text, at)
            if text[at] != ":":
                return None
            at = _blank(text, at + 1)
            if name == step:
                break
            _, at = _value(text, at)
            at = _blank(text, at)
            if text[at] != ",":
                return None
            at = _blank(text, at + 1)
    return at + 1 if text[at] == "[" else None


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    if at >= len(text):
        raise _MoreNeededError
    return at


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except (json.JSONDecodeError, RecursionError) as err:
        raise _MoreNeededError from err


def path_of_list(text: str) -> str | None:
    """Find the first list of records in a text that may be broken behind its beginning, as a JSONPath.

    Examples
    --------
    >>> path_of_list('{"title": "a", "data": {"fields": [{"id": 1}, {"id" ')
    '$.data.fields[*]'
    """
    try:
        return _list_in(text, _blank(text, 0), "$")
    except (_MoreNeededError, IndexError):
        return None


def _list_in(text: str, at: int, path: str) -> str | None:
    if text[at] == "[":
        return f"{path}[*]" if text[_blank(text, at + 1)] == "{" else None
    if text[at] != "{":
        return None
    while True:
        name, at = _value(text, _blank(text, at + 1))
        at = _blank(text, _blank(text, at) + 1)
        plain = str(name)
        inner = f"{path}.{plain}" if plain.isidentifier() else f"{path}[{json.dumps(plain)}]"
        if text[at] in "[{" and (found := _list_in(text, at, inner)) is not None:
            return found
        _, at = _value(text, at)
        at = _blank(text, at)
        if text[at] != ",":
            return None


def mend_geojson(path: Path, target: Path) -> list[Loss]:
    """Write the features that can be read of a damaged GeoJSON file as GeoJSON.

    Raises
    ------
    DataBrokenError
        There are none.
    """
    good = 0
    with (
        path.open(encoding="utf-8-sig", errors="surrogateescape") as source,
        target.open("w", encoding="utf-8", errors="surrogateescape") as made,
    ):
        scanner = ListScanner(source, path.name, kind="feature")
        scanner.open(("features",))
        made.write(scanner.head)
        for text, value in scanner.records(_is_feature):
            if _is_feature(value):
                made.write(f"{',' if good else ''}\n{text}")
                good += 1
            else:
                scanner.leave_out()
        made.write(f"\n]{_system_behind(scanner)}}}\n")
    if not good:
        raise DataBrokenError(
            f"{path.name} is damaged: not one feature of it can be read.", hint="Check the file."
        )
    return scanner.losses(_BROKEN_FEATURE)


def _is_feature(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "Feature"


def _system_behind(scanner: ListScanner) -> str:
    """Give the reference system where a file has it behind its features."""
    if not scanner.complete:
        return ""
    try:
        members = json.loads("{" + scanner.rest().strip().lstrip(","))
    except ValueError:
        return ""
    return f', "crs": {json.dumps(members["crs"])}' if "crs" in members else ""
