"""Frames: a batch of rows of a source, column by column, as Arrow arrays with their reference system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from odc.geo.crs import CRS

from extremeearth.core.errors import DataBrokenError, MappingError
from extremeearth.knowledge.rdf import GEO, TEXT, XSD, as_text, plain_shapes, wkb_literals

__all__ = ["INTEGERS", "JSON_VALUE", "Frame", "Values", "lexical_forms", "read_wkb"]

JSON_VALUE = pa.struct([("text", TEXT), ("datatype", TEXT)])
"""Arrow type of a JSON value: its text, and the natural datatype of exactly this value."""


@dataclass(frozen=True, slots=True)
class Values:
    """Texts of a column and their natural datatype: one IRI for all, one per row, or none."""

    text: Any
    datatype: Any = None


@dataclass(slots=True)
class Frame:
    """Some rows of a source.

    `columns` are Arrow arrays of equal length; a list column holds several values per row. `systems` has the
    reference system of each geometry column (WKB); `first_row` is the position of the first row in the source.
    `memory` keeps what functions made of a column, `made` the terms that several maps have.
    """

    columns: Mapping[str, Any]
    rows: int
    systems: Mapping[str, CRS] = field(default_factory=dict)
    first_row: int = 0
    row_numbers: Any = None
    memory: dict[str, dict[Any, Any]] = field(default_factory=dict)
    made: dict[Any, Any] = field(default_factory=dict)

    def numbers(self) -> Any:
        """Give the position of each row in the source, also where rows were repeated."""
        if self.row_numbers is None:
            self.row_numbers = pa.array(
                np.arange(self.first_row, self.first_row + self.rows, dtype=np.int64)
            )
        return self.row_numbers

    def column(self, name: str) -> Any:
        """Give a column by name."""
        try:
            return self.columns[name]
        except KeyError as err:
            raise MappingError(
                f"The source has no column '{name}'.", hint=f"It has: {', '.join(self.columns)}."
            ) from err

    def values(self, name: str, *, wanted: str | None = None) -> Values:
        """Give a column as texts; `wanted` is the datatype that the mapping asks for, if any."""
        column = self.column(name)
        if name in self.systems:
            known = self.memory.get(name, {})
            shapes = known.get("shapes", known.get("plain"))
            if shapes is None:
                plain = plain_shapes(column)
                shapes = read_wkb(column) if plain is None else plain
            literals = wkb_literals(column, crs=self.systems[name], shapes=shapes)
            return Values(literals, GEO.wktLiteral)
        if column.type == JSON_VALUE:
            valid = column.is_valid()
            text, datatype = (pc.struct_field(column, [i]) for i in (0, 1))
            kinds = pc.unique(datatype)
            if len(kinds) == 1:  # as in a column of a database
                datatype = kinds[0].as_py()
            return Values(pc.if_else(valid, text, pa.scalar(None, TEXT)), datatype)
        return lexical_forms(column, wanted=wanted)

    def lists(self, names: Iterable[str]) -> tuple[str, ...]:
        """Give those of the columns that hold several values per row, in a stable order."""
        return tuple(
            name
            for name in dict.fromkeys(names)
            if name in self.columns and _is_list(self.columns[name])
        )

    def exploded(self, lists: tuple[str, ...]) -> Frame:
        """Give a frame with one row for each combination of the values in these columns."""
        columns, numbers = dict(self.columns), self.numbers()
        for name in lists:
            parents = pc.list_parent_indices(columns[name])
            flat = pc.list_flatten(columns[name])
            columns = {
                other: flat if other == name else column.take(parents)
                for other, column in columns.items()
            }
            numbers = numbers.take(parents)
        return Frame(
            columns=columns, rows=len(numbers), systems=self.systems, first_row=self.first_row,
            row_numbers=numbers,
        )  # fmt: skip


def _is_list(column: Any) -> bool:
    return bool(pa.types.is_list(column.type) or pa.types.is_large_list(column.type))


def read_wkb(column: Any) -> Any:
    """Read a WKB column to shapely geometries; a null stays `None`.

    Raises
    ------
    DataBrokenError
        A value is not WKB.
    """
    try:
        return shapely.from_wkb(column.to_numpy(zero_copy_only=False))
    except (shapely.errors.ShapelyError, TypeError, NotImplementedError) as err:
        raise DataBrokenError(
            f"A geometry cannot be read: {err}.", hint="Check the source's geometry column."
        ) from err


def lexical_forms(column: Any, *, wanted: str | None = None) -> Values:
    """Write a column of any scalar type as XSD lexical forms.

    Parameters
    ----------
    column
        Arrow array.
    wanted
        Datatype that the mapping asks for; it decides between date, year and time, and between integer and double.

    Raises
    ------
    MappingError
        The column's type has no form in RDF.
    DataBrokenError
        A number with a fraction is wanted as an integer, or one that is not finite as a decimal.

    Examples
    --------
    >>> lexical_forms(pa.array([1, None])).text.to_pylist()
    ['1', None]
    >>> lexical_forms(
    ...     pa.array([2.0]), wanted="http://www.w3.org/2001/XMLSchema#integer"
    ... ).text.to_pylist()
    ['2']
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    for applies, write in _FORMS:
        if applies(column.type):
            return write(column, wanted)
    raise MappingError(
        f"A column of type {column.type} has no form in RDF.",
        hint="Map its parts, or call a function on it.",
    )


INTEGERS = frozenset(
    XSD[name]
    for name in ("integer", "int", "long", "short", "nonNegativeInteger", "positiveInteger")
)
"""Datatypes for which a number must be whole."""


def _numbers(column: Any, wanted: str | None) -> Values:
    if wanted in INTEGERS:
        try:
            return Values(as_text(pc.cast(column, pa.int64())), XSD.integer)
        except pa.ArrowInvalid as err:
            raise DataBrokenError(
                "A number with a fraction is mapped to an integer.",
                hint="Use xsd:double in the mapping.",
            ) from err
    if wanted == XSD.decimal:
        if not pc.all(pc.is_finite(column), min_count=0).as_py():
            raise DataBrokenError(
                "A number that is not finite is mapped to a decimal.",
                hint="Use xsd:double in the mapping.",
            )
        return Values(_without_exponents(as_text(column)), XSD.decimal)
    text = as_text(column)
    if not pc.all(pc.is_finite(column), min_count=0).as_py():
        for printed, lexical in (("^inf$", "INF"), ("^-inf$", "-INF"), ("^nan$", "NaN")):
            text = pc.replace_substring_regex(text, pattern=printed, replacement=lexical)
    return Values(text, XSD.double)


def _without_exponents(text: Any) -> Any:
    """Write the numbers that have an exponent in full: xsd:decimal knows none."""
    hits = pc.fill_null(pc.match_substring(text, pattern="e"), False)
    if not pc.any(hits).as_py():
        return text
    full = [format(Decimal(number), "f") for number in text.filter(hits).to_pylist()]
    return pc.replace_with_mask(text, hits, pa.array(full, TEXT))


def _times(column: Any, wanted: str | None) -> Values:
    if wanted == XSD.gYear:
        return Values(as_text(pc.strftime(column, format="%Y")), XSD.gYear)
    if pa.types.is_date(column.type) or wanted == XSD.date:
        return Values(as_text(pc.strftime(column, format="%Y-%m-%d")), XSD.date)
    zone = column.type.tz
    if zone is not None:
        column = pc.cast(column, pa.timestamp(column.type.unit, "UTC"))
    text = as_text(pc.strftime(column, format="%Y-%m-%dT%H:%M:%S"))
    # a fraction of zero is left out, and so are the zeros at a fraction's end
    text = pc.replace_substring_regex(text, pattern=r"\.(\d*?)0*$", replacement=r".\1")
    text = pc.utf8_rtrim(text, characters=".")
    if zone is not None:
        text = pc.binary_join_element_wise(text, pa.scalar("Z", TEXT), pa.scalar("", TEXT))
    return Values(text, XSD.dateTime)


def _plain(datatype: str | None) -> Callable[[Any, str | None], Values]:
    return lambda column, _: Values(as_text(column), datatype)


_FORMS: tuple[tuple[Callable[[Any], bool], Callable[[Any, str | None], Values]], ...] = (
    (pa.types.is_string, _plain(None)),
    (pa.types.is_large_string, _plain(None)),
    (pa.types.is_string_view, _plain(None)),
    (pa.types.is_null, lambda column, _: Values(pa.nulls(len(column), TEXT))),
    (pa.types.is_boolean, _plain(XSD.boolean)),
    (pa.types.is_integer, _plain(XSD.integer)),
    (pa.types.is_floating, _numbers),
    (pa.types.is_decimal, _plain(XSD.decimal)),
    (pa.types.is_date, _times),
    (pa.types.is_timestamp, _times),
)
"""How each Arrow type is written."""
