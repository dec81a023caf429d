"""Small XML texts from outside, read into a tree without anything that XML can be abused for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat  # a parser that is told below to refuse every declaration

from extremeearth.core.errors import DataBrokenError

__all__ = ["Element", "read_xml"]


@dataclass(slots=True)
class Element:
    """An element: its namespace and local name, attributes by local name, text between the tags, children."""

    namespace: str
    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text directly inside."""
        return "".join(self.parts)

    def named(self, *names: str) -> list[Element]:
        """Give the children of one of these names."""
        return [child for child in self.children if child.name in names]


def _refuse(*_: object) -> Any:
    raise DataBrokenError(
        "The XML has a document type or entities.", hint="Give the geometry element alone."
    )


class _Reader:
    def __init__(self, depth: int) -> None:
        self.open: list[Element] = []
        self.root: Element | None = None
        self.depth = depth

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.open) >= self.depth:
            raise DataBrokenError(
                f"The XML is nested more than {self.depth} deep.", hint="Flatten the geometry."
            )
        namespace, _, local = name.rpartition(" ")
        own = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        element = Element(namespace, local, own)
        if self.open:
            self.open[-1].children.append(element)
        elif self.root is None:
            self.root = element
        self.open.append(element)

    def end(self, _: str) -> None:
        self.open.pop()

    def text(self, data: str) -> None:
        if self.open:
            self.open[-1].parts.append(data)


def read_xml(text: str, *, depth: int) -> Element:
    """Read one XML element; no document type, no entities, nothing fetched.

    Parameters
    ----------
    text
        The element, with or without an XML declaration.
    depth
        How deep elements may be nested.

    Raises
    ------
    DataBrokenError
        It is no well-formed XML, too deep, or declares a document type.

    Examples
    --------
    >>> read_xml("<a x='1'><b>2</b></a>", depth=9).children[0].text
    '2'
    """
    reader = _Reader(depth)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    try:
        parser.Parse(text.strip(), True)
    except expat.ExpatError as err:
        raise DataBrokenError(f"The XML cannot be read: {err}.", hint="Check its tags.") from err
    if reader.root is None:
        raise DataBrokenError("The XML holds no element.", hint="Give a geometry element.")
    return reader.root
