"""Documents that an update loads from the network, through the safe client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from extremeearth.core.errors import AddressRefusedError, ExtremeEarthError, InputError
from extremeearth.core.http import SafeClient
from extremeearth.knowledge.store.formats import GRAPH_MEDIA, rdf_format

if TYPE_CHECKING:
    from extremeearth.knowledge.store.loading import StatementBatch

__all__ = ["Fetched", "fetch_document"]

_ACCEPT = ", ".join([*GRAPH_MEDIA, "*/*;q=0.1"])


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document, or why there is none."""

    url: str
    content: bytes = b""
    format: str = ""
    failure: ExtremeEarthError | None = None

    def batches(self) -> Iterator[StatementBatch]:
        """Read the statements.

        Raises
        ------
        ExtremeEarthError
            The document could not be fetched, or is not well-formed.
        """
        from extremeearth.knowledge.store.loading import read_statements

        if self.failure is not None:
            raise self.failure
        yield from read_statements(self.content, self.format, base=self.url)


def fetch_document(client: SafeClient | None, url: str, *, timeout_s: float) -> Fetched:
    """Fetch an RDF document; a failure is told when somebody reads it, for LOAD may be SILENT.

    Examples
    --------
    >>> fetch_document(SafeClient(), "file:///etc/passwd", timeout_s=1.0).failure.code
    'net.address-refused'
    """
    try:
        if client is None:
            raise AddressRefusedError(
                "This store does not fetch documents for LOAD.", hint="Fetch the file and load it."
            )
        found = client.get(url, headers={"Accept": _ACCEPT}, timeout_s=timeout_s).checked()
        return Fetched(found.url, found.content, _format_of(found.media_type, found.url))
    except ExtremeEarthError as err:
        return Fetched(url, failure=err)


def _format_of(media_type: str, url: str) -> str:
    """Find the format by the media type, else by the ending of the path."""
    for name, file in ((media_type, None), (None, urlsplit(url).path)):
        try:
            return str(rdf_format(name, file=file).media_type)
        except InputError:
            continue
    raise InputError(
        f"{url} is no RDF document: its media type is '{media_type}'.",
        hint="Load N-Triples, Turtle, RDF/XML or JSON-LD.",
    )
