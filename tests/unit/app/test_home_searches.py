"""The catalogue of another home as a source of a command: its own one, and only where there is one."""

from __future__ import annotations

from pathlib import Path

import pystac
import pytest
import shapely

from extremeearth.app.command_line.item_searches import HomeSearch
from extremeearth.app.platform import Platform
from extremeearth.core.errors import DataMissingError
from extremeearth.core.settings import Settings
from extremeearth.core.times import as_instant
from extremeearth.knowledge.mapping import Search


def home_of(folder: Path, name: str) -> Path:
    """Make a platform with one public item."""
    extent = pystac.Extent(
        pystac.SpatialExtent([[-180, -90, 180, 90]]), pystac.TemporalExtent([[None, None]])
    )
    shape = shapely.box(10, 48, 11, 49)
    item = pystac.Item(
        name, shapely.geometry.mapping(shape), list(shape.bounds), as_instant("2018-03-01"), {},
        collection="maps",
    )  # fmt: skip
    with Platform.open(Settings(home=folder)) as platform:
        platform.catalogue.add_collection(pystac.Collection("maps", "maps", extent))
        platform.catalogue.add([item], project_id="p", public=True)
    return folder


def names_of(place: str) -> list[str]:
    return [item.id for item in HomeSearch.read(place, Search()).find_items()]


def test_a_folder_without_a_platform_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="no home of a platform"):
        names_of(f"catalogue:{tmp_path}")
    assert list(tmp_path.iterdir()) == []


def test_a_home_has_its_own_database_whatever_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = home_of(tmp_path / "own", "mine"), home_of(tmp_path / "other", "theirs")
    monkeypatch.setenv("EXTREMEEARTH_DATABASE", Settings(home=own).database_url)
    monkeypatch.setenv("EXTREMEEARTH_OBJECTS", Settings(home=own).objects_url)
    assert names_of("catalogue:") == ["mine"]
    assert names_of(f"catalogue:{other}") == ["theirs"]
