"""Example queries with parameters that cannot change what a query means."""

from __future__ import annotations

import re

import pyoxigraph as ox

from extremeearth.core.errors import InputError
from extremeearth.knowledge.semantics._resources import list_queries, read_resource

__all__ = ["QUERIES", "bind_query", "disagreement_query", "query_text"]

QUERIES = list_queries()
"""Names of the queries that come with the package."""

_PARAMETER = re.compile(
    r"^(?P<indent>[ \t]*)#@ (?P<name>[A-Za-z][A-Za-z0-9_]*)[ \t]*$", re.MULTILINE
)


def query_text(name: str) -> str:
    """Give the text of a query; its parameters are lines ``#@ name``.

    Raises
    ------
    InputError
        There is no such query.

    Examples
    --------
    >>> "#@ region" in query_text("disagreement")
    True
    """
    if name not in QUERIES:
        raise InputError(f"There is no query '{name}'.", hint=f"There are: {', '.join(QUERIES)}.")
    return read_resource(f"queries/{name}.rq")


def bind_query(text: str, **values: str | int | float | bool | ox.NamedNode) -> str:
    r"""Give parameters their values.

    A line ``#@ name`` becomes ``VALUES ?name { ... }``. A value is written as a literal with all escapes, or as an
    IRI, so it can only ever be a term: no value can close it and go on as query.

    Parameters
    ----------
    text
        A query with parameters.
    **values
        Texts, numbers and truth values become literals, a `pyoxigraph.NamedNode` an IRI.

    Raises
    ------
    InputError
        A parameter has no value, or a value no parameter.

    Examples
    --------
    >>> print(bind_query("SELECT * {\n  #@ label\n  ?s ?p ?label }", label='a" } #'))
    SELECT * {
      VALUES ?label { "a\" } #" }
      ?s ?p ?label }
    """
    wanted = {match["name"] for match in _PARAMETER.finditer(text)}
    if wanted != set(values):
        raise InputError(
            f"The query takes {_listed(wanted)}, but {_listed(set(values))} was given.",
            hint="Give exactly these.",
        )

    def bound(match: re.Match[str]) -> str:
        name = match["name"]
        value = values[name]
        term = value if isinstance(value, ox.NamedNode) else ox.Literal(value)
        return f"{match['indent']}VALUES ?{name} {{ {term} }}"

    return _PARAMETER.sub(bound, text)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def disagreement_query(*, region: str) -> str:
    """Ask where the crop that was seen is not the one declared: number and area by crop group, inside a region.

    Parameters
    ----------
    region
        Its ``rdfs:label``, e.g. the name of a country.

    Returns
    -------
    str
        A SELECT with ``?group ?groupName ?parcels ?areaM2 ?areaHa``. Areas are exact decimals, so the answer does not
        depend on where and in which order it is summed.

    Examples
    --------
    >>> 'VALUES ?region { "Germany" }' in disagreement_query(region="Germany")
    True
    """
    return bind_query(query_text("disagreement"), region=region)
