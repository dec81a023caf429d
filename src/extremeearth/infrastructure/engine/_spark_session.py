"""Getting hold of Spark: its session, its settings, and our code on its workers."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import socket
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import extremeearth
from extremeearth.core.errors import ConflictError, InputError, MissingExtraError, UnavailableError

MASTERS = re.compile(r"local\[(\d+|\*)\]|spark://.+|k8s://.+|yarn", re.ASCII)
CONNECT = "sc://"
OLDEST = (4, 1)
TRIES = 4
"""How often Spark tries a task before it gives up; what clusters do anyway."""
DEFAULTS = {
    "spark.app.name": "extremeearth",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
SOCKET_FILES = "spark.python.unix.domain.socket.enabled"
"""Java and Python through a file, not through TCP: there each task waits 40 ms for an acknowledgement."""
IMAGES = ("spark.kubernetes.container.image", "spark.kubernetes.executor.container.image")
SEDONA = "org.apache.sedona.sql.SedonaSqlExtensions"
DEFAULT_PORTS = {"spark": 7077, "sc": 15002, "https": 443, "http": 80}
KNOCK_S = 10.0
SESSION = {
    "spark.sql.session.timeZone": "UTC",
    # wrong casts and overflows are errors, as in the local engine
    "spark.sql.ansi.enabled": "true",
    # cells of a join are few and heavy: do not put them into one task because they are small in bytes
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
    # each chunk of an Arrow table becomes a partition, and the driver keeps it as bytes, not as rows
    "spark.sql.execution.arrow.localRelationThreshold": "0",
}
QUICKER = {
    "spark.sql.adaptive.coalescePartitions.enabled",
    "spark.sql.execution.arrow.localRelationThreshold",
}
_USERS: Counter[str] = Counter()
"""How many engines of this process work with a cluster: the last one to be closed leaves it."""
GAVE_UP = (
    "Most often its workers ended again and again: see their logs, on Kubernetes with "
    "kubectl logs --selector spark-role=executor."
)
_SIGNS = {
    "SparkContext was shut down": GAVE_UP,
    "stopped SparkContext": GAVE_UP,
    "stopped while waiting for backend": GAVE_UP,
    "Answer from Java side is empty": GAVE_UP,
    "connect to the Java server": GAVE_UP,
    "while sending or receiving": GAVE_UP,
    "JAVA_GATEWAY_EXITED": "Check that Java is version 17 or later, and that spark.driver.memory is there.",
    "Unauthorized": "Kubernetes does not know who asks: give spark.kubernetes.authenticate.oauthTokenFile.",
    "Forbidden": "The account may not do that in this namespace: give it the role in deploy/spark/kubernetes.yaml.",
    "PKIX path": "Kubernetes' certificate is not trusted: give spark.kubernetes.authenticate.caCertFile.",
    "SparkDriver' failed": "spark.driver.host must be of this machine; or give spark.driver.bindAddress.",
}
"""What can be done about an error, by what it says."""
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
    try:
        _configure(session, SESSION | {k: v for k, v in options.items() if k in SESSION})
        if ship_code and not url.startswith("local["):
            session.addArtifacts(str(_archive()), pyfile=True)
        if not is_connect(session):
            _USERS[session.sparkContext.applicationId] += 1
    except Exception as err:  # Spark may have given up already
        raise _unreachable(url, err) from err
    return session


def _configure(session: Any, settings: Mapping[str, str]) -> None:
    """Set what a session needs; a Connect server may refuse what only makes it quicker."""
    for name, value in settings.items():
        try:
            session.conf.set(name, value)
        except Exception:  # gRPC's errors are of many kinds
            if not is_connect(session) or name not in QUICKER:
                raise


def asked_for(settings: Mapping[str, str]) -> int:
    """Tell how many tasks at once the executors can run that were asked for, and may not have come yet.

    Examples
    --------
    >>> asked_for({"spark.executor.instances": "4", "spark.executor.cores": "2"})
    8
    """
    if settings.get("spark.dynamicAllocation.enabled", "false") == "true":
        return 0  # a cluster that grows with its work
    executors, cores, each = (
        int(settings.get(name, otherwise))
        for name, otherwise in (
            ("spark.executor.instances", "0"),
            ("spark.executor.cores", "1"),
            ("spark.task.cpus", "1"),
        )
    )
    return executors * max(1, cores // max(1, each))


def close_session(session: Any) -> None:
    """Leave the cluster, unless another engine of this process works with it."""
    if not is_connect(session):
        application = session.sparkContext.applicationId
        _USERS[application] -= 1
        if _USERS[application] > 0:
            return
        _stop(session)
        return
    session.stop()


def _stop(spark: Any) -> None:
    with contextlib.suppress(Exception):  # where Java has ended, there is nothing left to leave
        spark.stop()


def _connect(url: str, options: Mapping[str, str]) -> Any:
    if find_spec("grpc") is None or find_spec("grpc_status") is None:
        raise MissingExtraError("spark")
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    _check_master(url)
    try:
        session = SparkSession.builder.remote(url).config(map=dict(options)).create()
        release = session.version  # asks the server, so that a wrong address is told here
    except PySparkException as err:
        raise _unreachable(url, err) from err
    except Exception as err:  # gRPC's errors are of many kinds
        raise _unreachable(url, err) from err
    _check_release(url, release)
    return session


def _check_release(url: str, release: str) -> None:
    numbers = tuple(int(number) for number in re.findall(r"\d+", release)[:2])
    if numbers < OLDEST:
        raise UnavailableError(
            f"Spark at {url} is version {release}.",
            hint=f"Use version {'.'.join(map(str, OLDEST))} or later.",
        )


def _classic(url: str, options: Mapping[str, str]) -> Any:
    if not _has_java():
        raise UnavailableError(
            "Spark needs Java, and there is none on this machine.",
            hint="Install a Java runtime, version 17 or later, or set JAVA_HOME.",
        )
    settings = configuration(url, options)
    _check_master(url)
    from pyspark import SparkConf, SparkContext
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
    with _environment(here=_is_here(url)):
        try:
            context = SparkContext(master=master, conf=SparkConf().setAll(list(settings.items())))
        except Exception as err:  # Py4J wraps whatever Java says
            raise _unreachable(url, err) from err
    atexit.register(_stop, context)  # workers of a session that nobody closed leave files otherwise
    try:
        return SparkSession(context).newSession()
    except Exception as err:  # Spark may have given up already
        raise _unreachable(url, err) from err


def _has_java() -> bool:
    home = os.environ.get("JAVA_HOME")  # Spark looks there and nowhere else, where it is set
    return shutil.which(str(Path(home) / "bin" / "java") if home else "java") is not None


def configuration(url: str, options: Mapping[str, str]) -> dict[str, str]:
    """Give Spark's settings for a master: those of this module, over them the operator's.

    `InputError` where Kubernetes is not told which image to run.

    Examples
    --------
    >>> local = configuration("local[2]", {"spark.app.name": "fields"})
    >>> local["spark.app.name"], local["spark.driver.host"]
    ('fields', '127.0.0.1')
    """
    found = DEFAULTS | (_loopback() if _is_here(url) else {})
    if _sockets_are_files(url, options):
        found[SOCKET_FILES] = "true"
    found |= options
    if url.startswith("k8s://") and not any(name in found for name in IMAGES):
        raise InputError(
            "Spark on Kubernetes needs the name of an image for its pods.",
            hint=f"Give {IMAGES[0]} in EXTREMEEARTH_ENGINE_OPTIONS.",
        )
    jars = f"{found.get('spark.jars', '')},{found.get('spark.jars.packages', '')}"
    extensions = found.get("spark.sql.extensions", "")
    if "sedona" in jars.lower() and "sedona" not in extensions.lower():
        found["spark.sql.extensions"] = ",".join(filter(None, [extensions, SEDONA]))
    return found


def _sockets_are_files(url: str, options: Mapping[str, str]) -> bool:
    """Tell whether Java and Python may speak through a file in Java's folder for temporary files.

    The name of such a file is short by law: no more than about a hundred letters. YARN's folders are longer, and so
    may be one that the operator names.
    """
    moved = any("java.io.tmpdir" in value for value in options.values())
    return hasattr(socket, "AF_UNIX") and url != "yarn" and not moved


def _is_here(url: str) -> bool:
    return url.startswith("local[") or urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def _check_master(url: str) -> None:
    """Knock at the door: Spark itself tries for minutes, and then says something else."""
    scheme, _, rest = url.partition("://")
    if scheme == "k8s":  # k8s://https://host:port, or without https://
        inner, _, rest = rest.rpartition("://")
        scheme = inner or "https"
    if scheme not in DEFAULT_PORTS:
        return
    problem: Exception | None = None
    for address in rest.partition("/")[0].split(","):  # several masters, of which one is active
        try:
            host, port = _host_and_port(address, DEFAULT_PORTS[scheme])
            socket.create_connection((host, port), KNOCK_S).close()
        except (OSError, ValueError) as err:
            problem = err
        else:
            return
    assert problem is not None
    raise _unreachable(url, problem)


def _host_and_port(address: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{address}")
    if not parts.hostname:
        raise ValueError(f"'{address}' names no host")
    return parts.hostname, parts.port or port


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
    hint = "Check that the cluster runs, that the address is right, and that its version is 4.1 or later."
    for sign, said in _SIGNS.items():
        if sign in text:
            hint = said
            break
    return UnavailableError(f"Spark at {url} does not answer: {_reason(error)}", hint=hint)


def _reason(error: Exception) -> str:
    """Give the line that says why: of what Java raised, the innermost cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    thrown = [line.removeprefix(": ") for line in lines if line.startswith(": ")]
    return (causes[-1:] or thrown or lines or [type(error).__name__])[0][:300]


@cache
def _archive() -> Path:
    """Put this package into a zip file, named after its content, that Python imports from.

    Once per process: Spark takes a file of one name from one place only.
    """
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
