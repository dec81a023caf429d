"""Which function runs which step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from extremeearth.knowledge.store.compilation import Step
from extremeearth.knowledge.store.compilation import steps as t
from extremeearth.knowledge.store.execution import scanning, solutions, spatial
from extremeearth.knowledge.store.execution.closure import run_closure
from extremeearth.knowledge.store.execution.run import Run
from extremeearth.knowledge.store.execution.services import run_service

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["run_step"]


def _run_sql(step: t.SqlStep, run: Run) -> pa.Table:
    tables = {name: run.tables[name] for name in step.inputs}
    return run.engine.sql(step.sql, token=run.token, most_bytes=run.most_bytes, **tables)


def _run_pick(step: t.PickStep, run: Run) -> pa.Table:
    table = run.tables[step.input]
    names = [name for name, _ in step.columns]
    return table.select([column for _, column in step.columns]).rename_columns(names)


_RUNNERS: Mapping[type, Callable[[Any, Run], pa.Table]] = {
    t.ScanStep: scanning.run_scan,
    t.LookUpStep: scanning.run_look_up,
    t.ValuesStep: scanning.run_values,
    t.GraphNamesStep: scanning.run_graph_names,
    t.SqlStep: _run_sql,
    t.FilterStep: solutions.run_filter,
    t.ExtendStep: solutions.run_extend,
    t.GroupStep: solutions.run_group,
    t.CountStep: solutions.run_count,
    t.OrderStep: solutions.run_order,
    t.PickStep: _run_pick,
    t.ProjectStep: solutions.run_project,
    t.DistinctStep: solutions.run_distinct,
    t.SliceStep: solutions.run_slice,
    t.NumberStep: solutions.run_number,
    t.SeedStep: solutions.run_seed,
    t.FlagStep: solutions.run_flag,
    t.ClosureStep: run_closure,
    t.ServiceStep: run_service,
    t.SpatialMatchStep: spatial.run_match,
    t.SpatialJoinStep: spatial.run_join,
    t.NearestStep: spatial.run_nearest,
}


def run_step(step: Step, run: Run) -> pa.Table:
    """Make the table of a step from the tables before it."""
    return _RUNNERS[type(step)](step, run)
