"""Expressions: precedence climbing with chains kept flat, so that long ones do not nest."""

from __future__ import annotations

from extremeearth.knowledge.sparql._cursor import NUMBERS, Cursor
from extremeearth.knowledge.sparql.syntax import (
    Aggregate,
    Arithmetic,
    BuiltIn,
    Comparison,
    Exists,
    Expression,
    FunctionCall,
    GroupPattern,
    Logical,
    Membership,
    Negation,
)
from extremeearth.knowledge.sparql.terms import Literal

ANY = 10_000
BUILT_INS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("RAND", "NOW", "UUID", "STRUUID"), (0, 0)),
    **dict.fromkeys(
        ("STR", "LANG", "DATATYPE", "BOUND", "IRI", "URI", "ABS", "CEIL", "FLOOR", "ROUND", "STRLEN", "UCASE", "LCASE",
         "ENCODE_FOR_URI", "YEAR", "MONTH", "DAY", "HOURS", "MINUTES", "SECONDS", "TIMEZONE", "TZ", "MD5", "SHA1",
         "SHA256", "SHA384", "SHA512", "ISIRI", "ISURI", "ISBLANK", "ISLITERAL", "ISNUMERIC"), (1, 1)),
    **dict.fromkeys(
        ("LANGMATCHES", "CONTAINS", "STRSTARTS", "STRENDS", "STRBEFORE", "STRAFTER", "STRLANG", "STRDT", "SAMETERM"),
        (2, 2)),
    "BNODE": (0, 1), "CONCAT": (0, ANY), "COALESCE": (0, ANY), "IF": (3, 3), "SUBSTR": (2, 3), "REGEX": (2, 3),
    "REPLACE": (3, 4),
}  # fmt: skip
"""Every built-in function, with how many arguments it takes at least and at most."""
AGGREGATES = frozenset({"COUNT", "SUM", "MIN", "MAX", "AVG", "SAMPLE", "GROUP_CONCAT"})
COMPARISONS = frozenset({"=", "!=", "<", ">", "<=", ">="})


class ExpressionParser(Cursor):
    """Reads expressions; the patterns of EXISTS are read by the parser built on this one."""

    aggregates_allowed = False
    inside_aggregate = False

    def group_pattern(self) -> GroupPattern:
        """Read ``{ ... }``."""
        raise NotImplementedError

    def expression(self) -> Expression:
        """Read a whole expression."""
        self.deeper()
        alternatives: list[Expression] = []
        while not alternatives or self.accept("||"):
            conditions = [self._relation()]
            while self.accept("&&"):
                conditions.append(self._relation())
                self.bounded(len(conditions))
            alternatives.append(
                conditions[0] if len(conditions) == 1 else Logical("&&", tuple(conditions))
            )
            self.bounded(len(alternatives))
        self.depth -= 1
        return alternatives[0] if len(alternatives) == 1 else Logical("||", tuple(alternatives))

    def _relation(self) -> Expression:
        left = self._sum()
        value, kind = self.values[self.at], self.kinds[self.at]
        if kind == "sign" and value in COMPARISONS:
            self.at += 1
            return Comparison(value, left, self._sum())
        if kind == "word":
            negated = value.upper() == "NOT" and self.values[self.at + 1].upper() == "IN"
            if negated or value.upper() == "IN":
                self.at += 2 if negated else 1
                return Membership(left, self._list(), negated)
        return left

    def _sum(self) -> Expression:
        first = self._product(None)
        rest: list[tuple[str, Expression]] = []
        while True:
            value, kind = self.values[self.at], self.kinds[self.at]
            if kind == "sign" and value in ("+", "-"):
                self.at += 1
                rest.append((value, self._product(None)))
            elif kind in NUMBERS and value[0] in "+-":
                # `?a -1` is read as one signed number; it means a difference (grammar, rule 116).
                self.at += 1
                rest.append((value[0], self._product(Literal(value[1:], NUMBERS[kind]))))
            else:
                break
            self.bounded(len(rest))
        return Arithmetic(first, tuple(rest)) if rest else first

    def _product(self, first: Expression | None) -> Expression:
        start = self._unary() if first is None else first
        rest: list[tuple[str, Expression]] = []
        while self.sign("*") or self.sign("/"):
            self.at += 1
            rest.append((self.values[self.at - 1], self._unary()))
            self.bounded(len(rest))
        return Arithmetic(start, tuple(rest)) if rest else start

    def _unary(self) -> Expression:
        for operator in ("!", "-", "+"):
            if self.accept(operator):
                self.deeper()
                operand = self._primary() if operator != "!" else self._unary()
                self.depth -= 1
                return Negation(operator, operand)
        return self._primary()

    def _primary(self) -> Expression:
        if self.sign("("):
            return self.bracketed()
        if self.kinds[self.at] == "var":
            return self.variable()
        term = self.data_term()
        if term is None:
            return self.built_in()
        if not isinstance(term, Literal) and self.sign("("):
            self.at -= 1
            return self.function_call()
        return term

    def bracketed(self) -> Expression:
        """Read ``( expression )``."""
        self.expect("(")
        found = self.expression()
        self.expect(")")
        return found

    def constraint(self) -> Expression:
        """Read what may follow FILTER and HAVING without a comma: brackets or a call."""
        if self.sign("("):
            return self.bracketed()
        return self.function_call() if self.iri_is_next() else self.built_in()

    def function_call(self) -> FunctionCall:
        """Read ``iri(...)``."""
        function = self.iri()
        self.deeper()
        self.expect("(")
        at = self.at
        distinct = self.accept_word("DISTINCT")
        if distinct and not self.aggregates_allowed:
            self.refuse("DISTINCT belongs to aggregates, which may not stand here.", at=at)
        arguments = self._rest_of_list()
        if distinct and not arguments:
            self.error("an argument")
        self.depth -= 1
        return FunctionCall(function, arguments, distinct)

    def _list(self) -> tuple[Expression, ...]:
        self.expect("(")
        return self._rest_of_list()

    def _rest_of_list(self) -> tuple[Expression, ...]:
        items: list[Expression] = []
        if not self.accept(")"):
            items.append(self.expression())
            while self.accept(","):
                items.append(self.expression())
            self.expect(")")
        return tuple(items)

    def built_in(self) -> Expression:
        """Read a call of a built-in function, an aggregate, or EXISTS."""
        name, start = self.word(), self.at
        if name in ("EXISTS", "NOT"):
            self.at += 1
            if name == "NOT":
                self.expect_word("EXISTS")
            allowed, self.aggregates_allowed = self.aggregates_allowed, False
            inside, self.inside_aggregate = self.inside_aggregate, False
            pattern = self.group_pattern()
            self.aggregates_allowed, self.inside_aggregate = allowed, inside
            return Exists(pattern, name == "NOT")
        if name in AGGREGATES:
            return self._aggregate(name)
        if name not in BUILT_INS:
            self.error("an expression")
        self.at += 1
        self.deeper()
        least, most = BUILT_INS[name]
        arguments = self._list()
        self.depth -= 1
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            self.refuse(f"{name} takes {wanted} arguments, not {len(arguments)}.", at=start)
        if name == "BOUND" and self.kinds[start + 2] != "var":
            self.refuse("BOUND takes a variable.", at=start)
        name = {"URI": "IRI", "ISURI": "ISIRI"}.get(name, name)
        return BuiltIn(name, arguments)

    def _aggregate(self, name: str) -> Aggregate:
        if not self.aggregates_allowed:
            self.refuse(
                f"the aggregate {name} may not stand here.",
                hint="Aggregates belong to SELECT, HAVING and ORDER BY.",
            )
        if self.inside_aggregate:
            self.refuse(f"the aggregate {name} stands inside another.", hint="Use a sub-query.")
        self.at += 1
        self.expect("(")
        distinct = self.accept_word("DISTINCT")
        self.inside_aggregate = True
        operand = None if name == "COUNT" and self.accept("*") else self.expression()
        self.inside_aggregate = False
        separator = None
        if name == "GROUP_CONCAT" and self.accept(";"):
            self.expect_word("SEPARATOR")
            self.expect("=")
            separator = self.string()
        self.expect(")")
        return Aggregate(name, operand, distinct, separator)
