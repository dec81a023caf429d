"""Where features come from: tables in memory, geospatial files, CSV, RDF, an endpoint, a store, a catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extremeearth.core.boxes import as_crs
from extremeearth.core.errors import (
    CrsError,
    DataBrokenError,
    DataMissingError,
    ExtremeEarthError,
    InputError,
)
from extremeearth.core.progress import SILENT, Progress
from extremeearth.knowledge.interlinking.features import (
    FeatureSet,
    Times,
    feature_set,
    iris_of,
    spans_of,
)
from extremeearth.knowledge.interlinking.file_sources import (
    CSV_ENDINGS,
    PARQUET_ENDINGS,
    of_arrow,
    read_file,
)
from extremeearth.knowledge.interlinking.naming import Naming, stem_of, together
from extremeearth.knowledge.interlinking.rdf_sources import (
    RDF_ENDINGS,
    TimePaths,
    features_of_endpoint,
    features_of_graph,
    features_of_rdf,
)
from extremeearth.knowledge.interlinking.record_sources import (
    ITEM_SPAN,
    RASTER_ENDINGS,
    FeatureTable,
    RecordReader,
    is_database_url,
    open_records,
)
from extremeearth.knowledge.mapping.drafting.generation import DEFAULT_BASE
from extremeearth.knowledge.mapping.sources.searches import Search, first_page, search_items
from extremeearth.knowledge.mapping.sources.web_pages import refuse_page

if TYPE_CHECKING:
    from extremeearth.core.http import SafeClient
    from extremeearth.knowledge.mapping.sources.items import ItemSource

__all__ = ["read_features"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
PACKED = {".gz", ".zst"}
FEATURE_NUMBER = "fid"
"""GDAL's own number of a feature, for files without a key."""


def read_features(
    source: Any,
    *,
    id_column: str | None = None,
    prefix: str | None = "",
    crs: Any = None,
    geometry: str | None = None,
    layer: str | None = None,
    times: Times | None = None,
    query: str | None = None,
    search: Search | None = None,
    client: SafeClient | None = None,
    progress: Progress = SILENT,
    base: str = DEFAULT_BASE,
    notice: Callable[[str], None] | None = None,
) -> FeatureSet:
    r"""Read the features of any source that can be linked.

    Parameters
    ----------
    source
        A GeoDataFrame; an Arrow table with WKB; a `FeatureSet`; a graph store that is open; or a path or URL: CSV or
        TSV with WKT or with x and y (``.csv``, ``.tsv``, also ``.gz``, ``.zst``), GeoParquet, RDF (``.nt``, ``.ttl``
        and others, packed too), JSON, XML, STAC items (``.json``), a classified raster (``.tif``), everything else
        that GDAL reads, the folder of a graph store, ``http(s)://`` of a SPARQL endpoint or of a catalogue (a STAC
        API), or the URL of a database (``sqlite:///file``, ``postgresql+psycopg://...``). Also a mapping's `Database`
        or `ClassifiedRaster`, an iterable of `pystac.Item`, and a search for these, such as `CatalogueSearch`.
    id_column
        Column with the IRIs, or with what makes one after `prefix`; by default ``iri``, ``uri`` or ``id``, else the
        key that a mapping of the source has (`describe_source`): a column without gaps and repeats, or ``fid``, the
        number of the feature in its file. RDF sources have their own IRIs.
    prefix
        Put before the percent-encoded values of the id column. `None` for that of the mapping that `draft_mapping`
        makes of a file or a table with this `base`, where these are no IRIs.
    crs
        Reference system of a source that does not say its own; one that does keeps it.
    geometry
        Column with the shapes, of CSV, Arrow tables and records (WKT, or WKB in hexadecimal); found where there is one.
    layer
        Layer of a file, table of a database, or where the records are: a JSONPath or an XPath, found by default.
    times
        Columns or function that say when each feature holds. For RDF: one or two paths of properties from the feature
        to its times, e.g. ``dcterms:date`` or ``time:hasTime/time:hasBeginning/time:inXSDDateTime``.
    query
        For an endpoint or a store: a SELECT of ``?feature ?geometry`` (a geometry literal) in place of the usual one;
        for a database one in SQL; for a catalogue a condition in CQL2 text.
    search
        What is searched for in a catalogue on the web. Without it, what the address answers tells whether it is one.
    client
        How to reach an endpoint or a catalogue; by default one that refuses private addresses.
    progress
        Where it is told how many items a catalogue has given so far.
    base
        Start of the prefix that is found.
    notice
        Told what names the features, where that was not said.

    Raises
    ------
    DataMissingError, DataBrokenError
        The source is not there, cannot be read, or changed while it was read.
    CrsError
        The source does not say its reference system, and `crs` does not either.
    InputError
        A column is missing, or an id makes no IRI.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "fields.csv"
    >>> _ = path.write_text('id,wkt\n7,"POINT (11 48)"\n')
    >>> read_features(path, prefix="urn:field:", crs=4326).iris.to_pylist()
    ['urn:field:7']
    """
    if isinstance(source, FeatureSet):
        return source
    wanted: dict[str, Any] = {
        "naming": Naming(column=id_column, prefix=prefix, base=base, notice=notice), "crs": crs, "times": times,
    }  # fmt: skip
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        items = _items_at(source, search, query, client, progress)
        if items is None:
            return features_of_endpoint(source, query=query, client=client, times=_paths(times))
        source, query = items, None
    elif search:
        raise InputError(
            "Only a catalogue on the web is searched by collections, a box or a time.",
            hint="Give the address of its landing page, https://.../stac.",
        )
    if not isinstance(source, str | Path) or is_database_url(source):
        source = _found_items(source, progress)
        records = None if hasattr(source, "geometry") else _records(source, layer, query)
        if records is not None:
            return _of_records(records, geometry=geometry, **wanted)
        return _of_memory(source, geometry=geometry, query=query, **wanted)
    if isinstance(source, str) and (scheme := _SCHEME.match(source)):
        raise InputError(  # what follows may hold a password
            f"'{scheme[1]}://' is no address of a source.",
            hint="Give a path, https:// of an endpoint or a catalogue, or sqlite:// or postgresql+psycopg:// of a "
            "database.",
        )
    return _of_path(Path(source), geometry=geometry, layer=layer, query=query, **wanted)


def _found_items(source: Any, progress: Progress) -> Any:
    """Give the items that a search finds; anything else as it is."""
    from extremeearth.knowledge.mapping.sources.items import ItemSearch, stored

    if not isinstance(source, ItemSearch):
        return source
    return stored("items", source.find_items(), progress=progress)


def _items_at(
    url: str,
    search: Search | None,
    query: str | None,
    client: SafeClient | None,
    progress: Progress,
) -> ItemSource | None:
    """Give the items of a catalogue; `None` if something else is at the address."""
    from extremeearth.core.http import SafeClient
    from extremeearth.knowledge.mapping.sources.items import stored

    with nullcontext(client) if client is not None else SafeClient() as own:
        page = None if search else first_page(url, own)
        if page is None and not search:
            return None
        asked = Search(condition=query).over(search or Search())
        return stored("items", search_items(url, asked, client=own, page=page), progress=progress)


def _of_path(
    path: Path, *, geometry: str | None, layer: str | None, query: str | None, **wanted: Any
) -> FeatureSet:
    if not path.exists():
        raise DataMissingError(f"There is no {path}.", hint="Check the name.")
    ending = path.with_suffix("").suffix.lower() if path.suffix in PACKED else path.suffix.lower()
    _check_asked(
        path.name, ending, layer=layer, query=query, store=path.is_dir() and ending != ".gdb"
    )
    refuse_page(path)
    with _unchanged(path):
        if path.is_dir() and ending != ".gdb":
            from extremeearth.knowledge.store import open_graph

            with open_graph(path, read_only=True) as graph:
                return features_of_graph(graph, query=query, times=_paths(wanted["times"]))
        if ending in RDF_ENDINGS:
            return features_of_rdf(path, ending, times=_paths(wanted["times"]))
        records = open_records(path, layer=layer)
        if records is not None:
            return _of_records(records, geometry=geometry, **wanted)
        naming: Naming = wanted.pop("naming")
        fids = naming.column == FEATURE_NUMBER
        table = read_file(path, ending, geometry, layer, fids=fids)
        described = table.columns if path.suffix in PACKED else path  # mappings read nothing packed
        naming, problem = naming.settled(described, _names(table), name=path.name, layer=layer)
        if naming.column is not None and naming.column not in _names(table) and not fids:
            table = read_file(path, ending, geometry, layer, fids=True)
        if naming.prefix is None:
            naming = replace(naming, stem=stem_of(path, layer))
    return _features(table, path.name, naming=naming, problem=problem, **wanted)


def _names(table: FeatureTable) -> list[str]:
    return list(table.columns.column_names)


def _check_asked(
    name: str, ending: str, *, layer: str | None, query: str | None, store: bool
) -> None:
    """Raise if a source is asked for what it has not, so that nothing is left out unseen."""
    if query is not None and not store:
        raise InputError(
            f"{name} is no database, endpoint, store or catalogue: a query cannot be asked of it.",
            hint="Leave the query out.",
        )
    if layer is not None and (
        store or ending in {*CSV_ENDINGS, *PARQUET_ENDINGS, *RDF_ENDINGS, *RASTER_ENDINGS}
    ):
        raise InputError(f"{name} has no layers.", hint="Leave the layer out.")


def _records(source: Any, layer: str | None, query: str | None) -> RecordReader | None:
    if hasattr(source, "find_version"):  # a graph store
        return None
    return open_records(source, layer=layer, query=query)


def _of_records(
    records: RecordReader, *, naming: Naming, crs: Any, geometry: str | None, times: Times | None
) -> FeatureSet:
    """Read what is needed of records: who they are, where, and when."""
    names = list(records.references)
    if records.items and times == "datetime":
        times = ITEM_SPAN
    when = names if callable(times) else [times] if isinstance(times, str) else list(times or ())
    with records.database or nullcontext():
        naming, problem = naming.settled(
            records.described, names, name=records.name, layer=records.source.iterator
        )
        if naming.column is None:
            assert problem is not None
            raise problem
        table = records.read(
            list(dict.fromkeys((naming.column, *when))), geometry=geometry,
            crs=None if crs is None else as_crs(crs),
        )  # fmt: skip
    return _features(
        table, records.name, naming=replace(naming, stem=records.stem), crs=crs, times=times
    )


def _of_memory(
    source: Any, *, naming: Naming, crs: Any, geometry: str | None, times: Times | None, query: str | None
) -> FeatureSet:  # fmt: skip
    if hasattr(source, "query") and hasattr(source, "find_version"):
        return features_of_graph(source, query=query, times=_paths(times))
    if hasattr(source, "geometry"):
        if source.crs is None and crs is not None:
            source = source.set_crs(as_crs(crs).to_wkt())
        naming, problem = naming.settled(source, list(source.columns), name="the table")
        if problem is not None:
            raise problem
        return feature_set(source, id_column=naming.column, prefix=naming.prefix or "", times=times)
    if not hasattr(source, "column_names"):
        raise InputError(
            f"A {type(source).__name__} is no source of features.",
            hint="Give a GeoDataFrame, an Arrow table, a path or a URL.",
        )
    table = of_arrow(source, geometry)
    naming, problem = naming.settled(table.columns, _names(table), name="the table")
    return _features(table, "the table", naming=naming, problem=problem, crs=crs, times=times)


def _paths(times: Times | None) -> TimePaths:
    if callable(times):
        raise InputError(
            "The times of RDF are no table that a function could look at.",
            hint="Name one or two properties.",
        )
    return () if times is None else (times,) if isinstance(times, str) else tuple(times)


def _features(
    table: FeatureTable,
    name: str,
    *,
    naming: Naming,
    crs: Any,
    times: Times | None,
    problem: InputError | None = None,
) -> FeatureSet:
    """Make features of a table; raise with all that is not known of it."""
    names, problems = _names(table), list[ExtremeEarthError]([problem] if problem else [])
    if naming.column is not None and naming.column not in names:
        problems.append(
            InputError(
                f"{name} has no column '{naming.column}'.", hint=f"There are: {', '.join(names)}."
            )
        )
    given = None if crs is None else as_crs(crs)
    system = table.crs or given
    if system is None:
        problems.append(
            CrsError(
                f"{name} does not say its reference system.",
                hint="Say it: crs=4326 in Python, --crs EPSG:4326 on the command line (or --source-crs, "
                "--target-crs).",
            )
        )
    if problems or system is None or naming.column is None:
        raise together(problems)
    spans = None if times is None else spans_of(table.columns.to_pandas(), times)
    values = table.columns[naming.column]
    return FeatureSet(
        iris_of(values, prefix=naming.prefix_of(values, name=name), name=naming.column),
        table.shapes, system, spans, table.unread, table.valid,
    )  # fmt: skip


@contextmanager
def _unchanged(path: Path) -> Iterator[None]:
    """Raise `DataBrokenError` if a file is not the same after the block."""

    def state() -> tuple[int, int] | None:
        if path.is_dir():
            return None
        now = path.stat()
        return now.st_size, now.st_mtime_ns

    before = state()
    yield
    if state() != before:
        raise DataBrokenError(
            f"{path.name} changed while it was read.", hint="Try again when nothing writes to it."
        )
