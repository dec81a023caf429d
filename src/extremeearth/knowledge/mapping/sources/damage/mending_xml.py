"""What can be read of damaged XML: the records that are whole, and the elements around them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.mapping.sources.damage.mending import ENDS, RECORD, Loss
from extremeearth.knowledge.mapping.sources.untrusted_xml import SAFE

__all__ = ["XmlMender", "feature_element"]

CHUNK = 1 << 20
MAX_RECORD = 64 << 20
"""A record that does not end within so many bytes is broken."""
_TOKEN = re.compile(
    rb"<!--.*?-->|<\?.*?\?>|<(?P<end>/)?(?P<name>[A-Za-z_][\w:.-]*)(?:\s[^<>]*?)?(?P<empty>/)?>|[^<>]+", re.DOTALL
)  # fmt: skip
_OPENING = re.compile(rb"<[^<>]*?(?P<empty>/)?>")
_NAMESPACE = re.compile(rb"""xmlns(?::[\w.-]+)?\s*=\s*(?:"[^"<]*"|'[^'<]*')""")
_ENCODING = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([\w.-]+)""")
_MEMBERS = frozenset({"featureMember", "member"})
_TWO_BYTES = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")


def feature_element(path: Path) -> str | None:
    """Give the name of the elements that are a KML's or a GML's features, as far as it is found."""
    if path.suffix.lower() == ".kml":
        return "Placemark"
    from lxml import etree

    plural = False
    try:
        with path.open("rb") as file:
            for _, element in etree.iterparse(file, events=("start",), **SAFE):
                name = str(etree.QName(element).localname)
                if plural or name in _MEMBERS:
                    return name
                plural = name == "featureMembers"
    except (etree.XMLSyntaxError, OSError):
        return None
    return None


@dataclass(slots=True)
class XmlMender:
    """Writes the records of a damaged document that are well-formed, and the elements around them.

    Attributes
    ----------
    name
        Name of the records' element, without prefix.
    reason
        As what those are counted that are left out.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.xml").write_text("<a><b>1</b><b>2<c</b><b>3</b><b>")
    >>> XmlMender("b")(folder / "a.xml", folder / "mended.xml")[0].place
    'byte 11 of a.xml, 13 bytes in all'
    >>> (folder / "mended.xml").read_text()
    '<a><b>1</b><b>3</b></a>'
    """

    name: str
    reason: str = RECORD
    _open: list[bytes] = field(default_factory=list)
    _declared: dict[bytes, bytes] = field(default_factory=dict)
    _encoding: bytes = b"UTF-8"
    _lost: int = 0
    _first: int = -1
    _bytes: int = 0

    def __call__(self, path: Path, target: Path) -> list[Loss]:
        """Write the copy; tell what is not in it.

        Raises
        ------
        DataBrokenError
            Not one record can be read, or its encoding has two bytes for each character.
        """
        for schema in (".xsd", ".gfs"):  # from which GDAL has the types of columns
            if (beside := path.with_suffix(schema)).is_file():
                shutil.copyfile(beside, target.with_suffix(schema))
        good = 0
        with path.open("rb") as source, target.open("wb") as made:
            head = source.read(200)
            source.seek(0)
            if head.startswith(_TWO_BYTES):
                raise DataBrokenError(
                    f"{path.name} is damaged XML in UTF-16, of which nothing is read.",
                    hint="Check the file.",
                )
            if told := _ENCODING.match(head.removeprefix(b"\xef\xbb\xbf")):
                self._encoding = told[1]
            for start, text, whole in _pieces(source, self.name):
                kept = self._record(text) if whole else self._outside(text, start)
                if whole and not self._open:
                    raise DataBrokenError(
                        f"{path.name} is damaged before its first <{self.name}>: nothing can be read of it.",
                        hint="Check the file.",
                    )
                if whole and kept:
                    good += 1
                elif whole:
                    self._lose(start, len(text))
                made.write(kept)
            size = source.tell()
            complete = not self._open
            made.write(b"".join(b"</" + name + b">" for name in reversed(self._open)))
        if not good:
            raise DataBrokenError(
                f"{path.name} is damaged: not one <{self.name}> of it can be read.",
                hint="Check the file. Another encoding than UTF-8 stands in its first line, e.g. "
                '<?xml version="1.0" encoding="ISO-8859-1"?>',
            )
        said = []
        if self._lost:
            place = f"byte {self._first} of {path.name}, {self._bytes} bytes in all"
            said.append(Loss(count=self._lost, reason=self.reason, place=place))
        if not complete:
            said.append(Loss(count=1, reason=ENDS, place=f"byte {size} of {path.name}"))
        return said

    def _lose(self, at: int, size: int) -> None:
        self._lost += 1
        self._bytes += size
        self._first = at if self._first < 0 else self._first

    def _record(self, text: bytes) -> bytes:
        """Give a record back if it is well-formed."""
        return text if self._parses(text) else b""

    def _parses(self, text: bytes) -> bool:
        from lxml import etree

        around = b"<?xml version='1.0' encoding='%s'?><r %s>" % (
            self._encoding,
            b" ".join(self._declared.values()),
        )
        try:
            parsed: Any = etree.fromstring(
                around + text + b"</r>", etree.XMLParser(**{**SAFE, "huge_tree": True})
            )
        except etree.XMLSyntaxError:
            return False
        return len(parsed) <= 1

    def _outside(self, text: bytes, start: int) -> bytes:
        """Give what stands between records if nothing of it is broken, else nothing."""
        kept, opened, at = [], list(self._open), 0
        declared = dict(self._declared)
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None or not _follows(token, opened):
                if text.strip():
                    self._lose(start + at, len(text) - at)
                return b""
            if token["name"]:
                declared |= {_prefix(said): said for said in _NAMESPACE.findall(token[0])}
            kept.append(token[0])
            at = token.end()
        made = b"".join(kept)
        try:
            made.decode(self._encoding.decode())
        except (UnicodeError, LookupError):
            self._lose(start, len(text))
            return b""
        self._open, self._declared = opened, declared
        return made


def _follows(token: re.Match[bytes], opened: list[bytes]) -> bool:
    """Open or close an element; tell whether it may be closed here."""
    if token["name"] is None or token["empty"]:
        return True
    if not token["end"]:
        opened.append(token["name"])
        return True
    if opened and opened[-1] == token["name"]:
        opened.pop()
        return True
    return False


def _prefix(declaration: bytes) -> bytes:
    return declaration.partition(b"=")[0].strip()


def _pieces(source: BinaryIO, name: str) -> Iterator[tuple[int, bytes, bool]]:
    """Cut a document to records and what is between them: where each begins, its bytes, whether it is a record."""
    first = re.compile(rb"<((?:[\w.-]+:)?" + re.escape(name.encode()) + rb")(?=[\s/>])")
    text, at, behind, ended = b"", 0, 0, False

    def refill() -> None:
        nonlocal text, at, behind, ended
        more = source.read(CHUNK)
        text, behind, at, ended = text[at:] + more, behind + at, 0, not more

    while True:
        start = first.search(text, at)
        if start is None and not ended:
            if len(text) - at > MAX_RECORD:
                raise DataBrokenError(
                    f"No <{name}> is found in {MAX_RECORD >> 20} MiB of damaged XML.",
                    hint="Check the file.",
                )
            refill()
            continue
        outside = len(text) if start is None else start.start()
        if outside > at:
            yield behind + at, text[at:outside], False
            at = outside
        if start is None:
            return
        tag = start[1]
        end = _end(text, at, tag, first)
        while end is None and not ended and len(text) - at < MAX_RECORD:
            refill()
            end = _end(text, at, tag, first)
        if end is None:
            end = len(text)
        yield behind + at, text[at:end], True
        at = end


def _end(text: bytes, at: int, tag: bytes, first: re.Pattern[bytes]) -> int | None:
    """Find the end of the record that begins here: before another one begins; `None` if more is needed."""
    opening = _OPENING.match(text, at)
    if opening is not None and opening["empty"]:
        return opening.end()
    end = re.compile(rb"</" + re.escape(tag) + rb"\s*>").search(text, at)
    following = first.search(text, at + 1, end.end() if end else len(text))
    if following is not None:
        return following.start()
    return None if end is None else end.end()
