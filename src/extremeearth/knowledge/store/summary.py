"""What is in a store: counts by predicate and class, and the extent in space and time; told as VoID."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.times import format_instant
from extremeearth.knowledge.rdf import GEO, XSD
from extremeearth.knowledge.sparql.terms import BlankNode, Iri, Literal
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.results.solutions import Triple, Triples
from extremeearth.knowledge.store.storage.contract import UNKNOWN, Snapshot

__all__ = ["ClassCount", "Extent", "PredicateCount", "Summary", "summarise", "void_description"]

VOID, DCTERMS = "http://rdfs.org/ns/void#", "http://purl.org/dc/terms/"
DCAT = "http://www.w3.org/ns/dcat#"
_TYPE = Iri("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
_NO_INSTANT = np.iinfo(np.int64).min
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Where and when.

    Attributes
    ----------
    box
        Smallest and largest longitude and latitude: xmin, ymin, xmax, ymax in degrees; `None` without geometries.
    start, end
        First and last instant in UTC; `None` without times.
    """

    box: tuple[float, float, float, float] | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredicateCount:
    """How often a predicate is used, and the extent of its objects."""

    predicate: str
    triples: int
    subjects: int
    objects: int
    extent: Extent


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """How many things are of a class."""

    name: str
    instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is in one version of a store."""

    version: int
    statements: int
    terms: int
    geometries: int
    graphs: tuple[str, ...]
    predicates: tuple[PredicateCount, ...]
    classes: tuple[ClassCount, ...]
    extent: Extent


def summarise(snapshot: Snapshot) -> Summary:
    """Count what is in a snapshot.

    Examples
    --------
    >>> from extremeearth.knowledge.store.storage import open_storage
    >>> summarise(open_storage(None).snapshot()).statements
    0
    """
    boxes = _Boxes(snapshot)
    numbers = snapshot.predicates()
    names = _texts(snapshot, numbers)
    predicates = []
    for number, name in zip(numbers.tolist(), names, strict=True):
        counts = snapshot.statistics.predicate(number)
        objects = np.unique(snapshot.scan(predicate=number)["o"].to_numpy())
        predicates.append(
            PredicateCount(
                predicate=name,
                triples=counts.triples,
                subjects=counts.subjects,
                objects=counts.objects,
                extent=_extent(snapshot, objects, boxes),
            )
        )
    predicates.sort(key=lambda p: (-p.triples, p.predicate))
    return Summary(
        version=snapshot.version,
        statements=len(snapshot),
        terms=len(snapshot.terms),
        geometries=len(snapshot.geometries),
        graphs=tuple(sorted(_texts(snapshot, snapshot.graphs()))),
        predicates=tuple(predicates),
        classes=_classes(snapshot),
        extent=_union([p.extent for p in predicates]),
    )


def _texts(snapshot: Snapshot, ids: NDArray[np.int64]) -> list[str]:
    found: list[str] = snapshot.terms.take(ids).values.to_pylist()
    return found


class _Boxes:
    """Boxes of all geometries, by number."""

    def __init__(self, snapshot: Snapshot) -> None:
        table = snapshot.geometries.table()
        ids = table["id"].to_numpy()
        order = np.argsort(ids, kind="stable")
        self._ids = ids[order]
        corners = [table[name].to_numpy()[order] for name in ("xmin", "ymin", "xmax", "ymax")]
        self._corners = np.column_stack(corners) if len(ids) else np.zeros((0, 4))

    def around(self, ids: NDArray[np.int64]) -> tuple[float, float, float, float] | None:
        at = np.searchsorted(self._ids, ids)
        inside = at < len(self._ids)
        rows = at[inside][self._ids[at[inside]] == ids[inside]]
        corners = self._corners[rows]
        corners = corners[np.isfinite(corners).all(axis=1)]
        if not len(corners):
            return None
        low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _extent(snapshot: Snapshot, objects: NDArray[np.int64], boxes: _Boxes) -> Extent:
    instants = snapshot.terms.instants(objects)
    instants = instants[instants != _NO_INSTANT]
    return Extent(
        box=boxes.around(objects),
        start=_moment(instants.min()) if len(instants) else None,
        end=_moment(instants.max()) if len(instants) else None,
    )


def _moment(microseconds: Any) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=int(microseconds))
    except OverflowError:  # before the year 1 or after 9999
        return None


def _union(extents: list[Extent]) -> Extent:
    boxes = [e.box for e in extents if e.box is not None]
    starts = [e.start for e in extents if e.start is not None]
    ends = [e.end for e in extents if e.end is not None]
    box = None
    if boxes:
        each = list(zip(*boxes, strict=True))
        box = (min(each[0]), min(each[1]), max(each[2]), max(each[3]))
    return Extent(box=box, start=min(starts, default=None), end=max(ends, default=None))


def _classes(snapshot: Snapshot) -> tuple[ClassCount, ...]:
    number = int(snapshot.terms.find(TermColumn.of([_TYPE]))[0])
    if number == UNKNOWN:
        return ()
    table = snapshot.scan(predicate=number)
    pairs = np.unique(np.column_stack([table["o"].to_numpy(), table["s"].to_numpy()]), axis=0)
    classes, counts = np.unique(pairs[:, 0], return_counts=True)
    found = [
        ClassCount(name=name, instances=count)
        for name, count in zip(_texts(snapshot, classes), counts.tolist(), strict=True)
    ]
    return tuple(sorted(found, key=lambda c: (-c.instances, c.name)))


# ----------------------------------------------------------------------------------- VoID


def void_description(summary: Summary, *, dataset: str, endpoint: str) -> Triples:
    """Tell a summary in the vocabulary VoID (W3C note of 2011), with extents as DCAT 2 does.

    Parameters
    ----------
    summary
        Of a store.
    dataset
        IRI of the dataset.
    endpoint
        URL of its SPARQL endpoint.

    Examples
    --------
    >>> from extremeearth.knowledge.store.storage import open_storage
    >>> found = summarise(open_storage(None).snapshot())
    >>> b"void#triples" in void_description(found, dataset="urn:d", endpoint="urn:e").serialize(
    ...     "nt"
    ... )
    True
    """
    me = Iri(dataset)
    triples: list[Triple] = [
        (me, _TYPE, Iri(VOID + "Dataset")),
        (me, Iri(VOID + "sparqlEndpoint"), Iri(endpoint)),
        (me, Iri(VOID + "triples"), _count(summary.statements)),
        (me, Iri(VOID + "properties"), _count(len(summary.predicates))),
        (me, Iri(VOID + "classes"), _count(len(summary.classes))),
        *((me, Iri(VOID + "feature"), Iri(f"http://www.w3.org/ns/formats/{f}")) for f in ("Turtle", "N-Triples")),
        *_extent_triples(me, summary.extent, "e"),
    ]  # fmt: skip
    for at, count in enumerate(summary.predicates):
        part = BlankNode(f"p{at}")
        triples += [
            (me, Iri(VOID + "propertyPartition"), part),
            (part, Iri(VOID + "property"), Iri(count.predicate)),
            (part, Iri(VOID + "triples"), _count(count.triples)),
            (part, Iri(VOID + "distinctSubjects"), _count(count.subjects)),
            (part, Iri(VOID + "distinctObjects"), _count(count.objects)),
            *_extent_triples(part, count.extent, f"p{at}e"),
        ]
    for at, found in enumerate(summary.classes):
        part = BlankNode(f"c{at}")
        triples += [
            (me, Iri(VOID + "classPartition"), part),
            (part, Iri(VOID + "class"), Iri(found.name)),
            (part, Iri(VOID + "entities"), _count(found.instances)),
        ]
    return Triples(triples)


def _count(number: int) -> Literal:
    return Literal(str(number), Iri(f"{XSD}integer"))


def _extent_triples(owner: Iri | BlankNode, extent: Extent, label: str) -> list[Triple]:
    triples: list[Triple] = []
    if extent.box is not None:
        place = BlankNode(label + "s")
        xmin, ymin, xmax, ymax = extent.box
        ring = f"{xmin} {ymin}, {xmax} {ymin}, {xmax} {ymax}, {xmin} {ymax}, {xmin} {ymin}"
        triples += [
            (owner, Iri(DCTERMS + "spatial"), place),
            (place, _TYPE, Iri(DCTERMS + "Location")),
            (place, Iri(DCAT + "bbox"), Literal(f"POLYGON (({ring}))", Iri(f"{GEO}wktLiteral"))),
        ]
    if extent.start is not None and extent.end is not None:
        frame = BlankNode(label + "t")
        kind = Iri(f"{XSD}dateTime")
        triples += [
            (owner, Iri(DCTERMS + "temporal"), frame),
            (frame, _TYPE, Iri(DCTERMS + "PeriodOfTime")),
            (frame, Iri(DCAT + "startDate"), Literal(format_instant(extent.start), kind)),
            (frame, Iri(DCAT + "endDate"), Literal(format_instant(extent.end), kind)),
        ]
    return triples
