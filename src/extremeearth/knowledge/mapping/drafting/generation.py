"""Making a mapping and an ontology of a source: readable Turtle to begin with and to change."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from odc.geo.crs import CRS

from extremeearth.core.errors import CrsError, InputError
from extremeearth.knowledge.mapping.drafting.description import SourceDescription
from extremeearth.knowledge.mapping.rules.document import SQL_TABLE
from extremeearth.knowledge.rdf import FUNCTIONS, GEO, OWL, RDFS, XSD, check_iri, crs_iri

__all__ = ["DEFAULT_BASE", "DraftMapping", "draft_mapping", "prefix_of_rows", "stem_of_rows"]

DEFAULT_BASE = "https://example.org/"
"""Start of IRIs where nobody says one, for trying things out."""

_LABELS = ("name", "label", "title", "name_en")
_METRICS = (
    ("geo:dimension", "dimension", "xsd:integer"),
    ("geo:coordinateDimension", "coordinateDimension", "xsd:integer"),
    ("geo:spatialDimension", "spatialDimension", "xsd:integer"),
    ("geo:isEmpty", "isEmpty", "xsd:boolean"),
    ("geo:isSimple", "isSimple", "xsd:boolean"),
    ("geo:hasMetricArea", "areaM2", "xsd:double"),
    ("geo:hasMetricLength", "lengthM", "xsd:double"),
    ("geo:hasMetricPerimeterLength", "perimeterM", "xsd:double"),
)
"""Properties of GeoSPARQL 1.1 that functions compute."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_CRS84_TOO = ',\n                [ rml:parameter ee:crs ; rml:inputValue "OGC:CRS84" ]'


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftMapping:
    """A mapping (RML) and the ontology (OWL) of what it makes, both as Turtle."""

    mapping: str
    ontology: str


@dataclass(frozen=True, slots=True)
class _Names:
    """The IRIs of one source: class, properties by column, and the template of its rows."""

    kind: str
    properties: dict[str, str]
    template: str


def draft_mapping(
    sources: SourceDescription | Sequence[SourceDescription],
    *,
    base_iri: str,
    metrics: bool = False,
    path: str | None = None,
    name: str | Mapping[str, str] | None = None,
) -> DraftMapping:
    """Write a mapping of a source's rows to features with geometries (GeoSPARQL 1.1), and their ontology.

    Parameters
    ----------
    sources
        What `describe_source` found, one for each layer.
    base_iri
        Start of all IRIs, such as ``https://example.org/``.
    metrics
        Whether geometries also tell dimension, area, length and what else GeoSPARQL has properties for.
    path
        What ``rml:path`` says; the source's name by default.
    name
        What one row is, such as ``IceChart``: the class, and the start of its rows' IRIs. By default this comes from
        the layer or the file. Of several layers, a name by layer; those that are not there keep their own.

    Returns
    -------
    DraftMapping
        Turtle texts.

    Raises
    ------
    InputError
        The base is not an absolute IRI; a name has no letter; or it is not said which of several layers it is of.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from extremeearth.knowledge.mapping.drafting.description import describe_source
    >>> table = pa.table({"id": [1], "crop type": ["wheat"]})
    >>> draft = draft_mapping(
    ...     describe_source(table, name="fields"), base_iri="https://example.org/"
    ... )
    >>> "ont:cropType" in draft.mapping and "owl:DatatypeProperty" in draft.ontology
    True
    """
    check_iri(base_iri)
    if not base_iri.endswith(("/", "#")):
        raise InputError(
            f"The base '{base_iri}' does not end in a slash.",
            hint="Write e.g. https://example.org/.",
        )
    described = [sources] if isinstance(sources, SourceDescription) else list(sources)
    called = _called(described, name)
    names = [
        _named(source, base_iri, given) for source, given in zip(described, called, strict=True)
    ]
    maps = [
        _triples_maps(source, name, metrics=metrics, path=path or source.name)
        for source, name in zip(described, names, strict=True)
    ]
    classes = [_ontology_of(source, name) for source, name in zip(described, names, strict=True)]
    return DraftMapping(
        mapping="\n".join([_mapping_head(base_iri), *maps]),
        ontology="\n".join([_ontology_head(base_iri, described[0].name), *classes]),
    )


def _called(
    described: Sequence[SourceDescription], name: str | Mapping[str, str] | None
) -> list[str | None]:
    """Give the name that was given to each source."""
    layers = [source.layer or source.name for source in described]
    if isinstance(name, str):
        if len(described) > 1:
            raise InputError(
                f"'{name}' is one name, and there are several layers: {', '.join(layers)}.",
                hint=f"Say of which: --name {layers[0]}={name}, or choose one by --layer.",
            )
        given: Mapping[str, str] = {layers[0]: name}
    else:
        given = name or {}
    for layer, called in given.items():
        if layer not in layers:
            raise InputError(
                f"There is no layer '{layer}'.", hint=f"There are: {', '.join(layers)}."
            )
        if not _NAME.fullmatch(called):
            raise InputError(
                f"'{called}' is no name of a class.",
                hint="Write a word such as IceChart, in ASCII.",
            )
    return [given.get(layer) for layer in layers]


def _words(text: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return [word for word in re.split(r"[^A-Za-z0-9]+", spaced) if word]


def _camel(text: str, *, upper: bool) -> str:
    words = [word.lower() for word in _words(text)] or ["value"]
    name = "".join(word.capitalize() for word in words)
    name = name if upper else name[0].lower() + name[1:]
    return name if name[0].isalpha() else f"{'X' if upper else 'x'}{name}"


def _named(source: SourceDescription, base_iri: str, given: str | None) -> _Names:
    stem = given or stem_of_rows(source.name, layer=source.layer, formulation=source.formulation)
    properties: dict[str, str] = {}
    for column in source.columns:
        name = wanted = _camel(_plain(source, column.name), upper=False)
        number = 2
        while name in properties.values():
            name, number = f"{wanted}{number}", number + 1
        properties[column.name] = name
    kind = given or _camel(stem, upper=True)
    key = "/".join(f"{{{_braced(column)}}}" for column in source.key)
    return _Names(kind, properties, f"{prefix_of_rows(base_iri, stem)}{key}")


def stem_of_rows(name: str, *, layer: str | None = None, formulation: str | None = None) -> str:
    """Say what rows are called: as their layer or table, or as the file.

    Examples
    --------
    >>> stem_of_rows("data/parcels.shp"), stem_of_rows("land.gpkg", layer="parcels")
    ('parcels', 'parcels')
    """
    in_document = formulation not in (None, SQL_TABLE)
    stem = name.rpartition("/")[2].split(".")[0]
    return stem if in_document else (layer or stem)


def prefix_of_rows(base_iri: str, stem: str) -> str:
    """Give what stands before the keys of rows in their IRIs.

    Examples
    --------
    >>> prefix_of_rows("https://example.org/", "FieldParcels")
    'https://example.org/field-parcels/'
    """
    return f"{base_iri}{_slug(stem)}/"


def _plain(source: SourceDescription, reference: str) -> str:
    """Give the name in a reference: without the root of a JSONPath, or the prefixes of an XPath."""
    if source.formulation == "XPath":
        return re.sub(r"@|[\w.-]+:", "", reference)
    return reference.removeprefix("$.") if source.formulation == "JSONPath" else reference


def _slug(text: str) -> str:
    return "-".join(word.lower() for word in _words(text)) or "row"


def _braced(column: str) -> str:
    return re.sub(r"([{}\\])", r"\\\1", column)


def _text(value: str) -> str:
    escaped = (
        value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    )
    return f'"{escaped}"'


def _mapping_head(base_iri: str) -> str:
    return f"""@prefix rml:  <http://w3id.org/rml/> .
@prefix ee:   <{FUNCTIONS}> .
@prefix geo:  <{GEO}> .
@prefix rdfs: <{RDFS}> .
@prefix xsd:  <{XSD}> .
@prefix ont:  <{base_iri}def#> .
@base <{base_iri}map/> .
"""


def _source_node(source: SourceDescription, path: str) -> str:
    """Write what is said of the logical source."""
    if source.formulation == SQL_TABLE:
        table = f"rml:tableName {_text(source.layer or '')}"
        if source.given_crs is None:
            return table
        return f"{table} ; ee:crs {_text(crs_iri(source.given_crs))}"
    said = [f"rml:path {_text(path)}"]
    if source.text is not None:
        said += [
            f"ee:{part} {_text(value)}"
            for part in ("wkt", "x", "y")
            if (value := getattr(source.text, part)) is not None
        ]
        if source.crs is not None:
            said.append(f"ee:crs {_text(crs_iri(source.crs))}")
    node = [f"rml:source [ {' ; '.join(said)} ]"]
    if source.layer is not None:
        node.append(f"rml:iterator {_text(source.layer)}")
    if source.namespaces:
        prefixes = ",\n        ".join(
            f"[ rml:namespacePrefix {_text(prefix)} ; rml:namespaceURL {_text(uri)} ]"
            for prefix, uri in source.namespaces
        )
        node.append(f"rml:referenceFormulation [ rml:namespace {prefixes} ]")
    elif source.formulation is not None:
        node.append(f"rml:referenceFormulation rml:{source.formulation}")
    return " ;\n    ".join(node)


def _triples_maps(source: SourceDescription, names: _Names, *, metrics: bool, path: str) -> str:
    rows = f"<{names.kind}Rows>"
    feature = ", geo:Feature" if source.geometry else ""
    lines = [
        f"{rows} {_source_node(source, path)} .",
        "",
        f"<{names.kind}> rml:logicalSource {rows} ;",
        f"    rml:subjectMap [ rml:template {_text(names.template)} ; rml:class ont:{names.kind}{feature} ] ;",
    ]
    said = [
        _property(
            f"ont:{names.properties[c.name]}",
            c.name,
            c.datatype,
            label=_plain(source, c.name).casefold() in _LABELS,
        )
        for c in source.columns
    ]
    if source.geometry:
        said.append(
            "[ rml:predicate geo:hasGeometry, geo:hasDefaultGeometry ;\n"
            f"          rml:objectMap [ rml:template {_text(names.template + '/geometry')} ] ]"
        )
    text = (
        "\n".join(lines)
        + "\n    rml:predicateObjectMap\n        "
        + ",\n        ".join(said)
        + " .\n"
    )
    if source.left_out:
        text += f"# without a form in RDF: {', '.join(source.left_out)}\n"
    if not source.geometry:
        return text
    named = _has_iri(source.crs)
    return text + _geometry_map(names, rows, source.shape, metrics=metrics, named=named)


def _has_iri(crs: CRS | None) -> bool:
    """Tell whether literals can name the system; others are written in longitude and latitude."""
    try:
        return crs is None or bool(crs_iri(crs))
    except CrsError:
        return False


def _property(predicate: str, column: str, datatype: str, *, label: bool) -> str:
    predicates = f"{predicate}, rdfs:label" if label and datatype == XSD.string else predicate
    kind = "" if datatype == XSD.string else f" ; rml:datatype xsd:{datatype.removeprefix(XSD)}"
    return f"[ rml:predicate {predicates} ; rml:objectMap [ rml:reference {_text(column)}{kind} ] ]"


def _geometry_map(names: _Names, rows: str, shape: str, *, metrics: bool, named: bool) -> str:
    given = f"rml:input [ rml:parameter ee:geometry ; rml:inputValueMap [ rml:reference {_text(shape)} ] ]"
    said = [
        f"[ rml:predicate geo:asWKT ; rml:objectMap [ rml:functionExecution [\n"
        f"            rml:function ee:asWKT ;\n            {given}{'' if named else _CRS84_TOO} ] ] ]"
    ]
    if metrics:
        said += [
            f"[ rml:predicate {predicate} ; rml:objectMap [ rml:datatype {datatype} ; rml:functionExecution [\n"
            f"            rml:function ee:{function} ;\n            {given} ] ] ]"
            for predicate, function, datatype in _METRICS
        ]
    return (
        f"\n<{names.kind}Geometry> rml:logicalSource {rows} ;\n"
        f"    rml:subjectMap [ rml:template {_text(names.template + '/geometry')} ; rml:class geo:Geometry ] ;\n"
        "    rml:predicateObjectMap\n        " + ",\n        ".join(said) + " .\n"
    )


def _ontology_head(base_iri: str, name: str) -> str:
    return f"""@prefix owl:  <{OWL}> .
@prefix rdfs: <{RDFS}> .
@prefix xsd:  <{XSD}> .
@prefix geo:  <{GEO}> .
@prefix ont:  <{base_iri}def#> .

<{base_iri}def> a owl:Ontology ;
    rdfs:label {_text(f"What {name} holds")}@en ;
    rdfs:seeAlso <{GEO.removesuffix("#")}> .
"""


def _ontology_of(source: SourceDescription, names: _Names) -> str:
    above = " ;\n    rdfs:subClassOf geo:Feature" if source.geometry else ""
    said = [
        f"ont:{names.kind} a owl:Class{above} ;\n    rdfs:label {_text(' '.join(_words(names.kind)).lower())}@en ."
    ]
    said += [
        f"ont:{names.properties[column.name]} a owl:DatatypeProperty ;\n"
        f"    rdfs:domain ont:{names.kind} ; rdfs:range xsd:{column.datatype.removeprefix(XSD)} ;\n"
        f"    rdfs:label {_text(column.name)} ."
        for column in source.columns
    ]
    return "\n".join(said) + "\n"
