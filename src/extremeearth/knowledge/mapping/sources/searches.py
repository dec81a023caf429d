"""A catalogue on the web as a source: the items that a search of its STAC API finds, page by page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from extremeearth.core.boxes import Box, as_box
from extremeearth.core.errors import InputError, LimitError, NoDataError, RemoteError
from extremeearth.core.times import TimeRange, as_time_range

if TYPE_CHECKING:
    import pystac

    from extremeearth.core.http import SafeClient

__all__ = ["CatalogueSearch", "Search", "address_with", "first_page", "search_items"]

ITEMS_PER_PAGE = 500
MAX_ITEMS = 5_000_000
"""A search that finds more is to be cut: its pages may have no end."""
PAGE_TIMEOUT_S = 120.0
_JSON = {"Accept": "application/geo+json, application/json"}
_ANSWERS = ("/search", "/items")
"""Ends of addresses that answer items themselves, as a landing page names them."""
_LANGUAGE = "cql2-text"
_WORDS = frozenset({"collections", "bbox", "datetime", "filter", "filter-lang"})
_KEPT_WORDS = _WORDS | {"ids", "intersects", "query", "filter-crs", "limit"}
"""What the address of a landing page may say of the search that it leads to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is searched for in a catalogue.

    Attributes
    ----------
    collections
        Ids of collections; all where there are none.
    box
        Where, in longitude and latitude.
    time
        When.
    condition
        What else, in CQL2 text; for an API with the filter extension.

    Examples
    --------
    >>> search = Search.read(["maps"], bbox="11,48,12,49", datetime="2018-05-01/..")
    >>> search.parameters()
    {'collections': 'maps', 'bbox': '11.0,48.0,12.0,49.0', 'datetime': '2018-05-01T00:00:00Z/..'}
    """

    collections: tuple[str, ...] = ()
    box: Box | None = None
    time: TimeRange | None = None
    condition: str | None = None

    @classmethod
    def read(
        cls,
        collections: Iterable[str] = (),
        *,
        bbox: str | None = None,
        datetime: str | None = None,
        condition: str | None = None,
    ) -> Self:
        """Read the words of a command line.

        Raises
        ------
        InputError
            A collection has no name.
        BoxError, TimeRangeError
            The box or the time cannot be read.
        """
        names = tuple(collections)
        if any(not name.strip() or "," in name for name in names):
            raise InputError(
                "A collection has no name, or several.", hint="Name each collection on its own."
            )
        return cls(
            collections=names,
            box=None if bbox is None else as_box(bbox),
            time=None if datetime is None else as_time_range(datetime),
            condition=condition,
        )

    @classmethod
    def of_address(cls, text: str) -> Self:
        """Read what stands behind the question mark of an address, in the words of an item search.

        Raises
        ------
        InputError
            A word is not known, has no value, or comes again.
        BoxError, TimeRangeError
            The box or the time cannot be read.

        Examples
        --------
        >>> Search.of_address("collections=maps,cubes&filter=year = 2018").condition
        'year = 2018'
        """
        try:
            pairs = parse_qsl(text, strict_parsing=bool(text), keep_blank_values=True)
        except ValueError as err:
            raise InputError(
                f"The search '{text}' cannot be read.",
                hint="Write collections=maps&bbox=11,48,12,49.",
            ) from err
        said = dict(pairs)
        odd = said.pop("filter-lang", _LANGUAGE) != _LANGUAGE or said.keys() - _WORDS
        if odd or len(dict(pairs)) < len(pairs) or not all(said.values()):
            raise InputError(
                f"The search '{text}' has a word that is not known here, that comes again, or that says nothing.",
                hint="Known are collections, bbox, datetime, and filter in CQL2 text.",
            )
        names = [name.strip() for name in said.get("collections", "").split(",") if name]
        return cls.read(
            names,
            bbox=said.get("bbox"),
            datetime=said.get("datetime"),
            condition=said.get("filter"),
        )

    def __bool__(self) -> bool:
        return any(getattr(self, said.name) for said in fields(self))

    def over(self, other: Search) -> Search:
        """Give this search, with what it does not say taken from another."""
        missing = [said.name for said in fields(self) if not getattr(self, said.name)]
        return replace(self, **{name: getattr(other, name) for name in missing})

    def parameters(self) -> dict[str, str]:
        """Give the parameters of an item search."""
        found = {}
        if self.collections:
            found["collections"] = ",".join(self.collections)
        if self.box is not None:
            found["bbox"] = ",".join(map(str, self.box.bounds))
        if self.time is not None:
            found["datetime"] = str(self.time)
        if self.condition is not None:
            found |= {"filter": self.condition, "filter-lang": _LANGUAGE}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueSearch:
    """A search of a catalogue on the web, as a source: it is asked when it is opened, page by page.

    Attributes
    ----------
    url
        Landing page of a STAC API or of one of its collections, or a search (``.../search?collections=...``).
    search
        What is searched for, beside what the address says.
    client
        How to reach it; by default one that refuses private addresses.

    Examples
    --------
    >>> maps = CatalogueSearch(url="https://hub.example/stac", search=Search(collections=("maps",)))
    >>> maps.address
    'https://hub.example/stac?collections=maps'
    """

    url: str
    search: Search = field(default_factory=Search)
    client: SafeClient | None = field(default=None, compare=False)

    @property
    def address(self) -> str:
        """All of it as one address."""
        return address_with(self.url, self.search.parameters())

    def find_items(self) -> Iterator[pystac.Item]:
        """Ask for the items; see `search_items`."""
        return search_items(self.url, self.search, client=self.client)


def first_page(url: str, client: SafeClient) -> dict[str, Any] | None:
    """Ask what is at an address: the landing page or the items of a catalogue, or `None` if it is no catalogue.

    Raises
    ------
    AddressRefusedError
        The address must not be contacted.
    """
    answer = client.get(_encoded(url), headers=_JSON, timeout_s=PAGE_TIMEOUT_S)
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    if said.get("stac_version") or said.get("type") == "FeatureCollection":
        answer.checked()
        return said
    return None


def search_items(
    url: str,
    search: Search,
    *,
    client: SafeClient | None = None,
    page: dict[str, Any] | None = None,
) -> Iterator[pystac.Item]:
    """Give the items that a search finds, page by page (STAC API - Item Search 1.0).

    Parameters
    ----------
    url
        Landing page of the API or of one of its collections, or a search (``.../search?...``), to which what `search`
        says is added. What the address of a landing page says of a search holds too.
    search
        Where, when, of which collections.
    client
        How to reach it; by default one that refuses private addresses.
    page
        What `first_page` gave of this address, to not ask for it again.

    Raises
    ------
    AddressRefusedError
        An address must not be contacted; those of further pages are checked as well.
    NoDataError
        What is at the address has no search.
    RemoteError
        The server failed, or answered something that is no item, or pages without end.
    LimitError
        There are too many items.
    """
    from extremeearth.core.http import SafeClient

    with ExitStack() as stack:
        own = client or stack.enter_context(SafeClient())
        words = search.parameters()
        url = _encoded(url)
        if not urlsplit(url).path.rstrip("/").endswith(_ANSWERS):
            page = page or first_page(url, own)
            if page is None:
                raise NoDataError(
                    f"{url.partition('?')[0]} is no STAC API.",
                    hint="Give the address of its landing page.",
                )
            if page.get("type") != "FeatureCollection":
                words = _words_of_landing_page(url) | words
            if page.get("type") != "FeatureCollection" or words:
                url, page = _search_of(page, url), None
        if page is None or words:
            url = address_with(url, {"limit": str(ITEMS_PER_PAGE)} | _own_words(url) | words)
            page = _page(own, url)
        yield from _pages(own, url, page)


def _search_of(page: dict[str, Any], url: str) -> str:
    """Find the address that answers items, in the links of a landing page or of a collection."""
    wanted = "items" if page.get("type") == "Collection" else "search"
    for link in _links(page):
        if link.get("rel") == wanted and link.get("method", "GET") == "GET" and link.get("href"):
            return urljoin(url, str(link["href"]))
    raise NoDataError(
        f"{url.partition('?')[0]} is a catalogue without a search.",
        hint="Give the landing page of a STAC API; the items of a static catalogue can be read from a file.",
    )


def _links(page: dict[str, Any]) -> list[dict[str, Any]]:
    links = page.get("links")
    return [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []


def _words_of_landing_page(url: str) -> dict[str, str]:
    """Give what an address says of a search; dates are told as the instants that an API asks for."""
    said = {name: value for name, value in _own_words(url).items() if name in _KEPT_WORDS}
    if "datetime" in said:
        said["datetime"] = str(as_time_range(said["datetime"]))
    return said


def _encoded(url: str) -> str:
    """Encode what no address holds, such as the spaces of a condition, and nothing else."""
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]")


def _own_words(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def address_with(url: str, words: dict[str, str]) -> str:
    """Add parameters to an address, in place of what it says of the same name.

    Examples
    --------
    >>> address_with("https://hub.example/stac/search?limit=7", {"bbox": "11,48,12,49"})
    'https://hub.example/stac/search?limit=7&bbox=11,48,12,49'
    """
    parts = urlsplit(url)
    if parts.path.rstrip("/").endswith("/items"):  # the collection is in the path
        words = {name: value for name, value in words.items() if name != "collections"}
    said = _own_words(url) | words
    return urlunsplit(parts._replace(query=urlencode(said, safe=",:/")))


def _page(client: SafeClient, url: str, body: Any = None) -> dict[str, Any]:
    if body is None:
        answer = client.get(url, headers=_JSON, timeout_s=PAGE_TIMEOUT_S)
    else:
        answer = client.post(
            url, content=json.dumps(body).encode(), timeout_s=PAGE_TIMEOUT_S,
            headers={**_JSON, "Content-Type": "application/json"},
        )  # fmt: skip
    said = answer.checked().json()
    if not isinstance(said, dict) or not isinstance(said.get("features"), list):
        raise RemoteError(f"{url.partition('?')[0]} did not answer with items.", hint="Check it.")
    return said


def _pages(client: SafeClient, url: str, page: dict[str, Any]) -> Iterator[pystac.Item]:
    seen: set[tuple[str, str]] = set()
    count = 0
    while True:
        for feature in page["features"]:
            yield _item(feature, url)
            count += 1
            if count > MAX_ITEMS:
                raise LimitError(
                    f"The search finds more than {MAX_ITEMS} items.",
                    hint="Name collections, a box or a time.",
                )
        link = next((link for link in _links(page) if link.get("rel") == "next"), None)
        if link is None or not link.get("href"):
            return
        url = urljoin(url, str(link["href"]))
        body = link.get("body", {}) if str(link.get("method", "GET")).upper() == "POST" else None
        here = (url, json.dumps(body, sort_keys=True))
        if here in seen:
            raise RemoteError(
                f"{url.partition('?')[0]} answers the same page again and again.",
                hint="Ask whoever runs it.",
            )
        seen.add(here)
        page = _page(client, url, body)


def _item(feature: Any, url: str) -> pystac.Item:
    import pystac

    try:
        return pystac.Item.from_dict(feature, href=None)
    except (
        pystac.STACError,
        pystac.STACTypeError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
    ) as err:
        raise RemoteError(
            f"{url.partition('?')[0]} answered something that is no STAC item: {err}.",
            hint="Ask whoever runs it.",
        ) from err
