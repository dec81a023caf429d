"""One platform: the database, the object store and the rooms over them, opened from the settings."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from extremeearth.app.schema import upgrade
from extremeearth.core.database import Database
from extremeearth.core.http import SafeClient
from extremeearth.core.settings import Settings
from extremeearth.data.catalogue import Catalogue
from extremeearth.infrastructure.objects import ObjectStore, open_store
from extremeearth.knowledge.store import Graph
from extremeearth.processing.accounts import Accounts
from extremeearth.processing.jobs import Job, JobQueue
from extremeearth.processing.models import ModelRegistry
from extremeearth.product.processors import (
    CropTypeProcessor,
    LeafAreaIndexProcessor,
    Processor,
    Services,
    WaterAvailabilityProcessor,
)

__all__ = ["Platform", "environment_of"]


@dataclass(frozen=True)
class Platform:
    """Everything that one process of the platform works with.

    Examples
    --------
    >>> import tempfile
    >>> with Platform.open(Settings(home=tempfile.mkdtemp())) as platform:
    ...     sorted(platform.processors())
    ['crop-type', 'leaf-area-index', 'water-availability']
    """

    settings: Settings
    database: Database
    store: ObjectStore

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open a platform, and bring its database to this version of the code.

        Raises
        ------
        StorageError
            The database or the object store cannot be reached.
        SchemaVersionError
            A newer version of the code made the database.
        """
        database = Database(settings.database_url)
        upgrade(database)
        return cls(
            settings=settings,
            database=database,
            store=open_store(settings.objects_url, settings=settings),
        )

    @cached_property
    def catalogue(self) -> Catalogue:
        """The catalogue of items."""
        return Catalogue(self.database, self.store)

    @cached_property
    def accounts(self) -> Accounts:
        """Users, projects and keys."""
        return Accounts(self.database)

    @cached_property
    def queue(self) -> JobQueue:
        """The queue of jobs."""
        return JobQueue(self.database)

    @cached_property
    def registry(self) -> ModelRegistry:
        """The model registry."""
        return ModelRegistry(self.catalogue, self.store)

    @cached_property
    def graph(self) -> Graph:
        """The GeoSPARQL store; several processes can work on it at once."""
        settings = self.settings
        client = SafeClient(allow_hosts=settings.allow_hosts) if settings.graph_fetch else None
        return Graph.open(self.graph_folder, settings=settings, client=client)

    @property
    def graph_folder(self) -> Path:
        """Where the GeoSPARQL store of this platform is."""
        return self.settings.home / "graph"

    def services(self, *, serving_url: str | None = None) -> Services:
        """Give what processors work with."""
        return Services(
            settings=self.settings,
            catalogue=self.catalogue,
            store=self.store,
            registry=self.registry,
            serving_url=serving_url,
        )

    def processors(self, *, serving_url: str | None = None) -> dict[str, Processor]:
        """Give every processor by its id."""
        services = self.services(serving_url=serving_url)
        every: tuple[Processor, ...] = (
            CropTypeProcessor(services),
            LeafAreaIndexProcessor(services),
            WaterAvailabilityProcessor(services),
        )
        return {processor.description.id: processor for processor in every}

    def close(self) -> None:
        """Give everything back."""
        if "graph" in self.__dict__:
            self.graph.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def environment_of(settings: Settings) -> dict[str, str]:
    """Give the environment variables that make another process use the same settings.

    Examples
    --------
    >>> environment_of(Settings(home="/tmp/ee", port=8123))["EXTREMEEARTH_PORT"]
    '8123'
    """
    import json

    variables = {}
    for name, value in settings.model_dump(mode="json").items():
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            variables[f"EXTREMEEARTH_{name.upper()}"] = text
    return variables


def worker_command(job: Job) -> list[str]:
    """Give the command line that runs one job in a process of its own."""
    return [sys.executable, "-m", "extremeearth", "job", "work", job.id]
