"""What a processor is: its description, the services it may use, and how it is run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from extremeearth.core.errors import InputError

if TYPE_CHECKING:
    import pystac

    from extremeearth.core.settings import Settings
    from extremeearth.data.catalogue import Catalogue
    from extremeearth.infrastructure.objects import ObjectStore
    from extremeearth.processing.jobs import JobContext
    from extremeearth.processing.models import ModelRegistry

__all__ = [
    "InputDescription",
    "OutputDescription",
    "ProcessDescription",
    "Processor",
    "Services",
]

IDENTIFIER = re.compile(r"[a-z][a-z0-9-]{0,62}[a-z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDescription:
    """One input of a process.

    Attributes
    ----------
    title, description
        Words for people; the unit, where there is one, is in the description or the schema's ``x-unit``.
    schema
        JSON Schema (draft 2020-12) of the value, with ``default`` where the input may be left out, and
        ``format`` or ``contentMediaType`` where they say more.
    required
        Whether the input must be given; one with a ``default`` need not be.

    Examples
    --------
    >>> InputDescription(
    ...     title="Days", description="Length in days.", schema={"type": "integer"}
    ... ).required
    True
    """

    title: str
    description: str
    schema: dict[str, Any]
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDescription:
    """One output of a process; `schema` is its JSON Schema (draft 2020-12).

    Examples
    --------
    >>> OutputDescription(title="Items", description="STAC items.", schema={"type": "object"}).title
    'Items'
    """

    title: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessDescription:
    """What a process is called, eats and gives, as OGC API - Processes describes it.

    Attributes
    ----------
    id
        Lower-case letters, digits and hyphens.
    version
        Version of the processor, e.g. ``1.0.0``.
    inputs, outputs
        By name. Every processor's results hold the output ``items``, a STAC item collection.

    Raises
    ------
    InputError
        `id` cannot stand in a URL.

    Examples
    --------
    >>> ProcessDescription(
    ...     id="crop-type", version="1.0.0", title="Crop types", description="Maps crops."
    ... ).keywords
    ()
    """

    id: str
    version: str
    title: str
    description: str
    keywords: tuple[str, ...] = ()
    inputs: Mapping[str, InputDescription] = field(default_factory=dict)
    outputs: Mapping[str, OutputDescription] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not IDENTIFIER.fullmatch(self.id):
            raise InputError(
                f"'{self.id}' cannot name a process.",
                hint="Use lower-case letters, digits and hyphens.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What a processor may use; the application makes it once and gives it to every processor.

    Attributes
    ----------
    serving_url
        Base URL of the online model server (Open Inference Protocol v2), or `None` where there is none.
    """

    settings: Settings
    catalogue: Catalogue
    store: ObjectStore
    registry: ModelRegistry
    serving_url: str | None = None


class Processor(Protocol):
    """What a user of a thematic platform runs; made with the platform's `Services`.

    `run` may be called many times, each in a process of its own.
    """

    description: ProcessDescription

    def run(self, inputs: Mapping[str, Any], context: JobContext) -> list[pystac.Item]:
        """Do the work and give the items that came out, their assets already in the object store.

        Parameters
        ----------
        inputs
            Checked against the schemas of the description, defaults filled in.
        context
            The job: progress and cancellation, log, an own folder, the caller, short-lived keys.

        Returns
        -------
        list of pystac.Item
            Who called adds them to the catalogue under the job's project, all at once at the end.
        """
