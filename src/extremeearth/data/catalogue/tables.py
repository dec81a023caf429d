"""Tables of the catalogue: collections, items, and which properties there are to ask for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from extremeearth.core.database import Base, UtcDateTime

__all__ = ["CollectionRow", "ItemRow", "PropertyRow"]

NAME = 220  # longest name, as the object store's longest part of a key


class CollectionRow(Base):
    """One STAC collection."""

    __tablename__ = "catalogue_collections"

    id: Mapped[str] = mapped_column(String(NAME), primary_key=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class ItemRow(Base):
    """One STAC item: its body as it was given, and what searches need in columns of its own.

    `facets` holds the item's properties flattened to dotted names; texts that are times are there a
    second time under ``name@`` in a form that sorts. `west > east` crosses the antimeridian; `boxy` says
    that the footprint is its box, so that no exact test is needed.
    """

    __tablename__ = "catalogue_items"
    __table_args__ = (
        UniqueConstraint("collection", "id"),
        Index("ix_catalogue_items_time", "instant", "number"),
        Index("ix_catalogue_items_box", "west", "east", "south", "north"),
    )

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    collection: Mapped[str] = mapped_column(
        String(NAME), ForeignKey("catalogue_collections.id"), index=True
    )
    id: Mapped[str] = mapped_column(String(NAME), index=True)
    project_id: Mapped[str] = mapped_column(String(NAME), index=True)
    public: Mapped[bool] = mapped_column(Boolean)
    instant: Mapped[datetime] = mapped_column(UtcDateTime)
    start: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    end: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    west: Mapped[float | None] = mapped_column(Float)
    south: Mapped[float | None] = mapped_column(Float)
    east: Mapped[float | None] = mapped_column(Float)
    north: Mapped[float | None] = mapped_column(Float)
    boxy: Mapped[bool] = mapped_column(Boolean)
    footprint: Mapped[bytes | None] = mapped_column(LargeBinary)
    facets: Mapped[dict[str, Any]] = mapped_column(JSON().with_variant(JSONB(), "postgresql"))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


class PropertyRow(Base):
    """A property that items of a project have in a collection, so that a filter can name it."""

    __tablename__ = "catalogue_properties"

    collection: Mapped[str] = mapped_column(
        String(NAME), ForeignKey("catalogue_collections.id"), primary_key=True
    )
    project_id: Mapped[str] = mapped_column(String(NAME), primary_key=True)
    public: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
