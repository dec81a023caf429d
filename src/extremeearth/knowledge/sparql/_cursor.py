"""A place in the token stream, and the terms of SPARQL: the lowest part of the parser."""

from __future__ import annotations

import re
from typing import NoReturn

from extremeearth.knowledge.sparql.iris import is_absolute, resolve
from extremeearth.knowledge.sparql.lexer import fail, tokenize
from extremeearth.knowledge.sparql.terms import XSD, BlankNode, Iri, Literal, Variable

MAX_DEPTH = 80
"""How deep groups, brackets, paths and lists may nest."""
MAX_CHAIN = 2_000
"""How many elements a group, or operands a chain of operators, may have."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDF_TYPE, RDF_FIRST = Iri(RDF + "type"), Iri(RDF + "first")
RDF_REST, RDF_NIL = Iri(RDF + "rest"), Iri(RDF + "nil")
XSD_INTEGER, XSD_DECIMAL = Iri(XSD + "integer"), Iri(XSD + "decimal")
XSD_DOUBLE, XSD_BOOLEAN = Iri(XSD + "double"), Iri(XSD + "boolean")
NUMBERS = {"integer": XSD_INTEGER, "decimal": XSD_DECIMAL, "double": XSD_DOUBLE}

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANING = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


class Cursor:
    """Reads tokens one by one; every read that fails says what was expected."""

    def __init__(self, text: str, *, base: str | None) -> None:
        tokens = tokenize(text)
        self.text = tokens.text
        self.kinds, self.values, self.starts = tokens.kinds, tokens.values, tokens.starts
        self.at = 0
        self.depth = 0
        self.base = base
        self.prefixes: dict[str, str] = {}
        self._terms: dict[str, Iri] = {}
        self._taken = {v[2:] for k, v in zip(self.kinds, self.values, strict=True) if k == "blank"}
        self._fresh = 0
        # Which basic graph pattern (or update operation) a blank node label belongs to.
        self.region = 0
        self.regions_made = 0
        self.label_regions: dict[str, int] = {}

    # ------------------------------------------------------------------------------- reading

    def error(self, expected: str) -> NoReturn:
        """Say what should stand where the cursor is."""
        found = "the end" if self.kinds[self.at] == "end" else f"'{self.values[self.at]}'"
        fail(self.text, self.starts[self.at], f"expected {expected}, found {found}.")

    def refuse(self, message: str, *, at: int | None = None, hint: str | None = None) -> NoReturn:
        """Reject what is well-formed but not allowed."""
        fail(self.text, self.starts[self.at if at is None else at], message, hint=hint)

    def sign(self, value: str) -> bool:
        """Tell whether the sign is next."""
        return self.values[self.at] == value and self.kinds[self.at] == "sign"

    def accept(self, value: str) -> bool:
        """Step over the sign if it is next."""
        if self.values[self.at] == value and self.kinds[self.at] == "sign":
            self.at += 1
            return True
        return False

    def expect(self, value: str) -> None:
        """Step over a sign that must come."""
        if not self.accept(value):
            self.error(f"'{value}'")

    def word(self) -> str:
        """Give the keyword that is next in capitals, or nothing."""
        return self.values[self.at].upper() if self.kinds[self.at] == "word" else ""

    def accept_word(self, *words: str) -> bool:
        """Step over a keyword if it is next."""
        if self.kinds[self.at] == "word" and self.values[self.at].upper() in words:
            self.at += 1
            return True
        return False

    def expect_word(self, *words: str) -> None:
        """Step over a keyword that must come."""
        if not self.accept_word(*words):
            self.error(" or ".join(words))

    def deeper(self) -> None:
        """Count one level of nesting."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse(f"the text nests deeper than {MAX_DEPTH} levels.", hint="Make it flatter.")

    def bounded(self, count: int) -> None:
        """Check the length of a chain."""
        if count > MAX_CHAIN:
            self.refuse(
                f"more than {MAX_CHAIN} elements in one chain.", hint="Use VALUES or sub-queries."
            )

    # --------------------------------------------------------------------------- blank nodes

    def new_region(self) -> None:
        """Begin another basic graph pattern: labels used before may not come again."""
        self.regions_made += 1
        self.region = self.regions_made

    def fresh_blank(self) -> BlankNode:
        """Make a blank node whose label is not in the text."""
        while (label := f"g{self._fresh}") in self._taken:
            self._fresh += 1
        self._fresh += 1
        return BlankNode(label)

    def labelled_blank(self) -> BlankNode:
        """Read ``_:label`` and check its scope."""
        label = self.values[self.at][2:]
        if self.label_regions.setdefault(label, self.region) != self.region:
            self.refuse(
                f"the blank node '_:{label}' is used in two places that are matched apart.",
                hint="Use a variable instead.",
            )
        self.at += 1
        return BlankNode(label)

    # --------------------------------------------------------------------------------- terms

    def variable(self) -> Variable:
        """Read ``?name`` or ``$name``."""
        if self.kinds[self.at] != "var":
            self.error("a variable")
        self.at += 1
        return Variable(self.values[self.at - 1][1:])

    def iri_is_next(self) -> bool:
        """Tell whether an IRI or a prefixed name is next."""
        return self.kinds[self.at] in ("iri", "name")

    def iri(self) -> Iri:
        """Read an IRI or a prefixed name, resolved."""
        value = self.values[self.at]
        known = self._terms.get(value)
        if known is None:
            kind = self.kinds[self.at]
            if kind == "iri":
                known = Iri(self._resolved(value[1:-1]))
            elif kind == "name":
                known = Iri(self._expanded(value))
            else:
                self.error("an IRI")
            self._terms[value] = known
        self.at += 1
        return known

    def _resolved(self, iri: str) -> str:
        if is_absolute(iri):
            return iri  # as it is written: nothing is normalised (section 4.1.1)
        if self.base is not None:
            return resolve(iri, self.base)
        self.refuse(
            f"the IRI <{iri}> is relative, and there is no BASE.", hint="Give the whole IRI."
        )

    def _expanded(self, name: str) -> str:
        prefix, _, local = name.partition(":")
        if prefix not in self.prefixes:
            self.refuse(
                f"the prefix '{prefix}:' is not declared.", hint=f"Add PREFIX {prefix}: <...>."
            )
        return self.prefixes[prefix] + (_ESCAPED.sub(r"\1", local) if "\\" in local else local)

    def prologue(self) -> None:
        """Read BASE and PREFIX declarations; later ones win."""
        while True:
            if self.accept_word("BASE"):
                if self.kinds[self.at] != "iri":
                    self.error("an IRI in angle brackets")
                self.base = self._resolved(self.values[self.at][1:-1])
            elif self.accept_word("PREFIX"):
                name = self.values[self.at]
                if self.kinds[self.at] != "name" or not name.endswith(":") or name.count(":") > 1:
                    self.error("a prefix that ends with ':'")
                self.at += 1
                if self.kinds[self.at] != "iri":
                    self.error("an IRI in angle brackets")
                self.prefixes[name[:-1]] = self._resolved(self.values[self.at][1:-1])
            else:
                return
            self._terms.clear()
            self.at += 1

    def string(self) -> str:
        """Read a quoted string without its quotes and escapes."""
        kind, value = self.kinds[self.at], self.values[self.at]
        if kind == "string":
            content = value[1:-1]
        elif kind == "long":
            content = value[3:-3]
        else:
            self.error("a string")
        self.at += 1
        if "\\" not in content:
            return content
        return _ESCAPED.sub(lambda m: _MEANING.get(m[1], m[1]), content)

    def literal(self) -> Literal:
        """Read a literal that starts with a quote."""
        content = self.string()
        if self.kinds[self.at] == "lang":
            self.at += 1
            return Literal(content, language=self.values[self.at - 1][1:])
        if self.accept("^^"):
            return Literal(content, self.iri())
        return Literal(content)

    def data_term(self) -> Iri | Literal | None:
        """Read an IRI or literal if one is next: what VALUES may hold, and expressions start with."""
        kind = self.kinds[self.at]
        if kind in ("iri", "name"):
            return self.iri()
        if kind in ("string", "long"):
            return self.literal()
        if kind in NUMBERS:
            self.at += 1
            return Literal(self.values[self.at - 1], NUMBERS[kind])
        if kind == "word" and self.values[self.at].lower() in ("true", "false"):
            self.at += 1
            return Literal(self.values[self.at - 1].lower(), XSD_BOOLEAN)
        return None
