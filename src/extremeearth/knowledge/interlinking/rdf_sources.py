"""Features of RDF: files, a SPARQL endpoint, a graph store; geometry literals with their reference systems."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

import numpy as np

from extremeearth.core.errors import DataBrokenError, NoDataError, RemoteError
from extremeearth.knowledge.interlinking.features import FeatureSet
from extremeearth.knowledge.interlinking.rdf_times import (
    PathWalker,
    TimePaths,
    read_path,
    times_query,
    with_times,
)
from extremeearth.knowledge.rdf import (
    CRS84_CODE,
    FORMS,
    GEO,
    crs_of_code,
    in_system,
    parse_geometries,
    same_numbers,
)

if TYPE_CHECKING:
    from extremeearth.core.http import SafeClient

__all__ = [
    "RDF_ENDINGS", "TimePaths", "features_of_endpoint", "features_of_graph", "features_of_rdf",
]  # fmt: skip

RDF_ENDINGS = (".nt", ".nq", ".ttl", ".trig", ".rdf", ".owl", ".jsonld", ".n3")
QUERY_TIMEOUT_S = 300.0
QUERY = f"""PREFIX geo: <{GEO}>
SELECT ?feature ?geometry WHERE {{
  {{ ?feature geo:hasDefaultGeometry ?shape }} UNION {{ ?feature geo:hasGeometry ?shape }}
  {{ ?shape geo:asWKT ?geometry }} UNION {{ ?shape geo:asGML ?geometry }} UNION {{ ?shape geo:asGeoJSON ?geometry }}
}}"""
_LINKS = (GEO.hasDefaultGeometry, GEO.hasGeometry)
_TEXTS = {GEO.asWKT: "wkt", GEO.asGML: "gml", GEO.asGeoJSON: "geojson", GEO.asKML: "kml"}
_FORM_OF_TYPE = {
    GEO.wktLiteral: "wkt", GEO.gmlLiteral: "gml", GEO.geoJSONLiteral: "geojson", GEO.kmlLiteral: "kml",
}  # fmt: skip

Row = tuple[str, str, str]
"""IRI of a feature, form of its geometry literal, and the literal's text."""


def features_of_rdf(path: Path, ending: str, *, times: TimePaths = ()) -> FeatureSet:
    """Read the features of an RDF file, ``.gz`` and ``.zst`` too.

    A feature's geometry is the one of ``geo:hasDefaultGeometry``, or else the first of ``geo:hasGeometry``, and of its
    serialisations the first that is read. What has a literal of its own and is nobody's geometry is a feature. `times`
    are paths of properties to when it holds.

    Raises
    ------
    DataBrokenError
        The file cannot be parsed.
    NoDataError
        It has no geometry literal.
    """
    geometry_of: dict[str, str] = {}
    default: set[str] = set()
    literals: dict[str, tuple[str, str]] = {}
    steps = PathWalker([read_path(text) for text in times])
    for quad in _quads(path, ending):
        predicate, subject = quad.predicate.value, str(quad.subject)
        steps.note(subject, predicate, quad.object)
        if predicate in _LINKS:
            first = predicate == GEO.hasDefaultGeometry
            if subject not in geometry_of or (first and subject not in default):
                geometry_of[subject] = str(quad.object)
            default |= {subject} if first else set()
        elif predicate in _TEXTS and hasattr(quad.object, "datatype"):
            form = _FORM_OF_TYPE.get(quad.object.datatype.value, _TEXTS[predicate])
            literals.setdefault(subject, (form, quad.object.value))
    theirs = set(geometry_of.values())
    owners = geometry_of | {s: s for s in literals if s not in theirs and s not in geometry_of}
    rows = (
        (feature[1:-1], *literals[shape])
        for feature, shape in owners.items()
        if shape in literals and feature.startswith("<")  # a blank node has no name to link
    )
    ends = [list(steps.ends(owners, place)) for place in range(len(times))]
    return with_times(_features(rows, path.name), ends)


def _quads(path: Path, ending: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyoxigraph as ox

    form = ox.RdfFormat.from_extension({".owl": "rdf"}.get(ending, ending.removeprefix(".")))
    assert form is not None  # every one of RDF_ENDINGS has a format
    base = path.absolute().as_uri()
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            yield from ox.parse(cast("IO[bytes]", _Readable(stream)), format=form, base_iri=base)
    except (SyntaxError, OSError, ValueError) as err:
        raise DataBrokenError(
            f"{path.name} cannot be read as RDF: {err}.", hint="Check the file and its ending."
        ) from err


class _Readable:
    """What pyoxigraph reads from: an Arrow stream whose `read` gives `bytes`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        return bytes(self._stream.read(size if size > 0 else None))


def features_of_endpoint(
    url: str, *, query: str | None = None, client: SafeClient | None = None, times: TimePaths = ()
) -> FeatureSet:
    """Ask a SPARQL endpoint for its features.

    Raises
    ------
    AddressRefusedError
        The address must not be contacted.
    RemoteError
        The endpoint failed, or answered no rows of ``?feature ?geometry``.
    LimitError
        The answer is larger than the client allows.
    """
    from extremeearth.core.http import SafeClient

    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/sparql-results+json",
    }
    with contextlib.ExitStack() as stack:
        own = client or stack.enter_context(SafeClient())

        def asked(text: str) -> Any:
            body = urlencode({"query": text}).encode()
            return (
                own.post(url, content=body, headers=headers, timeout_s=QUERY_TIMEOUT_S)
                .checked()
                .json()
            )

        found = _features(_bindings(asked(query or QUERY), url), url)
        ends = [
            [(iri, text) for iri, _, text in _bindings(asked(times_query(path)), url)]
            for path in times
        ]
    return with_times(found, ends)


def _bindings(found: Any, url: str) -> Iterator[Row]:
    try:
        rows = found["results"]["bindings"]
        for row in rows:
            feature, shape = row["feature"], row["geometry"]
            if feature["type"] == "uri":
                yield (
                    feature["value"],
                    _FORM_OF_TYPE.get(shape.get("datatype"), "wkt"),
                    shape["value"],
                )
    except (KeyError, TypeError, AttributeError) as err:
        raise RemoteError(
            f"{url} did not answer with rows of ?feature ?geometry.",
            hint="Check that it is a SPARQL endpoint, and the query.",
        ) from err


def features_of_graph(graph: Any, *, query: str | None = None, times: TimePaths = ()) -> FeatureSet:
    """Ask a graph store of this platform for its features."""
    found = _features(_solutions(graph, query or QUERY), "the store")
    ends = [
        [(iri, text) for iri, _, text in _solutions(graph, times_query(path))] for path in times
    ]
    return with_times(found, ends)


def _solutions(graph: Any, query: str) -> Iterator[Row]:
    from extremeearth.knowledge.sparql.terms import Iri, Literal

    solutions = graph.query(query, timeout_s=QUERY_TIMEOUT_S)
    for feature, shape in zip(
        solutions.column("feature"), solutions.column("geometry"), strict=True
    ):
        if isinstance(feature, Iri) and isinstance(shape, Literal):
            yield feature.value, _FORM_OF_TYPE.get(str(shape.datatype), "wkt"), shape.lexical


def _features(rows: Iterable[Row], name: str) -> FeatureSet:
    """Parse the literals, the first of each feature, all in one reference system."""
    import pyarrow as pa

    seen: dict[str, tuple[str, str]] = {}
    for iri, form, text in rows:
        seen.setdefault(iri, (form, text))
    if not seen:
        raise NoDataError(
            f"{name} has no features with geometries.",
            hint="Features need geo:hasGeometry, and their geometries geo:asWKT.",
        )
    forms = np.array([FORMS.index(form) for form, _ in seen.values()], dtype=np.int8)
    texts = pa.array([text for _, text in seen.values()], pa.large_string())
    parsed = parse_geometries(forms, texts)
    column = parsed.column
    systems = np.unique(column.systems[column.systems >= 0])
    code = int(systems[0]) if len(systems) else CRS84_CODE
    if len(systems) > 1:
        code = CRS84_CODE if not all(same_numbers(code, int(s)) for s in systems) else code
        column = in_system(column, code)
    iris = pa.array(list(seen), pa.large_string())
    return FeatureSet(iris, column.shapes, crs_of_code(code), None, len(parsed.problems))
