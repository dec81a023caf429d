"""SQL as a mapping writes it: identifiers, and queries that can do nothing but read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from extremeearth.core.errors import MappingError
from extremeearth.knowledge.mapping.sources.contract import similar_to

__all__ = [
    "Identifier",
    "Named",
    "column_identifier",
    "quoted",
    "read_identifiers",
    "resolve",
    "safe_query",
]

_PART = re.compile(
    r'\s*(?:"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|\[([^\]]+)\]|([^\s".`\[\]]+))\s*(\.|$)'
)
_FORBIDDEN_FUNCTIONS = re.compile(
    r"^(pg_(?!typeof$)|lo_|dblink|query_to_xml|cursor_to_xml|table_to_xml|schema_to_xml|database_to_xml|set_config$"
    r"|nextval$|setval$|load_extension$|readfile$|writefile$|edit$|fts3_tokenizer$)"
)
"""Functions that reach beyond the tables of a query, run text as SQL, or change something."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name as SQL has it: delimited ones keep their case, the others mean it in any case."""

    text: str
    delimited: bool


@dataclass(frozen=True, slots=True)
class Named:
    """Something with a name in a database; `regular` where it was declared without quotes, as far as known."""

    name: str
    regular: bool = False


def quoted(*names: str) -> str:
    """Write names as delimited identifiers.

    Examples
    --------
    >>> quoted("public", 'a"b')
    '"public"."a""b"'
    """
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def read_identifiers(text: str) -> tuple[Identifier, ...]:
    """Read a name that may be qualified by a schema; a plain name may hold spaces if it is the only one.

    Raises
    ------
    MappingError
        It is no name.

    Examples
    --------
    >>> [i.text for i in read_identifiers('public."Country Info"')]
    ['public', 'Country Info']
    """
    found: list[Identifier] = []
    position = 0
    while match := _PART.match(text, position):
        double, back, square, plain, end = match.groups()
        if plain is not None:
            found.append(Identifier(plain, False))
        else:
            name = (double or "").replace('""', '"') or (back or "").replace("``", "`") or square
            found.append(Identifier(name, True))
        position = match.end()
        if not end:
            return tuple(found)
    raise MappingError(
        f"'{text}' is not the name of a table or a column in SQL.",
        hint='Write it in double quotes, e.g. "\\"Country Info\\"".',
    )


def column_identifier(reference: str) -> Identifier:
    """Read a reference of a mapping as the name of a column.

    Examples
    --------
    >>> column_identifier('"Country Code"').text
    'Country Code'
    """
    for mark in ('"', "`"):
        if len(reference) > 2 and reference[0] == reference[-1] == mark:
            return Identifier(reference[1:-1].replace(mark * 2, mark), True)
    return Identifier(reference, False)


def resolve(
    reference: Identifier, known: Sequence[Named], *, what: str, where: str, labels: bool = False
) -> int:
    """Find what an identifier names, by the rules of SQL, and give its position.

    A delimited identifier is meant to the letter. A regular one means a name declared without quotes in any case,
    and otherwise one that is all capitals or all small letters. With `labels`, as in the result of a query, a regular
    identifier also means the label that is written exactly like it.

    Raises
    ------
    MappingError
        It names nothing; what is similar is in the hint.

    Examples
    --------
    >>> resolve(Identifier("id", False), [Named("ID"), Named("Name")], what="column", where="t")
    0
    """
    exact = [n for n, item in enumerate(known) if item.name == reference.text]
    candidates = exact if reference.delimited or labels else []
    if not candidates and not reference.delimited:
        candidates = [n for n, item in enumerate(known) if _means(reference.text, item)]
        candidates = [n for n in candidates if n in exact] or candidates
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise MappingError(
            f"'{reference.text}' means {len(candidates)} {what}s of {where}.",
            hint="Write it in double quotes, with its letters as they are.",
        )
    same = [item.name for item in known if item.name.casefold() == reference.text.casefold()]
    hint = similar_to(reference.text, [item.name for item in known])
    if same:
        hint = f"SQL tells '{same[0]}' from it by its case: write it in double quotes. {hint}"
    raise MappingError(
        f"The mapping names the {what} '{reference.text}', which {where} does not have.", hint=hint
    )


def _means(text: str, item: Named) -> bool:
    if item.name.casefold() != text.casefold():
        return False
    return item.regular or item.name in {item.name.upper(), item.name.lower()}


def safe_query(text: str, *, dialect: str) -> Any:
    """Parse a query and refuse all that is more than one query that reads.

    Parameters
    ----------
    text
        SQL of the mapping; a semicolon at its end does no harm.
    dialect
        As sqlglot names it: ``sqlite`` or ``postgres``.

    Returns
    -------
    sqlglot.exp.Query
        What was checked; this is what runs, not the text.

    Raises
    ------
    MappingError
        It is no query, or it could change something.

    Examples
    --------
    >>> safe_query("SELECT 1 AS a;", dialect="sqlite").sql()
    'SELECT 1 AS a'
    """
    import sqlglot
    from sqlglot import exp

    try:
        parsed = [tree for tree in sqlglot.parse(text, dialect=dialect) if tree is not None]
    except (sqlglot.errors.SqlglotError, RecursionError) as err:
        first = str(err).splitlines()[0]
        raise MappingError(
            f"The SQL query of the mapping cannot be read: {first}",
            hint="Check it in the database.",
        ) from err
    changing = (
        exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.Command, exp.Into,
        exp.Lock, exp.Placeholder, exp.Parameter,
    )  # fmt: skip
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Query) or parsed[0].find(*changing):
        raise MappingError(
            "The SQL of the mapping is not one query that only reads.",
            hint="Write one SELECT, without parameters, INTO or FOR UPDATE.",
        )
    for call in parsed[0].find_all(exp.Func):
        name = (call.name if isinstance(call, exp.Anonymous) else call.sql_name()).lower()
        if _FORBIDDEN_FUNCTIONS.match(name):
            raise MappingError(
                f"The SQL query of the mapping calls {name}, which is not allowed in a mapping.",
                hint="Take it out; a query of a mapping only reads tables.",
            )
    return parsed[0]
