"""GeoTriples' extension of RML (``rrx:transformation``, functions ``rrxf:asWKT`` ...), read as RML-FNML."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any, Protocol

from extremeearth.core.errors import MappingError
from extremeearth.knowledge.mapping.rules.document import Call, Expression
from extremeearth.knowledge.rdf import FUNCTIONS, RDF, Namespace

__all__ = ["RRX", "RRXF", "transformation_of"]

RRX = Namespace("http://www.w3.org/ns/r2rml-ext#")
RRXF = Namespace("http://www.w3.org/ns/r2rml-ext/functions/def/")

_ONE = (FUNCTIONS.geometry,)
_TWO = (FUNCTIONS.geometry, FUNCTIONS.other)
_NUMBERS = (FUNCTIONS.left, FUNCTIONS.right)
_RELATIONS = (
    "contains",
    "crosses",
    "disjoint",
    "equals",
    "intersects",
    "overlaps",
    "touches",
    "within",
)
_CALLS = MappingProxyType(
    {
        "asWKT": (FUNCTIONS.asWKT, _ONE),
        "asGML": (FUNCTIONS.asGML, _ONE),
        "hasSerialization": (FUNCTIONS.hasSerialization, _ONE),
        "dimension": (FUNCTIONS.dimension, _ONE),
        "spatialDimension": (FUNCTIONS.spatialDimension, _ONE),
        "coordinateDimension": (FUNCTIONS.coordinateDimension, _ONE),
        "isEmpty": (FUNCTIONS.isEmpty, _ONE),
        "isSimple": (FUNCTIONS.isSimple, _ONE),
        "is3D": (FUNCTIONS.is3D, _ONE),
        "area": (FUNCTIONS.areaM2, _ONE),
        "length": (FUNCTIONS.lengthM, _ONE),
        "centroidx": (FUNCTIONS.centroidX, _ONE),
        "centroidy": (FUNCTIONS.centroidY, _ONE),
        "distance": (FUNCTIONS.distanceM, _TWO),
        "add": (FUNCTIONS.add, _NUMBERS),
        "subtract": (FUNCTIONS.subtract, _NUMBERS),
        "greaterThan": (FUNCTIONS.greaterThan, _NUMBERS),
        "EQUI": (FUNCTIONS.equalTexts, _NUMBERS),
        **{name: (FUNCTIONS[name], _TWO) for name in _RELATIONS},
    }
)
"""Their functions by local name: which of ours it is, and which parameters its arguments are, in order."""


class Lookup(Protocol):
    """What is needed of the document."""

    def other(self, node: Any, iri: str) -> list[Any]:
        """Give every value of a property of any vocabulary."""


def transformation_of(
    document: Lookup, node: Any, expression: Callable[[Any], Expression]
) -> Call | None:
    """Read the transformation of a term map, if it has one.

    Parameters
    ----------
    document
        The mapping.
    node
        A term map; the function stands at its ``rrx:transformation``, or at itself.
    expression
        Reads the expression of an argument.

    Raises
    ------
    MappingError
        The function is not known, or takes another number of arguments.
    """
    wrapped = document.other(node, RRX.transformation)
    at = wrapped[0] if wrapped else node
    named = document.other(at, RRX.function)
    if not named:
        return None
    function = str(named[0].value)
    known = _CALLS.get(function.removeprefix(RRXF)) if function.startswith(RRXF) else None
    if known is None:
        raise MappingError(
            f"The function {function} of GeoTriples is not known.",
            hint=f"Known are: {', '.join(_CALLS)}.",
        )
    ours, parameters = known
    lists = document.other(at, RRX.argumentMap)
    arguments = [expression(n) for given in lists for n in _members(document, given)]
    if len(arguments) != len(parameters):
        raise MappingError(
            f"{function} has {len(arguments)} arguments, where it takes {len(parameters)}.",
            hint='Give them as a list: rrx:argumentMap ( [ rml:reference "geometry" ] ).',
        )
    return Call(ours, tuple(zip(parameters, arguments, strict=True)))


def _members(document: Lookup, node: Any) -> Iterator[Any]:
    """Give the members of an RDF list; a node that is no list is its own only member."""
    first = document.other(node, RDF["first"])
    if not first:
        if getattr(node, "value", "") != RDF["nil"]:
            yield node
        return
    seen = set()
    while first and node not in seen:
        seen.add(node)
        yield first[0]
        rest = document.other(node, RDF["rest"])
        node = rest[0] if rest else None
        first = document.other(node, RDF["first"]) if node is not None else []
