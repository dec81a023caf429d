"""Answers of a query: rows of terms and sets of triples, and how they are written down."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

import pyoxigraph as ox

from extremeearth.core.errors import InputError
from extremeearth.knowledge.sparql import XSD, BlankNode, Iri, Literal, Term
from extremeearth.knowledge.sparql.terms import XSD_STRING
from extremeearth.knowledge.store.formats import rdf_format
from extremeearth.knowledge.store.terms import to_oxigraph

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Row", "Solutions", "Triple", "Triples", "boolean_text"]

Row = tuple[Term | None, ...]
"""One solution: a term for each variable, `None` where it is unbound."""
Triple = tuple[Iri | BlankNode, Iri, Term]
"""Subject, predicate, object."""

_INTEGERS = frozenset(
    XSD + name
    for name in (
        "integer", "long", "int", "short", "byte", "nonNegativeInteger", "positiveInteger", "nonPositiveInteger",
        "negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte",
    )
)  # fmt: skip
_FLOATS = frozenset(XSD + name for name in ("decimal", "double", "float"))
_RESULTS_XML = "http://www.w3.org/2005/sparql-results#"


@dataclass(frozen=True, slots=True)
class Solutions:
    r"""The rows of a SELECT, in their order.

    Parameters
    ----------
    variables
        Names without question marks.
    rows
        One term for each variable, or `None`.

    Examples
    --------
    >>> rows = Solutions(("a",), [(Literal("5", Iri(XSD + "integer")),), (None,)])
    >>> len(rows), rows.to_arrow().schema.field("a").type
    (2, DataType(int64))
    >>> rows.serialize("csv")
    b'a\r\n5\r\n\r\n'
    """

    variables: tuple[str, ...]
    rows: Sequence[Row]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def column(self, variable: str) -> list[Term | None]:
        """Give all terms of one variable.

        Raises
        ------
        InputError
            There is no such variable.
        """
        if variable not in self.variables:
            raise InputError(
                f"The answer has no variable '{variable}'.",
                hint=f"It has {', '.join(self.variables)}.",
            )
        at = self.variables.index(variable)
        return [row[at] for row in self.rows]

    def to_arrow(self) -> pa.Table:
        """Give the rows as an Arrow table.

        A column whose terms are all integers becomes int64, all numbers float64, all booleans bool; any other is
        text: IRIs and lexical forms, blank nodes as ``_:label``. Unbound is null.
        """
        import pyarrow as pa

        columns = [_arrow_column(self.column(name)) for name in self.variables]
        return pa.table(dict(zip(self.variables, columns, strict=True)))

    def serialize(self, format: str = "json") -> bytes:
        """Write the rows as ``json``, ``xml``, ``csv`` or ``tsv``, by the W3C recommendations of SPARQL 1.1."""
        if format == "json":
            return json.dumps(self._json(), ensure_ascii=False, separators=(",", ":")).encode()
        if format == "xml":
            return self._xml()
        if format == "csv":
            head = ",".join(_csv_field(name) for name in self.variables)
            lines = [",".join(_csv_term(term) for term in row) for row in self.rows]
            return "".join(f"{line}\r\n" for line in [head, *lines]).encode()
        if format == "tsv":
            head = "\t".join(f"?{name}" for name in self.variables)
            lines = ["\t".join(_tsv_term(term) for term in row) for row in self.rows]
            return "".join(f"{line}\n" for line in [head, *lines]).encode()
        raise InputError(
            f"Rows cannot be written as '{format}'.", hint="Choose json, xml, csv or tsv."
        )

    def _json(self) -> dict[str, object]:
        bindings = [
            {n: _json_term(t) for n, t in zip(self.variables, row, strict=True) if t is not None}
            for row in self.rows
        ]
        return {"head": {"vars": list(self.variables)}, "results": {"bindings": bindings}}

    def _xml(self) -> bytes:
        out = io.StringIO()
        out.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<sparql xmlns="{_RESULTS_XML}"><head>')
        out.writelines(f"<variable name={quoteattr(name)}/>" for name in self.variables)
        out.write("</head><results>")
        for row in self.rows:
            out.write("<result>")
            for name, term in zip(self.variables, row, strict=True):
                if term is not None:
                    out.write(f"<binding name={quoteattr(name)}>{_xml_term(term)}</binding>")
            out.write("</result>")
        out.write("</results></sparql>\n")
        return out.getvalue().encode()


@dataclass(frozen=True, slots=True)
class Triples:
    r"""The triples of a CONSTRUCT or DESCRIBE, each once.

    Examples
    --------
    >>> Triples([(Iri("urn:a"), Iri("urn:p"), Literal("x"))]).serialize("nt")
    b'<urn:a> <urn:p> "x" .\n'
    """

    triples: Sequence[Triple]

    def __len__(self) -> int:
        return len(self.triples)

    def __iter__(self) -> Iterator[Triple]:
        return iter(self.triples)

    def serialize(self, format: str = "ttl") -> bytes:
        """Write the graph as ``ttl``, ``nt``, ``rdf``, ``jsonld``, ``nq`` or ``trig``."""
        found = ox.serialize(
            (ox.Triple(to_oxigraph(s), to_oxigraph(p), to_oxigraph(o)) for s, p, o in self.triples),
            format=rdf_format(format),
        )
        return b"" if found is None else found


def boolean_text(value: bool, format: str) -> bytes:
    """Write the answer of an ASK.

    Examples
    --------
    >>> boolean_text(True, "json")
    b'{"head":{},"boolean":true}'
    """
    word = "true" if value else "false"
    if format == "json":
        return f'{{"head":{{}},"boolean":{word}}}'.encode()
    if format == "xml":
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<sparql xmlns="{_RESULTS_XML}">'
            f"<head/><boolean>{word}</boolean></sparql>\n"
        ).encode()
    return word.encode()


def _arrow_column(terms: list[Term | None]) -> pa.Array:
    import pyarrow as pa

    kinds = {t.datatype.value if isinstance(t, Literal) else "" for t in terms if t is not None}
    try:
        if kinds and kinds <= _INTEGERS:
            return pa.array([None if t is None else int(_text(t)) for t in terms], pa.int64())
        if kinds and kinds <= _INTEGERS | _FLOATS:
            return pa.array([None if t is None else float(_text(t)) for t in terms], pa.float64())
    except (ValueError, OverflowError):
        pass  # a lexical form that its datatype does not allow, or a number too large: text keeps it
    if kinds == {XSD + "boolean"}:
        return pa.array(
            [None if t is None else _text(t) in ("true", "1") for t in terms], pa.bool_()
        )
    return pa.array([None if t is None else _text(t) for t in terms], pa.string())


def _text(term: Term) -> str:
    if isinstance(term, Iri):
        return term.value
    return term.lexical if isinstance(term, Literal) else str(term)


def _json_term(term: Term) -> dict[str, str]:
    if isinstance(term, Iri):
        return {"type": "uri", "value": term.value}
    if isinstance(term, BlankNode):
        return {"type": "bnode", "value": term.label}
    found = {"type": "literal", "value": term.lexical}
    if term.language is not None:
        found["xml:lang"] = term.language
    elif term.datatype != XSD_STRING:
        found["datatype"] = term.datatype.value
    return found


def _xml_text(text: str) -> str:
    """Escape; a bare carriage return would be lost by XML parsers, other controls are not XML at all."""
    kept = "".join(c for c in text if c >= " " or c in "\t\n\r")
    return escape(kept, {"\r": "&#xD;"})


def _xml_term(term: Term) -> str:
    if isinstance(term, Iri):
        return f"<uri>{_xml_text(term.value)}</uri>"
    if isinstance(term, BlankNode):
        return f"<bnode>{_xml_text(term.label)}</bnode>"
    head = "<literal"
    if term.language is not None:
        head += f" xml:lang={quoteattr(term.language)}"
    elif term.datatype != XSD_STRING:
        head += f" datatype={quoteattr(term.datatype.value)}"
    return f"{head}>{_xml_text(term.lexical)}</literal>"


def _csv_field(text: str) -> str:
    if any(c in text for c in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _csv_term(term: Term | None) -> str:
    return "" if term is None else _csv_field(_text(term))


def _tsv_term(term: Term | None) -> str:
    from extremeearth.knowledge.sparql.printer import term_text

    return "" if term is None else term_text(term)
