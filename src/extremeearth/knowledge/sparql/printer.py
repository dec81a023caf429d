"""Syntax nodes back to SPARQL text: whole IRIs, one pattern a line, every bracket that is needed."""

from __future__ import annotations

import re
from typing import Any

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import XSD, BlankNode, Iri, Literal, Variable

__all__ = ["to_text"]

_BARE = {
    XSD + "integer": re.compile(r"[+-]?[0-9]+\Z"),
    XSD + "decimal": re.compile(r"[+-]?[0-9]*\.[0-9]+\Z"),
    XSD + "double": re.compile(r"[+-]?([0-9]+\.[0-9]*|\.?[0-9]+)[eE][+-]?[0-9]+\Z"),
    XSD + "boolean": re.compile(r"(true|false)\Z"),
}
_SPELLING = {
    "ISIRI": "isIRI", "ISBLANK": "isBLANK", "ISLITERAL": "isLITERAL", "ISNUMERIC": "isNUMERIC",
    "SAMETERM": "sameTerm",
}  # fmt: skip


def to_text(node: Any) -> str:  # noqa: PLR0911, PLR0912 - one branch for each kind of node
    """Write any syntax node as SPARQL.

    Parameters
    ----------
    node
        A query, an update, or any part of one.

    Returns
    -------
    str
        Text that parses to the same node.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> print(to_text(parse_query("ASK { ?a (<urn:p>/^<urn:q>)* 'x'@en OPTIONAL { ?a ?b 1.0 } }")))
    ASK
    WHERE {
      ?a (<urn:p>/^<urn:q>)* "x"@en .
      OPTIONAL {
        ?a ?b 1.0 .
      }
    }
    """
    if isinstance(node, s.Logical | s.Comparison | s.Membership | s.Arithmetic | s.Negation):
        return _expression(node)
    if isinstance(node, s.BuiltIn | s.FunctionCall | s.Aggregate | s.Exists):
        return _expression(node)
    if isinstance(
        node,
        s.PathSequence | s.PathAlternative | s.PathInverse | s.PathRepeat | s.NegatedSet,
    ):
        return _path(node)
    if isinstance(node, Iri | BlankNode | Literal | Variable):
        return term_text(node)
    if isinstance(node, s.TriplePattern):
        return _triple(node)
    if isinstance(node, s.SelectQuery | s.ConstructQuery | s.DescribeQuery | s.AskQuery):
        return "\n".join(_query(node, ""))
    if isinstance(node, s.Update):
        lines = [] if node.base is None else [f"BASE <{node.base}>"]
        return "\n".join(lines) + "\n" * len(lines) + " ;\n".join(map(_operation, node.operations))
    if isinstance(node, s.QuadBlock):
        return "\n".join(_quads((node,)))
    if isinstance(node, s.Projection):
        return _projection(node)
    if isinstance(node, s.SolutionModifier):
        return "\n".join(_modifier(node, ""))
    if isinstance(node, s.GroupCondition):
        return _group_condition(node)
    if isinstance(node, s.OrderCondition):
        return _order_condition(node)
    if isinstance(node, s.DatasetClause):
        return "\n".join(_dataset(node, "FROM", ""))
    if isinstance(
        node,
        s.Load | s.Clear | s.Drop | s.Create | s.Transfer | s.InsertData | s.DeleteData
        | s.DeleteWhere | s.Modify,
    ):  # fmt: skip
        return _operation(node)
    return "\n".join(_pattern(node, ""))


def term_text(term: Any) -> str:
    """Write a term or variable; numbers and booleans in their short form where it is the same term."""
    if isinstance(term, Literal) and term.language is None:
        bare = _BARE.get(term.datatype.value)
        if bare is not None and bare.match(term.lexical):
            return term.lexical
    return str(term)


# ------------------------------------------------------------------------------- expressions


def _operand(expression: s.Expression) -> str:
    """Write an expression as part of another: what has an operator gets brackets."""
    text = _expression(expression)
    if isinstance(
        expression, s.Logical | s.Comparison | s.Membership | s.Arithmetic | s.Negation | s.Exists
    ):
        return f"({text})"
    if isinstance(expression, Literal) and text[0] in "+-":
        return f"({text})"  # `?a -1` would be read as a difference
    return text


def _call(name: str, arguments: tuple[s.Expression, ...], distinct: bool = False) -> str:
    inside = ", ".join([_expression(a) for a in arguments])
    return f"{name}({'DISTINCT ' if distinct else ''}{inside})"


def _expression(e: s.Expression) -> str:  # noqa: PLR0911 - one return for each kind of node
    if isinstance(e, Variable | Iri | Literal):
        return term_text(e)
    if isinstance(e, s.Logical):
        return f" {e.operator} ".join([_operand(o) for o in e.operands])
    if isinstance(e, s.Comparison):
        return f"{_operand(e.left)} {e.operator} {_operand(e.right)}"
    if isinstance(e, s.Membership):
        return _call(f"{_operand(e.operand)} {'NOT ' if e.negated else ''}IN ", e.items)
    if isinstance(e, s.Arithmetic):
        return _operand(e.first) + "".join([f" {o} {_operand(x)}" for o, x in e.rest])
    if isinstance(e, s.Negation):
        inner = _operand(e.operand)
        # `-(1)` is a negation, `-1` a number
        return f"{e.operator}({inner})" if inner[0] in "0123456789." else e.operator + inner
    if isinstance(e, s.BuiltIn):
        return _call(_SPELLING.get(e.name, e.name), e.arguments)
    if isinstance(e, s.FunctionCall):
        return _call(str(e.function), e.arguments, e.distinct)
    if isinstance(e, s.Aggregate):
        inside = "*" if e.operand is None else _expression(e.operand)
        tail = "" if e.separator is None else f"; SEPARATOR={Literal(e.separator)}"
        return f"{e.name}({'DISTINCT ' if e.distinct else ''}{inside}{tail})"
    return f"{'NOT ' if e.negated else ''}EXISTS " + "\n".join(_group(e.pattern, "")).lstrip()


# -------------------------------------------------------------------------------------- paths


def _path_part(path: s.Path) -> str:
    text = _path(path)
    return text if isinstance(path, Iri | s.NegatedSet) else f"({text})"


def _path(path: s.Path) -> str:
    if isinstance(path, Iri):
        return str(path)
    if isinstance(path, s.PathAlternative):
        return "|".join([_path_part(p) for p in path.parts])
    if isinstance(path, s.PathSequence):
        return "/".join(
            [_path(p) if isinstance(p, s.PathInverse) else _path_part(p) for p in path.parts]
        )
    if isinstance(path, s.PathInverse):
        return "^" + _path_part(path.path)
    if isinstance(path, s.PathRepeat):
        return _path_part(path.path) + path.modifier
    parts = [str(iri) for iri in path.forward] + [f"^{iri}" for iri in path.inverse]
    return f"!({'|'.join(parts)})"


# ----------------------------------------------------------------------------------- patterns


def _triple(triple: s.TriplePattern) -> str:
    predicate = triple.predicate
    verb = str(predicate) if isinstance(predicate, Variable) else _path(predicate)
    return f"{term_text(triple.subject)} {verb} {term_text(triple.object)} ."


def _group(group: s.GroupPattern, indent: str) -> list[str]:
    lines = [indent + "{"]
    for element in group.elements:
        lines += _pattern(element, indent + "  ")
    return [*lines, indent + "}"]


def _headed(head: str, group: s.GroupPattern, indent: str) -> list[str]:
    lines = _group(group, indent)
    return [f"{indent}{head} {{", *lines[1:]]


def _pattern(p: s.Pattern, indent: str) -> list[str]:  # noqa: PLR0911 - one return for each kind of node
    if isinstance(p, s.TriplesBlock):
        return [indent + _triple(triple) for triple in p.triples]
    if isinstance(p, s.GroupPattern):
        return _group(p, indent)
    if isinstance(p, s.Optional):
        return _headed("OPTIONAL", p.pattern, indent)
    if isinstance(p, s.Minus):
        return _headed("MINUS", p.pattern, indent)
    if isinstance(p, s.Graph):
        return _headed(f"GRAPH {p.name}", p.pattern, indent)
    if isinstance(p, s.Service):
        return _headed(f"SERVICE {'SILENT ' if p.silent else ''}{p.name}", p.pattern, indent)
    if isinstance(p, s.Filter):
        return [f"{indent}FILTER({_expression(p.expression)})"]
    if isinstance(p, s.Bind):
        return [f"{indent}BIND({_expression(p.expression)} AS {p.variable})"]
    if isinstance(p, s.InlineData):
        return _inline(p, indent)
    if isinstance(p, s.SubSelect):
        return _query(p.query, indent)
    lines = _group(p.branches[0], indent)
    for branch in p.branches[1:]:
        lines += [indent + "UNION", *_group(branch, indent)]
    return lines


def _inline(data: s.InlineData, indent: str) -> list[str]:
    names = " ".join([str(v) for v in data.variables])
    rows = [
        f"{indent}  ({' '.join(['UNDEF' if t is None else term_text(t) for t in row])})"
        for row in data.rows
    ]
    return [f"{indent}VALUES ({names}) {{", *rows, indent + "}"]


# ------------------------------------------------------------------------------------ queries


def _projection(item: s.Projection) -> str:
    if item.expression is None:
        return str(item.variable)
    return f"({_expression(item.expression)} AS {item.variable})"


def _dataset(dataset: s.DatasetClause, word: str, indent: str) -> list[str]:
    lines = [f"{indent}{word} {iri}" for iri in dataset.default]
    return lines + [f"{indent}{word} NAMED {iri}" for iri in dataset.named]


def _query(query: s.Query, indent: str) -> list[str]:
    lines = [] if query.base is None else [f"BASE <{query.base}>"]
    if isinstance(query, s.SelectQuery):
        items = (
            "*"
            if query.projection is None
            else " ".join([_projection(p) for p in query.projection])
        )
        word = "DISTINCT " if query.distinct else "REDUCED " if query.reduced else ""
        lines.append(f"{indent}SELECT {word}{items}")
    elif isinstance(query, s.ConstructQuery):
        lines += [
            indent + "CONSTRUCT {",
            *[f"{indent}  {_triple(t)}" for t in query.template],
            indent + "}",
        ]
    elif isinstance(query, s.DescribeQuery):
        items = "*" if query.resources is None else " ".join([str(r) for r in query.resources])
        lines.append(f"{indent}DESCRIBE {items}")
    else:
        lines.append(indent + "ASK")
    lines += _dataset(query.dataset, "FROM", indent)
    if query.where is not None:
        lines += _headed("WHERE", query.where, indent)
    lines += _modifier(query.modifier, indent)
    return lines + ([] if query.values is None else _inline(query.values, indent))


def _group_condition(condition: s.GroupCondition) -> str:
    if isinstance(condition.expression, Variable) and condition.variable is None:
        return str(condition.expression)
    name = "" if condition.variable is None else f" AS {condition.variable}"
    return f"({_expression(condition.expression)}{name})"


def _order_condition(condition: s.OrderCondition) -> str:
    return f"{'DESC' if condition.descending else 'ASC'}({_expression(condition.expression)})"


def _modifier(m: s.SolutionModifier, indent: str) -> list[str]:
    lines = []
    if m.group_by:
        lines.append(f"{indent}GROUP BY " + " ".join([_group_condition(c) for c in m.group_by]))
    if m.having:
        lines.append(f"{indent}HAVING " + " ".join([f"({_expression(e)})" for e in m.having]))
    if m.order_by:
        lines.append(f"{indent}ORDER BY " + " ".join([_order_condition(c) for c in m.order_by]))
    if m.limit is not None:
        lines.append(f"{indent}LIMIT {m.limit}")
    if m.offset is not None:
        lines.append(f"{indent}OFFSET {m.offset}")
    return lines


# ------------------------------------------------------------------------------------ updates


def _quads(blocks: tuple[s.QuadBlock, ...]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        if block.graph is None:
            lines += [f"  {_triple(t)}" for t in block.triples]
        else:
            lines += [
                f"  GRAPH {block.graph} {{",
                *[f"    {_triple(t)}" for t in block.triples],
                "  }",
            ]
    return lines


def _braced(head: str, blocks: tuple[s.QuadBlock, ...]) -> str:
    return "\n".join([head + " {", *_quads(blocks), "}"])


def _target(target: s.GraphTarget) -> str:
    return target if isinstance(target, str) else f"GRAPH {target}"


def _operation(o: s.Operation) -> str:  # noqa: PLR0911 - one return for each kind of node
    silent = "SILENT " if getattr(o, "silent", False) else ""
    if isinstance(o, s.Load):
        return f"LOAD {silent}{o.source}" + ("" if o.target is None else f" INTO GRAPH {o.target}")
    if isinstance(o, s.Clear):
        return f"CLEAR {silent}{_target(o.target)}"
    if isinstance(o, s.Drop):
        return f"DROP {silent}{_target(o.target)}"
    if isinstance(o, s.Create):
        return f"CREATE {silent}GRAPH {o.graph}"
    if isinstance(o, s.Transfer):
        return f"{o.verb} {silent}{_target(o.source)} TO {_target(o.target)}"
    if isinstance(o, s.InsertData):
        return _braced("INSERT DATA", o.quads)
    if isinstance(o, s.DeleteData):
        return _braced("DELETE DATA", o.quads)
    if isinstance(o, s.DeleteWhere):
        return _braced("DELETE WHERE", o.quads)
    lines = [] if o.graph is None else [f"WITH {o.graph}"]
    lines += [] if o.delete is None else [_braced("DELETE", o.delete)]
    lines += [] if o.insert is None else [_braced("INSERT", o.insert)]
    lines += _dataset(o.using, "USING", "")
    return "\n".join([*lines, *_headed("WHERE", o.where, "")])
