"""CSV and TSV files, streamed by Arrow."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.sources.contract import (
    Source,
    SourceRequest,
    check_columns,
    frames_of,
)
from extremeearth.knowledge.mapping.sources.damage.text_bytes import CleanLines, without_marked
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions, shown
from extremeearth.knowledge.mapping.sources.row_spans import row_spans
from extremeearth.knowledge.rdf.ntriples import TEXT, bytes_of

__all__ = ["CsvSource", "open_delimited"]

ODD_ROW = "is a row with too many or too few values"
GARBAGE = "is a line of bytes that are no text"
LONG_ROW = "straddles two block boundaries"
MAX_BLOCK_BYTES = 512 << 20
"""A row that does not fit in a block is read in a larger one, up to this."""
_DELIMITERS = (";", "\t", "|")
"""What is between values where there are no commas, as programs write it whose language has these in numbers."""
_SUFFIXES = frozenset({".csv", ".tsv", ".tab"})


@dataclass(frozen=True)
class CsvSource:
    """A CSV or TSV file with a header; every value is text, an empty one without quotes is missing.

    It is read in blocks of `block_bytes`; where a row does not fit, from there on in larger ones. `span` are the first
    byte and the one after the last of a piece that begins with a row; its rows are numbered from the number of its
    first byte.
    """

    name: str
    path: Path
    nulls: tuple[str, ...]
    options: GeometryOptions = field(default_factory=GeometryOptions)
    block_bytes: int = 4 << 20
    span: tuple[int, int] | None = None

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if a column is missing."""
        check_columns(self.name, self.columns(), references)

    def columns(self) -> list[str]:
        """List the columns, but for those without a name.

        Raises
        ------
        DataBrokenError
            Several have the same name.
        """
        names = [name for name in self._header() if name.strip()]
        for name, count in Counter(names).items():
            if count > 1:
                raise DataBrokenError(
                    f"{self.name} has {count} columns called '{name}', so that nobody can tell which one is meant.",
                    hint="Give each a name of its own in the header.",
                )
        return names

    @property
    def delimiter(self) -> str:
        """What stands between two values: a tab by the file's name; else what the header has, a comma first of all."""
        if self.path.suffix.lower() in {".tsv", ".tab"}:
            return "\t"
        if len(self._header(",")) > 1:
            return ","
        return next((sign for sign in _DELIMITERS if len(self._header(sign)) > 1), ",")

    def _header(self, delimiter: str | None = None) -> list[str]:
        delimiter = delimiter or self.delimiter
        try:
            with self.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
                header = next(csv.reader(file, delimiter=delimiter), [])
            "".join(header).encode()
        except (OSError, UnicodeError, csv.Error) as err:
            raise DataBrokenError(
                f"{self.name} cannot be read as CSV: its header is not UTF-8."
                if isinstance(err, UnicodeError)
                else f"{self.name} cannot be read as CSV: {err}.",
                hint="It must be UTF-8 with a header.",
            ) from err
        if not header:
            raise DataBrokenError(
                f"{self.name} is empty: a CSV file has at least a header.", hint="Check the file."
            )
        return header

    def pieces(self, references: tuple[str, ...], *, piece_bytes: int) -> Iterator[Source] | None:
        """Cut the file between rows."""
        spans = row_spans(
            self.path, delimiter=self.delimiter, piece_bytes=piece_bytes,
            without_garbage=self.options.on_error == "skip",
        )  # fmt: skip
        return (replace(self, span=span) for span in spans)

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Stream the file; the batches are those of the reader, cut to `batch_rows`."""
        columns = list(references) or self._header()[:1]
        first = 0 if self.span is None else self.span[0]
        reader, behind = self, 0
        while True:
            found: Counter[str] = Counter()
            try:
                with reader._open(columns, found) as batches:
                    checked = map(partial(self._checked, found), _from_row(batches, behind))
                    for frame in frames_of(
                        checked, references, {}, batch_rows, first=first + behind
                    ):
                        yield frame
                        behind += frame.rows
                self.options.note(self.name, found)
            except pa.ArrowInvalid as err:
                if LONG_ROW in str(err) and reader.block_bytes < MAX_BLOCK_BYTES:
                    reader = replace(reader, block_bytes=16 * reader.block_bytes)
                    continue
                raise self._broken(err) from err
            else:
                return

    def _broken(self, err: pa.ArrowInvalid) -> DataBrokenError:
        hint = "Check the row, or skip such rows"
        if LONG_ROW not in str(err):
            said = self._placed(str(err))
        else:
            said = f"a row is longer than {MAX_BLOCK_BYTES >> 20} MiB"
            hint = "Look for a quote that is not closed, or skip such rows"
        return DataBrokenError(
            f"{self.name} is not a CSV file: {shown(said)}.",
            hint=f"{hint}: on_error='skip' in Python, --skip-bad on the command line.",
        )

    @contextmanager
    def _open(
        self, columns: list[str], found: Counter[str], *, threads: bool = True
    ) -> Iterator[Any]:
        """Read batches of some columns; count odd rows in `found`, if they are left out."""
        from pyarrow import csv as arrow_csv

        header = self._header()
        skip_none = self.options.on_error == "raise"
        options = arrow_csv.ConvertOptions(
            column_types={name: TEXT for name in header}, check_utf8=False, include_columns=columns,
            strings_can_be_null=True, quoted_strings_can_be_null=bool(self.nulls), null_values=["", *self.nulls],
        )  # fmt: skip
        parsing = arrow_csv.ParseOptions(
            delimiter=self.delimiter, newlines_in_values=True,
            invalid_row_handler=None if skip_none else partial(self._odd_row, found),
        )  # fmt: skip
        start, end = self.span or (0, self.path.stat().st_size)
        reading = arrow_csv.ReadOptions(
            block_size=self.block_bytes, column_names=header if start else None, use_threads=threads
        )
        with ExitStack() as stack:
            file = stack.enter_context(pa.OSFile(str(self.path)))
            stream = stack.enter_context(file.get_stream(start, end - start))
            if not skip_none:
                lines = CleanLines(stream, partial(self._garbage, found))
                stream = stack.enter_context(pa.PythonFile(lines, mode="r"))
            try:
                batches = arrow_csv.open_csv(
                    stream, convert_options=options, parse_options=parsing, read_options=reading
                )
            except pa.ArrowInvalid as err:
                # a header whose line does not end, or a piece whose lines were all left out
                has_no_rows = start or end <= self.block_bytes
                if not (has_no_rows and "Empty CSV file" in str(err)):
                    raise
                yield ()
                return
            yield stack.enter_context(batches)

    def _placed(self, said: str) -> str:
        """Say the number of the first odd row, which Arrow only knows where it reads in one thread from the start."""
        whole = replace(self, span=None)
        try:
            with whole._open(self._header()[:1], Counter(), threads=False) as batches:
                for _ in batches:
                    pass
        except pa.ArrowInvalid as err:
            return str(err)
        return said

    def _checked(self, found: Counter[str], batch: Any) -> Any:
        """Look for texts that are not UTF-8; batches of ASCII alone, most of all, are told at once."""
        for place, (name, column) in enumerate(zip(batch.schema.names, batch.columns, strict=True)):
            if bytes_of(column).isascii():
                continue
            if self.options.on_error == "skip":
                kept, rows = without_marked(column)
                if len(rows):
                    example = f"{name} of a row of {self.name}"
                    self.options.broken(found, "is not UTF-8", example, len(rows))
                    batch = batch.set_column(place, name, kept)
                continue
            try:
                column.validate(full=True)
            except pa.ArrowInvalid as err:
                raise DataBrokenError(
                    f"{self.name} is not a CSV file in UTF-8: column '{name}': {err}.",
                    hint="Save it as UTF-8, or leave such values out: on_error='skip' in Python, --skip-bad on the "
                    "command line.",
                ) from err
        return batch

    def _odd_row(self, found: Counter[str], row: Any) -> str:
        """Leave out and count a row with too many or too few values."""
        self.options.broken(found, ODD_ROW, f"{str(row.text)[:60]} of {self.name}", 1)
        return "skip"

    def _garbage(self, found: Counter[str], line: bytes) -> None:
        self.options.broken(found, GARBAGE, f"{len(line)} bytes of {self.name}", 1)


def _from_row(batches: Any, behind: int) -> Iterator[Any]:
    """Leave out so many rows."""
    for batch in batches:
        if behind < batch.num_rows:
            yield batch.slice(behind) if behind else batch
        behind = max(behind - batch.num_rows, 0)


def open_delimited(request: SourceRequest) -> Source | None:
    """Open a file as ``rml:CSV``, also where only its name says that it is one."""
    formulation = request.source.formulation
    if request.path is None or not (
        formulation == "CSV" or (formulation is None and request.suffix in _SUFFIXES)
    ):
        return None
    return CsvSource(request.source.name, request.path, request.source.nulls, request.geometry)
