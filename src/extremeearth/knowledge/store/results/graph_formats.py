"""Triples as N-Triples, N-Quads, Turtle, TriG, RDF/XML and JSON-LD, written block by block.

Blank nodes keep their labels through the whole document, so that blocks fit together.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyoxigraph as ox

from extremeearth.core.errors import InputError
from extremeearth.knowledge.rdf import prefixes
from extremeearth.knowledge.sparql.terms import XSD_STRING
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.formats import rdf_format
from extremeearth.knowledge.store.results.cells import JSONLD, NTRIPLES, XML, cells
from extremeearth.knowledge.store.results.row_formats import block_bytes
from extremeearth.knowledge.store.results.rows import Block

__all__ = ["ntriples_lines", "stream_triples"]

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LOCAL_NAME = re.compile(r"[A-Za-z_À-￿][\w.\-·]*$")


def stream_triples(blocks: Iterable[Block], format: str) -> Iterator[bytes]:
    """Write triples piece by piece.

    Parameters
    ----------
    blocks
        Subjects, predicates and objects, some at a time.
    format
        Short name or media type of an RDF format.

    Raises
    ------
    InputError
        The format is unknown.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import Iri, Literal
    >>> terms = Iri("urn:a"), Iri("urn:p"), Literal("x")
    >>> block = Block(tuple(TermColumn.of([term]) for term in terms), 1)
    >>> b"".join(stream_triples([block], "jsonld"))
    b'[{"@id":"urn:a","urn:p":[{"@value":"x"}]}]'
    """
    found = rdf_format(format)
    writers: dict[Any, Callable[[Iterable[Block]], Iterator[bytes]]] = {
        ox.RdfFormat.N_TRIPLES: _ntriples,
        ox.RdfFormat.N_QUADS: _ntriples,
        ox.RdfFormat.TURTLE: _turtle,
        ox.RdfFormat.TRIG: _turtle,
        ox.RdfFormat.RDF_XML: _rdf_xml,
        ox.RdfFormat.JSON_LD: _json_ld,
    }
    return writers[found](blocks)


def ntriples_lines(block: Block) -> bytes:
    """Write one block in N-Triples."""
    import pyarrow as pa
    import pyarrow.compute as pc

    space, end = (pa.scalar(text, pa.large_string()) for text in (" ", " .\n"))
    subjects, predicates, objects = (cells(column, NTRIPLES) for column in block.columns)
    empty = pa.scalar("", pa.large_string())
    lines = pc.binary_join_element_wise(subjects, space, predicates, space, objects, end, empty)
    return block_bytes(lines)


def _ntriples(blocks: Iterable[Block]) -> Iterator[bytes]:
    for block in blocks:
        yield ntriples_lines(block)


def _turtle(blocks: Iterable[Block]) -> Iterator[bytes]:
    """Turtle may be put together of pieces; each names the prefixes it uses."""
    known = prefixes()
    for block in blocks:
        lines = ntriples_lines(block)
        used = {name: iri for name, iri in known.items() if f"<{iri}".encode() in lines}
        parsed = ox.parse(input=lines, format=ox.RdfFormat.N_TRIPLES, lenient=True)
        out = io.BytesIO()
        ox.serialize((q.triple for q in parsed), out, ox.RdfFormat.TURTLE, prefixes=used)
        yield out.getvalue()


def _by_predicate(column: TermColumn, make: Callable[[str], tuple[str, str]]) -> tuple[Any, Any]:
    """Give what stands before and after the object of each row; predicates are few."""
    import pyarrow as pa

    encoded = column.values.dictionary_encode()
    pairs = [make(iri) for iri in encoded.dictionary.to_pylist()]
    before, after = (pa.array([pair[i] for pair in pairs], pa.large_string()) for i in (0, 1))
    return before.take(encoded.indices), after.take(encoded.indices)


def _element(iri: str) -> tuple[str, str]:
    """Split a predicate into namespace and local name; XML can write no other."""
    found = _LOCAL_NAME.search(iri)
    if found is None:
        raise InputError(
            f"RDF/XML cannot write the predicate <{iri}>.", hint="Ask for Turtle or N-Triples."
        )
    namespace, name = iri[: found.start()], found.group()
    if namespace == RDF:
        return f"<rdf:{name}", f"</rdf:{name}>"
    return f"<p:{name} xmlns:p={quoteattr(namespace)}", f"</p:{name}>"


def _rdf_xml(blocks: Iterable[Block]) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.compute as pc

    def text(value: str) -> Any:
        return pa.scalar(value, pa.large_string())

    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<rdf:RDF xmlns:rdf="{RDF}">\n'.encode()
    for block in blocks:
        subjects, predicates, objects = block.columns
        opened, closed = _by_predicate(predicates, _element)
        lines = pc.binary_join_element_wise(
            text("<rdf:Description "), _reference(subjects, "about"), text(">"), opened,
            _object_xml(objects), closed, text("</rdf:Description>\n"), text(""),
        )  # fmt: skip
        yield block_bytes(lines)
    yield b"</rdf:RDF>\n"


def _attribute_safe(values: Any) -> Any:
    import pyarrow.compute as pc

    for sign, instead in (("&", "&amp;"), ("<", "&lt;"), ('"', "&quot;")):
        values = pc.replace_substring(values, sign, instead)
    return values


def _reference(column: TermColumn, attribute: str) -> Any:
    """``rdf:about="..."`` of an IRI, ``rdf:nodeID="_..."`` of a blank node: XML names start with no digit."""
    import pyarrow as pa
    import pyarrow.compute as pc

    blank = pa.array(column.types == types.BLANK)
    before = pc.if_else(
        blank,
        pa.scalar('rdf:nodeID="_', pa.large_string()),
        pa.scalar(f'rdf:{attribute}="', pa.large_string()),
    )
    quote, empty = pa.scalar('"', pa.large_string()), pa.scalar("", pa.large_string())
    return pc.binary_join_element_wise(before, _attribute_safe(column.values), quote, empty)


def _object_xml(column: TermColumn) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    node = (column.types == types.IRI) | (column.types == types.BLANK)
    present, back = np.unique(column.types, return_inverse=True)
    heads = pa.array([_literal_head(int(code)) for code in present], pa.large_string())
    empty = pa.scalar("", pa.large_string())
    # The spelling of results escapes the text; its own tags are cut away by asking for the text alone.
    plain = TermColumn(np.full(len(column), types.STRING, np.int32), column.values)
    inner = pc.replace_substring_regex(cells(plain, XML), r"(?s)^<literal>(.*)</literal>$", r"\1")
    literal = pc.binary_join_element_wise(heads.take(pa.array(back)), inner, empty)
    reference = pc.binary_join_element_wise(
        pa.scalar(" ", pa.large_string()), _reference(column, "resource"), pa.scalar(">", pa.large_string()), empty
    )  # fmt: skip
    return pc.if_else(pa.array(node), reference, literal)


def _literal_head(code: int) -> str:
    kind = types.describe(code)
    if kind.language:
        return f' xml:lang="{escape(kind.language)}">'
    if kind.kind != "literal" or kind.datatype == XSD_STRING.value:
        return ">"
    return f" rdf:datatype={quoteattr(kind.datatype)}>"


def _json_ld(blocks: Iterable[Block]) -> Iterator[bytes]:
    """Write expanded JSON-LD, one object a triple."""
    import json

    import pyarrow as pa
    import pyarrow.compute as pc

    def member(iri: str) -> tuple[str, str]:
        return f",{json.dumps(iri, ensure_ascii=False)}:[", "]}"

    yield b"["
    first = True
    for block in blocks:
        subjects, predicates, objects = block.columns
        opened, closed = _by_predicate(predicates, member)
        nodes = pc.utf8_slice_codeunits(cells(subjects, JSONLD), 0, -1)  # without the last brace
        comma, empty = (pa.scalar(text, pa.large_string()) for text in (",", ""))
        lines = pc.binary_join_element_wise(
            comma, nodes, opened, cells(objects, JSONLD), closed, empty
        )
        content = block_bytes(lines)
        yield content[1:] if first else content
        first = first and not content
    yield b"]"
