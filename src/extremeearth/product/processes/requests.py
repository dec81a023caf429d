"""Execute requests and the parameters of the job list, read into values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from extremeearth.core.errors import InputError
from extremeearth.core.times import TimeRange, as_time_range
from extremeearth.processing.jobs import JobFilter, JobStatus
from extremeearth.product.processes.documents import all_outputs
from extremeearth.product.processors import ProcessDescription

__all__ = ["ExecuteRequest", "job_filter", "prefers", "read_request"]

_MEMBERS = frozenset({"process", "inputs", "outputs", "response", "mode"})
_RESPONSES = ("document", "raw")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRequest:
    """What a client asks for: inputs as they came, and how it wants the results.

    Attributes
    ----------
    outputs
        Names of the outputs it wants.
    references
        Those that it wants as links.
    response
        ``document`` for all in one JSON document, ``raw`` for the bare value where there is one output.
    """

    inputs: dict[str, Any]
    outputs: tuple[str, ...]
    references: tuple[str, ...]
    response: str

    @property
    def options(self) -> dict[str, Any]:
        """What the queue keeps with the job."""
        return {
            "outputs": [*self.outputs],
            "references": [*self.references],
            "response": self.response,
        }


def read_request(body: Any, description: ProcessDescription) -> ExecuteRequest:
    """Read the body of an execute request (OGC API - Processes, ``execute.yaml``).

    Raises
    ------
    InputError
        A member is unknown or of the wrong kind, an output is not one of the process, or callbacks are
        asked for, which are not offered.

    Examples
    --------
    >>> process = ProcessDescription(id="wait", version="1.0.0", title="Wait", description="Waits.")
    >>> read_request({"inputs": {}}, process).outputs
    ('items',)
    """
    hint = f"See /processes/{description.id} for what it takes."
    if not isinstance(body, dict):
        raise InputError("The body is not a JSON object.", hint=hint)
    if "subscriber" in body:
        raise InputError("Callbacks are not offered.", hint="Ask for the job's status instead.")
    unknown = sorted(set(body) - _MEMBERS)
    if unknown:
        raise InputError(
            f"'{unknown[0][:64]}' is no member of an execute request.",
            hint=f"Members are: {', '.join(sorted(_MEMBERS))}.",
        )
    inputs = _mapping(body, "inputs", hint)
    response = body.get("response", "document")
    if response not in _RESPONSES:
        raise InputError("'response' is neither 'document' nor 'raw'.", hint=hint)
    known = all_outputs(description)
    wanted: dict[str, Any] = dict.fromkeys(known)
    if "outputs" in body:
        wanted = _mapping(body, "outputs", hint)
    missing = sorted(set(wanted) - set(known))
    if missing:
        raise InputError(
            f"There is no output '{missing[0][:64]}'.", hint=f"There are: {', '.join(known)}."
        )
    references = tuple(
        name
        for name, how in wanted.items()
        if isinstance(how, dict) and how.get("transmissionMode") == "reference"
    )
    return ExecuteRequest(
        inputs=inputs, outputs=tuple(wanted), references=references, response=str(response)
    )


def _mapping(body: Mapping[str, Any], name: str, hint: str) -> dict[str, Any]:
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise InputError(f"'{name}' is not a JSON object.", hint=hint)
    return value


def prefers(header: str | None, what: str) -> bool:
    """Tell whether a ``Prefer`` header (RFC 7240) asks for something.

    Examples
    --------
    >>> prefers("wait=10, respond-async", "respond-async")
    True
    """
    return what in {part.strip().lower() for part in (header or "").replace(";", ",").split(",")}


def job_filter(
    *,
    kinds: Iterable[str],
    processes: Iterable[str],
    statuses: Iterable[str],
    datetime: str | None,
    min_duration_s: float | None,
    max_duration_s: float | None,
) -> JobFilter | None:
    """Read the filters of the job list; lists may be repeated or divided by commas.

    Returns
    -------
    JobFilter or None
        `None` where nothing can match, as only jobs of type ``process`` exist.

    Raises
    ------
    InputError
        A status, type or time frame cannot be read.
    """
    wanted_kinds = _split(kinds)
    for kind in wanted_kinds:
        if kind not in {"process", "openeo"}:
            raise InputError(f"'{kind[:64]}' is not a type of job.", hint="There is: process.")
    if wanted_kinds and "process" not in wanted_kinds:
        return None
    try:
        status = tuple(JobStatus(text) for text in _split(statuses))
    except ValueError as err:
        raise InputError(f"{err}.", hint=f"There are: {', '.join(JobStatus)}.") from err
    created: TimeRange | None = None if datetime is None else as_time_range(datetime)
    return JobFilter(
        status=status,
        process_ids=_split(processes),
        created=created,
        min_duration_s=min_duration_s,
        max_duration_s=max_duration_s,
    )


def _split(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(part for value in values for part in value.split(",") if part)
