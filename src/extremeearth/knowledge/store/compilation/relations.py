"""SQL over tables of term numbers: joins that respect unbound variables, unions, anti-joins."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from sqlglot import exp

from extremeearth.knowledge.store.compilation.steps import UNIT

__all__ = [
    "Relation", "anti_join", "column", "fresh_names", "join", "left_join", "named", "project", "semi_join", "union",
]  # fmt: skip

_numbers: ContextVar[Iterator[int]] = ContextVar("numbers")


@contextmanager
def fresh_names() -> Iterator[None]:
    """Give the names inside statements numbers from 1, so that a plan always compiles to the same text."""
    token = _numbers.set(itertools.count(1))
    try:
        yield
    finally:
        _numbers.reset(token)


@dataclass(frozen=True, slots=True)
class Relation:
    """Something that can be selected from.

    Attributes
    ----------
    source
        A SELECT, or a table.
    variables
        Its columns; a relation without variables has the column `UNIT`.
    certain
        Those that are never null.
    inputs
        Names of the tables that it reads.
    ordered
        Whether the order of its rows means something; then it is a table.
    columns
        Where it is no more than columns of one table under other names: variable and column of each. The table is
        then its one input, and needs no SQL.
    """

    source: exp.Select | exp.Table
    variables: tuple[str, ...]
    certain: frozenset[str]
    inputs: frozenset[str]
    ordered: bool = False
    columns: tuple[tuple[str, str], ...] | None = None

    @classmethod
    def of_table(
        cls, name: str, variables: Sequence[str], certain: frozenset[str], *, ordered: bool = False
    ) -> Relation:
        """Make a relation of a table."""
        table = exp.to_table(name)
        columns = tuple((variable, variable) for variable in variables) or None
        return cls(table, tuple(variables), certain, frozenset({name}), ordered, columns)

    @property
    def table(self) -> str | None:
        """The name, where it is a table."""
        return self.source.name if isinstance(self.source, exp.Table) else None

    def select(self, *columns: exp.Expr) -> exp.Select:
        """Select columns from it."""
        return exp.select(*(columns or (_unit(),)), copy=False).from_(self.aliased("t"), copy=False)

    def aliased(self, alias: str) -> exp.Expr:
        """Give it a name inside a statement."""
        if isinstance(self.source, exp.Table):
            return exp.alias_(self.source.copy(), alias, table=True, copy=False)
        return self.source.subquery(alias, copy=False)

    def statement(self) -> exp.Expr:
        """Give it as a statement."""
        if isinstance(self.source, exp.Table):
            return self.select(*(named(column(name), name) for name in self.variables))
        return self.source


def column(name: str, table: str | None = None) -> exp.Column:
    """Name a column."""
    whose = None if table is None else exp.Identifier(this=table, quoted=False)
    return exp.Column(this=exp.Identifier(this=name, quoted=True), table=whose)


def named(expression: exp.Expr, name: str) -> exp.Alias:
    """Give an expression a name; it is not copied, and so cannot stand elsewhere besides."""
    return exp.Alias(this=expression, alias=exp.Identifier(this=name, quoted=True))


def _unit() -> exp.Expr:
    return named(exp.Literal.number(1), UNIT)


def _null() -> exp.Expr:
    return exp.Cast(this=exp.Null(), to=exp.DataType(this=exp.DataType.Type.BIGINT))


def project(relation: Relation, variables: Sequence[str], *, distinct: bool = False) -> Relation:
    """Select variables; one that is not there is null."""
    known = frozenset(relation.variables)
    columns = [named(column(name, "t") if name in known else _null(), name) for name in variables]
    select = relation.select(*columns)
    if distinct:
        select = select.distinct(copy=False)
    certain = relation.certain & frozenset(variables)
    picked = None
    if relation.columns is not None and not distinct and variables and known.issuperset(variables):
        places = dict(relation.columns)
        picked = tuple((name, places[name]) for name in variables)
    return Relation(select, tuple(variables), certain, relation.inputs, columns=picked)


@dataclass(frozen=True, slots=True)
class _Sides:
    """Two relations to be joined, each under a name that no other in the statement has.

    Equal names in subqueries are allowed, but confuse the planner of DataFusion 52 once it takes them apart.
    """

    left: Relation
    right: Relation
    one: str
    two: str

    @classmethod
    def of(cls, left: Relation, right: Relation) -> _Sides:
        number = next(_numbers.get())
        return cls(left, right, f"l{number}", f"r{number}")

    @property
    def shared(self) -> list[str]:
        return [name for name in self.left.variables if name in self.right.variables]

    def joined(self, outputs: Sequence[exp.Expr], on: Sequence[exp.Expr], kind: str) -> exp.Select:
        """Join, asking for every batch of pairs whether the answer is still wanted."""
        first, second = (
            column(relation.variables[0] if relation.variables else UNIT, side)
            for relation, side in ((self.left, self.one), (self.right, self.two))
        )
        wanted = exp.Anonymous(this="still_wanted", expressions=[first, second])
        return (
            exp.select(*outputs, copy=False)
            .from_(self.left.aliased(self.one), copy=False)
            .join(
                self.right.aliased(self.two),
                on=exp.and_(*on, wanted, copy=False),
                join_type=kind,
                copy=False,
            )
        )


def _compatible(sides: _Sides) -> list[exp.Expr]:
    """Equal where both are bound (section 18.1.6: compatible mappings)."""
    left, right = sides.left, sides.right
    found: list[exp.Expr] = []
    for name in sides.shared:
        one, two = column(name, sides.one), column(name, sides.two)
        same: exp.Expr = exp.EQ(this=one, expression=two)
        loose = [
            exp.Is(this=side.copy(), expression=exp.null())
            for side, relation in ((one, left), (two, right))
            if name not in relation.certain
        ]
        found.append(exp.paren(exp.or_(same, *loose, copy=False), copy=False) if loose else same)
    return found


def _merged(sides: _Sides) -> list[exp.Expr]:
    left, right = sides.left, sides.right
    columns: list[exp.Expr] = []
    for name in left.variables:
        both = name in right.variables and name not in left.certain
        one, two = column(name, sides.one), column(name, sides.two)
        columns.append(named(exp.Coalesce(this=one, expressions=[two]) if both else one, name))
    columns += [
        named(column(name, sides.two), name)
        for name in right.variables
        if name not in left.variables
    ]
    return columns or [_unit()]


def _kept(sides: _Sides) -> list[exp.Expr]:
    return [named(column(name, sides.one), name) for name in sides.left.variables] or [_unit()]


def join(left: Relation, right: Relation) -> Relation:
    """Join on the shared variables."""
    sides = _Sides.of(left, right)
    select = sides.joined(_merged(sides), _compatible(sides), "inner")
    variables = tuple(dict.fromkeys((*left.variables, *right.variables)))
    return Relation(select, variables, left.certain | right.certain, left.inputs | right.inputs)


def left_join(left: Relation, right: Relation) -> Relation:
    """Join on the shared variables and keep what has no partner."""
    sides = _Sides.of(left, right)
    select = sides.joined(_merged(sides), _compatible(sides), "left")
    variables = tuple(dict.fromkeys((*left.variables, *right.variables)))
    return Relation(select, variables, left.certain, left.inputs | right.inputs)


def semi_join(left: Relation, right: Relation, *, negated: bool) -> Relation:
    """Keep rows of the left that have, or have not, a compatible row on the right."""
    inputs = left.inputs | right.inputs
    sides = _Sides.of(left, right)
    if sides.shared:
        kind = "left anti" if negated else "left semi"
        select = sides.joined(_kept(sides), _compatible(sides), kind)
    else:
        some = exp.select(named(exp.Count(this=exp.Star()), "n")).from_(
            right.aliased(f"q{sides.two}"), copy=False
        )
        wanted = exp.EQ if negated else exp.GT
        select = (
            exp.select(*_kept(sides), copy=False)
            .from_(left.aliased(sides.one), copy=False)
            .join(some.subquery(sides.two, copy=False), join_type="cross", copy=False)
            .where(
                wanted(this=column("n", sides.two), expression=exp.Literal.number(0)), copy=False
            )
        )
    return Relation(select, left.variables, left.certain, inputs)


def anti_join(left: Relation, right: Relation, *, hidden: Sequence[str]) -> Relation:
    """Take away rows of the left that share a bound variable with a compatible row of the right (MINUS)."""
    sides = _Sides.of(left, right)
    counted = [name for name in sides.shared if name not in hidden]
    if not counted:
        return left
    conditions = _compatible(sides)
    if not any(name in left.certain and name in right.certain for name in counted):
        both_bound = [
            exp.paren(
                exp.and_(
                    *(
                        exp.not_(exp.Is(this=column(name, side), expression=exp.null()))
                        for side in (sides.one, sides.two)
                    )
                )
            )
            for name in counted
        ]
        conditions.append(exp.paren(exp.or_(*both_bound)))
    select = sides.joined(_kept(sides), conditions, "left anti")
    return Relation(select, left.variables, left.certain, left.inputs | right.inputs)


def union(branches: Sequence[Relation]) -> Relation:
    """Put the rows of all branches under each other."""
    variables = tuple(dict.fromkeys(name for branch in branches for name in branch.variables))
    certain = frozenset.intersection(*(branch.certain for branch in branches))
    parts = [project(branch, variables).source for branch in branches]
    found = (
        exp.union(*parts, distinct=False, copy=False) if len(parts) > 1 else exp.subquery(parts[0])
    )
    source = exp.select("*").from_(
        found.subquery(f"u{next(_numbers.get())}", copy=False), copy=False
    )
    inputs = frozenset().union(*(branch.inputs for branch in branches))
    return Relation(source, variables, certain, inputs)
