"""Steps that bring tables together: SQL, EXISTS, paths, spatial joins."""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.store.compilation.step_base import OnTable, shown_slot
from extremeearth.knowledge.store.plan import nodes as p

__all__ = ["ClosureStep", "FlagStep", "SeedStep", "SpatialJoinStep", "SqlStep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlStep:
    """What the engine does in one query."""

    name: str
    sql: str
    inputs: tuple[str, ...]

    def __str__(self) -> str:
        return f"sql {self.sql}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedStep(OnTable):
    """Each different row of some columns once, numbered."""

    name: str
    input: str
    key: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"seed {self.input}: {' '.join(self.columns)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagStep:
    """Rows with a truth: whether their seed is among the keys that came back."""

    name: str
    input: str
    seeds: str
    found: str
    key: str
    columns: tuple[str, ...]
    flag: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Give the tables that it reads."""
        return (self.input, self.seeds, self.found)

    def __str__(self) -> str:
        return f"flag {self.input} where {self.found} has a row"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureStep:
    """Nodes that are reached over edges; only from column `starts` of `starts_table`, where there is one."""

    name: str
    edges: str
    source: str
    target: str
    subject: p.Slot
    object: p.Slot
    minimum: int
    maximum: int | None
    nodes: str | None
    graph: str | None
    starts: str | None = None
    starts_table: str | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Give the tables that it reads."""
        return tuple(
            name for name in (self.edges, self.nodes, self.starts_table) if name is not None
        )

    def __str__(self) -> str:
        most = "" if self.maximum is None else str(self.maximum)
        return f"closure {self.edges} {{{self.minimum},{most}}} {shown_slot(self.subject)} to {shown_slot(self.object)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialJoinStep:
    """Pairs of geometries in a relation, each pair once: columns ``left`` and ``right``."""

    name: str
    left: str
    right: str
    left_variable: str
    right_variable: str
    relation: p.SpatialRelation

    @property
    def inputs(self) -> tuple[str, ...]:
        """Give the tables that it reads."""
        return (self.left, self.right)

    def __str__(self) -> str:
        return f"spatial join {self.left}.{self.left_variable} {self.relation} {self.right}.{self.right_variable}"
