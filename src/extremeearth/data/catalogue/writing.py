"""Items into the tables, in batches."""

from __future__ import annotations

from itertools import islice
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from extremeearth.core.errors import ConflictError, NotFoundError
from extremeearth.data.catalogue.tables import CollectionRow, ItemRow, PropertyRow

__all__ = ["write_items"]

BATCH = 500


def write_items(session: Session, rows: list[dict[str, Any]], *, public: bool | None) -> None:
    """Add or replace items, and note their properties, in the session's transaction.

    Parameters
    ----------
    rows
        As :func:`~extremeearth.data.catalogue.facets.row_of` makes them, with ``project_id``.
    public
        Whether everybody may see them; `None` keeps what it was.

    Raises
    ------
    NotFoundError
        A collection does not exist.
    ConflictError
        An item of this name belongs to another project.
    """
    wanted = {row["collection"] for row in rows}
    there = set(session.scalars(select(CollectionRow.id).where(CollectionRow.id.in_(wanted))))
    if wanted - there:
        raise NotFoundError(
            f"There is no collection '{sorted(wanted - there)[0]}'.",
            hint="Add the collection first.",
        )
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        _write_batch(session, batch, public)


def _write_batch(session: Session, rows: list[dict[str, Any]], public: bool | None) -> None:
    there: dict[tuple[str, str], Any] = {}
    for collection in {row["collection"] for row in rows}:
        names = [row["id"] for row in rows if row["collection"] == collection]
        for found in session.execute(
            select(ItemRow.number, ItemRow.id, ItemRow.project_id, ItemRow.public).where(
                ItemRow.collection == collection, ItemRow.id.in_(names)
            )
        ):
            there[collection, found.id] = found
    new, changed = [], []
    for row in rows:
        old = there.get((row["collection"], row["id"]))
        if old is not None and old.project_id != row["project_id"]:
            raise ConflictError(
                f"The name '{row['id']}' is taken in the collection '{row['collection']}'.",
                hint="Choose another.",
            )
        seen = public if public is not None else bool(old.public) if old is not None else False
        if old is None:
            new.append(row | {"public": seen})
        else:
            changed.append(row | {"public": seen, "number": old.number})
    _note_properties(session, new + changed)
    if new:
        session.execute(insert(ItemRow), new)
    if changed:
        session.execute(update(ItemRow), changed)


def _note_properties(session: Session, rows: list[dict[str, Any]]) -> None:
    found = {
        (row["collection"], row["project_id"], row["public"], name, _kind(row["facets"], name))
        for row in rows
        for name in row["facets"]
        if not name.endswith("@")
    }
    columns = (
        PropertyRow.collection, PropertyRow.project_id, PropertyRow.public, PropertyRow.name,
        PropertyRow.kind,
    )  # fmt: skip
    projects = {row["project_id"] for row in rows}
    collections = {row["collection"] for row in rows}
    there = session.execute(
        select(*columns).where(
            PropertyRow.project_id.in_(projects), PropertyRow.collection.in_(collections)
        )
    )
    missing = sorted(found - {tuple(row) for row in there})
    if missing:
        names = [column.key for column in columns]
        session.execute(
            insert(PropertyRow), [dict(zip(names, row, strict=True)) for row in missing]
        )


def _kind(facets: dict[str, Any], name: str) -> str:
    value = facets[name]
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, float):
        return "number"
    if isinstance(value, list):
        return "array"
    return "time" if f"{name}@" in facets else "string"
