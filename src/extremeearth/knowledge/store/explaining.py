"""How a query is answered, as text: algebra, plan, steps, and what each step did."""

from __future__ import annotations

from extremeearth.knowledge.sparql.algebra import Algebra, algebra_text
from extremeearth.knowledge.store.execution import Evaluator, Measured
from extremeearth.knowledge.store.plan import plan_text

__all__ = ["explanation"]


def explanation(algebra: Algebra, evaluator: Evaluator, *, analyze: bool = False) -> str:
    """Tell how an evaluator answers a pattern.

    Parameters
    ----------
    algebra
        From `translate`.
    evaluator
        Over the snapshot that would be asked.
    analyze
        Whether to run it, and tell rows and times.
    """
    plan, facts = evaluator.plan(algebra)
    sections = [
        ("Algebra", algebra_text(algebra)),
        ("Plan, with estimated rows", plan_text(plan, rows=facts.rows)),
    ]
    if analyze:
        evaluator.rows(algebra)
        sections.append(("Steps, as they ran", "\n".join(map(_measured, evaluator.measured))))
    else:
        program, _ = evaluator.program(algebra)
        sections.append(("Steps", "\n".join(f"{step.name}: {step}" for step in program.steps)))
    return "\n\n".join(f"# {title}\n{text}" for title, text in sections) + "\n"


def _measured(step: Measured) -> str:
    return f"{step.name}: {step.rows} rows, {1000 * step.seconds:.1f} ms: {step.text}"
