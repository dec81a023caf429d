"""The catalogue: STAC items in a database, found by place, time and property, seen by their project."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pystac
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from extremeearth.core.database import Database, is_unique_violation
from extremeearth.core.errors import ConflictError, InputError, NotFoundError, ScopeError
from extremeearth.core.security import Principal
from extremeearth.data.catalogue.compiler import Compiler
from extremeearth.data.catalogue.facets import body_of, check_name, row_of
from extremeearth.data.catalogue.filter_values import plain_text
from extremeearth.data.catalogue.paging import after, read_token, sort_keys, write_token
from extremeearth.data.catalogue.queries import ItemPage, ItemQuery
from extremeearth.data.catalogue.tables import CollectionRow, ItemRow, PropertyRow
from extremeearth.data.catalogue.writing import write_items
from extremeearth.data.products.footprints import normalised
from extremeearth.infrastructure.objects import ObjectStore, key_of

__all__ = ["COMMON_PROPERTIES", "Catalogue"]

COMMON_PROPERTIES = {
    "title": "string", "description": "string", "created": "time", "updated": "time", "platform": "string",
    "constellation": "string", "mission": "string", "gsd": "number", "eo:cloud_cover": "number",
}  # fmt: skip
"""Properties of STAC's common metadata that a filter may name even where no item has them yet."""

ATTEMPTS = 3
MAX_NAMES = 1_000


class Catalogue:
    """Every collection and item of the platform.

    A caller sees the public items and those of its own project; to it, the others do not exist. The
    condition is part of every query, so counts and pages are true for the caller.

    Parameters
    ----------
    database
        Where items are kept; its tables must exist.
    store
        Where their assets are.

    Examples
    --------
    >>> import pystac
    >>> from extremeearth.core.database import Database
    >>> from extremeearth.core.security import ANONYMOUS
    >>> from extremeearth.core.times import as_instant
    >>> from extremeearth.infrastructure.objects import open_store
    >>> database = Database("sqlite://")
    >>> database.create_all()
    >>> catalogue = Catalogue(database, open_store("memory:///"))
    >>> everywhere = pystac.Extent(
    ...     pystac.SpatialExtent([[-180, -90, 180, 90]]), pystac.TemporalExtent([[None, None]])
    ... )
    >>> catalogue.add_collection(pystac.Collection("maps", "Maps of crops", everywhere))
    >>> item = pystac.Item(
    ...     "m1",
    ...     {"type": "Point", "coordinates": [11.6, 48.4]},
    ...     [11.6, 48.4, 11.6, 48.4],
    ...     as_instant("2018-07-01"),
    ...     {"crop": "wheat"},
    ...     collection="maps",
    ... )
    >>> catalogue.add([item], project_id="p", public=True)
    1
    >>> from extremeearth.data.catalogue import ItemQuery, parse_cql2
    >>> page = catalogue.search(ItemQuery(filter=parse_cql2("crop = 'wheat'")), viewer=ANONYMOUS)
    >>> [item.id for item in page.items], page.matched
    (['m1'], 1)
    """

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    # collections -----------------------------------------------------------------------------------

    def add_collection(self, collection: pystac.Collection) -> None:
        """Add a collection, or replace the description of one that is there.

        Raises
        ------
        InputError
            Its name cannot be a part of an object's key.
        """
        name = check_name(collection.id, what="A collection")
        bare = collection.clone()
        bare.clear_links()
        body = json.loads(
            json.dumps(
                bare.to_dict(include_self_link=False, transform_hrefs=False), allow_nan=False
            )
        )
        for _ in range(ATTEMPTS):
            try:
                with self._database.session() as session:
                    row = session.get(CollectionRow, name)
                    if row is None:
                        session.add(CollectionRow(id=name, body=body))
                    elif row.body != body:
                        row.body = body
                return
            except IntegrityError as err:
                if not is_unique_violation(err):
                    raise
        raise ConflictError("Somebody else is writing the same.", hint="Try again.")

    def collections(self) -> list[pystac.Collection]:
        """List all collections, by name."""
        with self._database.session() as session:
            bodies = session.scalars(select(CollectionRow.body).order_by(CollectionRow.id)).all()
        return [pystac.Collection.from_dict(body) for body in bodies]

    def collection(self, collection: str) -> pystac.Collection:
        """Give one collection.

        Raises
        ------
        NotFoundError
            There is none of this name.
        """
        plain_text(collection, what="The name", longest=1_000)
        with self._database.session() as session:
            row = session.get(CollectionRow, collection)
        if row is None:
            raise NotFoundError(
                f"There is no collection '{collection}'.",
                hint="The list of collections has all names.",
            )
        return pystac.Collection.from_dict(row.body)

    def queryables(self, collection: str | None = None, *, viewer: Principal) -> dict[str, str]:
        """Tell which properties a filter may name, and of which kind they are.

        Returns
        -------
        dict
            From name to ``string``, ``number``, ``boolean`` or ``time``.
        """
        if collection is not None:
            self.collection(collection)
        with self._database.session() as session:
            return _known(session, () if collection is None else (collection,), viewer)

    # writing ---------------------------------------------------------------------------------------

    def add(
        self, items: Iterable[pystac.Item], *, project_id: str, public: bool | None = False
    ) -> int:
        """Add items of a project, or replace those of the same name; all of them or none.

        Parameters
        ----------
        items
            Items with a collection that exists. Assets in the object store must lie below
            ``<collection>/<id>/``.
        project_id
            Project that owns them.
        public
            Whether everybody may see them; `None` keeps what it was (a new item is not public).

        Returns
        -------
        int
            How many items were given.

        Raises
        ------
        ConflictError
            An item of this name belongs to another project.
        NotFoundError
            A collection does not exist.
        InputError
            An item cannot be kept; the message says which and why.
        """
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        count = 0
        for item in items:
            row = row_of(body_of(item))
            rows[row["collection"], row["id"]] = row | {"project_id": project_id}
            count += 1
        if not rows:
            return 0
        for _ in range(ATTEMPTS):  # somebody may add the same item between our look and our write
            try:
                with self._database.session() as session:
                    write_items(session, list(rows.values()), public=public)
                return count
            except IntegrityError as err:
                if not is_unique_violation(err):
                    raise
        raise ConflictError("Somebody else is writing the same.", hint="Try again.")

    def delete(self, collection: str, item_id: str, *, viewer: Principal) -> None:
        """Remove an item and its assets.

        Raises
        ------
        NotFoundError
            There is none, or the caller may not see it.
        ScopeError
            It is public, but belongs to another project.
        """
        with self._database.session() as session:
            row = self._row(session, collection, item_id, viewer)
            if viewer.project_id is None or row.project_id != viewer.project_id:
                raise ScopeError(
                    f"The item '{item_id}' belongs to another project.",
                    hint="Only it may remove it.",
                )
            session.delete(row)
        self._store.delete_prefix(f"{collection}/{item_id}")

    # reading ---------------------------------------------------------------------------------------

    def get(self, collection: str, item_id: str, *, viewer: Principal) -> pystac.Item:
        """Give one item.

        Raises
        ------
        NotFoundError
            There is none, or the caller may not see it.
        """
        with self._database.session() as session:
            return pystac.Item.from_dict(self._row(session, collection, item_id, viewer).body)

    def search(self, query: ItemQuery, *, viewer: Principal, count: bool = True) -> ItemPage:
        """Find one page of items.

        Parameters
        ----------
        query
            What to look for.
        viewer
            Who looks.
        count
            Whether to count all matches; costs a second query.

        Raises
        ------
        FilterError
            The filter or the order names a property that no visible item has.
        InputError
            The token belongs to another search.
        """
        with self._database.session() as session:
            base = _base(query, viewer)
            known = frozenset(_known(session, query.collections, viewer))
            compiler = Compiler(session, base=base, known=known)
            conditions = base + _conditions(compiler, query)
            keys = sort_keys(compiler, query.sort)
            # the session computes nothing twice: sets of exact matches are parameters by now
            matched = None
            if count:
                matched = session.scalar(
                    select(func.count()).select_from(ItemRow).where(*conditions)
                )
            statement = select(ItemRow.body, *(key.expression for key in keys)).where(*conditions)
            if query.token is not None:
                statement = statement.where(after(keys, read_token(query.token, query, keys)))
            statement = statement.order_by(*(key.order() for key in keys)).limit(
                query.page_size + 1
            )
            rows = session.execute(statement).all()
        more = len(rows) > query.page_size
        rows = rows[: query.page_size]
        return ItemPage(
            bodies=tuple(row[0] for row in rows),
            next_token=write_token(query, rows[-1][1:]) if more else None,
            matched=matched,
        )

    def items(self, query: ItemQuery, *, viewer: Principal) -> Iterator[pystac.Item]:
        """Go through all items of a search, page after page; `limit` is the size of a page."""
        from dataclasses import replace

        while True:
            page = self.search(query, viewer=viewer, count=False)
            yield from page.items
            if page.next_token is None:
                return
            query = replace(query, token=page.next_token)

    def owner_of_object(self, key: str, *, viewer: Principal) -> pystac.Item | None:
        """Find the item that an object belongs to: it is an asset, or lies below a Zarr one (a chunk).

        Returns
        -------
        pystac.Item or None
            `None` where no item that the caller may see has such an asset.
        """
        parts = key.split("/", 2)
        if len(parts) < 3:
            return None
        try:
            item = self.get(parts[0], parts[1], viewer=viewer)
        except (NotFoundError, InputError):
            return None
        for asset in item.assets.values():
            if asset.href.startswith("object:"):
                owned = key_of(asset.href)
                cube = "zarr" in (asset.media_type or "")
                if key == owned or (cube and key.startswith(f"{owned}/")):
                    return item
        return None

    def is_public(self, collection: str, item_id: str, *, viewer: Principal) -> bool:
        """Tell whether everybody may see an item that the caller sees.

        Raises
        ------
        NotFoundError
            There is none, or the caller may not see it.
        """
        with self._database.session() as session:
            return self._row(session, collection, item_id, viewer).public

    def _row(self, session: Session, collection: str, item_id: str, viewer: Principal) -> ItemRow:
        for name in (collection, item_id):
            plain_text(name, what="The name", longest=1_000)
        row = session.scalars(
            select(ItemRow).where(
                ItemRow.collection == collection, ItemRow.id == item_id, _visible(viewer)
            )
        ).one_or_none()
        if row is None:
            raise NotFoundError(
                f"There is no item '{item_id}' in the collection '{collection}'.",
                hint="Check the name, and that your key is of its project.",
            )
        return row


def _visible(viewer: Principal, table: Any = ItemRow) -> ColumnElement[bool]:
    public: ColumnElement[bool] = table.public.is_(True)
    return (
        public if viewer.project_id is None else or_(public, table.project_id == viewer.project_id)
    )


def _known(session: Session, collections: Sequence[str], viewer: Principal) -> dict[str, str]:
    statement = select(PropertyRow.name, PropertyRow.kind).where(_visible(viewer, PropertyRow))
    if collections:
        statement = statement.where(PropertyRow.collection.in_(collections))
    own = ("id", "collection", "datetime", "start_datetime", "end_datetime")
    found = dict(COMMON_PROPERTIES)
    for name, kind in session.execute(statement.distinct().order_by(PropertyRow.name)):
        found[name] = kind
    return {name: kind for name, kind in found.items() if name not in own}


def _base(query: ItemQuery, viewer: Principal) -> list[ColumnElement[Any]]:
    """Compile what the indexes answer: who sees it, names, time."""
    base: list[ColumnElement[Any]] = [_visible(viewer)]
    for names, column in ((query.collections, ItemRow.collection), (query.ids, ItemRow.id)):
        if len(names) > MAX_NAMES:
            raise InputError(f"More than {MAX_NAMES} names.", hint="Search in parts.")
        if names:
            for name in names:
                plain_text(name, what="A name", longest=1_000)
            base.append(column.in_(names))
    if query.time is not None:
        if query.time.start is not None:
            base.append(ItemRow.end >= query.time.start)
        if query.time.end is not None:
            base.append(ItemRow.start <= query.time.end)
    return base


def _conditions(compiler: Compiler, query: ItemQuery) -> list[ColumnElement[Any]]:
    found: list[ColumnElement[Any]] = []
    box = query.lonlat_box
    if box is not None:
        found.append(compiler.place("intersects", box.polygon(), rectangle=True))
    if query.intersects is not None:
        found.append(compiler.place("intersects", normalised(query.intersects).geometry))
    if query.filter is not None:
        found.append(compiler.condition(query.filter))
    return found
