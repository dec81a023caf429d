"""From the filter tree to SQL with bound parameters, for SQLite and PostgreSQL alike.

Both databases answer the same: texts compare by code point, a property of another type than the literal
does not match, and neither does a missing one, nor its negation.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely
from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Float,
    Integer,
    String,
    and_,
    any_,
    bindparam,
    case,
    cast,
    collate,
    false,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from extremeearth.core.errors import FilterError, TimeRangeError
from extremeearth.core.times import as_instant
from extremeearth.data.catalogue.facets import moment_text
from extremeearth.data.catalogue.filters import (
    And,
    Between,
    Compare,
    Constant,
    FilterNode,
    In,
    IsNull,
    Like,
    Not,
    Or,
    Property,
    Scalar,
    Spatial,
    Temporal,
)
from extremeearth.data.catalogue.tables import ItemRow
from extremeearth.data.products.footprints import normalised

__all__ = ["TIMES", "Compiler", "Sql"]

Sql = ColumnElement[Any]

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip
TIMES: Mapping[str, Any] = {
    "datetime": ItemRow.instant, "start_datetime": ItemRow.start, "end_datetime": ItemRow.end,
}  # fmt: skip
TEXTS: Mapping[str, Any] = {"id": ItemRow.id, "collection": ItemRow.collection}
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

# Allen's relations as CQL2 section 7.8 defines them: the item's s to e against the frame's a to b.
ALLEN: Mapping[str, Callable[[Any, Any, Any, Any], Any]] = {
    "after": lambda s, e, a, b: s > b,
    "before": lambda s, e, a, b: e < a,
    "contains": lambda s, e, a, b: and_(s < a, e > b),
    "disjoint": lambda s, e, a, b: or_(e < a, s > b),
    "during": lambda s, e, a, b: and_(s > a, e < b),
    "equals": lambda s, e, a, b: and_(s == a, e == b),
    "finishedby": lambda s, e, a, b: and_(s < a, e == b),
    "finishes": lambda s, e, a, b: and_(s > a, e == b),
    "intersects": lambda s, e, a, b: and_(s <= b, e >= a),
    "meets": lambda s, e, a, b: e == a,
    "metby": lambda s, e, a, b: s == b,
    "overlappedby": lambda s, e, a, b: and_(s > a, s < b, e > b),
    "overlaps": lambda s, e, a, b: and_(s < a, e > a, e < b),
    "startedby": lambda s, e, a, b: and_(s == a, e > b),
    "starts": lambda s, e, a, b: and_(s == a, e < b),
}


class Compiler:
    """Compiles the conditions of one search.

    Exact tests of place are done here, outside the database, on the items whose boxes overlap, and enter
    the SQL as sets of rows: so they hold below `Not` and `Or`, in counts and on every page.

    Parameters
    ----------
    session
        Open session; also says which SQL to write.
    base
        What holds for every row that the search may see; limits the exact tests.
    known
        Names that a filter may use.
    """

    def __init__(self, session: Session, *, base: list[Sql], known: frozenset[str]) -> None:
        self._session = session
        self._base = base
        self._known = known
        self._sqlite = session.get_bind().dialect.name == "sqlite"

    def condition(self, node: FilterNode) -> Sql:  # noqa: PLR0911  # one return per kind of node
        """Compile a filter.

        Raises
        ------
        FilterError
            It names a property that no visible item has, or compares what cannot be compared.
        """
        match node:
            case Constant(value):
                return true() if value else false()
            case And(parts):
                return and_(*(self.condition(part) for part in parts))
            case Or(parts):
                return or_(*(self.condition(part) for part in parts))
            case Not(part):
                return not_(self.condition(part))
            case Compare(left, sign, right):
                return self._compare(left, sign, right)
            case Between(subject, low, high):
                return and_(self._compare(subject, ">=", low), self._compare(subject, "<=", high))
            case In(subject, values):
                return or_(*(self._compare(subject, "=", value) for value in values))
            case Like(subject, pattern):
                return self._like(self.text(subject.name), pattern)
            case IsNull(subject):
                return self._is_null(subject.name)
            case Spatial(relation, shape):
                return self.place(relation, shape)
            case Temporal(relation, subject, frame):
                return self._temporal(relation, subject, frame.start or FIRST, frame.end or LAST)

    # properties ------------------------------------------------------------------------------------

    def check(self, name: str) -> None:
        """Raise `FilterError` unless a filter may name this property."""
        if name not in self._known and name not in TIMES and name not in TEXTS:
            raise FilterError(
                f"No item has the property '{name[:100]}'.",
                hint="The queryables list what there is.",
            )

    def _raw(self, name: str) -> tuple[Sql, Sql]:
        """Give type and text of a property, as the database writes them."""
        if self._sqlite:
            path = f'$."{name}"'
            return (
                func.json_type(ItemRow.facets, path, type_=String),
                func.json_extract(ItemRow.facets, path, type_=String),
            )
        value = func.jsonb_extract_path(ItemRow.facets, name)
        return (
            func.jsonb_typeof(value, type_=String),
            func.jsonb_extract_path_text(ItemRow.facets, name, type_=String),
        )

    def number(self, name: str) -> Sql:
        """Give a property as a number; NULL where it is none."""
        kind, value = self._raw(name)
        kinds = ("integer", "real") if self._sqlite else ("number",)
        return case((kind.in_(kinds), cast(value, Float(53))), else_=None)

    def text(self, name: str) -> Sql:
        """Give a property as a text that compares by code point; NULL where it is none."""
        self.check(name)
        if name in TEXTS:
            return self._by_code_point(TEXTS[name])
        kind, value = self._raw(name)
        kinds = ("text",) if self._sqlite else ("string",)
        return self._by_code_point(case((kind.in_(kinds), value), else_=None))

    def _by_code_point(self, value: Sql) -> Sql:
        return value if self._sqlite else collate(value, "C")

    def _truth(self, name: str) -> Sql:
        kind, value = self._raw(name)
        if self._sqlite:
            return case((kind == "true", 1), (kind == "false", 0), else_=None)
        return case((kind == "boolean", case((value == "true", 1), else_=0)), else_=None)

    def _facet_moment(self, name: str) -> Sql:
        """Give the text of a property that sorts as times do; NULL where it is no time."""
        kind, value = self._raw(f"{name}@")
        return self._by_code_point(case((kind.is_not(None), value), else_=None))

    def _is_null(self, name: str) -> Sql:
        self.check(name)
        if name in TEXTS:
            return false()
        kind, _ = self._raw(name)
        return kind.is_(None)

    # predicates ------------------------------------------------------------------------------------

    def _compare(self, left: Property, sign: str, right: Scalar | Property) -> Sql:
        self.check(left.name)
        compare = OPERATORS[sign]
        if isinstance(right, Property):
            return self._compare_two(left.name, right.name, compare)
        if isinstance(right, bool):
            if sign not in {"=", "<>"} or left.name in TIMES or left.name in TEXTS:
                raise FilterError("True and false are only equal or not.", hint="Use = or <>.")
            return compare(self._truth(left.name), int(right))  # type: ignore[no-any-return]  # operator
        if left.name in TIMES:
            return compare(TIMES[left.name], self._instant(left.name, right))  # type: ignore[no-any-return]  # operator
        if isinstance(right, datetime):
            return compare(self._facet_moment(left.name), moment_text(right))  # type: ignore[no-any-return]  # operator
        if isinstance(right, float):
            value = false() if left.name in TEXTS else compare(self.number(left.name), right)
            return value
        return compare(self.text(left.name), right)  # type: ignore[no-any-return]  # operator

    def _instant(self, name: str, literal: Scalar) -> datetime:
        if isinstance(literal, datetime):
            return literal
        try:
            return as_instant(literal if isinstance(literal, str) else str(literal))
        except TimeRangeError as err:
            raise FilterError(f"'{name}' is a time.", hint=err.hint) from err

    def _compare_two(self, left: str, right: str, compare: Callable[[Any, Any], Any]) -> Sql:
        self.check(right)
        if left in TIMES and right in TIMES:
            return compare(TIMES[left], TIMES[right])  # type: ignore[no-any-return]  # operator
        if left in TIMES or right in TIMES:
            raise FilterError(
                f"'{left}' and '{right}' cannot be compared.", hint="Compare with a literal."
            )
        texts = compare(self.text(left), self.text(right))
        if left in TEXTS or right in TEXTS:
            return texts  # type: ignore[no-any-return]  # operator
        numbers = compare(self.number(left), self.number(right))
        # of two properties at most one comparison has a value: they are both numbers or both texts
        return func.coalesce(numbers, texts, type_=Boolean)

    def _like(self, value: Sql, pattern: str) -> Sql:
        """LIKE is case-insensitive in SQLite, GLOB is not; PostgreSQL's LIKE is as CQL2 wants it."""
        parts: list[str] = []
        taken = False
        for character in pattern:
            if not taken and character == "\\":
                taken = True
                continue
            if not taken and character in "%_":
                parts.append(("*" if character == "%" else "?") if self._sqlite else character)
            elif self._sqlite:
                parts.append(f"[{character}]" if character in "*?[" else character)
            else:
                parts.append(f"\\{character}" if character in "\\%_" else character)
            taken = False
        written = "".join(parts)
        if self._sqlite:
            return value.bool_op("GLOB")(written)
        return value.like(written, escape="\\")

    def _temporal(self, relation: str, subject: Property, a: datetime, b: datetime) -> Sql:
        self.check(subject.name)
        if subject.name == "datetime":
            return ALLEN[relation](ItemRow.start, ItemRow.end, a, b)  # type: ignore[no-any-return]  # a lambda
        if subject.name in TIMES:
            column = TIMES[subject.name]
            return ALLEN[relation](column, column, a, b)  # type: ignore[no-any-return]  # a lambda
        if subject.name in TEXTS:
            raise FilterError(f"'{subject.name}' is no time.", hint="Name a time.")
        moment = self._facet_moment(subject.name)
        return ALLEN[relation](moment, moment, moment_text(a), moment_text(b))  # type: ignore[no-any-return]  # a lambda

    # place -----------------------------------------------------------------------------------------

    def place(self, relation: str, shape: shapely.Geometry, *, rectangle: bool = False) -> Sql:
        """Compile a relation between footprints and a shape in longitude and latitude.

        Parameters
        ----------
        relation
            One of the DE-9IM relations, e.g. ``intersects``.
        shape
            Within -180 to 180 degrees.
        rectangle
            The shape is a box (or two, at the antimeridian): then items whose own footprint is one, or
            whose box lies within, need no exact test.
        """
        placed = ItemRow.footprint.is_not(None)
        if relation == "disjoint":
            return and_(placed, not_(self.place("intersects", shape)))
        parts = _bounds_of(shape)
        overlap = or_(*(_overlaps(*part) for part in parts))
        if rectangle:
            inside = or_(*(_within(*part) for part in parts))
            sure = and_(overlap, or_(inside, ItemRow.boxy.is_(True)))
            rest = and_(overlap, not_(inside), ItemRow.boxy.is_(False))
            return and_(placed, or_(sure, self._exact(relation, shape, rest)))
        return and_(placed, self._exact(relation, shape, overlap))

    def _exact(self, relation: str, shape: shapely.Geometry, candidates: Sql) -> Sql:
        rows = self._session.execute(
            select(ItemRow.number, ItemRow.footprint).where(
                *self._base, ItemRow.footprint.is_not(None), candidates
            )
        ).all()
        if not rows:
            return false()
        shapely.prepare(shape)
        footprints = shapely.from_wkb([row[1] for row in rows])
        test: Any = getattr(shapely, _TESTS[relation][0])
        holds = test(shape, footprints) if _TESTS[relation][1] else test(footprints, shape)
        numbers = np.array([row[0] for row in rows])[np.asarray(holds, dtype=bool)].tolist()
        return self._one_of(numbers)

    def _one_of(self, numbers: list[int]) -> Sql:
        """Tell whether a row is in a set of any size, sent as one parameter."""
        if self._sqlite:
            each = func.json_each(json.dumps(numbers)).table_valued("value")
            return ItemRow.number.in_(select(each.c.value))
        return ItemRow.number == any_(bindparam(None, numbers, type_=ARRAY(Integer)))


# For each relation of the footprint to the shape: shapely's function, and whether the shape comes first
# (the prepared side); "within" read from the shape's side is "contains".
_TESTS: Mapping[str, tuple[str, bool]] = {
    "contains": ("within", True),
    "crosses": ("crosses", True),
    "equals": ("equals", True),
    "intersects": ("intersects", True),
    "overlaps": ("overlaps", True),
    "touches": ("touches", True),
    "within": ("contains", True),
}


def _bounds_of(shape: shapely.Geometry) -> list[tuple[float, float, float, float]]:
    west, south, east, north = normalised(shape).bbox
    if west <= east:
        return [(west, south, east, north)]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def _overlaps(west: float, south: float, east: float, north: float) -> Sql:
    plain = and_(ItemRow.west <= ItemRow.east, ItemRow.west <= east, ItemRow.east >= west)
    crossing = and_(ItemRow.west > ItemRow.east, or_(ItemRow.west <= east, ItemRow.east >= west))
    return and_(ItemRow.south <= north, ItemRow.north >= south, or_(plain, crossing))


def _within(west: float, south: float, east: float, north: float) -> Sql:
    return and_(
        ItemRow.west <= ItemRow.east,
        ItemRow.west >= west,
        ItemRow.east <= east,
        ItemRow.south >= south,
        ItemRow.north <= north,
    )
