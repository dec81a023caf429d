"""From the text of a query to its algebra: our parser against rdflib's, on the queries of the W3C suites."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.form import Benchmark, Case, Outcome, Skip
from extremeearth.knowledge.sparql import parse_query, translate

BASE = "http://example.org/base/"


def corpus() -> list[str]:
    """Give the text of each query file of the suites, in the order of the names."""
    named = os.environ.get("EXTREMEEARTH_SUITES")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "suites"
    files = sorted((folder / "w3c-sparql").glob("sparql1*/*/*.rq"))
    if not files:
        raise Skip(
            "no W3C suites: EXTREMEEARTH_SUITES is not set and ../shared/suites is not there"
        )
    return [file.read_bytes().decode("utf-8", "replace") for file in files]


def ours(text: str) -> object:
    """Parse, then translate to the algebra of the recommendation."""
    return translate(parse_query(text, base=BASE))


def rdflib_reader() -> Callable[[str], object]:
    """Give the same two steps of rdflib."""
    try:
        from rdflib.plugins.sparql.algebra import translateQuery
        from rdflib.plugins.sparql.parser import parseQuery
    except ModuleNotFoundError as err:
        raise Skip("rdflib is not installed") from err
    logging.getLogger("rdflib.term").setLevel(logging.ERROR)  # it warns of IRIs of the suites
    return lambda text: translateQuery(parseQuery(text), BASE)


def readable(read: Callable[[str], object], text: str) -> bool:
    """Tell whether a parser accepts a text."""
    try:
        read(text)
    except Exception:
        return False
    return True


def cases(quick: bool) -> Iterator[Case]:
    """Read the whole corpus; then one query with many rows of VALUES."""
    theirs = rdflib_reader()
    texts = corpus()[:: 40 if quick else 1]
    kept = [text for text in texts if readable(ours, text) and readable(theirs, text)]
    yield reading(
        f"{len(kept)} W3C queries",
        f"the {len(kept)} of {len(texts)} query files of the W3C SPARQL 1.0 and 1.1 suites that both accept (the "
        "suites hold queries to refuse, too); text to algebra",
        kept,
        theirs,
    )
    count = 50 if quick else 1_000
    rows = "\n".join(f'(<http://e/{n}> "name {n}" {n})' for n in range(count))
    query = f"SELECT * {{ ?a <http://e/p> ?b VALUES (?a ?b ?c) {{ {rows} }} }}"
    recipe = f"one query with {count} rows of VALUES: an IRI, a string and an integer each; text to algebra"
    yield reading(f"{count} rows of VALUES", recipe, [query], theirs)


def reading(label: str, recipe: str, texts: Sequence[str], theirs: Callable[[str], object]) -> Case:
    """Make the case of one set of texts."""

    def run(read: Callable[[str], object]) -> Outcome:
        for text in texts:
            read(text)
        return Outcome(answer=len(texts))

    return Case(
        label=label,
        data=recipe,
        rivals={"extremeearth": lambda: run(ours), "rdflib": lambda: run(theirs)},
        ours="extremeearth",
        check=all_read,
        rounds=3,
    )


def all_read(answers: Mapping[str, Any]) -> None:
    """Stop where nothing was read."""
    if not all(answers.values()):
        raise AssertionError(f"nothing was read: {dict(answers)}")


BENCHMARK = Benchmark(
    name="sparql_parser", title="SPARQL text to algebra: against rdflib", cases=cases
)
