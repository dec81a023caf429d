"""What rules may know of the store and the query: estimates of rows and of different values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import shapely

from extremeearth.core.progress import CancelToken
from extremeearth.knowledge.sparql.terms import Iri, Literal
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.geosparql import read_geometries
from extremeearth.knowledge.store.plan import nodes as p
from extremeearth.knowledge.store.plan.conditions import conjuncts
from extremeearth.knowledge.store.storage.contract import UNKNOWN, Snapshot

__all__ = ["Estimate", "Facts", "Rule"]

FILTERED = 0.3
"""Part of the rows that is expected to meet a condition of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Rows that a plan is expected to give, and different values of its variables."""

    rows: float
    different: Mapping[str, float] = field(default_factory=dict)

    def values(self, variable: str) -> float:
        """Give the different values of a variable, at least one."""
        return max(1.0, min(self.rows, self.different.get(variable, self.rows)))

    def joined(self, other: Estimate) -> Estimate:
        """Estimate a join: values of shared variables are expected to be found on the other side."""
        both = {**other.different, **self.different}
        for name, values in other.different.items():
            both[name] = min(both[name], values)
        return Estimate(self.joined_rows(other), both)

    def joined_rows(self, other: Estimate) -> float:
        """Estimate the rows of a join; quick where the other side has few variables."""
        rows = self.rows * other.rows
        for name in other.different:
            if name in self.different:
                rows /= max(self.values(name), other.values(name))
        return rows

    def scaled(self, fraction: float) -> Estimate:
        """Estimate what is left when only a fraction of the rows is."""
        return Estimate(self.rows * fraction, self.different)


class Rule(Protocol):
    """Changes a plan into one that gives the same rows; gives the same object where it has nothing to change."""

    def __call__(self, plan: p.Plan, facts: Facts) -> p.Plan:
        """Apply it to a plan and to what is below."""


class Facts:
    """Estimates for the plans of one query.

    Parameters
    ----------
    snapshot
        The store.
    constants
        Terms of the query's triple patterns.
    dataset
        Its graphs.
    token
        Cancelling it stops planning: it is looked at before each node that a rule changes or estimates.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        constants: Sequence[Iri | Literal],
        dataset: Any,
        token: CancelToken | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.token = token or CancelToken()
        self._constants = constants
        self._dataset = dataset
        self._known: dict[Any, Estimate] = {}
        self._changed: dict[tuple[Rule, int], tuple[p.Plan, p.Plan]] = {}

    def below(self, plan: p.Plan, rule: Rule, *, through: tuple[type, ...] = ()) -> p.Plan:
        """Apply a rule to each plan directly below a node, once to each.

        The deepest come first, so that a rule which asks for what is below its node finds it done: plans may be deep.

        Parameters
        ----------
        plan
            The node.
        rule
            Asks this for each node that it is applied to.
        through
            Kinds of nodes that the rule takes apart itself.

        Raises
        ------
        CancelledError
            The token was cancelled.
        """
        waiting = [(child, False) for child in p.children(plan)]
        while waiting:
            node, ready = waiting.pop()
            if (rule, id(node)) in self._changed:
                continue
            if ready:
                self.token.check()
                self._changed[rule, id(node)] = node, rule(node, self)
                continue
            if not isinstance(node, through):
                waiting.append((node, True))
            waiting += [(child, False) for child in p.children(node)]
        return p.with_children(plan, lambda child: self._applied(rule, child))

    def _applied(self, rule: Rule, plan: p.Plan) -> p.Plan:
        done = self._changed.get((rule, id(plan)))
        return rule(plan, self) if done is None else done[1]

    def magnitudes(self, plan: p.Plan) -> tuple[Any, ...]:
        """Give what a compiled plan depends on beside its shape, roughly.

        The size of the store, and how many quads its constants select: a common value wants another order of joins
        than a rare one.
        """
        size = int(math.log2(len(self.snapshot) + 1))
        rows = tuple(int(math.log2(self.rows(scan) + 1) / 3) for scan in _constant_scans(plan))
        return (size, len(self._dataset.default) > 1, rows)

    def number(self, slot: p.Slot) -> int:
        """Give the number of a term in a pattern."""
        term = self._constants[slot.index] if isinstance(slot, p.Constant) else slot
        assert isinstance(term, Iri | Literal)
        return int(self.snapshot.terms.find(TermColumn.of([term]))[0])

    def rows(self, plan: p.Plan) -> float:
        """Estimate the rows of a plan."""
        return self.estimate(plan).rows

    def estimate(self, plan: p.Plan) -> Estimate:
        """Estimate the rows of a plan and the values of its variables."""
        found = self._known.get(plan)
        if found is None:
            self.token.check()
            found = self._known[plan] = self._estimated(plan)
        return found

    def _estimated(self, plan: p.Plan) -> Estimate:  # noqa: PLR0911, PLR0912 - one branch for each kind of node
        if isinstance(plan, p.Scan):
            return self._scan(plan)
        if isinstance(plan, p.Values):
            return Estimate(len(plan.rows), dict.fromkeys(plan.variables, float(len(plan.rows))))
        if isinstance(plan, p.SpatialMatch):
            rows = self.matched(plan)
            return Estimate(rows, {plan.variable: rows})
        if isinstance(plan, p.Join | p.SpatialJoin):
            both = self.estimate(plan.left).joined(self.estimate(plan.right))
            return both.scaled(1e-4) if isinstance(plan, p.SpatialJoin) else both
        if isinstance(plan, p.LookUp):
            both = self.estimate(plan.left).joined(self.estimate(plan.scan))
            return (
                replace(both, rows=max(both.rows, self.rows(plan.left))) if plan.optional else both
            )
        if isinstance(plan, p.LeftJoin):
            left = self.estimate(plan.left)
            both = left.joined(self.estimate(plan.right))
            return Estimate(max(left.rows, both.rows), both.different)
        if isinstance(plan, p.Union):
            parts = [self.estimate(branch) for branch in plan.branches]
            names = {name for part in parts for name in part.different}
            return Estimate(
                sum(part.rows for part in parts),
                {name: sum(part.different.get(name, 0.0) for part in parts) for name in names},
            )
        if isinstance(plan, p.Closure):
            step = self.estimate(plan.step)
            rows = step.rows * (1 if plan.maximum == 1 else 4)
            return Estimate(rows, dict.fromkeys(plan.variables, step.rows))
        if isinstance(plan, p.Filter):
            return self.estimate(plan.pattern).scaled(FILTERED ** len(conjuncts(plan.condition)))
        if isinstance(plan, p.SemiJoin | p.Minus):
            return self.estimate(plan.left).scaled(0.5)
        if isinstance(plan, p.GraphNames):
            count = float(len(self.snapshot.graphs()))
            return Estimate(count, {plan.variable: count})
        inner = [self.estimate(child) for child in p.children(plan)]
        if not inner:
            return Estimate(100.0, dict.fromkeys(plan.variables, 100.0))
        if isinstance(plan, p.Slice) and plan.limit is not None:
            return Estimate(min(inner[0].rows, plan.limit), inner[0].different)
        return inner[0]

    def matched(self, plan: p.SpatialMatch) -> float:
        """Estimate how many stored geometries meet a constant one."""
        total = float(len(self.snapshot.geometries))
        shape = read_geometries(TermColumn.of([plan.geometry])).shapes[0]
        if shape is None or shapely.is_empty(shape):
            return 0.0
        return total * self.snapshot.statistics.box_fraction(*shapely.bounds(shape).tolist())

    def _scan(self, scan: p.Scan) -> Estimate:
        statistics = self.snapshot.statistics
        predicate = None if isinstance(scan.predicate, str) else self.number(scan.predicate)
        if predicate == UNKNOWN:
            return Estimate(0.0, dict.fromkeys(scan.variables, 0.0))
        subject, object_ = (
            None if isinstance(slot, str) else self.number(slot)
            for slot in (scan.subject, scan.object)
        )
        if subject is not None or object_ is not None:
            found = self.snapshot.scan(subject=subject, predicate=predicate, object=object_)
            rows = float(found.num_rows)
            return Estimate(rows, dict.fromkeys(scan.variables, rows))
        if predicate is None:
            rows = float(len(self.snapshot))
            different = {
                "s": rows / 5,
                "p": float(len(self.snapshot.predicates())),
                "o": rows / 2,
                "g": 10.0,
            }
        else:
            counts = statistics.predicate(predicate)
            rows = float(counts.triples)
            different = {"s": float(counts.subjects), "o": float(counts.objects), "g": 10.0}
        names: dict[str, float] = {}
        for place, slot in scan.slots:
            if isinstance(slot, str):
                names[slot] = min(names.get(slot, math.inf), different.get(place, rows))
        return Estimate(rows, names)


def _constant_scans(plan: p.Plan) -> Iterator[p.Scan]:
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        if isinstance(node, p.Scan) and (
            isinstance(node.subject, p.Constant) or isinstance(node.object, p.Constant)
        ):
            yield node
        waiting += p.children(node)
