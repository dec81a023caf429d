"""Writes the reference pages that come from the code: commands, settings, errors, routes, bench tables.

Run by ``make docs``; with ``--check`` it only tells whether the pages are up to date (a test does that).
"""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent


def command_line() -> str:
    """Walk the command tree and write a section per command."""
    from typer.main import get_command

    from extremeearth.app.command_line.main import gather

    lines = [
        "# Command line",
        "",
        "Every command has `--help`; data goes to standard output, messages to standard error. Exit codes: 0 done,",
        "1 failed, 2 wrong usage; 130 stopped by Ctrl-C, 143 by a shutdown (128 and the number of the signal).",
        "",
    ]

    def walk(command: Any, path: str) -> None:
        if getattr(command, "hidden", False):
            return
        children = getattr(command, "commands", None)
        if children is not None:
            for name, child in children.items():
                walk(child, f"{path} {name}")
            return
        lines.extend([f"## `{path}`", "", _clean(command.help or ""), ""])
        rows = []
        for parameter in command.params:
            if getattr(parameter, "hidden", False) or parameter.name == "help":
                continue
            names = (
                ", ".join(f"`{o}`" for o in getattr(parameter, "opts", [])) or f"`{parameter.name}`"
            )
            if parameter.param_type_name == "argument":
                names = f"`{(parameter.metavar or parameter.name).upper()}`"
            rows.append(f"| {names} | {_clean(getattr(parameter, 'help', '') or '')} |")
        if rows:
            lines.extend(["| option | what it does |", "| --- | --- |", *rows, ""])
        if command.epilog:
            lines.extend(
                line for part in command.epilog.split("\n\n") for line in (_clean(part), "")
            )

    walk(get_command(gather()), "extremeearth")
    return "\n".join(lines)


def settings() -> str:
    """Write the table of settings."""
    from extremeearth.core.settings import Settings

    lines = [
        "# Settings", "",
        "Each setting is an environment variable, or a line in a file `.env`; `extremeearth settings` shows them.",
        "", "| variable | default | what it is |", "| --- | --- | --- |",
    ]  # fmt: skip
    for name, field in Settings.model_fields.items():
        default = (
            ""
            if field.default_factory is not None or field.default is None
            else f"`{field.default}`"
        )
        lines.append(
            f"| `EXTREMEEARTH_{name.upper()}` | {default} | {_clean(field.description or '')} |"
        )
    return "\n".join([*lines, ""])


def errors() -> str:
    """Write the tree of errors and the status of each."""
    from extremeearth.core import errors as tree
    from extremeearth.core.problems import status_of

    lines = [
        "# Errors", "",
        "An error says what happened and what to do. Over HTTP it is `application/problem+json` with the code below;",
        "on the command line it is one sentence and exit code 1,",
        "or 130 after Ctrl-C, 143 after SIGTERM and 129 after SIGHUP.",
        "", "| code | status | class | when |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for name in tree.__all__:
        kind = getattr(tree, name)
        error = kind("x")
        first = (inspect.getdoc(kind) or "").splitlines()[0]
        lines.append(f"| `{kind.code}` | {int(status_of(error))} | `{name}` | {first} |")
    return "\n".join([*lines, ""])


def routes() -> str:
    """Write the table of HTTP routes with the scope that each needs."""
    from extremeearth.app.platform import Platform
    from extremeearth.app.route_table import route_table
    from extremeearth.app.web_application import create_app
    from extremeearth.core.settings import Settings

    with (
        tempfile.TemporaryDirectory() as folder,
        Platform.open(Settings(home=Path(folder))) as platform,
    ):
        rows = route_table(create_app(platform, run_jobs=False))
    lines = [
        "# HTTP routes", "",
        "Reading what is public needs no key; `key` names the scope that a route asks for.",
        "", "| method | path | key | what it does |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    lines += [f"| {r.method} | `{r.path}` | {r.scope or ''} | {_clean(r.summary)} |" for r in rows]
    return "\n".join([*lines, ""])


def bench() -> str:
    """Copy the tables of the last bench run."""
    table = ROOT / "bench" / "results" / "README.md"
    text = (
        table.read_text() if table.exists() else "No run is recorded yet: `make bench` makes one.\n"
    )
    return (
        "# Measured\n\nFrom `make bench`; rivals are timed in the same run, so read the ratios.\n\n"
        + text
    )


SUITES = {
    "w3c_evaluation": "SPARQL 1.0 and 1.1: evaluation of queries and updates, result formats, federated queries (W3C)",
    "w3c_sparql": "SPARQL 1.0 and 1.1: syntax, protocol, graph store, service description (W3C)",
    "geographica": "GeoSPARQL: selections and joins of Geographica, against every pair one after the other (our own)",
    "rml": "RML core, and the same in the older vocabulary (KG construct community group)",
    "r2rml": "R2RML on SQLite and PostgreSQL (W3C)",
    "ogcapi_processes": "OGC API - Processes (abstract tests of the core and jobs)",
    "oip": "Open Inference Protocol v2",
}


def conformance() -> str:
    """Write the counts of the recorded run of the conformance suites, and each exception with its reason."""
    record = json.loads((ROOT / "tests" / "conformance" / "last_run.json").read_text())
    lines = [
        "# Conformance", "",
        "Suites that others wrote run with the tests (`make test`), one test for each case. These are the counts of",
        "the run recorded last (`pytest tests/conformance --record-conformance`). A case known to fail must fail: once",
        "it passes, the run says so. A case out of scope is not run; the reason is below.", "",
    ]  # fmt: skip
    for suite in [*SUITES, *sorted(record["counts"].keys() - SUITES.keys())]:
        groups = record["counts"].get(suite, {})
        lines += [f"## {SUITES.get(suite, suite)}", "", "| group | cases | pass | known to fail | out of scope |",
                  "| --- | ---: | ---: | ---: | ---: |"]  # fmt: skip
        names = ("passed", "xfailed", "skipped")
        total = dict.fromkeys(("cases", *names), 0)
        for group, counts in sorted(groups.items()):
            row = [sum(counts.values()), *(counts.get(name, 0) for name in names)]
            total = {key: total[key] + value for key, value in zip(total, row, strict=True)}
            lines.append(f"| {group} | {' | '.join(map(str, row))} |")
        lines += [f"| **all** | {' | '.join(f'**{value}**' for value in total.values())} |", ""]
        reasons: dict[str, list[str]] = {}
        for name, told in sorted(record["exceptions"].get(suite, {}).items()):
            ((outcome, reason),) = told.items()
            word = "known to fail" if outcome == "xfailed" else "out of scope"
            reasons.setdefault(f"{word}: {reason}", []).append(f"`{name.rpartition('/')[2]}`")
        lines += [f"- {_clean(reason)} - {', '.join(cases)}" for reason, cases in reasons.items()]
        lines += [""] if reasons else []
    return "\n".join(lines)


def decisions() -> str:
    """List the decision records."""
    lines = ["# Decisions", "", "Records of choices that cost more than a day to undo.", ""]
    for page in sorted((DOCS / "decisions").glob("*.md")):
        if page.name != "index.md":
            title = page.read_text().splitlines()[0].lstrip("# ")
            lines.append(f"- [{title}]({page.name})")
    return "\n".join([*lines, ""])


PAGES = {
    "reference/command-line.md": command_line,
    "reference/settings.md": settings,
    "reference/errors.md": errors,
    "reference/routes.md": routes,
    "bench.md": bench,
    "conformance.md": conformance,
    "decisions/index.md": decisions,
}


def _clean(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def main() -> int:
    """Write the pages, or with ``--check`` name those that are out of date."""
    stale = []
    for name, make in PAGES.items():
        page, text = DOCS / name, make()
        if not page.exists() or page.read_text() != text:
            stale.append(name)
            if "--check" not in sys.argv:
                page.parent.mkdir(parents=True, exist_ok=True)
                page.write_text(text)
    if "--check" in sys.argv and stale:
        print(f"out of date: {', '.join(stale)}; run 'make docs'")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
