"""Shows results: a table on the terminal, JSON files, and one Markdown page over all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

__all__ = ["RESULTS", "markdown", "table", "write_page", "write_result"]

RESULTS = Path(__file__).parent / "results"
Row = tuple[str, str, str, str, str]


def rows(result: Mapping[str, Any]) -> Iterable[Row]:
    """Give case, rival, median, unit and ratio, ours first."""
    for case in result["cases"]:
        ours = case["ours"]
        for name in sorted(case["rivals"], key=lambda rival: (rival != ours, rival)):
            ratio = case["ratios"].get(name)
            words = "" if name == ours else "-" if ratio is None else f"{ratio:.2f} x"
            median = f"{case['rivals'][name]['median']:.4g}"
            yield (
                case["case"],
                f"{name} (ours)" if name == ours else name,
                median,
                case["metric"],
                words,
            )


def table(result: Mapping[str, Any]) -> Table:
    """Lay a result out for the terminal."""
    drawn = Table(title=result["title"])
    for heading in ("case", "rival", "median", "metric", "ours is better by"):
        drawn.add_column(heading, justify="right" if heading == "median" else "left")
    for row in rows(result):
        drawn.add_row(*row)
    return drawn


def markdown(result: Mapping[str, Any]) -> str:
    """Write a result as a section of the page."""
    lines = [
        f"## {result['title']}", "", f"`{result['command']}`, {result['machine']['cores']} cores", "",
        "| case | rival | median | metric | ours is better by |", "| --- | --- | ---: | --- | --- |",
    ]  # fmt: skip
    lines += ["| " + " | ".join(row) + " |" for row in rows(result)]
    lines += ["", *(f"- {case['case']}: {case['data']}" for case in result["cases"]), ""]
    return "\n".join(lines)


def write_result(result: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write one benchmark's JSON file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result['benchmark']}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    return path


def write_page(folder: Path = RESULTS) -> Path:
    """Write the page over all JSON files that are there."""
    sections = [markdown(json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]
    head = (
        "# Results\n\nWritten by `make bench`. Machines are noisy: only ratios within one run say something, absolute\n"
        "numbers do not.\n\n"
    )
    path = folder / "README.md"
    path.write_text(head + "\n".join(sections))
    return path
