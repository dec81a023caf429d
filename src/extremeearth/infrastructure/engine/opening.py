"""Choosing an engine by its address."""

from __future__ import annotations

import re

from extremeearth.core.errors import InputError
from extremeearth.core.settings import Settings
from extremeearth.infrastructure.engine.contract import Engine
from extremeearth.infrastructure.engine.local import LocalEngine

__all__ = ["open_engine"]

_SPARK = re.compile(r"(local\[(\d+|\*)\]|(spark|k8s|sc)://.+|yarn)", re.ASCII)


def open_engine(url: str | None = None, *, settings: Settings | None = None) -> Engine:
    """Open the engine that an address names.

    Parameters
    ----------
    url
        ``local``: processes of this machine, as many as `settings.workers`. ``local[n]``, ``local[*]``: Spark inside
        this process. ``spark://host:port``, ``k8s://https://host:port``, ``yarn``: a Spark cluster. ``sc://host:port``:
        a Spark Connect server. Without one, `settings.engine`.
    settings
        Those in force, if none are given.

    Raises
    ------
    InputError
        The address is none of these.
    MissingExtraError
        It is Spark's, and PySpark is not installed.
    UnavailableError
        There is no Java, or the cluster does not answer.

    Examples
    --------
    >>> open_engine("local", settings=Settings(workers=3))
    LocalEngine(workers=3)
    """
    settings = settings or Settings()
    url = (settings.engine if url is None else url).strip()
    if url == "local":
        return LocalEngine(workers=settings.workers)
    if not _SPARK.fullmatch(url):
        raise InputError(
            f"'{url}' is no engine.",
            hint="Use local, local[n], spark://host:port, k8s://https://host:port or sc://host:port.",
        )
    from extremeearth.infrastructure.engine.spark import SparkEngine

    return SparkEngine(
        url,
        options=settings.engine_options,
        ship_code=settings.engine_ships_code,
        wait_s=settings.engine_wait_s,
        shares_files=settings.engine_shares_files or None,
    )
