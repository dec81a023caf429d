"""Records of a JSON document, found by JSONPath."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extremeearth.core.errors import DataBrokenError, LimitError, MappingError
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.sources.contract import Source, SourceRequest
from extremeearth.knowledge.mapping.sources.damage.mending_json import ListScanner, path_of_list
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions
from extremeearth.knowledge.mapping.sources.jsonpath import (
    json_column,
    parse_path,
    read_json,
    read_path,
)

__all__ = ["MAX_JSON_BYTES", "JsonSource", "open_json"]

MAX_JSON_BYTES = 1 << 30
"""A JSON document is parsed in one piece; a larger one is refused."""
NOT_UNICODE = "is not UTF-8"
_HALF = re.compile("[\ud800-\udfff]")
"""Half of a character, which stands for a byte that is no UTF-8, or was written as ``\\ud800``."""
_HALF_WRITTEN = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class JsonSource:
    """A JSON document and the path of its records."""

    name: str
    path: Path
    iterator: str
    options: GeometryOptions = field(default_factory=GeometryOptions)

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a path is broken."""
        for path in (self.iterator, *references):
            read_path(path)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Parse the document and hand its records on in batches."""
        found: Counter[str] = Counter()
        records = self.records(found)
        for start in range(0, len(records), batch_rows):
            part = records[start : start + batch_rows]
            columns = {path: json_column(part, path) for path in references}
            yield Frame(columns=columns, rows=len(part), first_row=start)
        self.options.note(self.name, found)

    def records(self, found: Counter[str]) -> list[Any]:
        """Read all records; those that are broken are left out and counted in `found`, if the options say so.

        Raises
        ------
        LimitError
            The document is too large.
        DataBrokenError
            It is no JSON, or has texts that are no UTF-8.
        """
        size = self.path.stat().st_size
        if size > MAX_JSON_BYTES:
            raise LimitError(
                f"{self.name} has {size} bytes, more than {MAX_JSON_BYTES} for JSON.",
                hint="Split it, or convert it to Parquet.",
            )
        data = self.path.read_bytes()
        try:
            records = read_path(self.iterator).find(read_json(data, self.name))
            odd = _HALF_WRITTEN.search(data) is not None
        except DataBrokenError:
            if self.options.on_error == "raise" or not data:
                raise
            records, odd = self._readable(data, found), True
        if odd:
            for number, record in enumerate(records):
                records[number] = self._of_unicode(record, f"record {number}", found)
        return records

    def _readable(self, data: bytes, found: Counter[str]) -> list[Any]:
        """Read the records that are whole."""
        text = data.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape")
        try:
            return read_path(self.iterator).find(read_json(text, self.name))
        except DataBrokenError as err:
            damage = err
        try:
            steps = parse_path(self.iterator)
        except MappingError:
            steps = ()
        if not steps or steps[-1] is not None or None in steps[:-1]:
            raise DataBrokenError(
                f"{damage.message[:-1]}, and around that only records at a path like $.fields[*] are read.",
                hint="Check the file.",
            )
        scanner = ListScanner(io.StringIO(text), self.name)
        scanner.open(tuple(step for step in steps[:-1] if step is not None))
        shapes: set[frozenset[str]] = set()
        records = []
        for _, record in scanner.records(lambda value: _has_one_of(value, shapes)):
            records.append(record)
            if isinstance(record, dict) and len(shapes) < 1_000:
                shapes.add(frozenset(record))
        if not records:
            raise DataBrokenError(
                f"{self.name} is damaged: not one record of it can be read.", hint="Check the file."
            )
        for loss in scanner.losses():
            self.options.broken(found, loss.reason, loss.place, loss.count)
        return records

    def _of_unicode(self, value: Any, place: str, found: Counter[str]) -> Any:
        """Leave out texts that are no Unicode: they would be no RDF."""
        if isinstance(value, str):
            if _HALF.search(value) is None:
                return value
            mend = "Save it as UTF-8"
            self.options.broken(found, NOT_UNICODE, f"{place} of {self.name}", 1, mend=mend)
            return None
        if isinstance(value, dict):
            return {name: self._of_unicode(inner, place, found) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._of_unicode(inner, place, found) for inner in value]
        return value

    def where(self) -> str | None:
        """Find the list of records in a damaged document."""
        data = self.path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        return path_of_list(data.decode(errors="surrogateescape"))


def _has_one_of(value: Any, shapes: set[frozenset[str]]) -> bool:
    return isinstance(value, dict) and (not shapes or frozenset(value) in shapes)


def open_json(request: SourceRequest) -> Source | None:
    """Open a file as ``rml:JSONPath``."""
    if request.path is None or request.source.formulation != "JSONPath":
        return None
    iterator = request.source.iterator or "$"
    return JsonSource(request.source.name, request.path, iterator, request.geometry)
