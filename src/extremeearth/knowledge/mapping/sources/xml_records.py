"""Elements of an XML document, found by XPath; read as a stream where the iterator allows it, and never trusted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from extremeearth.core.errors import DataBrokenError, LimitError, MappingError
from extremeearth.knowledge.mapping.frames import Frame
from extremeearth.knowledge.mapping.sources.contract import Source, SourceRequest
from extremeearth.knowledge.mapping.sources.damage.mending import mended_copy
from extremeearth.knowledge.mapping.sources.geometry_options import GeometryOptions
from extremeearth.knowledge.mapping.sources.untrusted_xml import SAFE
from extremeearth.knowledge.rdf import TEXT

__all__ = ["MAX_XML_BYTES", "XmlSource", "open_xml"]

MAX_XML_BYTES = 1 << 28
"""A document that cannot be streamed is parsed in one piece; a larger one is refused."""

_NAME = r"(?:[\w.\-]+:)?(?:[\w.\-]+|\*)"
_STREAMED = re.compile(rf"^(?P<start>//?)(?P<steps>{_NAME}(?:/{_NAME})*)$")
_UPWARDS = re.compile(r"^\s*/|[(|,=\[]\s*/|\.\.|ancestor|preceding|following|parent::")
"""What makes a reference look outside of its element."""


@dataclass(frozen=True)
class XmlSource:
    """An XML document, the XPath of its records, and the prefixes that XPaths use beside the document's own."""

    name: str
    path: Path
    iterator: str
    namespaces: Mapping[str, str]
    nulls: frozenset[str]
    options: GeometryOptions = field(default_factory=GeometryOptions)

    def check(self, references: tuple[str, ...]) -> None:
        """Raise `MappingError` if an XPath is broken."""
        self._compiled((self.iterator, *references))

    def frames(self, references: tuple[str, ...], *, batch_rows: int) -> Iterator[Frame]:
        """Read the elements, batch by batch."""
        compiled = self._compiled(references)
        columns: list[list[list[str]]] = [[] for _ in references]
        rows = first = 0
        found: Counter[str] = Counter()
        for element in self.elements(references, found):
            for column, find in zip(columns, compiled, strict=True):
                column.append([v for v in _texts(find(element)) if v not in self.nulls])
            rows += 1
            if rows == batch_rows:
                yield self._frame(references, columns, rows, first)
                columns, first, rows = [[] for _ in references], first + rows, 0
        if rows:
            yield self._frame(references, columns, rows, first)
        self.options.note(self.name, found)

    @staticmethod
    def _frame(
        references: Sequence[str], columns: list[list[list[str]]], rows: int, first: int
    ) -> Frame:
        arrays = {name: _column(column) for name, column in zip(references, columns, strict=True)}
        return Frame(columns=arrays, rows=rows, first_row=first)

    def prefixes(self) -> dict[str, str]:
        """Give the prefixes of the document's root and of the mapping; refuse a document with a DTD."""
        from lxml import etree

        try:
            with self.path.open("rb") as file:
                for _, root in etree.iterparse(file, events=("start",), **SAFE):
                    if root.getroottree().docinfo.doctype:
                        raise DataBrokenError(
                            f"{self.name} has a document type definition, which is not read.",
                            hint="Take the DOCTYPE out of the document.",
                        )
                    own = {str(p): str(uri) for p, uri in root.nsmap.items() if p}
                    return {**own, **self.namespaces}
        except (etree.XMLSyntaxError, OSError) as err:
            raise self.broken(err) from err
        raise self.broken("it is empty")

    def _compiled(self, paths: tuple[str, ...]) -> list[Any]:
        from lxml import etree

        prefixes = self.prefixes()
        found = []
        for path in paths:
            try:
                compiled = etree.XPath(path, namespaces=prefixes)
                compiled(etree.Element("any"))
            except etree.XPathError as err:
                raise MappingError(
                    f"The XPath '{path}' cannot be read: {err}.",
                    hint=f"Prefixes are those of the document's root: {', '.join(prefixes) or 'none'}.",
                ) from err
            found.append(compiled)
        return found

    def elements(
        self, references: tuple[str, ...] = (), found: Counter[str] | None = None
    ) -> Iterator[Any]:
        """Give the elements that are the records; where they are streamed each is emptied after its use.

        In a damaged document those that are broken are left out and counted in `found`, if the options say so.
        """
        from lxml import etree

        behind = 0
        try:
            for element in self._found(references):
                yield element
                behind += 1
        except (etree.XMLSyntaxError, OSError) as err:
            mender = self._mender()
            if isinstance(err, OSError) or mender is None:
                raise self.broken(err) from err
            self._refuse_nested()
            mended = mended_copy(self.path, mender)
            for loss in mended.losses:
                lost = found if found is not None else Counter()
                self.options.broken(lost, loss.reason, loss.place, loss.count)
            copy = replace(self, path=mended.path, options=GeometryOptions())
            yield from islice(copy.elements(references), behind, None)

    def _found(self, references: tuple[str, ...]) -> Iterator[Any]:
        simple = _STREAMED.match(self.iterator.strip())
        if simple is None or any(_UPWARDS.search(reference) for reference in references):
            yield from self._whole()
        else:
            steps = [_clark(s, self.prefixes()) for s in simple["steps"].split("/")]
            yield from self._streamed(steps, anywhere=simple["start"] == "//")

    def _mender(self) -> Any:
        """Give what copies the records that are whole; `None` where there is no way, or the options do not want it."""
        from extremeearth.knowledge.mapping.sources.damage.mending_xml import XmlMender

        simple = _STREAMED.match(self.iterator.strip())
        if self.options.on_error == "raise" or simple is None or not self.path.stat().st_size:
            return None
        name = simple["steps"].rpartition("/")[2].rpartition(":")[2]
        return None if name == "*" else XmlMender(name)

    def _refuse_nested(self) -> None:
        """Raise `DataBrokenError` if records stand in each other: then broken ones cannot be told from whole ones."""
        from lxml import etree

        name = self.iterator.rpartition("/")[2].rpartition(":")[2].strip()
        try:
            with self.path.open("rb") as file:
                for _, element in etree.iterparse(
                    file, events=("end",), tag=f"{{*}}{name}", **SAFE
                ):
                    if next(element.iterancestors(f"{{*}}{name}"), None) is not None:
                        raise DataBrokenError(
                            f"{self.name} is damaged, and its <{name}> stand in each other: nothing is read of it.",
                            hint="Check the file.",
                        )
                    element.clear(keep_tail=True)
        except etree.XMLSyntaxError:
            return

    def _streamed(self, steps: list[str], *, anywhere: bool) -> Iterator[Any]:
        """Give the elements at a plain path as they end, and drop each after its use."""
        from lxml import etree

        with self.path.open("rb") as file:
            for _, element in etree.iterparse(file, events=("end",), tag=steps[-1], **SAFE):
                above = [ancestor.tag for ancestor in element.iterancestors()]
                wanted = steps[-2::-1]
                if (len(above) >= len(wanted) if anywhere else len(above) == len(wanted)) and all(
                    _fits(tag, step) for tag, step in zip(above, wanted, strict=False)
                ):
                    yield element
                if any(_fits(tag, steps[-1]) for tag in above):
                    continue  # an outer one is still to come, and needs what is in it
                element.clear(keep_tail=True)
                parent = element.getparent()
                while parent is not None and parent[0] is not element:
                    del parent[0]

    def _whole(self) -> Iterator[Any]:
        from lxml import etree

        size = self.path.stat().st_size
        if size > MAX_XML_BYTES:
            raise LimitError(
                f"{self.name} has {size} bytes, more than {MAX_XML_BYTES} for such an XPath.",
                hint="Use an iterator of names alone, such as /a/b or //b, and references below it.",
            )
        parser = etree.XMLParser(**SAFE)
        found: Any = etree.XPath(self.iterator, namespaces=self.prefixes())(
            etree.parse(self.path, parser)
        )
        for element in found if isinstance(found, list) else [found]:
            if not isinstance(element, etree._Element):
                raise MappingError(
                    f"The iterator '{self.iterator}' of {self.name} leads to no elements.",
                    hint="Let it end in the name of an element.",
                )
            yield element

    def broken(self, why: object) -> DataBrokenError:
        """Make the error that says that the document is no XML."""
        if not self.path.stat().st_size:
            return DataBrokenError(
                f"{self.name} is empty, so it is not XML.", hint="Check the file."
            )
        hint = "Check the file."
        if _STREAMED.match(self.iterator.strip()) and self.options.on_error == "raise":
            hint = (
                "Mend it, or read the records that are whole: on_error='skip' in Python, --skip-bad on the command "
                "line."
            )
        said = re.sub(r" \([^()]*, line \d+\)$", "", str(why))
        return DataBrokenError(f"{self.name} is not XML: {said}.", hint=hint)


def _clark(name: str, prefixes: Mapping[str, str]) -> str:
    prefix, _, local = name.rpartition(":")
    return f"{{{prefixes[prefix]}}}{local}" if prefix else local


def _fits(tag: Any, step: str) -> bool:
    if step.endswith("*"):
        return step == "*" or str(tag).startswith(step[:-1])
    return bool(tag == step)


def _texts(found: Any) -> list[str]:
    """Give the string value of each thing that an XPath found (XPath 1.0, section 4.2)."""
    if isinstance(found, bool):
        return ["true" if found else "false"]
    if isinstance(found, float):
        return [str(int(found)) if found.is_integer() else repr(found)]
    if isinstance(found, str):
        return [str(found)]
    return [str(i) if isinstance(i, str) else "".join(i.itertext()) for i in found]


def _column(values: list[list[str]]) -> Any:
    if any(len(found) > 1 for found in values):
        return pa.array(values, pa.large_list(TEXT))
    return pa.array([found[0] if found else None for found in values], TEXT)


def open_xml(request: SourceRequest) -> Source | None:
    """Open a file as ``rml:XPath``."""
    source = request.source
    if request.path is None or source.formulation != "XPath":
        return None
    if source.iterator is None:
        raise MappingError(
            f"The source '{source.name}' has no rml:iterator.", hint="Write e.g. /fields/field."
        )
    return XmlSource(
        source.name, request.path, source.iterator, dict(source.namespaces), frozenset(source.nulls),
        request.geometry,
    )  # fmt: skip
