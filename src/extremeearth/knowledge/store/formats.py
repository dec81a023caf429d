"""RDF and result formats: media types, short names, file endings, and which one an Accept header wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from pyoxigraph import RdfFormat

from extremeearth.core.errors import InputError

__all__ = ["GRAPH_MEDIA", "RESULT_MEDIA", "choose_media", "media_of", "rdf_format"]

RESULT_MEDIA: Mapping[str, str] = {
    "application/sparql-results+json": "json",
    "application/sparql-results+xml": "xml",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/geo+json": "geojson",
    "application/vnd.apache.arrow.stream": "arrow",
    "application/json": "json",
    "application/xml": "xml",
}
"""Media types of rows, the preferred first, with the short name that `serialize` takes."""

GRAPH_MEDIA: Mapping[str, str] = {
    "text/turtle": "ttl",
    "application/n-triples": "nt",
    "application/rdf+xml": "rdf",
    "application/ld+json": "jsonld",
    "application/n-quads": "nq",
    "application/trig": "trig",
}
"""Media types of graphs, the preferred first, with the short name that `serialize` takes."""

_FORMATS = {
    "nt": RdfFormat.N_TRIPLES,
    "nq": RdfFormat.N_QUADS,
    "ttl": RdfFormat.TURTLE,
    "trig": RdfFormat.TRIG,
    "rdf": RdfFormat.RDF_XML,
    "jsonld": RdfFormat.JSON_LD,
}
_ALIASES = {
    "ntriples": "nt", "n-triples": "nt", "nquads": "nq", "n-quads": "nq", "turtle": "ttl", "xml": "rdf", "owl": "rdf",
    "rdf/xml": "rdf", "rdfxml": "rdf", "json-ld": "jsonld", "application/x-turtle": "ttl",
    **GRAPH_MEDIA,
}  # fmt: skip


def rdf_format(name: str | None, *, file: str | None = None) -> RdfFormat:
    """Find an RDF format by short name, media type, or the ending of a file's name.

    Raises
    ------
    InputError
        It is none that is known.

    Examples
    --------
    >>> rdf_format("turtle").media_type, rdf_format(None, file="parcels.nt.gz").media_type
    ('text/turtle', 'application/n-triples')
    """
    if name is None and file is not None:
        path = PurePath(file)
        packed = path.suffix.lower() in {".gz", ".zst"}
        name = (PurePath(path.stem).suffix if packed else path.suffix).lstrip(".")
    key = (name or "").partition(";")[0].strip().lower()
    found = _FORMATS.get(_ALIASES.get(key, key))
    if found is None:
        raise InputError(
            f"'{name or file or ''}' is no RDF format.",
            hint="Name one of: " + ", ".join(_FORMATS) + ".",
        )
    return found


def media_of(name: str, offered: Mapping[str, str]) -> str | None:
    """Find a media type by itself or by the short name it stands for; `None` where it is not offered.

    Examples
    --------
    >>> media_of("geojson", RESULT_MEDIA), media_of("turtle", GRAPH_MEDIA)
    ('application/geo+json', 'text/turtle')
    """
    key = name.strip().lower()
    if key in offered:
        return key
    short = _ALIASES.get(key, key) if key not in offered.values() else key
    return next((media for media, known in offered.items() if known == short), None)


def choose_media(accept: str | None, offered: Sequence[str]) -> str | None:
    """Choose the media type an ``Accept`` header likes best, the first offered one if it has no wish.

    Quality values and wildcards are honoured (RFC 9110, section 12.5.1); `None` if nothing fits.

    Examples
    --------
    >>> choose_media("text/csv;q=0.5, application/sparql-results+xml", list(RESULT_MEDIA))
    'application/sparql-results+xml'
    >>> choose_media("image/png", list(RESULT_MEDIA)) is None
    True
    """
    if not accept or not accept.strip():
        return offered[0]
    wishes: list[tuple[str, float]] = []
    for part in accept.split(","):
        kind, *parameters = (p.strip().lower() for p in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        wishes.append((kind, quality))

    def liking(media: str) -> float:
        exact = [q for kind, q in wishes if kind == media]
        family = [q for kind, q in wishes if kind == media.partition("/")[0] + "/*"]
        anything = [q for kind, q in wishes if kind == "*/*"]
        return (exact or family or anything or [0.0])[0]

    best = max(offered, key=liking)  # the first of equals
    return best if liking(best) > 0 else None
