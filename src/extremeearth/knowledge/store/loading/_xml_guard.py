"""XML that is checked while it is read: well-formed to its end, and no entities that could do harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from extremeearth.core.errors import DataBrokenError

__all__ = ["GuardedXml"]

MOST_ENTITIES = 1_000
LONGEST_ENTITY = 4_096
"""Characters; ontologies use entities for namespaces."""


class GuardedXml:
    """A stream that gives no byte which was not checked.

    The parser of RDF/XML takes a cut document for a whole one and expands entities in entities, so each piece goes
    through expat first.

    Parameters
    ----------
    stream
        Anything with ``read``.
    name
        Of the document, for messages.

    Attributes
    ----------
    failure
        The error that reading ended with, if it did.

    Examples
    --------
    >>> import io
    >>> GuardedXml(io.BytesIO(b"<a><b/>"), name="a.rdf").read(100)
    b'<a><b/>'
    >>> bomb = b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a/>'
    >>> GuardedXml(io.BytesIO(bomb), name="a.rdf").read(100)
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.DataBrokenError: a.rdf, line 1: The entity 'd' is made of other entities. ...
    """

    def __init__(self, stream: Any, *, name: str) -> None:
        self.failure: Exception | None = None
        self._stream, self._name = stream, name
        self._entities = 0
        self._ended = False
        self._expat = expat.ParserCreate()
        self._expat.EntityDeclHandler = self._entity
        self._expat.ExternalEntityRefHandler = self._external

    def read(self, size: int = -1) -> bytes:
        """Read checked bytes.

        Raises
        ------
        DataBrokenError
            The document is not well-formed, or declares entities that are not allowed; says where.
        """
        data: bytes = self._stream.read(size)
        if not self._ended:
            self._ended = not data
            self._guarded(lambda: self._expat.Parse(data, self._ended))
        return data

    def _guarded(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except expat.ExpatError as err:
            message = expat.ErrorString(err.code)
            self.failure = self._broken(f"The XML is not well-formed: {message}.", err.lineno)
            raise self.failure from err
        except DataBrokenError as err:
            self.failure = err
            raise

    def _broken(self, message: str, line: int | None = None) -> DataBrokenError:
        line = self._expat.CurrentLineNumber if line is None else line
        return DataBrokenError(f"{self._name}, line {line}: {message}", hint="Nothing was loaded.")

    def _entity(self, name: str, is_parameter: bool, value: str | None, *outside: Any) -> None:
        """Look at a declaration; `outside` is the base, the two names of what lies elsewhere, and its notation."""
        self._entities += 1
        if value is None or is_parameter or any(outside[1:]):
            raise self._broken(f"The entity '{name}' lies outside of the document.")
        if "&" in value or "%" in value:
            raise self._broken(f"The entity '{name}' is made of other entities.")
        if len(value) > LONGEST_ENTITY or self._entities > MOST_ENTITIES:
            raise self._broken(f"The entity '{name}' is too much: too long, or one of too many.")

    def _external(self, *_: Any) -> int:
        raise self._broken("It refers to an entity outside of the document.")
