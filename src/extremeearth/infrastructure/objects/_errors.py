"""From obstore's errors to ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from obstore import exceptions

from extremeearth.core.errors import (
    ConflictError,
    DataMissingError,
    ExtremeEarthError,
    StorageError,
)

_RIGHTS = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)


@contextmanager
def translated(doing: str, key: str) -> Iterator[None]:
    """Turn what obstore and the file system raise inside the block into errors of our tree."""
    try:
        yield
    except ExtremeEarthError:
        raise
    except FileNotFoundError as err:
        if doing == "write" or "<Code>NoSuchBucket<" in str(err):
            raise StorageError(
                f"The store could not {doing} '{key}': its bucket or folder is not there.",
                hint="Make it first, or check the URL of the object store.",
            ) from err
        raise DataMissingError(
            f"There is no object '{key}'.", hint="Check the key, or that what makes it has run."
        ) from err
    except exceptions.AlreadyExistsError as err:
        raise already_there(key) from err
    except (*_RIGHTS, PermissionError) as err:
        raise StorageError(
            f"The store refused to {doing} '{key}': {_first_line(err)}.",
            hint="Check your rights, or the access key and secret key of the store.",
        ) from err
    except (exceptions.BaseError, OSError, ValueError) as err:
        raise StorageError(
            f"The store could not {doing} '{key}': {_first_line(err)}.",
            hint="Check that the disk is not full and that the store can be reached.",
        ) from err


def already_there(key: str) -> ConflictError:
    """Make the error for an object that must not be replaced."""
    return ConflictError(
        f"The object '{key}' exists already.", hint="Choose another key, or delete it first."
    )


def _first_line(error: Exception) -> str:
    """Leave out obstore's dump of its structures, which may hold request headers."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).split("\n", 1)[0].rstrip(". ")
