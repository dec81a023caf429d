"""Where the demo works: its folder, its input and its platform."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pystac

from extremeearth import __version__
from extremeearth.app.platform import Platform
from extremeearth.core.boxes import Box, as_box
from extremeearth.core.errors import DataMissingError
from extremeearth.core.progress import Progress
from extremeearth.core.security import Principal
from extremeearth.core.settings import Settings
from extremeearth.core.times import TimeRange, as_time_range
from extremeearth.data.products import FieldArchive, open_field_archive, simulate_field_archive
from extremeearth.processing.jobs import JobContext
from extremeearth.product.processes import run_processor

__all__ = ["PROJECT", "USER", "DemoPlace", "find_data"]

PROJECT, USER = "food-security", "demo"
SIMULATION_SEED = 20180701
DATA_FOLDERS = ("bavaria-fields", "hcat-crop-taxonomy", "admin-boundaries")


def find_data(named: Path | None, settings: Settings) -> Path | None:
    """Find the folder of real data: the one named, the one in the settings, or ``../shared/data``.

    Raises
    ------
    DataMissingError
        A folder was named and does not hold what the demo needs; only where none is named may data be
        simulated.
    """
    given = named or settings.data
    folder = given or Path("..") / "shared" / "data"
    missing = [name for name in DATA_FOLDERS if not (folder / name).is_dir()]
    if not missing:
        return folder.resolve()
    if given is not None:
        raise DataMissingError(
            f"The data folder {folder} has no {' and no '.join(missing)}.",
            hint="Name the folder that holds them with --data, or leave it out to simulate scenes.",
        )
    return None


@dataclass
class DemoPlace:
    """The output folder, the input data and the platform in the folder.

    Attributes
    ----------
    out
        Folder that the demo leaves: maps, tables, model, triples, report, and the platform in it.
    data
        Folder of real data; `None` to simulate.
    token
        The API key; event 1 sets it.
    """

    out: Path
    data: Path | None
    settings: Settings
    token: str = field(default="", repr=False)

    @cached_property
    def archive(self) -> FieldArchive:
        """The season of fields and parcels that the demo eats."""
        if self.data is None:
            return simulate_field_archive(seed=SIMULATION_SEED)
        return open_field_archive(self.data)

    @cached_property
    def platform(self) -> Platform:
        """The platform in the output folder."""
        return Platform.open(self.settings)

    def close(self) -> None:
        """Give the platform back, if it was opened."""
        if "platform" in self.__dict__:
            self.platform.close()

    @cached_property
    def principal(self) -> Principal:
        """The demo's user, acting in its project by the key of event 1."""
        return self.platform.accounts.verify(self.token)

    @property
    def box(self) -> Box:
        """The region of the demo: all parcels and fields."""
        bounds = [self.archive.parcels.total_bounds, self.archive.trial_fields.total_bounds]
        return as_box(
            [
                min(b[0] for b in bounds), min(b[1] for b in bounds),
                max(b[2] for b in bounds), max(b[3] for b in bounds),
            ]
        )  # fmt: skip

    @property
    def season(self) -> TimeRange:
        """The time frame of the demo: the days of the weather record."""
        dates = self.archive.weather["date"]
        return as_time_range((dates.min().to_pydatetime(), dates.max().to_pydatetime()))

    @property
    def parcel_season(self) -> TimeRange:
        """The time frame of the parcels' series of bands."""
        dates = self.archive.parcel_series["date"]
        return as_time_range((dates.min().to_pydatetime(), dates.max().to_pydatetime()))

    def run_here(
        self, processor: str, inputs: Mapping[str, Any], progress: Progress
    ) -> list[pystac.Item]:
        """Run a processor in this process; its items go to the catalogue."""
        with tempfile.TemporaryDirectory() as folder:
            context = JobContext(
                progress=progress, workspace=Path(folder), principal=self.principal
            )
            return run_processor(
                self.platform.processors()[processor], inputs, context, self.platform.catalogue
            )

    def fingerprint(self) -> str:
        """Say what the input is: version of the code, and name, size and age of each file."""
        digest = hashlib.sha256(__version__.encode())
        if self.data is None:
            digest.update(f"simulated {SIMULATION_SEED}".encode())
            return digest.hexdigest()
        for name in DATA_FOLDERS:
            for file in sorted((self.data / name).rglob("*")):
                if file.is_file():
                    stat = file.stat()
                    digest.update(f"{file}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
        return digest.hexdigest()
