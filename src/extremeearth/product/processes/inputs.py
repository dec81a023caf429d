"""Inputs of a process: unwrapped, checked against their schemas, defaults filled in, before a job is made."""

from __future__ import annotations

import base64
import binascii
import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from extremeearth.core.boxes import as_box
from extremeearth.core.errors import ExtremeEarthError, InputError, LimitError
from extremeearth.core.times import as_time_range
from extremeearth.product.processors import InputDescription, ProcessDescription

__all__ = ["check_inputs"]

CRS84 = frozenset(
    {
        "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "https://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "[OGC:CRS84]",
    }
)
QUALIFIERS = frozenset({"value", "mediaType", "encoding", "schema", "format"})
_READERS: dict[str, Callable[[Any], object]] = {"bbox": as_box, "datetime": as_time_range}
MAX_SHOWN = 5
MAX_DEPTH = 32


def check_inputs(description: ProcessDescription, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Check the inputs of an execute request and fill defaults in.

    A value may be given bare or qualified (``{"value": ...}``), a box also as ``{"bbox": [...], "crs": ...}``
    (OGC API - Processes, 7.11.2.4). By convention ``bbox`` is a box in longitude and latitude and
    ``datetime`` a time frame; both are read here, so that one which cannot be right makes no job.

    Returns
    -------
    dict
        Value of each input by name, those without value and default left out.

    Raises
    ------
    InputError
        Names each place that is wrong, and why.

    Examples
    --------
    >>> days = InputDescription(
    ...     title="Days",
    ...     description="Length in days.",
    ...     schema={"type": "integer", "minimum": 1, "default": 7},
    ... )
    >>> process = ProcessDescription(
    ...     id="wait", version="1.0.0", title="Wait", description="Waits.", inputs={"days": days}
    ... )
    >>> check_inputs(process, {})
    {'days': 7}
    >>> check_inputs(process, {"days": 0})
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.InputError: Input 'days': 0 is less than the minimum of 1. See /processes/wait ...
    """
    _bound_depth(inputs, MAX_DEPTH)
    values: dict[str, Any] = {}
    problems = [_unknown(name, description) for name in inputs if name not in description.inputs]
    for name, about in description.inputs.items():
        if name in inputs:
            try:
                values[name] = _unwrap(inputs[name], about)
            except InputError as err:
                problems.append(f"Input '{name}': {err.message}")
                continue
            problems.extend(_wrong(name, values[name], about))
        elif "default" in about.schema:
            values[name] = about.schema["default"]
        elif about.required:
            problems.append(f"Input '{name}' is missing.")
    if problems:
        more = len(problems) - MAX_SHOWN
        shown = problems[:MAX_SHOWN] + ([f"And {more} more."] if more > 0 else [])
        raise InputError(
            " ".join(shown), hint=f"See /processes/{description.id} for what it takes."
        )
    return values


def _unknown(name: str, description: ProcessDescription) -> str:
    close = difflib.get_close_matches(name, description.inputs, n=1)
    known = ", ".join(description.inputs) or "none"
    advice = f"did you mean '{close[0]}'?" if close else f"there are: {known}."
    return f"There is no input '{name[:64]}'; {advice}"


def _unwrap(value: Any, about: InputDescription) -> Any:
    is_object = about.schema.get("type") == "object"
    if not isinstance(value, dict) or (
        is_object and Draft202012Validator(about.schema).is_valid(value)
    ):
        return value
    if "href" in value and not is_object:
        raise InputError("values by reference are not taken, give the value itself.")
    if "value" in value and set(value) <= QUALIFIERS:
        return value["value"]
    if "bbox" in value and set(value) <= {"bbox", "crs"} and about.schema.get("type") == "array":
        if value.get("crs") not in {None, *CRS84}:
            raise InputError("a box is given in longitude and latitude (CRS84).")
        return value["bbox"]
    return value


def _wrong(name: str, value: Any, about: InputDescription) -> Iterator[str]:
    validator = Draft202012Validator(about.schema, format_checker=FormatChecker())
    errors = sorted(validator.iter_errors(value), key=lambda error: [*map(str, error.path)])
    for error in errors:
        yield f"Input '{name}{_place(error)}': {_reason(error)}."
    if errors:
        return
    if about.schema.get("contentEncoding") == "base64" and isinstance(value, str):
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            yield f"Input '{name}': it is not base64."
    reader = _READERS.get(name)
    if reader is not None and value is not None:
        try:
            reader(value)
        except ExtremeEarthError as err:
            yield f"Input '{name}': {err}"


def _place(error: ValidationError) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)


def _reason(error: ValidationError) -> str:
    text = error.message
    return text if len(text) <= 200 else f"{text[:200]}…"


def _bound_depth(value: Any, left: int) -> None:
    if left == 0:
        raise LimitError(f"The inputs nest deeper than {MAX_DEPTH} levels.")
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list):
        return
    for inner in value:
        _bound_depth(inner, left - 1)
