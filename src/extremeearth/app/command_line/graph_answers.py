"""How the answer of a graph goes to standard output: drawn on a terminal, written for whatever reads it elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from extremeearth.core.errors import InputError

if TYPE_CHECKING:
    from extremeearth.knowledge.store.results.solutions import Solutions, Triples

__all__ = ["GRAPH_FORMS", "ROW_FORMS", "write_answer"]

ROW_FORMS = ("table", "json", "xml", "csv", "tsv", "geojson", "arrow")
GRAPH_FORMS = ("ttl", "nt", "nq", "trig", "rdf", "jsonld")
TABLE_ROWS = 1_000
"""Most rows that are drawn as a table."""


def write_answer(
    answer: Solutions | Triples | bool, form: str | None, *, as_json: bool, geometry: str | None
) -> None:
    """Write rows, triples, or yes and no, in the form that was asked for or in the one that suits the output.

    Raises
    ------
    InputError
        Triples cannot be written in that form.
    """
    from extremeearth.knowledge.store.results.solutions import Solutions, Triples, boolean_text

    terminal = sys.stdout.isatty()
    if isinstance(answer, Solutions):
        chosen = form or ("json" if as_json else "table" if terminal else "csv")
        if chosen == "table":
            _draw(answer)
        else:
            _write(answer.stream(chosen, geometry=geometry))
    elif isinstance(answer, Triples):
        chosen = form or ("jsonld" if as_json else "ttl" if terminal else "nt")
        if chosen not in GRAPH_FORMS:
            raise InputError(
                f"Triples cannot be written as '{chosen}'.",
                hint=f"Choose {', '.join(GRAPH_FORMS)}.",
            )
        _write(answer.stream(chosen))
    else:
        chosen = form if form in ("json", "xml") else "json" if as_json else "text"
        typer.echo(boolean_text(answer, chosen).decode().rstrip("\n"))


def _write(pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _draw(answer: Solutions) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*[Column(name) for name in answer.variables])
    for block in answer.blocks(TABLE_ROWS):
        columns = [column.terms() for column in block.columns]
        for row in zip(*columns, strict=True):
            table.add_row(*[Text("" if term is None else _shown(term)) for term in row])
        break
    Console(file=sys.stdout).print(table)
    if len(answer) > TABLE_ROWS:
        typer.echo(f"{len(answer)} rows; the first {TABLE_ROWS} are shown", err=True)


def _shown(term: Any) -> str:
    """Show the text of a term; long texts are cut."""
    text = getattr(term, "lexical", None) or getattr(term, "value", None) or str(term)
    return text if len(text) <= 200 else text[:199] + "…"
