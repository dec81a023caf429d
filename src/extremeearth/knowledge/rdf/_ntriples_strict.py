"""Single lines through pyoxigraph: it reads what the expressions here do not know, or says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pyoxigraph as ox

__all__ = ["explain_parser", "is_rdf_11", "read_strictly"]

_WHERE = re.compile(r"^Parser error[^:]*: ")
RDF_12 = "It has a triple as a term or a direction of text, which RDF 1.1 does not know."


def read_strictly(
    lines: Iterable[str],
    numbers: Iterable[int],
    *,
    quads: bool,
    bad: Callable[[int, str], None],
) -> tuple[list[str], list[int]]:
    r"""Read lines one after the other.

    Parameters
    ----------
    lines, numbers
        The lines and their numbers.
    quads
        Whether they may name a graph.
    bad
        Told of the number of each line that is broken, and why; it is left out.

    Returns
    -------
    tuple
        The statements, each a line in the usual form, and the number of the line of each.

    Examples
    --------
    >>> read_strictly(["<urn:s><urn:p>'x'.", "<urn:s><urn:p>1."], [7, 8], quads=False, bad=print)
    7 column 15: ''' is not allowed at the beginning of a prefix name.
    8 column 15: The object of a triple must be an IRI, a blank node or a literal.
    ([], [])
    """
    format = ox.RdfFormat.N_QUADS if quads else ox.RdfFormat.N_TRIPLES
    written: list[str] = []
    where: list[int] = []
    for line, number in zip(lines, numbers, strict=True):
        try:
            found = list(ox.parse(line, format=format))
        except (SyntaxError, ValueError) as err:
            bad(number, explain_parser(err))
            continue
        if not found:
            bad(number, "It states nothing.")
        elif not all(map(is_rdf_11, found)):
            bad(number, RDF_12)
        else:
            for quad in found:
                written.append(
                    (ox.serialize([quad], format=ox.RdfFormat.N_QUADS) or b"").decode().rstrip("\n")
                )
                where.append(number)
    return written, where


def is_rdf_11(quad: ox.Quad) -> bool:
    """Tell whether a statement has only what RDF 1.1 knows.

    Examples
    --------
    >>> is_rdf_11(ox.Quad(ox.BlankNode(), ox.NamedNode("urn:p"), ox.Literal("x", language="en")))
    True
    """
    thing = quad.object
    if isinstance(thing, ox.Literal):
        return thing.direction is None
    return not isinstance(thing, ox.Triple)


def explain_parser(error: Exception) -> str:
    """Give what a parser says, with the column, without the line that it counts for itself.

    Examples
    --------
    >>> explain_parser(ValueError("No scheme found in an absolute IRI"))
    'No scheme found in an absolute IRI.'
    """
    message = _WHERE.sub("", error.msg if isinstance(error, SyntaxError) else str(error))
    column = error.offset if isinstance(error, SyntaxError) else None
    message = message if message.endswith(".") else f"{message}."
    return f"column {column}: {message}" if column else message
