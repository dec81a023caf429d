"""What a function of a mapping is, what it gets, and how it reads geometries from that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from odc.geo.crs import CRS

from extremeearth.core.boxes import LONLAT, as_crs
from extremeearth.core.errors import CrsError, DataBrokenError, MappingError
from extremeearth.core.geodesy import transform
from extremeearth.knowledge.mapping.frames import Frame, read_wkb
from extremeearth.knowledge.rdf import (
    CRS84_CODE,
    FORMS,
    NO_CRS,
    TEXT,
    GeometryColumn,
    as_text,
    crs_code,
    crs_iri,
    crs_of_code,
    in_systems,
    parse_geometries,
)

__all__ = [
    "Argument", "Broken", "MapFunction", "argument_of", "code_of_crs", "geometries_of", "geometry_column", "shapes_of",
    "system_codes",
]  # fmt: skip

Broken = Callable[[str, str, int], None]
"""Told of rows whose value cannot be used: the reason, an example, how many."""


@dataclass(frozen=True, slots=True)
class Argument:
    """What a function gets: an Arrow array of `rows` values, or one text for all; `crs` for geometries.

    `memory` keeps what several functions make of the same column; `broken` is told of values that cannot be read,
    without it they are an error.

    Examples
    --------
    >>> Argument(pa.array(["a", "b"]), rows=2).crs is None
    True
    """

    values: Any
    rows: int
    crs: CRS | None = None
    memory: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    broken: Broken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFunction:
    """A function over whole columns.

    `call` takes the arguments by parameter IRI and returns an Arrow array of as many values; `datatype` is the
    natural datatype of the result, `None` for plain text. It runs because the caller of the mapping registered it:
    a mapping names functions by IRI, never by a path to code.

    Examples
    --------
    >>> import pyarrow.compute as pc
    >>> upper = MapFunction(
    ...     call=lambda given: pc.utf8_upper(given["urn:text"].values), parameters=("urn:text",)
    ... )
    >>> upper.call({"urn:text": Argument(pa.array(["a"]), rows=1)}).to_pylist()
    ['A']
    """

    call: Callable[[Mapping[str, Argument]], Any]
    parameters: tuple[str, ...]
    optional: tuple[str, ...] = ()
    datatype: str | None = None

    def check(self, iri: str, given: tuple[str, ...]) -> None:
        """Raise `MappingError` if a parameter is missing or unknown."""
        missing = [p for p in self.parameters if p not in given]
        unknown = [p for p in given if p not in (*self.parameters, *self.optional)]
        if missing or unknown:
            what = (
                f"lacks the parameter {missing[0]}" if missing else f"has no parameter {unknown[0]}"
            )
            raise MappingError(
                f"The function {iri} {what}.",
                hint=f"It takes: {', '.join((*self.parameters, *self.optional))}.",
            )


def argument_of(frame: Frame, name: str, *, broken: Broken | None = None) -> Argument:
    """Give a column of a frame as an argument; what is read of it once stays with the frame."""
    memory = frame.memory.setdefault(name, {})
    column = frame.column(name)
    if name in frame.systems:
        return Argument(column, frame.rows, frame.systems[name], memory, broken)
    if pa.types.is_struct(column.type):
        column = frame.values(name).text
    return Argument(column, frame.rows, None, memory, broken)


def code_of_crs(crs: CRS) -> int:
    """Give the code of a source's reference system; longitude and latitude on WGS 84 is CRS84 in literals.

    Raises
    ------
    CrsError
        No IRI names the system.

    Examples
    --------
    >>> code_of_crs(as_crs(4326)) == CRS84_CODE
    True
    """
    return CRS84_CODE if crs == LONLAT else crs_code(crs_iri(crs))


def system_codes(argument: Argument) -> Any:
    """Read an argument that names reference systems, such as ``EPSG:32632`` or an IRI: a code for each row.

    Raises
    ------
    CrsError
        A name is not known.

    Examples
    --------
    >>> system_codes(Argument("OGC:CRS84", 2)).tolist()
    [0, 0]
    """
    if isinstance(argument.values, str):
        return np.full(argument.rows, _code_of_name(argument.values), np.int32)
    if not (
        pa.types.is_string(argument.values.type) or pa.types.is_large_string(argument.values.type)
    ):
        raise MappingError(
            "A parameter that names reference systems is not a constant, nor a column of texts.",
            hint='Write e.g. "EPSG:32632".',
        )
    names = as_text(argument.values).dictionary_encode()
    codes = [_code_of_name(name) for name in names.dictionary.to_pylist()]
    rows = names.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)
    return np.array([*codes, NO_CRS], np.int32)[rows]


def _code_of_name(name: str) -> int:
    text = name.strip()
    if text.upper().startswith(("HTTP", "URN:", "EPSG:", "OGC:", "CRS:")):
        return crs_code(text)
    return crs_code(crs_iri(as_crs(int(text) if text.isdigit() else text)))


def geometry_column(
    argument: Argument, *, source: Argument | None = None, target: Argument | None = None
) -> GeometryColumn:
    """Read geometries: WKB columns with their system, or texts of ``geo:wktLiteral``.

    Parameters
    ----------
    argument
        The geometries.
    source
        Reference systems of texts that name none; CRS84 without it, as GeoSPARQL says.
    target
        Reference systems to give them in; their own without it.

    Raises
    ------
    MappingError
        The values are neither WKB with a system nor text.
    CrsError
        No IRI names a system.
    DataBrokenError
        A text is no geometry, and nobody wants to be told.

    Examples
    --------
    >>> column = geometry_column(
    ...     Argument(pa.array(["POINT (500000 0)"]), 1),
    ...     source=Argument("EPSG:32632", 1),
    ...     target=Argument("OGC:CRS84", 1),
    ... )
    >>> round(column.shapes[0].x, 6)
    9.0
    """
    read = _geometries(argument, None if target is None else system_codes(target))
    if source is not None and argument.crs is None:
        given = system_codes(source)
        unnamed = read.systems == CRS84_CODE
        read = GeometryColumn(read.shapes, np.where(unnamed, given, read.systems).astype(np.int32))
    if target is None:
        return read
    wanted = system_codes(target)
    moved = in_systems(read, wanted)
    lost = (moved.systems == NO_CRS) & (read.systems != NO_CRS) & (wanted != NO_CRS)
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        _tell(
            argument,
            "has no place in the target reference system",
            str(read.shapes[row]),
            int(lost.sum()),
        )
    return moved


def _geometries(argument: Argument, targets: Any) -> GeometryColumn:
    if argument.crs is None:
        if "column" not in argument.memory:
            argument.memory["column"] = _parsed(argument)
        column: GeometryColumn = argument.memory["column"]
        return column
    shapes, crs = shapes_of(argument), argument.crs
    try:
        code = code_of_crs(crs)
    except CrsError:
        if targets is None:
            raise
        shapes = np.asarray(transform(shapes, source=crs, target=LONLAT), dtype=object)
        code = CRS84_CODE
    systems = np.full(len(shapes), code, np.int32)
    systems[[shape is None for shape in shapes]] = NO_CRS
    return GeometryColumn(shapes, systems)


def shapes_of(argument: Argument) -> Any:
    """Give the shapes alone, x then y in their own systems; read once for each column."""
    if argument.crs is None:
        return geometry_column(argument).shapes
    if "shapes" not in argument.memory:
        argument.memory["shapes"] = _read_wkb(argument)
    return argument.memory["shapes"]


def _read_wkb(argument: Argument) -> Any:
    try:
        return np.asarray(read_wkb(argument.values), dtype=object)
    except DataBrokenError as err:
        if argument.broken is None:
            raise
        column = argument.values.to_numpy(zero_copy_only=False)
        shapes = np.asarray(shapely.from_wkb(column, on_invalid="ignore"), dtype=object)
        lost = int(shapely.is_missing(shapes).sum()) - argument.values.null_count
        argument.broken("is not a geometry", err.message, lost)
        return shapes


def _parsed(argument: Argument) -> GeometryColumn:
    values = argument.values
    if isinstance(values, str):
        values = pa.array([values] * argument.rows, TEXT)
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise MappingError(
            f"A column of type {values.type} holds no geometry.",
            hint="Use a geometry column or WKT texts.",
        )
    texts = as_text(values)
    forms: Any = "wkt"
    if texts.null_count:
        forms = np.where(texts.is_valid().to_numpy(zero_copy_only=False), FORMS.index("wkt"), -1)
    read = parse_geometries(forms, texts)
    if read.problems:
        row, reason = next(iter(read.problems.items()))
        example = texts[row].as_py()
        example = example if len(example) <= 80 else f"{example[:79]}…"
        _tell(argument, f"is not a geometry: {reason.rstrip('.')}", example, len(read.problems))
    return read.column


def _tell(argument: Argument, reason: str, example: str, rows: int) -> None:
    if argument.broken is None:
        raise DataBrokenError(
            f"'{example}' {reason}.",
            hint="Mend the source, or skip such rows: on_error='skip' in Python, --skip-bad on the command line.",
        )
    argument.broken(reason, example, rows)


def geometries_of(argument: Argument) -> tuple[Any, CRS]:
    """Give an argument's shapes and their one reference system: WKB columns, or texts of ``geo:wktLiteral``.

    Raises
    ------
    MappingError
        The texts of one batch name different systems.

    Examples
    --------
    >>> shapes, crs = geometries_of(Argument(pa.array(["POINT (11 48)"]), 1))
    >>> shapes[0].x
    11.0
    """
    if argument.crs is not None:
        return shapes_of(argument), argument.crs
    column = geometry_column(argument)
    used = np.unique(column.systems[column.systems != NO_CRS])
    if len(used) > 1:
        raise MappingError(
            "The geometries of one column are in different reference systems.",
            hint="Transform them to one.",
        )
    return column.shapes, crs_of_code(int(used[0]) if len(used) else CRS84_CODE)
