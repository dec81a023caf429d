"""Every error that ExtremeEarth raises on purpose.

The tree, with the stable code of each leaf::

    ExtremeEarthError
    ├── InputError                   input.invalid            what was asked for cannot be right
    │   ├── CrsError                 geom.unknown-crs         a reference system is missing or unknown
    │   ├── CrsMismatchError         geom.crs-mismatch        two inputs differ in reference system
    │   ├── BoxError                 geom.bad-box             a box is empty or outside its system
    │   ├── TimeRangeError           time.bad-range           a time frame cannot be read or is reversed
    │   ├── FilterError              input.bad-filter         a filter cannot be read or names an unknown property
    │   ├── QuerySyntaxError         sparql.syntax            a query cannot be parsed
    │   ├── MappingError             mapping.invalid          a mapping document cannot be used
    │   └── LimitError               input.too-large          an input is over a limit
    ├── DataError                    data.invalid
    │   ├── DataMissingError         data.missing             a file, folder or object is not there
    │   ├── DataBrokenError          data.broken              a file is there but cannot be read
    │   └── NoDataError              data.none-found          nothing lies in the region and time frame
    ├── AccessError                  auth.denied
    │   ├── KeyInvalidError          auth.bad-key             no key, or one that is not known
    │   ├── KeyExpiredError          auth.expired-key         the key was right once
    │   ├── ScopeError               auth.missing-scope       the key lacks a right
    │   └── AddressRefusedError      net.address-refused      an address that must not be contacted
    ├── NotFoundError                resource.not-found
    ├── ConflictError                resource.conflict        it exists already, or is in use
    ├── UnavailableError             resource.unavailable
    │   ├── StorageError             storage.failed           a write did not happen (disk full, no rights)
    │   ├── PortInUseError           net.port-in-use
    │   ├── MissingExtraError        install.missing-extra
    │   ├── SchemaVersionError       database.schema-version
    │   └── TimeoutExceededError     query.timeout            stopped because it took too long
    ├── RemoteError                  remote.failed            another server failed or answered nonsense
    └── CancelledError               job.cancelled            somebody asked to stop

Each error says what happened; ``hint`` says what to do about it.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AccessError",
    "AddressRefusedError",
    "BoxError",
    "CancelledError",
    "ConflictError",
    "CrsError",
    "CrsMismatchError",
    "DataBrokenError",
    "DataError",
    "DataMissingError",
    "ExtremeEarthError",
    "FilterError",
    "InputError",
    "KeyExpiredError",
    "KeyInvalidError",
    "LimitError",
    "MappingError",
    "MissingExtraError",
    "NoDataError",
    "NotFoundError",
    "PortInUseError",
    "QuerySyntaxError",
    "RemoteError",
    "SchemaVersionError",
    "ScopeError",
    "StorageError",
    "TimeRangeError",
    "TimeoutExceededError",
    "UnavailableError",
]


class ExtremeEarthError(Exception):
    """Base of every error we raise on purpose.

    Parameters
    ----------
    message
        One sentence that says what happened, with the value that was wrong.
    hint
        One sentence that says what the reader can do next.

    Examples
    --------
    >>> error = ExtremeEarthError("The box is empty.", hint="Give xmin < xmax and ymin < ymax.")
    >>> print(error)
    The box is empty. Give xmin < xmax and ymin < ymax.
    >>> error.code
    'extremeearth.error'
    """

    code: ClassVar[str] = "extremeearth.error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class InputError(ExtremeEarthError):
    """What was asked for cannot be right."""

    code = "input.invalid"


class CrsError(InputError):
    """A coordinate reference system is missing or unknown; it is never guessed."""

    code = "geom.unknown-crs"


class CrsMismatchError(InputError):
    """Two inputs use different reference systems and no transform was asked for."""

    code = "geom.crs-mismatch"


class BoxError(InputError):
    """A box is empty, not finite, or outside its reference system."""

    code = "geom.bad-box"


class TimeRangeError(InputError):
    """A time frame cannot be read or ends before it starts."""

    code = "time.bad-range"


class FilterError(InputError):
    """A filter cannot be read, nests too deep, or names a property that is not known."""

    code = "input.bad-filter"


class QuerySyntaxError(InputError):
    """A SPARQL text cannot be parsed; line and column, counted from 1, are in the message and attributes.

    Examples
    --------
    >>> QuerySyntaxError("Line 1, column 8: expected '{'.", line=1, column=8).column
    8
    """

    code = "sparql.syntax"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.line = line
        self.column = column


class MappingError(InputError):
    """An RML or R2RML document cannot be used."""

    code = "mapping.invalid"


class LimitError(InputError):
    """An input is over a limit that protects the server."""

    code = "input.too-large"


class DataError(ExtremeEarthError):
    """Data that should be there is missing, broken or empty."""

    code = "data.invalid"


class DataMissingError(DataError):
    """A file, folder or object is not where it should be."""

    code = "data.missing"


class DataBrokenError(DataError):
    """A file is there but cannot be read as what it should be."""

    code = "data.broken"


class NoDataError(DataError):
    """Nothing lies in the region and time frame that was asked for."""

    code = "data.none-found"


class AccessError(ExtremeEarthError):
    """The caller may not do this."""

    code = "auth.denied"


class KeyInvalidError(AccessError):
    """No API key was sent, or one that is not known."""

    code = "auth.bad-key"


class KeyExpiredError(AccessError):
    """The API key was right once, but has expired or was revoked."""

    code = "auth.expired-key"


class ScopeError(AccessError):
    """The API key is right but lacks a scope."""

    code = "auth.missing-scope"


class AddressRefusedError(AccessError):
    """An address that this server must not contact."""

    code = "net.address-refused"


class NotFoundError(ExtremeEarthError):
    """It does not exist, or not for this caller: the two are told apart by nobody."""

    code = "resource.not-found"


class ConflictError(ExtremeEarthError):
    """It exists already, or is in use."""

    code = "resource.conflict"


class UnavailableError(ExtremeEarthError):
    """Something this machine should offer is not to be had."""

    code = "resource.unavailable"


class StorageError(UnavailableError):
    """A write did not happen: disk full, no rights, store out of reach."""

    code = "storage.failed"


class PortInUseError(UnavailableError):
    """Another program listens on the port."""

    code = "net.port-in-use"


class MissingExtraError(UnavailableError):
    """An optional part is not installed.

    Examples
    --------
    >>> print(MissingExtraError("learn"))
    This needs the optional part 'learn'. Install it with: pip install 'extremeearth[learn]'
    """

    code = "install.missing-extra"

    def __init__(self, extra: str) -> None:
        super().__init__(
            f"This needs the optional part '{extra}'.",
            hint=f"Install it with: pip install 'extremeearth[{extra}]'",
        )
        self.extra = extra


class SchemaVersionError(UnavailableError):
    """The database was made by another version of the code."""

    code = "database.schema-version"


class TimeoutExceededError(UnavailableError):
    """A query or job was stopped because it took longer than allowed."""

    code = "query.timeout"


class RemoteError(ExtremeEarthError):
    """Another server failed, or answered what it should not."""

    code = "remote.failed"


class CancelledError(ExtremeEarthError):
    """Somebody asked to stop."""

    code = "job.cancelled"
