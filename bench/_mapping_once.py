"""One run of a mapping in a process of its own; tells seconds, CPU seconds, peak memory and triples as JSON."""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
from pathlib import Path

_SMALL = """@prefix rml: <http://w3id.org/rml/> .
<urn:m> rml:logicalSource [ rml:source "t" ] ; rml:subjectMap [ rml:template "urn:{id}" ; rml:class <urn:c> ] ."""


def peak_mb() -> float:
    """Give this process's own peak; `ru_maxrss` would begin with that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measured(started: float, triples: int, mapping_s: float) -> str:
    """Put the numbers of this process and its ended children together."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    cpu = sum(use.ru_utime + use.ru_stime for use in (own, children))
    return json.dumps(
        {
            "seconds": time.perf_counter() - started,
            "mapping_s": mapping_s,
            "cpu_s": cpu,
            "peak_mb": peak_mb(),
            "triples": triples,
        }
    )


def ours(
    mapping: Path, target: Path, threads: int, workers: int, *, first: bool
) -> tuple[int, float]:
    """Run the platform's mapping; give triples, and its seconds without Python's start and the imports.

    Workers are there already, as they stay from one run to the next, but where this is the `first` one.
    """
    import pyarrow as pa

    from extremeearth.knowledge.mapping import Parts, map_to_rdf

    engine = None
    if workers > 1:
        from extremeearth.infrastructure.engine import LocalEngine

        engine = LocalEngine(workers=workers)
    # what is imported at its first use is imported before the clock runs, also where workers are forked from
    few = pa.table({"id": list(range(1 if first else 4 * workers))})
    map_to_rdf(
        _SMALL, sources={"t": few}, target=io.BytesIO(), folder=mapping.parent, engine=engine, batch_rows=1
    )  # fmt: skip
    if engine is not None and first:
        engine.close()
    place = target if target.suffix else Parts(folder=target, form=".nt")
    report = map_to_rdf(mapping, target=place, threads=threads, engine=engine)
    return report.triples, report.seconds


def main() -> None:
    """Take mapping, target (a name without an end: a folder of parts), threads, worker processes, cores (0: all).

    After these, ``first`` where the workers are to start while the clock runs.
    """
    started = time.perf_counter()
    threads, workers, cores = (int(number) for number in sys.argv[3:6])
    if cores:  # before the libraries count them
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    triples, mapping_s = ours(
        Path(sys.argv[1]), Path(sys.argv[2]), threads, workers, first="first" in sys.argv[6:]
    )
    sys.stdout.write(measured(started, triples, mapping_s) + "\n")


if __name__ == "__main__":
    main()
