"""Every table of the platform, gathered from the rooms that own them."""

from __future__ import annotations

from sqlalchemy import MetaData

import extremeearth.data.catalogue.tables
import extremeearth.processing.accounts.tables
import extremeearth.processing.jobs.tables  # noqa: F401 - imported so that the tables are declared
from extremeearth.core.database import Base

__all__ = ["all_tables"]


def all_tables() -> MetaData:
    """Give the metadata with the tables of all rooms."""
    return Base.metadata
