"""The documents of OGC API - Processes, Part 1: what the routes answer.

Both spellings of the standard's versions are given (``jobID`` and ``type`` of 1.0, ``id`` and
``processingEntityType`` of 2.0), so that clients of either work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from extremeearth.core.times import format_instant
from extremeearth.data.catalogue import STAC_HREF
from extremeearth.infrastructure.objects import key_of
from extremeearth.processing.jobs import Job, JobLimits, JobPage, JobStatus
from extremeearth.product.processors import OutputDescription, ProcessDescription

__all__ = [
    "CONFORMANCE",
    "ITEMS_TYPE",
    "all_outputs",
    "describe",
    "job_list",
    "landing_document",
    "link",
    "status_info",
    "summarise",
    "with_urls",
]

ITEMS_TYPE = "application/geo+json"
_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_CLASSES = ("core", "json", "ogc-process-description", "job-list", "dismiss")

CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/ogcapi-processes-1/{version}/conf/{name}"
    for version in ("1.0", "2.0")
    for name in _CLASSES
)
"""What is implemented and tested."""

ITEMS = OutputDescription(
    title="Items",
    description="What came out, as STAC items with links to their files.",
    schema={
        "type": "object",
        "contentMediaType": ITEMS_TYPE,
        "required": ["type", "features"],
        "properties": {"type": {"const": "FeatureCollection"}, "features": {"type": "array"}},
    },
)
"""The one output that every process has."""


def link(
    href: str, rel: str, title: str, *, media_type: str = "application/json"
) -> dict[str, str]:
    """Make a link.

    Examples
    --------
    >>> link("http://127.0.0.1/jobs", "up", "Jobs")["rel"]
    'up'
    """
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def landing_document(base: str) -> dict[str, Any]:
    """Make the landing page of the processes as JSON; `base` is the URL of the server, without a slash.

    Examples
    --------
    >>> [
    ...     each["rel"].rpartition("/")[2]
    ...     for each in landing_document("http://127.0.0.1:8000")["links"]
    ... ]
    ['self', 'service-desc', 'conformance', 'processes', 'job-list']
    """
    openapi = "application/vnd.oai.openapi+json;version=3.1"
    return {
        "title": "extremeearth",
        "description": "Processors for Copernicus data, run as jobs.",
        "links": [
            link(f"{base}/", "self", "This page"),
            link(f"{base}/api", "service-desc", "The API, as OpenAPI", media_type=openapi),
            link(f"{base}/conformance", f"{_REL}conformance", "What is implemented"),
            link(f"{base}/processes", f"{_REL}processes", "What can be run"),
            link(f"{base}/jobs", f"{_REL}job-list", "What was run"),
        ],
    }


def all_outputs(description: ProcessDescription) -> dict[str, OutputDescription]:
    """Give the outputs of a process, ``items`` always among them."""
    return {"items": ITEMS, **description.outputs}


def summarise(description: ProcessDescription, base: str) -> dict[str, Any]:
    """Make the entry of a process in the list."""
    here = f"{base}/processes/{description.id}"
    return {
        "id": description.id,
        "version": description.version,
        "title": description.title,
        "description": description.description,
        "keywords": [*description.keywords],
        "jobControlOptions": ["async-execute", "dismiss"],
        "outputTransmission": ["value", "reference"],
        "links": [
            link(here, "self", "Its description"),
            link(f"{here}/execution", f"{_REL}execute", "Run it (POST)"),
            link(f"{base}/jobs?processID={description.id}", f"{_REL}job-list", "Its jobs"),
        ],
    }


def describe(description: ProcessDescription, base: str, limits: JobLimits) -> dict[str, Any]:
    """Make the whole description of a process; limits are told before anybody runs into them."""
    inputs = {
        name: {
            "title": about.title,
            "description": about.description,
            "schema": about.schema,
            "minOccurs": int(about.required and "default" not in about.schema),
            "maxOccurs": 1,
            "valuePassing": ["byValue"],
        }
        for name, about in description.inputs.items()
    }
    outputs = {
        name: {"title": about.title, "description": about.description, "schema": about.schema}
        for name, about in all_outputs(description).items()
    }
    bounds = {
        "timeout_s": limits.timeout_s,
        "memory_bytes": limits.memory_bytes,
        "waiting_per_project": limits.waiting_per_project,
        "running_per_project": limits.running_per_project,
    }
    return summarise(description, base) | {"inputs": inputs, "outputs": outputs, "limits": bounds}


def status_info(job: Job, base: str) -> dict[str, Any]:
    """Make the status of a job."""
    here = f"{base}/jobs/{job.id}"
    links = [
        link(here, "self", "This status"),
        link(f"{here}/logs", "related", "Its log"),
        link(f"{base}/jobs", "up", "All jobs"),
        link(f"{base}/processes/{job.process_id}", f"{_REL}processes", "What it runs"),
    ]
    if job.status is JobStatus.SUCCESSFUL:
        links.append(link(f"{here}/results", f"{_REL}results", "Its results"))
    info = {
        "jobID": job.id,
        "id": job.id,
        "processID": job.process_id,
        "type": "process",
        "processingEntityType": "ogc-api-processes",
        "status": str(job.status),
        "message": job.message,
        "progress": job.progress,
        "created": format_instant(job.created),
        "started": _time(job.started),
        "finished": _time(job.finished),
        "updated": format_instant(job.updated),
        "inputs": job.inputs,
        "problem": job.problem,
        "exception": job.problem,
        "links": links,
    }
    return {name: value for name, value in info.items() if value is not None}


def job_list(page: JobPage, base: str, *, here: str, following: str | None) -> dict[str, Any]:
    """Make a page of the job list; `here` is its URL, `following` that of the next."""
    links = [link(here, "self", "This page")]
    if following is not None:
        links.append(link(following, "next", "The next page"))
    return {
        "jobs": [status_info(job, base) for job in page.jobs],
        "numberMatched": page.matched,
        "numberReturned": len(page.jobs),
        "links": links,
    }


def with_urls(items: Iterable[Mapping[str, Any]], base: str) -> list[dict[str, Any]]:
    """Turn references of items into URLs: to objects (``object:``) and to other items (``stac:``).

    Examples
    --------
    >>> item = {
    ...     "id": "a",
    ...     "collection": "maps",
    ...     "assets": {"map": {"href": "object:maps/a/map.tif"}},
    ... }
    >>> with_urls([item], "http://127.0.0.1")[0]["assets"]["map"]["href"]
    'http://127.0.0.1/download/maps/a/map.tif'
    >>> source = {"rel": "derived_from", "href": "stac:models/m-v1"}
    >>> with_urls([item | {"links": [source]}], "http://127.0.0.1")[0]["links"][0]["href"]
    'http://127.0.0.1/stac/collections/models/items/m-v1'
    """
    return [_with_urls(item, base) for item in items]


def _with_urls(item: Mapping[str, Any], base: str) -> dict[str, Any]:
    def url(href: str) -> str:
        if href.startswith("object:"):
            return f"{base}/download/{key_of(href)}"
        if href.startswith(STAC_HREF):
            collection, _, item_id = href.removeprefix(STAC_HREF).partition("/")
            return f"{base}/stac/collections/{collection}/items/{item_id}"
        return href

    assets = {
        name: {**asset, "href": url(asset["href"])}
        for name, asset in item.get("assets", {}).items()
    }
    here = f"{base}/stac/collections/{item.get('collection')}"
    own = [
        link(f"{here}/items/{item['id']}", "self", "This item", media_type=ITEMS_TYPE),
        link(here, "collection", "Its collection"),
    ]
    others = [
        {**each, "href": url(each["href"])}
        for each in item.get("links", [])
        if each.get("rel") not in {"self", "collection"}
    ]
    return {**item, "assets": assets, "links": [*others, *own]}


def _time(value: datetime | None) -> str | None:
    return None if value is None else format_instant(value)
