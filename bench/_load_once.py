"""Load one file into one folder in a process of its own, and tell the peak memory: ``python -m bench._load_once``."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path


def load_ours(file: Path, folder: Path) -> int:
    """Load with the graph store of the platform."""
    from extremeearth.knowledge.store.loading import load_documents
    from extremeearth.knowledge.store.storage import open_storage

    return load_documents(open_storage(folder), [file]).triples


def load_pyoxigraph(file: Path, folder: Path) -> int:
    """Load with pyoxigraph into a folder."""
    import pyoxigraph as ox

    store = ox.Store(str(folder))
    store.bulk_load(path=str(file), format=ox.RdfFormat.N_TRIPLES)
    store.flush()
    return len(store)


LOADERS = {"extremeearth": load_ours, "pyoxigraph": load_pyoxigraph}


def main() -> None:
    """Read the name of the loader, the file and the folder from the command line."""
    name, file, folder = sys.argv[1:]
    triples = LOADERS[name](Path(file), Path(folder))
    sys.stdout.write(json.dumps({"triples": triples, "peak_mb": peak_kb() / 1024}) + "\n")


def peak_kb() -> int:
    """Give the peak memory of this process; Linux lets `getrusage` begin with that of the parent."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
