"""SPARQL 1.1: text to immutable syntax nodes, to the algebra of the recommendation, and back to text.

No evaluation and no input or output happen here; the store and the federation share this front end.
"""

from extremeearth.knowledge.sparql.algebra import Algebra, algebra_text
from extremeearth.knowledge.sparql.parser import parse_query, parse_update
from extremeearth.knowledge.sparql.printer import to_text
from extremeearth.knowledge.sparql.scope import variables_of, visible
from extremeearth.knowledge.sparql.terms import XSD, BlankNode, Iri, Literal, Term, Variable
from extremeearth.knowledge.sparql.translate import translate, translate_pattern

__all__ = [
    "XSD",
    "Algebra",
    "BlankNode",
    "Iri",
    "Literal",
    "Term",
    "Variable",
    "algebra_text",
    "parse_query",
    "parse_update",
    "to_text",
    "translate",
    "translate_pattern",
    "variables_of",
    "visible",
]
