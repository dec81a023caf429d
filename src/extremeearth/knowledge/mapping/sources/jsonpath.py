"""JSONPath (RFC 9535): child names, indices and wildcards here, filters, slices and descent by python-jsonpath."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import pyarrow as pa

from extremeearth.core.errors import DataBrokenError, MappingError
from extremeearth.knowledge.mapping.frames import JSON_VALUE
from extremeearth.knowledge.rdf import XSD

__all__ = ["JsonPath", "find", "json_column", "parse_path", "read_path"]

Step = str | int | None
"""A member's name, an element's index, or `None` for all."""

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"*\s]+) | \[\s*'(?P<single>(?:[^'\\]|\\.)*)'\s*\] | \[\s*"(?P<double>(?:[^"\\]|\\.)*)"\s*\]
      | \[\s*(?P<index>-?\d+)\s*\] | (?P<all>\[\s*\*\s*\]|\.\*)""",
    re.VERBOSE,
)


def parse_path(text: str) -> tuple[Step, ...]:
    """Read a JSONPath; the leading ``$`` may be missing, as in older mappings.

    Raises
    ------
    MappingError
        It is broken, or uses another part of JSONPath; see `read_path`.

    Examples
    --------
    >>> parse_path("$.fields[*]['crop name']")
    ('fields', None, 'crop name')
    """
    rest = text.strip()
    if rest.startswith("$"):
        rest = rest[1:]
    elif rest and not rest.startswith(("[", ".")):
        rest = f".{rest}"
    steps: list[Step] = []
    position = 0
    while position < len(rest):
        match = _STEP.match(rest, position)
        if match is None:
            raise MappingError(
                f"The JSONPath '{text}' cannot be read from '{rest[position:]}' on.",
                hint="Names, ['quoted names'], [numbers] and [*] are supported.",
            )
        position = match.end()
        if match["all"]:
            steps.append(None)
        elif match["index"]:
            steps.append(int(match["index"]))
        elif match["name"] is not None:
            steps.append(match["name"])
        else:
            quoted = match["single"] if match["single"] is not None else match["double"]
            steps.append(re.sub(r"\\(.)", r"\1", quoted))
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path, ready to run; `many` where it may lead to several values."""

    find: Callable[[Any], list[Any]]
    many: bool


@lru_cache(maxsize=256)
def read_path(text: str) -> JsonPath:
    """Read any JSONPath; a plain one takes the fast way.

    Raises
    ------
    MappingError
        It is not JSONPath.

    Examples
    --------
    >>> read_path("$.crops[?@.area > 2].name").find(
    ...     {"crops": [{"name": "rye", "area": 3}, {"name": "oat", "area": 1}]}
    ... )
    ['rye']
    """
    try:
        steps = parse_path(text)
    except MappingError:
        return _whole_language(text)
    return JsonPath(partial(find, steps=steps), None in steps)


def _whole_language(text: str) -> JsonPath:
    from jsonpath import JSONPath, JSONPathEnvironment
    from jsonpath.exceptions import JSONPathError

    whole = text.strip()
    if not whole.startswith("$"):
        whole = f"${whole}" if whole.startswith(("[", ".")) else f"$.{whole}"
    try:
        path = JSONPathEnvironment(strict=True).compile(whole)
    except (JSONPathError, RecursionError) as err:
        first = str(err).splitlines()[0] if str(err) else "it is too deep"
        raise MappingError(
            f"The JSONPath '{text}' cannot be read: {first}.", hint="See RFC 9535 for its syntax."
        ) from err

    def found(value: Any) -> list[Any]:
        try:
            return list(path.findall(value)) if isinstance(value, dict | list) else []
        except (JSONPathError, RecursionError) as err:
            raise DataBrokenError(
                f"The JSONPath '{text}' cannot be followed: {err}.", hint="Check the document."
            ) from err

    singular = path.singular_query() if isinstance(path, JSONPath) else False
    return JsonPath(found, not singular)


def find(value: Any, steps: tuple[Step, ...]) -> list[Any]:
    """Give every value that a path leads to.

    Examples
    --------
    >>> find({"a": [{"b": 1}, {"b": 2}]}, parse_path("$.a[*].b"))
    [1, 2]
    """
    found = [value]
    for step in steps:
        following: list[Any] = []
        for item in found:
            if step is None:
                following += (
                    item
                    if isinstance(item, list)
                    else list(item.values())
                    if isinstance(item, dict)
                    else []
                )
            elif isinstance(step, str) and isinstance(item, dict):
                if step in item:
                    following.append(item[step])
            elif (
                isinstance(step, int) and isinstance(item, list) and -len(item) <= step < len(item)
            ):
                following.append(item[step])
        found = following
    return found


def _value(value: Any, path: str) -> dict[str, str | None] | None:
    if value is None:
        return None
    if isinstance(value, str):
        return {"text": value, "datatype": None}
    if isinstance(value, bool):
        return {"text": "true" if value else "false", "datatype": XSD.boolean}
    if isinstance(value, int):
        return {"text": str(value), "datatype": XSD.integer}
    if isinstance(value, float):
        return {"text": repr(value), "datatype": XSD.double}
    raise DataBrokenError(
        f"{path} leads to a {'list' if isinstance(value, list) else 'record'}, not to a value.",
        hint="Add [*] for the values of a list, or the name of a member.",
    )


def json_column(records: list[Any], path: str) -> Any:
    """Give what a path finds in each record: one value each, or a list each where the path has a wildcard.

    Raises
    ------
    DataBrokenError
        The path leads to a list or a record.

    Examples
    --------
    >>> json_column([{"a": 1}, {}], "$.a").to_pylist()
    [{'text': '1', 'datatype': 'http://www.w3.org/2001/XMLSchema#integer'}, None]
    """
    steps = read_path(path)
    found = [[_value(v, path) for v in steps.find(record)] for record in records]
    if steps.many:
        return pa.array(
            [[v for v in values if v is not None] for values in found], pa.large_list(JSON_VALUE)
        )
    return pa.array([values[0] if values else None for values in found], JSON_VALUE)


def read_json(data: bytes | str, name: str) -> Any:
    """Parse JSON, or raise `DataBrokenError`."""
    hint = (
        "Check the file, or read the records that are whole: on_error='skip' in Python, --skip-bad on the command "
        "line."
    )
    if not data:
        raise DataBrokenError(f"{name} is empty, so it is not JSON.", hint="Check the file.")
    try:
        return json.loads(data)
    except UnicodeDecodeError as err:
        raise DataBrokenError(
            f"{name} is not JSON in UTF-8: byte {err.start} is none of it.",
            hint=f"Save it as UTF-8. {hint}",
        ) from err
    except (ValueError, RecursionError) as err:
        raise DataBrokenError(f"{name} is not JSON: {err}.", hint=hint) from err
