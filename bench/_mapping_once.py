"""One run of a mapping in a process of its own; tells CPU seconds, seconds, peak memory and triples as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path


def peak_mb() -> float:
    """Give this process's own peak; `ru_maxrss` would begin with that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measured(started: float, triples: int) -> str:
    """Put the numbers of this process and its ended children together."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    cpu = sum(use.ru_utime + use.ru_stime for use in (own, children))
    return json.dumps(
        {
            "seconds": time.perf_counter() - started,
            "cpu_s": cpu,
            "peak_mb": peak_mb(),
            "triples": triples,
        }
    )


def ours(mapping: Path, target: Path, threads: int) -> int:
    """Run the platform's mapping."""
    from extremeearth.knowledge.mapping import map_to_rdf

    return map_to_rdf(mapping, target=target, threads=threads).triples


def main() -> None:
    """Take mapping, target and number of threads from the command line."""
    started = time.perf_counter()
    triples = ours(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(measured(started, triples) + "\n")


if __name__ == "__main__":
    main()
