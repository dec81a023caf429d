"""A real platform for the browser: the demo's season ingested, a small model, maps, and `extremeearth serve`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
QUICK_EPOCHS = 3


@dataclass(frozen=True)
class RunningPlatform:
    """Where it answers, and the key of its project."""

    url: str
    key: str


def chromium() -> tuple[str, list[str]] | None:
    """Where the system's Chromium is and how it is started without asking other servers; `None` without one."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        return None
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return found, [*CHROMIUM_FLAGS, *(["--no-sandbox"] if as_root else [])]


def seed_platform(home: Path, data: Path | None, *, epochs: int | None = QUICK_EPOCHS) -> str:
    """Fill the platform in `home` as the demo does and give the key.

    The model is trained only briefly, unless `epochs` says otherwise; `None` means as long as the demo does.
    """
    from extremeearth.app.demo.food_security.access import open_access
    from extremeearth.app.demo.food_security.ingest import ingest
    from extremeearth.app.demo.food_security.learn import DATASET, MODEL, make_dataset
    from extremeearth.app.demo.food_security.place import DemoPlace
    from extremeearth.core.progress import SILENT
    from extremeearth.core.settings import Settings
    from extremeearth.processing.datasets import DATASETS, load_dataset
    from extremeearth.processing.learning import TrainingPlan, export_onnx, train_network
    from extremeearth.processing.models import crop_model_card

    place = DemoPlace(out=home.parent, data=data, settings=Settings(home=home))
    try:
        place.token, _ = open_access(place, SILENT)
        ingest(place, SILENT)
        make_dataset(place, SILENT)
        dataset = load_dataset(store=place.platform.store, prefix=f"{DATASETS}/{DATASET}")
        model = train_network(
            dataset, seed=1, plan=None if epochs is None else TrainingPlan(epochs=epochs)
        )
        exported = export_onnx(model, samples=dataset.samples, valid=dataset.valid)
        project = place.principal.project_id
        assert project is not None
        place.platform.registry.register(
            MODEL,
            onnx=exported.onnx,
            card=crop_model_card(dataset, model, [], source="test", real=place.archive.real),
            project_id=project,
            public=True,
            derived_from=place.platform.catalogue.get(DATASETS, DATASET, viewer=place.principal),
        )
        box = list(place.box.bounds)
        place.run_here(
            "crop-type", {"bbox": box, "datetime": str(place.parcel_season), "public": True}, SILENT
        )
        for targets in ("parcels", "fields"):
            inputs = {
                "bbox": box,
                "datetime": str(place.season),
                "targets": targets,
                "yields": False,
                "public": True,
            }
            place.run_here("water-availability", inputs, SILENT)
        return place.token
    finally:
        place.close()


@contextmanager
def served(home: Path, log: Path) -> Iterator[str]:
    """Serve the platform in `home` on a free port; give its address."""
    from extremeearth.app.demo.food_security.service import started, wait_until_it_answers
    from extremeearth.app.server import free_port

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with started(["serve", "--port", str(port)], {"EXTREMEEARTH_HOME": str(home)}, log) as process:
        wait_until_it_answers(process, f"{url}/health/ready", log)
        yield url
