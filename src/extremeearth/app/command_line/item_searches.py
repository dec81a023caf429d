"""Catalogues as sources of a command: a STAC API on the web, or a platform's own, and what is searched for in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extremeearth.app.command_line.options import open_platform, settings_for
from extremeearth.core.errors import DataMissingError

if TYPE_CHECKING:
    import pystac

    from extremeearth.app.platform import Platform
    from extremeearth.core.http import SafeClient
    from extremeearth.knowledge.mapping import CatalogueSearch, Search

__all__ = ["HomeSearch", "allowed_client", "is_catalogue", "own_catalogue", "search_at"]

_OWN = "catalogue:"
_WEB = ("https://", "http://")
MAX_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSearch:
    """A search of the catalogue of a platform on this machine, for its public items.

    Attributes
    ----------
    home
        Folder of the platform, with a database of its own; what the settings say where it is `None`.
    search
        What is searched for.
    """

    home: Path | None
    search: Search

    @classmethod
    def read(cls, place: str, search: Search) -> HomeSearch:
        """Read ``catalogue:FOLDER?collections=...``; what `search` says wins.

        Raises
        ------
        DataMissingError
            There is no such folder, or no platform in it.
        InputError
            What is searched for cannot be read.
        """
        from extremeearth.core.settings import HOME_DATABASE
        from extremeearth.knowledge.mapping import Search as Asked

        folder, mark, words = place.removeprefix(_OWN).rpartition("?")
        if not mark or Path(f"{folder}?{words}").is_dir():
            folder, words = place.removeprefix(_OWN), ""
        if folder and not Path(folder).is_dir():
            raise DataMissingError(f"There is no folder {folder}.", hint="Check the name.")
        if folder and not Path(folder, HOME_DATABASE).is_file():  # to open one would make it
            raise DataMissingError(
                f"{folder} is no home of a platform: it has no {HOME_DATABASE}.",
                hint="Name the folder that EXTREMEEARTH_HOME was when its catalogue was filled.",
            )
        return cls(
            home=Path(folder) if folder else None,
            search=search.over(Asked.of_address(words)),
        )

    @property
    def address(self) -> str:
        """All of it as one address."""
        from urllib.parse import urlencode

        words = urlencode(self.search.parameters(), safe=",:/")
        return f"{_OWN}{self.home or ''}{f'?{words}' if words else ''}"

    def find_items(self) -> Iterator[pystac.Item]:
        """Search, page by page."""
        from extremeearth.core.security import ANONYMOUS
        from extremeearth.data.catalogue import ItemQuery, parse_cql2

        condition = self.search.condition
        query = ItemQuery(
            collections=self.search.collections, box=self.search.box, time=self.search.time, limit=MAX_PAGE,
            filter=None if condition is None else parse_cql2(condition),
        )  # fmt: skip
        with self._open() as platform:
            yield from platform.catalogue.items(query, viewer=ANONYMOUS)

    def _open(self) -> Platform:
        if self.home is None:
            return open_platform()
        from extremeearth.app.platform import Platform

        # what the settings say of a database and of objects is said of the usual home
        return Platform.open(
            settings_for(self.home).model_copy(update={"database": None, "objects": None})
        )


def own_catalogue(place: str) -> bool:
    """Tell whether a place is the catalogue of a platform on this machine.

    Examples
    --------
    >>> own_catalogue("catalogue:"), own_catalogue("catalogue.csv")
    (True, False)
    """
    return place.startswith(_OWN)


def is_catalogue(place: str) -> bool:
    """Tell whether a place is a catalogue, here or on the web.

    Examples
    --------
    >>> is_catalogue("https://hub.example/stac")
    True
    """
    return place.startswith((_OWN, *_WEB))


def search_at(
    place: str, search: Search | None, client: SafeClient | None
) -> HomeSearch | CatalogueSearch | None:
    """Give the search that a place of the command line is; `None` if it is no catalogue.

    Parameters
    ----------
    place
        ``catalogue:``, ``catalogue:FOLDER``, or the address of a STAC API; each also with what is searched for.
    search
        What is searched for besides.
    client
        How to reach what is on the web.
    """
    from extremeearth.knowledge.mapping import CatalogueSearch
    from extremeearth.knowledge.mapping import Search as Asked

    search = search or Asked()
    if own_catalogue(place):
        return HomeSearch.read(place, search)
    if place.startswith(_WEB):
        return CatalogueSearch(url=place, search=search, client=client)
    return None


def allowed_client(places: Iterable[str]) -> AbstractContextManager[SafeClient | None]:
    """Open a client that reaches what the settings allow, if one of these places is on the web."""
    if not any(place.startswith(_WEB) for place in places):
        return nullcontext()
    from extremeearth.core.http import SafeClient

    return SafeClient(allow_hosts=settings_for().allow_hosts)
