"""Making terms: a term map over a frame gives a term column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from extremeearth.core.errors import DataBrokenError, MappingError
from extremeearth.knowledge.mapping.frames import INTEGERS, Frame, Values, lexical_forms
from extremeearth.knowledge.mapping.functions.known import Argument, MapFunction, argument_of
from extremeearth.knowledge.mapping.rules.document import (
    Call,
    Constant,
    Expression,
    Nothing,
    Reference,
    Template,
    TermMap,
    TermType,
)
from extremeearth.knowledge.rdf import (
    ABSOLUTE_IRI,
    TEXT,
    XSD,
    blank_terms,
    iri_terms,
    is_absolute_iri,
    join_text,
    language_terms,
    literal_parts,
    percent_encode,
)
from extremeearth.knowledge.rdf.ntriples import LANGUAGE_TAG

__all__ = ["Issues", "OnError", "TermMaker"]

OnError = Literal["raise", "skip"]
"""What happens to a row that makes a broken term: everything stops, or the row is counted and left out."""

UNSAFE_CHARACTERS = '\x20<>"{}|^`\\'


@dataclass(slots=True)
class Issues:
    """What went wrong in single rows, counted by reason."""

    policy: OnError = "raise"
    counts: Counter[str] = field(default_factory=Counter)

    def broken(self, reason: str, *, example: str, rows: int) -> None:
        """Count broken rows, or raise `DataBrokenError` if the policy says so."""
        if self.policy == "raise":
            raise DataBrokenError(
                f"'{example}' {reason}.",
                hint="Mend the source, or skip such rows: on_error='skip' in Python, --skip-bad on the command line.",
            )
        self.counts[reason] += rows


@dataclass(slots=True)
class TermMaker:
    """Evaluates the term maps of one triples map.

    `label` tells the blank nodes without an expression apart from those of other triples maps.
    """

    base_iri: str
    functions: Mapping[str, MapFunction]
    issues: Issues
    label: str

    def pieces(self, term_map: TermMap, frame: Frame) -> Any:
        """Make terms as `terms` does, but give literals as a tuple of pieces, to be put together with the line."""
        constant = isinstance(term_map.expression, Constant)
        if term_map.term_type is TermType.LITERAL and term_map.language is None and not constant:
            return self._literals(term_map, frame)
        return self.terms(term_map, frame)

    def terms(self, term_map: TermMap, frame: Frame) -> Any:
        """Make the terms of every row: a term column, or one text where all are the same."""
        expression = term_map.expression
        if isinstance(expression, Constant) and not (term_map.datatype or term_map.language):
            if expression.term.startswith("<"):
                return self._iris(expression.value, TermType.UNSAFE_IRI)
            return expression.term
        if isinstance(expression, Nothing):
            return join_text(f"_:r{self.label}x", pc.cast(frame.numbers(), TEXT))
        if term_map.term_type.is_iri:
            return self._iris_of(expression, term_map.term_type, frame)
        if term_map.term_type is TermType.BLANK:
            return blank_terms(_column(self.texts(expression, frame).text, frame))
        made = self._literals(term_map, frame)
        return join_text(*made) if isinstance(made, tuple) else made

    def _iris_of(self, expression: Expression, kind: TermType, frame: Frame) -> Any:
        """Make IRIs; a template that makes them whatever the values are is filled once for all maps that have it."""
        encode = {TermType.IRI: "iri", TermType.URI: "uri"}.get(kind)
        if encode is None or not isinstance(expression, Template) or not _is_absolute(expression):
            return self._iris(self.texts(expression, frame, encode=encode).text, kind)
        key = (expression, encode)
        if key not in frame.made:
            parts = self._template_parts(expression, frame, encode)
            frame.made[key] = join_text("<", *parts, ">")
        return frame.made[key]

    def texts(
        self,
        expression: Expression,
        frame: Frame,
        *,
        encode: str | None = None,
        wanted: str | None = None,
    ) -> Values:
        """Evaluate an expression to texts; `encode` makes a template's values safe for an IRI."""
        if isinstance(expression, Constant):
            return Values(expression.value)
        if isinstance(expression, Reference):
            return frame.values(expression.name, wanted=wanted)
        if isinstance(expression, Call):
            return self._called(expression, frame, wanted=wanted)
        if isinstance(expression, Nothing):
            raise MappingError("A term map without an expression has no text.")
        parts = self._template_parts(expression, frame, encode)
        return Values(join_text(*parts) if len(parts) > 1 else parts[0])

    def _template_parts(self, template: Template, frame: Frame, encode: str | None) -> list[Any]:
        """Give the texts of a template and the values of its references, safe for an IRI if they must be."""
        parts: list[Any] = []
        for part in template.parts:
            if isinstance(part, str):
                parts.append(part)
                continue
            key = (part.name, encode)
            if key not in frame.made:
                values = frame.values(part.name).text
                frame.made[key] = (
                    values if encode is None else percent_encode(values, ascii_only=encode == "uri")
                )
            parts.append(frame.made[key])
        return parts

    def _called(self, call: Call, frame: Frame, *, wanted: str | None) -> Values:
        function = self.functions[call.function]
        arguments = {iri: self._argument(inner, frame) for iri, inner in call.arguments}
        result = lexical_forms(function.call(arguments), wanted=wanted)
        return Values(result.text, function.datatype or result.datatype)

    def _argument(self, expression: Expression, frame: Frame) -> Argument:
        if isinstance(expression, Reference):
            return argument_of(frame, expression.name, broken=self._broken)
        return Argument(self.texts(expression, frame).text, frame.rows)

    def _broken(self, reason: str, example: str, rows: int) -> None:
        self.issues.broken(reason, example=example, rows=rows)

    def _iris(self, texts: Any, kind: TermType) -> Any:
        if isinstance(texts, str):
            scalar = iri_terms(pa.array([texts], TEXT), base=self.base_iri)
            return scalar[0].as_py()
        if kind in {TermType.UNSAFE_IRI, TermType.UNSAFE_URI}:
            return self._unsafe(texts)
        good = pc.match_substring_regex(texts, pattern=ABSOLUTE_IRI)
        if not pc.all(good, min_count=0).as_py():
            texts = pc.if_else(good, texts, join_text(self.base_iri, texts))
            good = pc.match_substring_regex(texts, pattern=ABSOLUTE_IRI)
        if not pc.all(good, min_count=0).as_py():
            bad = pc.filter(texts, pc.invert(good))
            self.issues.broken("is not an IRI", example=bad[0].as_py(), rows=len(bad))
            texts = pc.if_else(good, texts, pa.scalar(None, TEXT))
        return iri_terms(texts, checked=False)

    def _unsafe(self, texts: Any) -> Any:
        """Keep every character; what an IRI of N-Triples cannot hold is written as a Unicode escape."""
        absolute = pc.match_substring_regex(texts, pattern=r"^[A-Za-z][A-Za-z0-9+.\-]*:")
        texts = pc.if_else(absolute, texts, join_text(self.base_iri, texts))
        for character in sorted(UNSAFE_CHARACTERS, key=lambda c: c != "\\"):
            texts = pc.replace_substring(
                texts, pattern=character, replacement=f"\\u{ord(character):04X}"
            )
        return join_text("<", texts, ">")

    def _literals(self, term_map: TermMap, frame: Frame) -> Any:
        """Make literals: their pieces, or a term column where they have a language."""
        datatype: Any = None
        if term_map.datatype is not None:
            datatype = self._bare_iris(term_map.datatype, frame)
        wanted = datatype if isinstance(datatype, str) else None
        frame = self._fitting(term_map.expression, frame, wanted)
        values = self.texts(term_map.expression, frame, wanted=wanted)
        text = _column(values.text, frame)
        if term_map.language is not None:
            tags = self._tags(self.texts(term_map.language.expression, frame).text)
            return language_terms(text, language=tags)
        datatype = values.datatype if datatype is None else datatype
        # one way of writing it, so that the same statement is the same line
        return literal_parts(text, datatype=None if datatype == XSD.string else datatype)

    def _fitting(self, expression: Expression, frame: Frame, wanted: str | None) -> Frame:
        """Leave out the numbers of a column that the wanted datatype has no form for."""
        if not isinstance(expression, Reference) or wanted not in {*INTEGERS, XSD.decimal}:
            return frame
        column = frame.column(expression.name)
        if not pa.types.is_floating(column.type):
            return frame
        finite = pc.is_finite(column)
        reason, good = "is not finite, but is mapped to a decimal", finite
        if wanted != XSD.decimal:
            reason = "has a fraction, but is mapped to an integer"
            good = pc.and_(finite, pc.equal(pc.floor(column), column))
        bad = column.filter(pc.invert(good))
        if not len(bad):
            return frame
        self.issues.broken(reason, example=str(bad[0].as_py()), rows=len(bad))
        kept = pc.if_else(good, column, pa.scalar(None, column.type))
        return replace(frame, columns={**frame.columns, expression.name: kept}, made={})

    def _tags(self, tags: Any) -> Any:
        """Leave out what is no language tag; a constant one was looked at with the mapping."""
        if isinstance(tags, str):
            return tags
        good = pc.match_substring_regex(tags, pattern=LANGUAGE_TAG)
        if pc.all(good, min_count=0).as_py():
            return tags
        bad = tags.filter(pc.invert(good))
        self.issues.broken("is not a language tag", example=bad[0].as_py(), rows=len(bad))
        return pc.if_else(good, tags, pa.scalar(None, TEXT))

    def _bare_iris(self, term_map: TermMap, frame: Frame) -> Any:
        terms = self.terms(term_map, frame)
        return (
            terms[1:-1]
            if isinstance(terms, str)
            else pc.utf8_slice_codeunits(terms, start=1, stop=-1)
        )


@lru_cache(maxsize=256)
def _is_absolute(template: Template) -> bool:
    """Tell whether a template makes absolute IRIs of all values that were made safe: its own texts say it all."""
    first = next(iter(template.parts), None)
    texts = "".join(part for part in template.parts if isinstance(part, str))
    return isinstance(first, str) and ":" in first and is_absolute_iri(texts)


def _column(texts: Any, frame: Frame) -> Any:
    return pa.array([texts] * frame.rows, TEXT) if isinstance(texts, str) else texts
