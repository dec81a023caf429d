"""The demo as a person runs it: stopped in the middle, gone on with, run again; on simulated scenes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import onnxruntime
import pytest
import rasterio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("demo")]

LIMIT_S = 420


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    # a folder without ../shared/data, and no EXTREMEEARTH_DATA: the demo has to simulate, and to say so
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EXTREMEEARTH_")}
    return subprocess.Popen(
        [sys.executable, "-m", "extremeearth", "demo", "food-security", "--out", "out", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(folder: Path) -> dict[str, Any]:
    process = start(folder, "--json", "steps.json")
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, err[-3000:]
    document: dict[str, Any] = json.loads((folder / "steps.json").read_text())
    document["stdout"] = out
    return document


def servers_of(folder: Path) -> list[str]:
    """Find the processes that were started with the platform in `folder`, by their environment."""
    home = f"EXTREMEEARTH_HOME={folder / 'out' / 'platform'}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is another user's
            if home in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def stopped(folder: Path) -> tuple[int, str]:
    """Stop the first run with Ctrl-C as soon as it has made its training dataset."""
    process = start(folder)
    record = folder / "out" / ".steps.json"
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        if record.exists() and "training dataset" in record.read_text():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.fixture(scope="module")
def finished(folder: Path, stopped: tuple[int, str]) -> dict[str, Any]:
    del stopped
    return outcome(folder)


def test_ctrl_c_ends_with_one_sentence(stopped: tuple[int, str]) -> None:
    code, err = stopped
    assert code == 128 + signal.SIGINT
    assert "Stopped." in err
    assert "run the same command again" in err
    assert "Traceback" not in err


def test_all_eight_events_are_done(finished: dict[str, Any]) -> None:
    assert finished["real_data"] is False
    assert "simulated" in finished["stdout"]
    assert [(step["event"], step["ok"]) for step in finished["steps"]] == [
        (n, True) for n in range(1, 9)
    ]


def test_the_second_run_went_on_where_the_first_was_stopped(finished: dict[str, Any]) -> None:
    assert [step["event"] for step in finished["steps"] if step["kept"]] == [2, 3]


def test_both_models_have_scores_and_the_export_is_equal(
    finished: dict[str, Any], folder: Path
) -> None:
    result = finished["steps"][3]["result"]
    for model in ("network", "random_forest"):
        low, high = result[model]["macro_f1_95"]
        assert 0 < low <= result[model]["macro_f1"] <= high <= 1
    assert result["onnx_max_difference"] < 1e-4
    session = onnxruntime.InferenceSession(
        folder / "out" / "model.onnx", providers=["CPUExecutionProvider"]
    )
    assert [entry.name for entry in session.get_inputs()] == ["series", "valid"]


def test_the_maps_are_equal_and_hold_every_parcel(finished: dict[str, Any], folder: Path) -> None:
    assert finished["steps"][6]["result"]["maps_equal"] is True
    with (
        rasterio.open(folder / "out" / "crop-map-embedded.tif") as one,
        rasterio.open(folder / "out" / "crop-map-online.tif") as other,
    ):
        assert one.crs is not None
        np.testing.assert_array_equal(one.read(), other.read())
        assert (one.read() > 0).any()
    parcels = gpd.read_parquet(folder / "out" / "crop-map.parquet")
    assert len(parcels) == finished["steps"][1]["result"]["parcels"]


def test_the_federated_rows_are_those_of_the_union(finished: dict[str, Any]) -> None:
    result = finished["steps"][7]["result"]
    assert result["rows"] > 0
    assert result["rows_equal_union"] is True


def test_the_report_needs_nothing_else(finished: dict[str, Any], folder: Path) -> None:
    page = (folder / "out" / "report.html").read_text()
    assert page.count("<svg") >= 6
    assert "simulated" in page
    for foreign in ('src="http', 'href="http', "@import", "url(http"):
        assert foreign not in page.replace('href="https://w3id.org', "")


def test_no_secret_is_left_in_the_folder(finished: dict[str, Any], folder: Path) -> None:
    prefix = finished["steps"][0]["result"]["key"]
    files = [file for file in (folder / "out").rglob("*") if file.is_file()]
    assert any(file.name == "server.log" for file in files)
    assert [file for file in files if f"{prefix}.".encode() in file.read_bytes()] == []


def test_a_third_run_keeps_what_it_can(finished: dict[str, Any], folder: Path) -> None:
    again = outcome(folder)
    assert [step["event"] for step in again["steps"] if step["kept"]] == [2, 3, 4, 5]
    assert again["steps"][7]["result"]["answer"] == finished["steps"][7]["result"]["answer"]
    assert servers_of(folder) == [], "the demo leaves no server behind"
