"""A compiled query: steps that each make one table, in the order in which they run.

A step names the tables it reads and the one it makes. Columns are variables; values are term numbers, null where a
variable is unbound. Steps hold no data and know no engine; `execution` runs them.
"""

from __future__ import annotations

from dataclasses import dataclass

from extremeearth.knowledge.store.compilation.join_steps import (
    ClosureStep,
    FlagStep,
    SeedStep,
    SpatialJoinStep,
    SqlStep,
)
from extremeearth.knowledge.store.compilation.leaf_steps import (
    Bound,
    GraphNamesStep,
    LookUpStep,
    ScanStep,
    ServiceStep,
    SpatialMatchStep,
    ValuesStep,
)
from extremeearth.knowledge.store.compilation.row_steps import (
    CountStep,
    DistinctStep,
    ExtendStep,
    FilterStep,
    GroupStep,
    NearestStep,
    NumberStep,
    OrderStep,
    PickStep,
    ProjectStep,
    SliceStep,
)
from extremeearth.knowledge.store.compilation.step_base import UNIT, Flags
from extremeearth.knowledge.store.plan import nodes as p

__all__ = [
    "UNIT",
    "Bound",
    "ClosureStep",
    "CountStep",
    "DistinctStep",
    "ExtendStep",
    "FilterStep",
    "Flags",
    "FlagStep",
    "GraphNamesStep",
    "GroupStep",
    "LookUpStep",
    "NearestStep",
    "NumberStep",
    "OrderStep",
    "PickStep",
    "Program",
    "ProjectStep",
    "ScanStep",
    "SeedStep",
    "ServiceStep",
    "SliceStep",
    "SpatialJoinStep",
    "SpatialMatchStep",
    "SqlStep",
    "Step",
    "ValuesStep",
]

Step = (
    ScanStep | ValuesStep | GraphNamesStep | SqlStep | FilterStep | ExtendStep | GroupStep | CountStep | OrderStep
    | ProjectStep | DistinctStep | SliceStep | NumberStep | SeedStep | FlagStep | ClosureStep | ServiceStep | PickStep
    | LookUpStep
    | SpatialMatchStep | SpatialJoinStep | NearestStep
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Program:
    """Steps, the last of which makes the answer.

    Attributes
    ----------
    steps
        In the order in which they run.
    result
        Name of the table that is the answer.
    variables
        Its columns that count, in their order.
    plan
        The plan it was compiled from.
    """

    steps: tuple[Step, ...]
    result: str
    variables: tuple[str, ...]
    plan: p.Plan
