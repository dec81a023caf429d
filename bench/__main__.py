"""Command line: ``python -m bench [NAME...] [--json FILE] [--list] [--quick]``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from bench.form import Skip
from bench.report import table, write_page, write_result
from bench.runner import find_benchmarks, run_benchmark


def main(arguments: list[str] | None = None) -> int:
    """Run the named benchmarks, or all; 0 where all ran or said why not, 2 for an unknown name."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benchmarks; all without")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all results to FILE")
    parser.add_argument("--list", action="store_true", help="list the benchmarks and stop")
    parser.add_argument(
        "--quick", action="store_true", help="small data, one round, nothing kept in bench/results"
    )
    options = parser.parse_args(arguments)
    benchmarks = find_benchmarks()
    if unknown := [name for name in options.names if name not in benchmarks]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(benchmarks)}")
    if options.list:
        for name, benchmark in benchmarks.items():
            sys.stdout.write(f"{name}\t{benchmark.title}\n")
        return 0
    screen, messages = Console(), Console(stderr=True)
    results = []
    for name in options.names or benchmarks:
        try:
            result = run_benchmark(benchmarks[name], quick=options.quick, tell=messages.print)
        except Skip as reason:
            messages.print(f"{name}: skipped, {reason}")
            continue
        results.append(result)
        screen.print(table(result))
        if not options.quick:
            write_result(result)
    if results and not options.quick:
        messages.print(f"written to {write_page().parent}")
    if options.json:
        options.json.write_text(json.dumps({"results": results}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
