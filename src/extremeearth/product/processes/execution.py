"""Runs a processor and brings what came out into the catalogue, all of it or nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pystac

from extremeearth.core.errors import KeyInvalidError, NotFoundError, StorageError
from extremeearth.product.processes.inputs import check_inputs
from extremeearth.product.processors import Processor

if TYPE_CHECKING:
    from extremeearth.data.catalogue import Catalogue
    from extremeearth.processing.jobs import Job, JobContext

__all__ = ["execute", "run_processor"]

STAGE_OUT_WAITS_S = (0.5, 2.0, 5.0)


def run_processor(
    processor: Processor, inputs: Mapping[str, Any], context: JobContext, catalogue: Catalogue
) -> list[pystac.Item]:
    """Check the inputs, run a processor, and add its items to the catalogue in one go.

    An item is seen by its project alone, unless the process has an input ``public`` that is true. Adding is
    tried again where the database is out of reach for a moment: hours of work must not be lost to that.

    Raises
    ------
    InputError
        An input is wrong.
    KeyInvalidError
        The context is of nobody, so there is no project to add to.
    CancelledError
        The work was cancelled; nothing is added.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from extremeearth.core.database import Database
    >>> from extremeearth.core.security import Principal
    >>> from extremeearth.data.catalogue import Catalogue
    >>> from extremeearth.infrastructure.objects import open_store
    >>> from extremeearth.processing.jobs import JobContext
    >>> from extremeearth.product.processors import ProcessDescription
    >>> class Nothing:
    ...     description = ProcessDescription(id="nothing", version="1", title="n", description="n")
    ...
    ...     def run(self, inputs, context):
    ...         return []
    >>> catalogue = Catalogue(Database("sqlite://"), open_store("memory:///"))
    >>> ada = Principal(user_id="u", project_id="p", key_id="k")
    >>> context = JobContext(workspace=Path(tempfile.mkdtemp()), principal=ada)
    >>> run_processor(Nothing(), {}, context, catalogue)
    []
    """
    project_id = context.principal.project_id
    if project_id is None:
        raise KeyInvalidError(
            "What comes out has to belong to a project.", hint="Run it with an API key."
        )
    values = check_inputs(processor.description, inputs)
    items = processor.run(values, context)
    context.progress.token.check()
    _stage_out(catalogue, items, project_id=project_id, public=values.get("public") is True)
    context.log(f"{len(items)} items added to the catalogue.")
    return items


def execute(
    job: Job, context: JobContext, *, processors: Mapping[str, Processor], catalogue: Catalogue
) -> dict[str, Any]:
    """Do the work of a job; what `run_job` calls.

    Returns
    -------
    dict
        The results by output name: ``items``, a STAC item collection.

    Raises
    ------
    NotFoundError
        There is no such process any more.

    Examples
    --------
    >>> from pathlib import Path
    >>> from types import SimpleNamespace
    >>> from extremeearth.processing.jobs import JobContext
    >>> job = SimpleNamespace(process_id="gone", inputs={})
    >>> execute(job, JobContext(workspace=Path(".")), processors={}, catalogue=None)
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.NotFoundError: There is no process 'gone'. See /processes for those there are.
    """
    processor = processors.get(job.process_id)
    if processor is None:
        raise NotFoundError(
            f"There is no process '{job.process_id}'.", hint="See /processes for those there are."
        )
    items = run_processor(processor, job.inputs, context, catalogue)
    return {"items": pystac.ItemCollection(items, clone_items=False).to_dict()}


def _stage_out(
    catalogue: Catalogue, items: list[pystac.Item], *, project_id: str, public: bool
) -> None:
    _add_missing_collections(catalogue, items)
    for wait_s in STAGE_OUT_WAITS_S:
        try:
            catalogue.add(items, project_id=project_id, public=public)
            return
        except StorageError:
            time.sleep(wait_s)
    catalogue.add(items, project_id=project_id, public=public)


def _add_missing_collections(catalogue: Catalogue, items: list[pystac.Item]) -> None:
    """Make the collections that are not there yet: work must not be lost for want of a description."""
    for name in sorted({item.collection_id for item in items if item.collection_id}):
        try:
            catalogue.collection(name)
        except NotFoundError:
            everywhere = pystac.SpatialExtent([[-180.0, -90.0, 180.0, 90.0]])
            always: list[list[datetime | None]] = [[None, None]]
            extent = pystac.Extent(everywhere, pystac.TemporalExtent(always))
            catalogue.add_collection(
                pystac.Collection(name, description="What processors made.", extent=extent)
            )
