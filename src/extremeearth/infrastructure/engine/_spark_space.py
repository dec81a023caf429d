"""``ST_`` functions for Spark without Sedona: geometries are WKB, Shapely does the work in Arrow batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from extremeearth.core.errors import UnavailableError

if TYPE_CHECKING:
    from sqlglot.expressions import Expression

_OTHER_NAMES = {
    "st_asbinary": "to_wkb", "st_astext": "to_wkt", "st_aswkb": "to_wkb", "st_convexhull": "convex_hull",
    "st_coveredby": "covered_by", "st_geomfromtext": "from_wkt", "st_geomfromwkb": "from_wkb",
    "st_geomfromwkt": "from_wkt", "st_isempty": "is_empty", "st_issimple": "is_simple", "st_isvalid": "is_valid",
    "st_makevalid": "make_valid", "st_npoints": "get_num_coordinates", "st_symdifference": "symmetric_difference",
    "st_x": "get_x", "st_y": "get_y",
}  # fmt: skip
_RESULTS = {
    "boolean": (
        "st_intersects", "st_contains", "st_within", "st_covers", "st_coveredby", "st_touches", "st_crosses",
        "st_overlaps", "st_equals", "st_disjoint", "st_isempty", "st_isvalid", "st_issimple",
    ),
    "double": ("st_area", "st_length", "st_distance", "st_x", "st_y"),
    "int": ("st_npoints",),
    "string": ("st_astext",),
    "binary": (
        "st_geomfromwkb", "st_geomfromtext", "st_geomfromwkt", "st_asbinary", "st_aswkb", "st_intersection",
        "st_union", "st_difference", "st_symdifference", "st_centroid", "st_envelope", "st_boundary", "st_convexhull",
        "st_makevalid", "st_buffer",
    ),
}  # fmt: skip
_WKB = {"st_asbinary", "st_aswkb"}
PREFIX = "ee_"
FUNCTIONS = {name: kind for kind, names in _RESULTS.items() for name in names}
"""Names, in lower case, and the type of what each gives."""


def take_functions(tree: Expression) -> list[str]:
    """Let the ``ST_`` calls of a query name ours; `UnavailableError` for a function that needs Sedona.

    Ours have a prefix: Spark has some of the names itself, for a type of geometry that knows no predicates.
    """
    from sqlglot import exp

    taken = set()
    for call in list(tree.find_all(exp.Func)):
        plain = isinstance(call, exp.Anonymous)
        name = (call.name if plain else call.sql_name()).lower()
        if not name.startswith("st_"):
            continue
        if name not in FUNCTIONS:
            raise UnavailableError(
                f"Spark has no function {name.upper()} here.",
                hint="Ask the engine 'local', or say it with other functions.",
            )
        taken.add(name)
        arguments = call.expressions if plain else [a for a in call.args.values() if a is not None]
        call.replace(exp.Anonymous(this=PREFIX + name, expressions=arguments))
    return sorted(taken)


def has_sedona(session: Any) -> bool:
    """Tell whether a session knows Sedona's functions; Spark itself has no predicates of space."""
    return bool(session.catalog.functionExists("st_intersects"))


def leave_functions(tree: Expression) -> None:
    """Let Sedona answer the ``ST_`` calls of a query; geometries that it gives leave as WKB, as ours do.

    Its joins by a predicate are then spatial joins, which Spark plans for none of our functions.
    """
    from sqlglot import exp

    open_: list[Any] = [tree]
    while open_:
        query = open_.pop()
        if isinstance(query, exp.SetOperation):
            open_ += [query.left, query.right]
        elif isinstance(query, exp.Subquery):
            open_.append(query.this)
        for chosen in query.expressions if isinstance(query, exp.Select) else ():
            call = chosen.unalias()
            name = (call.name if isinstance(call, exp.Anonymous) else "").lower()
            if name.startswith("st_") and FUNCTIONS.get(name) == "binary" and name not in _WKB:
                call.replace(exp.Anonymous(this="ST_AsBinary", expressions=[call.copy()]))


def asks_for_space(tree: Expression) -> bool:
    """Tell whether a query calls an ``ST_`` function."""
    from sqlglot import exp

    return any(
        (call.name if isinstance(call, exp.Anonymous) else call.sql_name())
        .lower()
        .startswith("st_")
        for call in tree.find_all(exp.Func)
    )


def register(session: Any, names: list[str]) -> None:
    """Make functions known to a session, under their prefixed names."""
    from pyspark.sql.pandas import functions

    arrow_udf: Any = (
        functions.arrow_udf
    )  # its annotations know no functions of any number of columns
    for name in names:
        session.udf.register(PREFIX + name, arrow_udf(_call_of(name), FUNCTIONS[name]))


def _call_of(name: str) -> Any:
    # a lambda: Spark would read the annotations of a method
    return lambda *columns: _called(name, columns)


def _called(function: str, columns: tuple[Any, ...]) -> Any:
    """Run one function over a batch, from Arrow arrays to an Arrow array."""
    import numpy as np
    import pyarrow as pa
    import shapely

    arrow = {"boolean": pa.bool_(), "double": pa.float64(), "int": pa.int32(),
             "string": pa.string(), "binary": pa.binary()}[FUNCTIONS[function]]  # fmt: skip
    values = [_values(column) for column in columns]
    missing = np.zeros(len(columns[0]), dtype=bool)
    for column in columns:
        missing |= column.is_null().to_numpy(zero_copy_only=False)
    name = _OTHER_NAMES.get(function, function.removeprefix("st_"))
    found = values[0] if name == "from_wkb" else getattr(shapely, name)(*values)
    if arrow == pa.binary() and function not in _WKB:
        found = shapely.to_wkb(found)
    return pa.array(np.asarray(found), arrow, mask=missing)


def _values(column: Any) -> Any:
    import numpy as np
    import pyarrow as pa
    import shapely

    values = column.to_numpy(zero_copy_only=False)
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values
    return shapely.from_wkb(values) if values.dtype == np.dtype(object) else values
