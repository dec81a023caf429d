"""CSV and TSV files, streamed by Arrow."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping.contract import (
    Source,
    SourceRequest,
    check_columns,
    frames_of,
)
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.geometry_options import GeometryOptions
from extremeearth.knowledge.rdf.ntriples import TEXT, bytes_of

__all__ = ["CsvSource", "open_delimited"]

ODD_ROW = "is a row with too many or too few values"
_SUFFIXES = frozenset({".csv", ".tsv", ".tab"})


@dataclass(frozen=True)
class CsvSource:
    """A CSV or TSV file with a header; every value is text, an empty one without quotes is missing.

    It is read in blocks of `block_bytes`, in which every row has to fit.
    """

    name: str
    path: Path
    nulls: tuple[str, ...]
    options: GeometryOptions = field(default_factory=GeometryOptions)
    block_bytes: int = 8 << 20

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a column is missing."""
        check_columns(self.name, self.columns(), references)

    def columns(self) -> list[str]:
        """List the columns."""
        return self._header()

    def _delimiter(self) -> str:
        return "\t" if self.path.suffix.lower() in {".tsv", ".tab"} else ","

    def _header(self) -> list[str]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                return next(csv.reader(file, delimiter=self._delimiter()), [])
        except (OSError, UnicodeDecodeError, csv.Error) as err:
            raise DataBrokenError(
                f"{self.name} cannot be read as CSV: {err}.", hint="It must be UTF-8 with a header."
            ) from err

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Stream the file; the batches are those of the reader, cut to `batch_rows`."""
        from pyarrow import csv as arrow_csv

        header = self._header()
        options = arrow_csv.ConvertOptions(
            column_types={name: TEXT for name in header}, check_utf8=False,
            include_columns=list(references) or header[:1],
            strings_can_be_null=True, quoted_strings_can_be_null=bool(self.nulls), null_values=["", *self.nulls],
        )  # fmt: skip
        found: Counter[str] = Counter()
        parsing = arrow_csv.ParseOptions(
            delimiter=self._delimiter(), newlines_in_values=True,
            invalid_row_handler=None if self.options.on_error == "raise" else partial(_odd_row, found),
        )  # fmt: skip
        try:
            with arrow_csv.open_csv(
                self.path, convert_options=options, parse_options=parsing,
                read_options=arrow_csv.ReadOptions(block_size=self.block_bytes),
            ) as reader:  # fmt: skip
                yield from frames_of(map(self._checked, reader), references, {}, batch_rows)
            self.options.note(self.name, found)
        except pa.ArrowInvalid as err:
            raise DataBrokenError(
                f"{self.name} is not a CSV file: {err}.",
                hint="Check the row, or skip such rows: on_error='skip' in Python, --skip-bad on the command line.",
            ) from err

    def _checked(self, batch: Any) -> Any:
        """Raise `DataBrokenError` if a text is not UTF-8; texts of ASCII alone, most of all, are told at once."""
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if not bytes_of(column).isascii():
                try:
                    column.validate(full=True)
                except pa.ArrowInvalid as err:
                    raise DataBrokenError(
                        f"{self.name} is not a CSV file in UTF-8: column '{name}': {err}.",
                        hint="Save it as UTF-8.",
                    ) from err
        return batch


def _odd_row(found: Counter[str], _: Any) -> str:
    """Leave out and count a row with too many or too few values."""
    found[ODD_ROW] += 1
    return "skip"


def open_delimited(request: SourceRequest) -> Source | None:
    """Open a file as ``rml:CSV``, also where only its name says that it is one."""
    formulation = request.source.formulation
    if request.path is None or not (
        formulation == "CSV" or (formulation is None and request.suffix in _SUFFIXES)
    ):
        return None
    return CsvSource(request.source.name, request.path, request.source.nulls, request.geometry)
