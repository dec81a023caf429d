"""Runs the eight events in order, with the servers up for the last three."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from extremeearth.app.demo.flow import Flow, Step, StepOutcome, first_failure, print_table
from extremeearth.app.demo.food_security.access import open_access
from extremeearth.app.demo.food_security.ingest import ingest
from extremeearth.app.demo.food_security.learn import make_dataset, train_and_register
from extremeearth.app.demo.food_security.linked_data import make_linked_data
from extremeearth.app.demo.food_security.place import DemoPlace, find_data
from extremeearth.app.demo.food_security.process import map_embedded, map_online_and_water
from extremeearth.app.demo.food_security.question import ask
from extremeearth.app.demo.food_security.report import write_report
from extremeearth.app.demo.food_security.service import RunningServers, running_servers
from extremeearth.client import Client
from extremeearth.core.files import write_atomic
from extremeearth.core.progress import Progress
from extremeearth.core.settings import Settings

__all__ = ["DemoOptions", "run_demo"]

TELL = {
    1: "project {project}, user {user}, key {key}",
    2: "{cubes} cubes, {parcels} parcels, {weather_days} days of weather; leaf area index on {clear_dates} dates; "
    "search finds {items_in_box} items in the box, {cubes_with_little_cloud} cubes with < 10 % cloud",
    3: "{samples} parcels x {dates} dates x {bands} bands, {class_count} classes, {folds} folds",
    4: "macro-F1 {network[macro_f1]:.3f} ({network[learner]}), {random_forest[macro_f1]:.3f} (forest); "
    "ONNX = torch within {onnx_max_difference:.0e}; registered {model}",
    5: "{triples} triples mapped, {links} links; {reference_triples} triples of taxonomy and boundaries",
    6: "map of {parcels} parcels by the embedded model",
    7: "maps equal: {maps_equal}; {fields} fields x {days} days, crop ET {etc_mm:.0f} mm, "
    "irrigation need {irrigation_mm:.0f} mm on average",
    8: "{rows} rows from {endpoints} endpoints; equal to the union: {rows_equal_union}",
}
"""What came out of each event, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the command line asks of the demo.

    Attributes
    ----------
    out
        Folder to leave everything in.
    data
        Folder of real data; `None` to look for it.
    fresh
        Whether to forget steps that ended well before.
    serve
        Whether to keep the server up at the end.
    port
        Port of the server; `None` for 8000 where it stays up, and any free one where not.
    json_file
        File for the outcome, for machines.
    """

    out: Path
    data: Path | None = None
    fresh: bool = False
    serve: bool = False
    port: int | None = None
    json_file: Path | None = None


class _Servers:
    """Starts the servers when the first step needs them, and keeps them until the end."""

    def __init__(self, place: DemoPlace, stack: ExitStack, port: int | None) -> None:
        self._place, self._stack, self._port = place, stack, port
        self._running: RunningServers | None = None
        self._client: Client | None = None

    @property
    def running(self) -> RunningServers:
        if self._running is None:
            home = self._place.settings.home
            self._running = self._stack.enter_context(
                running_servers(
                    self._place.settings,
                    reference_graph=home / "reference-graph",
                    logs=home / "logs",
                    port=self._port,
                )
            )
        return self._running

    @property
    def client(self) -> Client:
        if self._client is None:
            client = Client(self.running.platform, key=self._place.token)
            self._client = self._stack.enter_context(client)
        return self._client


def run_demo(options: DemoOptions, *, progress: Progress, console: Console) -> list[StepOutcome]:
    """Run the flow; leave its folder, the table, and if asked for the server.

    Raises
    ------
    ExtremeEarthError
        A step failed, or ended otherwise than it should; what was finished stays.
    """
    out = options.out.absolute()
    settings = Settings(home=out / "platform")
    data = find_data(options.data, settings)
    if data is None:
        console.print(
            "No real data found (no --data, no EXTREMEEARTH_DATA, no ../shared/data): the scenes are simulated.",
            style="yellow",
        )
    out.mkdir(parents=True, exist_ok=True)
    record = out / ".steps.json"
    if options.fresh:
        record.unlink(missing_ok=True)
    place = DemoPlace(out=out, data=data, settings=settings)
    port = options.port or (settings.port if options.serve else None)
    with ExitStack() as stack:
        stack.callback(place.close)
        servers = _Servers(place, stack, port)
        steps = _steps(place, servers)
        outcomes = Flow(record, fingerprint=place.fingerprint()).run(steps, progress)
        report = write_report(out, steps, outcomes, real_data=place.archive.real)
        _write_json(options.json_file, place, outcomes)
        print_table(steps, outcomes, console=console, title=_title(place))
        console.print(f"Report: {report}", soft_wrap=True)
        failure = first_failure(outcomes)
        if failure is not None:
            raise failure
        if options.serve:
            _stay(servers, place, console)
    return outcomes


def _steps(place: DemoPlace, servers: _Servers) -> list[Step]:
    def access(progress: Progress) -> dict[str, Any]:
        place.token, result = open_access(place, progress)
        return result

    return [
        Step(event=1, name="project, user, API key", run=access, tell=TELL[1], keep=False),
        Step(
            event=2,
            name="ingest series, parcels, weather; leaf area index",
            run=partial(ingest, place),
            tell=TELL[2],
        ),
        Step(
            event=3,
            name="training dataset with spatial folds",
            run=partial(make_dataset, place),
            tell=TELL[3],
        ),
        Step(
            event=4,
            name="network and random forest on the same folds",
            run=partial(train_and_register, place),
            tell=TELL[4],
        ),
        Step(
            event=5,
            name="linked data, links, GeoSPARQL store",
            run=partial(make_linked_data, place),
            tell=TELL[5],
        ),
        Step(
            event=6,
            name="crop-type over OGC API - Processes",
            run=lambda progress: map_embedded(place, servers.client, progress),
            tell=TELL[6],
            keep=False,
        ),
        Step(
            event=7,
            name="the same map online; water need",
            run=lambda progress: map_online_and_water(place, servers.client, progress),
            tell=TELL[7],
            keep=False,
        ),
        Step(
            event=8,
            name="federated GeoSPARQL question",
            run=lambda progress: ask(place, servers.client, progress),
            tell=TELL[8],
            keep=False,
        ),
    ]


def _title(place: DemoPlace) -> str:
    return f"Food security, on {'real' if place.archive.real else 'SIMULATED'} data"


def _write_json(file: Path | None, place: DemoPlace, outcomes: list[StepOutcome]) -> None:
    if file is None:
        return
    document = {
        "real_data": place.archive.real,
        "steps": [
            {
                "event": o.event,
                "name": o.name,
                "ok": o.ok,
                "seconds": o.seconds,
                "kept": o.kept,
                "result": o.result,
            }
            for o in outcomes
        ],
    }
    write_atomic(file, json.dumps(document, indent=1))


def _stay(servers: _Servers, place: DemoPlace, console: Console) -> None:
    """Keep the server up until Ctrl-C; a fragment of an address never leaves the browser."""
    console.print(f"Open {servers.running.platform}/#key={place.token}", soft_wrap=True)
    console.print("Stop with Ctrl-C.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        servers.running.process.wait()
    except KeyboardInterrupt:
        console.print("Stopped.")
