"""Links and the shapes of both their features, batch by batch out of the file that a run wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from extremeearth.core.boxes import LONLAT
from extremeearth.core.errors import DataMissingError, InputError
from extremeearth.core.geodesy import transform

if TYPE_CHECKING:
    import pyarrow as pa
    from geopandas import GeoDataFrame

    from extremeearth.knowledge.interlinking.features import FeatureSet

__all__ = ["links_in", "links_with_shapes", "rows_of"]


def links_in(path: Path) -> Iterator[pa.Table]:
    """Read a file of links: tables of ``source, relation, target``, some ten thousand rows at a time.

    Raises
    ------
    DataMissingError
        There is no such file.
    DataBrokenError
        It is not N-Triples.
    """
    import pyarrow as pa

    from extremeearth.knowledge.rdf import read_ntriples

    if not path.is_file():
        raise DataMissingError(f"There is no file {path}.", hint="Check the name.")
    with pa.input_stream(str(path), compression="detect") as stream:
        for found in read_ntriples(stream, block_bytes=4 << 20):
            yield pa.table(
                {
                    name: found.values.take(pa.array(found.rows[:, place]))
                    for place, name in enumerate(("source", "relation", "target"))
                }
            )


def rows_of(iris: Any, features: FeatureSet) -> Any:
    """Give the row of each IRI among the features.

    Raises
    ------
    InputError
        An IRI is none of theirs.
    """
    import pyarrow.compute as pc

    rows = pc.index_in(iris.cast(features.iris.type), value_set=features.iris)
    if rows.null_count:
        example = iris.filter(pc.is_null(rows))[0].as_py()
        raise InputError(
            f"A link names <{example}>, which is no feature of the source that was given.",
            hint="Give the sources that the links were made of, with the same ids and prefixes.",
        )
    return rows.to_numpy()


def links_with_shapes(
    links: pa.Table, left: FeatureSet, right: FeatureSet | None = None
) -> GeoDataFrame:
    """Put the shapes of both features to each link.

    Parameters
    ----------
    links
        What :func:`link` gave: ``source, relation, target``.
    left, right
        What was linked; `None` where one set was linked with itself.

    Returns
    -------
    geopandas.GeoDataFrame
        ``source, relation, target, geometry, target_geometry``, both in the left side's reference system.

    Raises
    ------
    InputError
        A link names a feature that is not there.

    Examples
    --------
    >>> import shapely
    >>> from geopandas import GeoDataFrame
    >>> from extremeearth.knowledge.interlinking import link, read_features
    >>> fields = read_features(
    ...     GeoDataFrame({"id": ["urn:f"]}, geometry=[shapely.Point(1, 1)], crs=4326)
    ... )
    >>> regions = read_features(
    ...     GeoDataFrame({"id": ["urn:r"]}, geometry=[shapely.box(0, 0, 9, 9)], crs=4326)
    ... )
    >>> found = links_with_shapes(link(fields, regions, relations=["within"]), fields, regions)
    >>> found.geometry.iloc[0].within(found["target_geometry"].iloc[0])
    True
    """
    import geopandas as gpd

    other = left if right is None else right
    theirs = transform(other.shapes, source=other.crs, target=left.crs)
    frame = gpd.GeoDataFrame(
        links.select(["source", "relation", "target"]).to_pandas(),
        geometry=np.asarray(left.shapes)[rows_of(links["source"], left)],
        crs=left.crs.to_wkt(),
    )
    shapes = np.asarray(theirs)[rows_of(links["target"], other)]
    frame["target_geometry"] = gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs)
    return frame


def in_lonlat(features: FeatureSet) -> Any:
    """Give the shapes of features in longitude and latitude."""
    return transform(features.shapes, source=features.crs, target=LONLAT)
