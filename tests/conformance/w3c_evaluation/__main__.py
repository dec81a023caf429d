"""Runs the W3C evaluation tests: one line a failure, totals a group, quickly."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter

from tests.conformance.w3c_evaluation.manifests import MISSING, Case, evaluation_cases, suites_root
from tests.conformance.w3c_evaluation.running import failure_of
from tests.conformance.w3c_evaluation.scope import out_of_scope


def main(arguments: list[str] | None = None) -> int:
    """Run what the filter names; 0 where all passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--filter", default="", help="part of the name, like aggregates or sparql11/bind/bind01"
    )
    parser.add_argument("--verbose", action="store_true", help="whole messages, and tracebacks")
    parser.add_argument("--all", action="store_true", help="also what is out of scope")
    options = parser.parse_args(arguments)
    root = suites_root()
    if root is None:
        parser.error(MISSING)
    counts: dict[str, Counter[str]] = {}
    slow: list[tuple[float, str]] = []
    started = time.perf_counter()
    for case in evaluation_cases(root):
        if options.filter not in case.name:
            continue
        group = counts.setdefault(case.group, Counter())
        if out_of_scope(case) and not options.all:
            group["out of scope"] += 1
            continue
        begun = time.perf_counter()
        told = _told(case, options.verbose)
        slow.append((time.perf_counter() - begun, case.name))
        group["failed" if told else "passed"] += 1
        if told:
            sys.stdout.write(f"{case.name} ({case.title}): {told}\n")
    for name, group in counts.items():
        said = ", ".join(
            f"{number} {outcome}" for outcome, number in sorted(group.items(), reverse=True)
        )
        sys.stdout.write(f"{name}: {said}\n")
    total = sum(counts.values(), Counter())
    sys.stdout.write(f"total: {dict(total)} in {time.perf_counter() - started:.1f} s; slowest: ")
    sys.stdout.write(", ".join(f"{name} {s:.2f} s" for s, name in sorted(slow)[:-4:-1]) + "\n")
    return 1 if total["failed"] else 0


def _told(case: Case, verbose: bool) -> str | None:
    try:
        told = failure_of(case)
    except Exception as err:
        if verbose:
            return "".join(traceback.format_exception(err))
        frame = traceback.extract_tb(err.__traceback__)[-1]
        lines = (str(err).splitlines() or [""])[0]
        return f"{type(err).__name__}: {lines[:300]} [{frame.filename.rpartition('/')[2]}:{frame.lineno}]"
    return told if told is None or verbose else " | ".join(told.split("\n"))[:400]


if __name__ == "__main__":
    raise SystemExit(main())
