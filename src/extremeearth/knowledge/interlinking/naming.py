"""Who the features of a table are: the column and the prefix that name them where nobody says which.

Both are those of the mapping that ``rdf mapping`` makes of the same source, so that links and mapped features meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from extremeearth.core.boxes import LONLAT
from extremeearth.core.errors import ExtremeEarthError, InputError, MappingError

__all__ = ["Naming", "together"]

ID_NAMES = ("iri", "uri", "id")
"""Columns that name features where none is said, in this order, whatever their case."""
NAMES_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What a caller says of how features are named.

    Attributes
    ----------
    column
        Column with the IRIs, or with what makes one after a prefix.
    prefix
        Put before ids; `None` for that of a mapping of the source, where ids are no IRIs.
    base
        Start of the prefix that is found.
    notice
        Told what was found.
    stem
        What the source is called in the prefix that is found; none for a table without a name.
    found
        Whether nobody named the column.
    """

    column: str | None = None
    prefix: str | None = ""
    base: str = ""
    notice: Callable[[str], None] | None = None
    stem: str | None = None
    found: bool = False

    def settled(
        self, given: Any, names: Sequence[str], *, name: str, layer: str | None = None
    ) -> tuple[Naming, InputError | None]:
        """Find the column, or what to tell: the one that is named, one with a usual name, or the key of a mapping.

        Parameters
        ----------
        given, layer
            The source and where its rows are, for `describe_source`; without a source only names are looked at.
        names
            What there is.
        name
            What messages call the source.
        """
        if self.column is not None:
            return self, None
        lower = {str(each).lower(): str(each) for each in reversed(list(names))}
        for usual in ID_NAMES:
            if usual in lower:
                return replace(self, column=lower[usual]), None
        found = _key(given, name, layer) if given is not None else _usual(names)
        if found is not None:
            return replace(self, column=found, found=True), None
        return self, InputError(
            f"It is not said which column of {name} names the features, and none tells them apart.",
            hint=f"Name one of {_some(names)}: id_column in Python, --source-id or --target-id on the command line; "
            "what is no IRI also takes a prefix: prefix, --source-prefix or --target-prefix.",
        )

    def prefix_of(self, values: Any, *, name: str) -> str:
        """Find the prefix, and tell what was found; none where ids are IRIs already."""
        prefix = self._found_prefix(values) if self.prefix is None else self.prefix
        found = self.found or (self.prefix is None and bool(prefix))
        if found and self.notice is not None and len(values):
            self.notice(
                f"{name}: features are named by {self.column}, the first is {prefix}{_first(values)}"
            )
        return prefix

    def _found_prefix(self, values: Any) -> str:
        from extremeearth.knowledge.mapping.drafting.generation import prefix_of_rows
        from extremeearth.knowledge.rdf import as_text, is_absolute_iri

        first = _first(as_text(values))
        if self.stem is None or first is None or is_absolute_iri(first):
            return ""
        return prefix_of_rows(self.base, self.stem)


def together(problems: Sequence[ExtremeEarthError]) -> ExtremeEarthError:
    r"""Make one error of all that is wrong, so that it is told at once.

    Examples
    --------
    >>> both = together([InputError("No id.", hint="Name it."), InputError("No shape.")])
    >>> both.message, both.hint
    ('No id.\nNo shape.', 'Name it.')
    """
    if len(problems) == 1:
        return problems[0]
    same = {type(problem) for problem in problems}
    kind = same.pop() if len(same) == 1 else InputError
    hints = dict.fromkeys(problem.hint for problem in problems if problem.hint)
    return kind("\n".join(problem.message for problem in problems), hint="\n".join(hints) or None)


def _key(given: Any, name: str, layer: str | None) -> str | None:
    """Give the key of a mapping of the source."""
    from extremeearth.knowledge.mapping import GeometryOptions, describe_source

    # the system does not matter for the key, and what cannot be read is counted when the shapes are
    options = GeometryOptions(crs=LONLAT, on_error="skip")
    try:
        key = describe_source(given, name=name, layer=layer, geometry=options).key
    except MappingError:
        return None
    return key[0] if len(key) == 1 else None


def _usual(names: Sequence[str]) -> str | None:
    from extremeearth.knowledge.mapping.drafting.description import NO_KEY, key_rank

    best = min(names, key=key_rank, default=None)
    return None if best is None or key_rank(best) == NO_KEY else best


def _first(values: Any) -> str | None:
    found: Any = values[0] if len(values) else None
    plain = found.as_py() if hasattr(found, "as_py") else found
    return None if plain is None else str(plain)


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(map(str, names[:NAMES_SHOWN])) + (f" and {more} more" if more > 0 else "")


def stem_of(path: Path, layer: str | None) -> str:
    """Name a file in IRIs as its mapping does: by its layer where it has layers."""
    from extremeearth.knowledge.mapping import GeometryOptions, list_layers
    from extremeearth.knowledge.mapping.drafting.generation import stem_of_rows

    if layer is None and path.is_file():
        layer = list_layers(path, geometry=GeometryOptions(on_error="skip"))[0]
    return stem_of_rows(path.name, layer=layer)
