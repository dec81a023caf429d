"""Records of a JSON document, found by JSONPath."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from extremeearth.core.errors import LimitError
from extremeearth.knowledge.mapping.contract import Source, SourceRequest
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.jsonpath import json_column, read_json, read_path

__all__ = ["MAX_JSON_BYTES", "JsonSource", "open_json"]

MAX_JSON_BYTES = 1 << 30
"""A JSON document is parsed in one piece; a larger one is refused."""


@dataclass(frozen=True)
class JsonSource:
    """A JSON document and the path of its records."""

    name: str
    path: Path
    iterator: str

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a path is broken."""
        for path in (self.iterator, *references):
            read_path(path)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Parse the document and hand its records on in batches."""
        size = self.path.stat().st_size
        if size > MAX_JSON_BYTES:
            raise LimitError(
                f"{self.name} has {size} bytes, more than {MAX_JSON_BYTES} for JSON.",
                hint="Split it, or convert it to Parquet.",
            )
        records = read_path(self.iterator).find(read_json(self.path.read_bytes(), self.name))
        for start in range(0, len(records), batch_rows):
            part = records[start : start + batch_rows]
            columns = {path: json_column(part, path) for path in references}
            yield Frame(columns=columns, rows=len(part), first_row=start)


def open_json(request: SourceRequest) -> Source | None:
    """Open a file as ``rml:JSONPath``."""
    if request.path is None or request.source.formulation != "JSONPath":
        return None
    return JsonSource(request.source.name, request.path, request.source.iterator or "$")
