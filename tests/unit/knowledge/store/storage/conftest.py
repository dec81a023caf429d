"""Writers in processes of their own, which tests kill."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Start = Callable[..., int]

WRITER = """
import json, os, signal, sys
from pathlib import Path
import deltalake, numpy as np, polars, pyarrow.parquet
from extremeearth.knowledge.sparql.terms import Iri, Literal
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.storage import open_storage, quads_table

WKT = Iri("http://www.opengis.net/ont/geosparql#wktLiteral")

def write(folder, told, name, commits, rows):
    storage = open_storage(Path(folder))

    def add(writing):
        before = len(writing.snapshot)
        subjects = writing.number(TermColumn.of(Iri(f"urn:{name}:{before}:{i}") for i in range(rows)))
        predicate, = writing.number(TermColumn.of([Iri("urn:p")]))
        texts = [f"POINT ({i % 90} {before % 90})" for i in range(rows)]
        points = writing.number(TermColumn.of(Literal(text, WKT) for text in texts))
        zeros = np.zeros(rows, np.int64)
        writing.insert(quads_table(subjects, np.full(rows, predicate), points, zeros))
        return before + writing.inserted

    with open(told, "ab", buffering=0) as out:
        out.write(b"0\\n")
        for _ in range(commits):
            count = storage.transact(add)
            out.write(f"{count}\\n".encode())

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    process = os.fork()  # much faster than to start anew
    if process == 0:
        status = 1
        try:
            write(**json.loads(line))
            status = 0
        finally:
            os._exit(status)
    print(process, flush=True)
"""


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """A process that has imported everything, and forks writers."""
    script = tmp_path_factory.mktemp("writer") / "writer.py"
    script.write_text(WRITER)
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


@pytest.fixture
def start_writer(starter: subprocess.Popen[str]) -> Iterator[Start]:
    """Start a process that adds quads to a store, and notes how many there are after each commit."""
    started = []

    def start(folder: Path, told: Path, *, name: str, commits: int, rows: int) -> int:
        assert starter.stdin is not None
        assert starter.stdout is not None
        order = {
            "folder": str(folder), "told": str(told), "name": name, "commits": commits, "rows": rows,
        }  # fmt: skip
        starter.stdin.write(f"{json.dumps(order)}\n")
        starter.stdin.flush()
        started.append(int(starter.stdout.readline()))
        return started[-1]

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
