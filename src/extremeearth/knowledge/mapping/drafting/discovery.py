"""Finding the records of JSON and XML documents and of tables in databases, and what they have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extremeearth.core.errors import DataBrokenError, LimitError, MappingError
from extremeearth.knowledge.mapping.rules.document import SQL_TABLE, LogicalSource
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions
from extremeearth.knowledge.mapping.sources.json_records import MAX_JSON_BYTES, JsonSource
from extremeearth.knowledge.mapping.sources.jsonpath import read_json
from extremeearth.knowledge.mapping.sources.sql.columns import Kind
from extremeearth.knowledge.mapping.sources.sql.databases import Database
from extremeearth.knowledge.mapping.sources.sql.text import quoted
from extremeearth.knowledge.mapping.sources.untrusted_xml import SAFE
from extremeearth.knowledge.mapping.sources.xml_records import XmlSource
from extremeearth.knowledge.rdf import XSD

__all__ = ["Records", "find_records"]

SAMPLE_RECORDS = 1_000
_SAMPLE_ELEMENTS = 200_000
_HEAD_BYTES = 1 << 16
_GEOJSON = re.compile(rb'"(?:FeatureCollection|Feature|Topology|stac_version)"')
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SMALL = re.compile(r"[a-z_][a-z0-9_]*")
_DEFAULT_PREFIX = "d"
_FORMS = (
    (re.compile(r"[-+]?\d+"), XSD.integer),
    (re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"), XSD.double),
    (re.compile(r"true|false"), XSD.boolean),
    (re.compile(r"\d{4}-\d\d-\d\d"), XSD.date),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)?"), XSD.dateTime),
)
"""How texts look that are numbers, truth values or times."""
_SQL = {
    Kind.INTEGER: XSD.integer, Kind.DECIMAL: XSD.decimal, Kind.DOUBLE: XSD.double, Kind.BOOLEAN: XSD.boolean,
    Kind.DATE: XSD.date, Kind.TIME: XSD.time, Kind.TIMESTAMP: XSD.dateTime, Kind.INSTANT: XSD.dateTime,
    Kind.TEXT: XSD.string, Kind.UNKNOWN: XSD.string,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Where records are, and what they have: the datatype of each reference; `shape` is a geometry among them."""

    source: LogicalSource
    references: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    shape: str | None = None


def find_records(
    given: Any, name: str, iterator: str | None, *, options: GeometryOptions | None = None
) -> Records | None:
    """Look for records in what has no columns of its own; `None` if it is of another kind.

    Parameters
    ----------
    given
        A file, or a database.
    name
        What the mapping will call it.
    iterator
        Where the records are: a JSONPath, an XPath, a table's name. Found by default, but for a database.
    options
        What happens to records that cannot be read.

    Raises
    ------
    MappingError
        There are no records.
    """
    if isinstance(given, Database):
        return _in_database(given, iterator)
    if not isinstance(given, Path) or not given.is_file():
        return None
    suffix = given.suffix.lower()
    if suffix == ".json":
        with given.open("rb") as file:
            if _GEOJSON.search(file.read(_HEAD_BYTES)):
                return None
        return _in_json(given, name, iterator, options or GeometryOptions())
    return (
        _in_xml(given, name, iterator, options or GeometryOptions()) if suffix == ".xml" else None
    )


def _in_database(database: Database, table: str | None) -> Records:
    if not table:
        raise MappingError(
            "No table of the database is named.",
            hint="Say which: --source-layer or --target-layer of links, layer= in Python.",
        )
    relation = database.table(table)
    references, left_out, shape = {}, [], None
    for column in relation.columns:
        reference = column.name if _SMALL.fullmatch(column.name) else quoted(column.name)
        if column.kind is Kind.GEOMETRY and shape is None:
            shape = reference
        elif column.kind in _SQL:
            references[reference] = str(_SQL[column.kind])
        else:
            left_out.append(column.name)
    source = LogicalSource(name="", formulation=SQL_TABLE, iterator=table)
    return Records(source=source, references=references, left_out=tuple(left_out), shape=shape)


def _in_json(path: Path, name: str, iterator: str | None, options: GeometryOptions) -> Records:
    if (size := path.stat().st_size) > MAX_JSON_BYTES:
        raise LimitError(
            f"{name} has {size} bytes, more than {MAX_JSON_BYTES} for JSON.", hint="Split it."
        )
    try:
        where = iterator or _path_of_list(read_json(path.read_bytes(), name)) or "$"
    except DataBrokenError:
        if options.on_error == "raise" or not size:
            raise
        where = JsonSource(name, path, "$").where() or "$"
    found_broken: Counter[str] = Counter()
    records = JsonSource(name, path, where, options).records(found_broken)[:SAMPLE_RECORDS]
    values: dict[str, list[str]] = {}
    left_out: dict[str, None] = {}
    for record in records:
        if isinstance(record, dict):
            for reference, kind in _leaves(record, "$"):
                if kind is None:
                    left_out[reference] = None
                else:
                    values.setdefault(reference, []).append(kind)
    if not values:
        raise MappingError(
            f"{name} has no records at {where}.", hint="Name where they are: --layer '$.fields[*]'."
        )
    found = {reference: _common(kinds) for reference, kinds in values.items()}
    return Records(
        source=LogicalSource(name=name, formulation="JSONPath", iterator=where),
        references=found, left_out=tuple(left_out),
    )  # fmt: skip


def _path_of_list(document: Any) -> str | None:
    """Find the list of records that is the least deep."""
    level = [("$", document)]
    while level:
        for path, value in level:
            if isinstance(value, list) and any(isinstance(item, dict) for item in value):
                return f"{path}[*]"
        level = [
            (f"{path}{_member(key)}", inner)
            for path, value in level
            if isinstance(value, dict)
            for key, inner in value.items()
        ]
    return None


def _member(key: str) -> str:
    if _PLAIN.fullmatch(key):
        return f".{key}"
    escaped = key.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"


def _leaves(record: dict[str, Any], path: str) -> Iterator[tuple[str, str | None]]:
    for key, value in record.items():
        reference = f"{path}{_member(key)}"
        if isinstance(value, dict):
            yield from _leaves(value, reference)
        elif isinstance(value, list):
            kinds = [_json_kind(item) for item in value]
            for kind in kinds:
                yield f"{reference}[*]", kind
        elif value is not None:
            yield reference, _json_kind(value)


def _json_kind(value: Any) -> str | None:
    for kind, datatype in ((bool, XSD.boolean), (int, XSD.integer), (float, XSD.double)):
        if isinstance(value, kind):
            return str(datatype)
    return None if isinstance(value, dict | list) else _text_kind(str(value), numbers=False)


def _text_kind(text: str, *, numbers: bool) -> str:
    for form, datatype in _FORMS if numbers else _FORMS[3:]:
        if form.fullmatch(text.strip()):
            return str(datatype)
    return str(XSD.string)


def _common(kinds: Iterable[str]) -> str:
    """Give the datatype that all values have, the wider of two numbers, or that of texts."""
    seen = set(kinds)
    if seen == {XSD.integer, XSD.double}:
        return str(XSD.double)
    return seen.pop() if len(seen) == 1 else str(XSD.string)


def _in_xml(path: Path, name: str, iterator: str | None, options: GeometryOptions) -> Records:
    from lxml import etree

    plain = XmlSource(name, path, "/*", {}, frozenset())
    prefixes = plain.prefixes()  # also refuses what may not be read
    own = {uri: prefix for prefix, uri in prefixes.items()}
    with path.open("rb") as file:
        _, root = next(iter(etree.iterparse(file, events=("start",), **SAFE)))
        if None in root.nsmap and root.nsmap[None] not in own:
            own[root.nsmap[None]] = _DEFAULT_PREFIX
    where = iterator or _repeated(path, own, options)
    namespaces = tuple((p, uri) for uri, p in own.items() if p not in prefixes)
    source = XmlSource(name, path, where, dict(namespaces), frozenset(), options)
    values: dict[str, list[str]] = {}
    for element, _ in zip(source.elements(), range(SAMPLE_RECORDS), strict=False):
        for reference, text in _values(element, "", own):
            values.setdefault(reference, []).append(_text_kind(text, numbers=True))
    if not values:
        raise MappingError(
            f"{name} has no records at {where}.", hint="Name where they are: --layer /fields/field."
        )
    return Records(
        source=LogicalSource(name=name, formulation="XPath", iterator=where, namespaces=namespaces),
        references={reference: _common(kinds) for reference, kinds in values.items()},
    )


def _tag(element: Any, own: dict[Any, str]) -> str:
    from lxml import etree

    name = etree.QName(element)
    return f"{own[name.namespace]}:{name.localname}" if name.namespace in own else name.localname


def _repeated(path: Path, own: dict[Any, str], options: GeometryOptions) -> str:
    """Find the elements that come again and have something in them: the least deep of these, then the most."""
    from lxml import etree

    count: Counter[tuple[str, ...]] = Counter()
    above: list[str] = []
    filled: set[tuple[str, ...]] = set()
    try:
        with path.open("rb") as file:
            events = etree.iterparse(file, events=("start", "end"), **SAFE)
            for (event, element), _ in zip(events, range(2 * _SAMPLE_ELEMENTS), strict=False):
                if not isinstance(element.tag, str):
                    continue
                if event == "start":
                    if above:
                        filled.add(tuple(above))
                    above.append(_tag(element, own))
                    count[tuple(above)] += 1
                    if element.attrib:
                        filled.add(tuple(above))
                else:
                    above.pop()
                    element.clear(keep_tail=True)
    except etree.XMLSyntaxError as err:
        if options.on_error == "raise" or not count:
            raise XmlSource(path.name, path, "/*", {}, frozenset()).broken(err) from err
    again = [steps for steps, times in count.items() if times > 1 and steps in filled]
    best = min(again, key=lambda steps: (len(steps), -count[steps]), default=next(iter(count)))
    return "/" + "/".join(best)


def _values(element: Any, path: str, own: dict[Any, str]) -> Iterator[tuple[str, str]]:
    for name, value in element.attrib.items():
        if not name.startswith("{"):
            yield f"{path}@{name}", value
    for child in element:
        if not isinstance(child.tag, str):
            continue
        here = f"{path}{_tag(child, own)}"
        if len(child) == 0 and child.text and child.text.strip():
            yield here, child.text
        yield from _values(child, f"{here}/", own)
