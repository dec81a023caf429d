"""Getting hold of Spark: its session, its settings, and our code on its workers."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import extremeearth
from extremeearth.core.errors import ConflictError, InputError, MissingExtraError, UnavailableError

MASTERS = re.compile(r"local\[(\d+|\*)\]|spark://.+|k8s://.+|yarn", re.ASCII)
CONNECT = "sc://"
TRIES = 4
"""How often Spark tries a task before it gives up; what clusters do anyway."""
DEFAULTS = {
    "spark.app.name": "extremeearth",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
SESSION = {
    "spark.sql.session.timeZone": "UTC",
    # cells of a join are few and heavy: do not put them into one task because they are small in bytes
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
}
LEFT_OUT = ("product/web/static", "__pycache__")


def is_connect(session: Any) -> bool:
    """Tell whether a session speaks to a Spark Connect server."""
    return type(session).__module__.startswith("pyspark.sql.connect")


def open_session(url: str, options: Mapping[str, str], *, ship_code: bool) -> Any:
    """Open a session of its own on a cluster.

    Raises
    ------
    MissingExtraError
        PySpark is not installed.
    UnavailableError
        There is no Java, or the cluster does not answer.
    ConflictError
        This process already works with another cluster; Spark allows one.
    """
    if find_spec("pyspark") is None:
        raise MissingExtraError("spark")
    if url.startswith(CONNECT):
        session = _connect(url, options)
    elif MASTERS.fullmatch(url):
        session = _classic(url, options)
    else:
        raise InputError(
            f"'{url}' is no master of Spark.",
            hint="Use local[n], spark://host:port, k8s://https://host:port or sc://host:port.",
        )
    for name, value in (SESSION | {k: v for k, v in options.items() if k in SESSION}).items():
        session.conf.set(name, value)
    if ship_code and not url.startswith("local["):
        session.addArtifacts(str(_archive()), pyfile=True)
    return session


def _connect(url: str, options: Mapping[str, str]) -> Any:
    if find_spec("grpc") is None or find_spec("grpc_status") is None:
        raise MissingExtraError("spark")
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    try:
        session = SparkSession.builder.remote(url).config(map=dict(options)).create()
        session.version  # noqa: B018 - asks the server, so that a wrong address is told here
    except PySparkException as err:
        raise _unreachable(url, err) from err
    except Exception as err:  # gRPC's errors are of many kinds
        raise _unreachable(url, err) from err
    return session


def _classic(url: str, options: Mapping[str, str]) -> Any:
    if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        raise UnavailableError(
            "Spark needs Java, and there is none on this machine.",
            hint="Install a Java runtime, version 17 or later, or set JAVA_HOME.",
        )
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    master = re.sub(r"^local\[(\d+|\*)\]$", rf"local[\1,{TRIES}]", url)
    running = SparkContext._active_spark_context
    if running is not None:
        if running.master != master:
            raise ConflictError(
                f"This process already works with {running.master}.",
                hint="Use one cluster per process, or close the other engine first.",
            )
        return SparkSession(running).newSession()
    here = url.startswith("local[") or urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}
    settings = DEFAULTS | (_loopback() if here else {}) | dict(options)
    with _environment(here=here):
        try:
            context = SparkContext(master=master, conf=_configuration(settings))
        except Exception as err:  # Py4J wraps whatever Java says
            raise _unreachable(url, err) from err
    return SparkSession(context).newSession()


def _configuration(settings: Mapping[str, str]) -> Any:
    from pyspark import SparkConf

    return SparkConf().setAll(list(settings.items()))


def _loopback() -> dict[str, str]:
    return {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


@contextlib.contextmanager
def _environment(*, here: bool) -> Iterator[None]:
    """On this machine: workers use this Python, and nothing listens beyond loopback."""
    if here:
        # stays: PySpark reads it with every function that it sends
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    added = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost"} if here else {}
    added = {name: value for name, value in added.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _unreachable(url: str, error: Exception) -> UnavailableError:
    text = str(error).strip()
    said = text.splitlines()[0] if text else type(error).__name__
    return UnavailableError(
        f"Spark at {url} does not answer: {said}",
        hint="Check that the cluster runs, that the address is right, and that its version is 4.1 or later.",
    )


def _archive() -> Path:
    """Put this package into a zip file, named after its content, that Python imports from."""
    root = Path(extremeearth.__file__).parent
    files = [
        (path, str(path.relative_to(root.parent)))
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(part in path.as_posix() for part in LEFT_OUT)
    ]
    digest = sha256()
    for path, name in files:
        digest.update(f"{name}\0".encode() + path.read_bytes())
    folder = Path(tempfile.mkdtemp(prefix="extremeearth-code-"))
    # workers may fetch it as long as this process lives
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    archive = folder / f"extremeearth-{digest.hexdigest()[:16]}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        for path, name in files:
            zipped.write(path, name)
    return archive
