"""The network: the one that is shipped, training, and its file."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

from extremeearth.core.errors import DataBrokenError, InputError
from extremeearth.processing import preprocessing
from extremeearth.processing.preprocessing import (
    LaiNetwork,
    lai_network,
    network_inputs,
    simulate_canopies,
)
from extremeearth.processing.preprocessing.train_lai import lai_scores, main, train_lai_network

SHIPPED = files(preprocessing) / "resources" / "lai_network.json"


def test_shipped_network_keeps_what_its_header_claims_on_canopies_it_never_saw():
    claimed = lai_network().provenance["held_out"]
    scores = lai_scores(lai_network(), simulate_canopies(8000, seed=77))
    assert scores["r2"] > 0.8
    assert scores["rmse"] == pytest.approx(claimed["rmse"], rel=0.08)
    assert abs(scores["bias"]) < 0.1


def test_a_reduced_training_comes_close():
    small = train_lai_network(seed=5, canopies=6000, hidden=(16,), rounds=40)
    held_out = simulate_canopies(4000, seed=78)
    shipped, own = lai_scores(lai_network(), held_out), lai_scores(small, held_out)
    assert own["r2"] > 0.75
    assert own["rmse"] < 1.25 * shipped["rmse"]


def test_training_is_repeatable():
    one, two = (train_lai_network(seed=2, canopies=500, hidden=(4,), rounds=3) for _ in range(2))
    assert one.to_json() == two.to_json()
    assert one.to_json() != train_lai_network(seed=3, canopies=500, hidden=(4,), rounds=3).to_json()


def test_file_is_small_plain_and_says_where_it_comes_from():
    text = SHIPPED.read_text(encoding="utf-8")
    assert len(text) < 200_000
    provenance = json.loads(text)["provenance"]
    assert provenance["licence"] == "Apache-2.0"
    assert "PROSPECT" in provenance["trained_on"]
    assert provenance["sources"]
    assert LaiNetwork.from_json(text).to_json() == text


@pytest.mark.parametrize("damage", [
    lambda d: d.update(format="other/1"),
    lambda d: d.update(bands=["B02"]),
    lambda d: d.pop("layers"),
    lambda d: d["layers"].pop(0),
    lambda d: d.update(centre=["x"]),
    lambda d: d.update(lai_range=[0]),
])  # fmt: skip
def test_a_broken_file_is_told(damage):
    document = json.loads(SHIPPED.read_text(encoding="utf-8"))
    damage(document)
    with pytest.raises(DataBrokenError, match="no network"):
        LaiNetwork.from_json(json.dumps(document))


def test_no_json_is_told():
    with pytest.raises(DataBrokenError):
        LaiNetwork.from_json("\x80\x04pickle")


def rows_of(spectrum):
    return network_inputs(
        np.array([spectrum]), sun_zenith_deg=35.0, view_zenith_deg=5.0, relative_azimuth_deg=90.0
    )


def test_unlike_spectra_are_flagged():
    like = rows_of([0.05, 0.03, 0.08, 0.30, 0.42, 0.44, 0.18, 0.08])
    assert not lai_network().estimate(like).outside[0]
    for unlike in (
        [0.8] * 8,  # cloud
        [0.02, 0.02, 0.01, 0.01, 0.01, 0.01, 0.005, 0.004],  # water
        [0.05, 0.30, 0.08, 0.02, 0.42, 0.10, 0.50, 0.01],  # nothing on Earth
    ):
        assert lai_network().estimate(rows_of(unlike)).outside[0]


def test_output_stays_in_the_learned_range_and_says_when_it_was_cut():
    generator = np.random.default_rng(0)
    wild = network_inputs(
        generator.uniform(0, 1, (2000, 8)), sun_zenith_deg=35.0, view_zenith_deg=5.0, relative_azimuth_deg=90.0
    )  # fmt: skip
    estimate = lai_network().estimate(wild)
    assert ((estimate.lai >= 0) & (estimate.lai <= 8)).all()
    assert estimate.clipped.any()
    assert np.isin(estimate.lai[estimate.clipped], (0, 8)).all()


def test_wrong_number_of_columns_is_told():
    with pytest.raises(InputError, match="11 columns"):
        lai_network().estimate(np.zeros((2, 8)))


def test_simulation_is_repeatable_and_in_range():
    one, two = (simulate_canopies(500, seed=9) for _ in range(2))
    assert (one.reflectance == two.reflectance).all()
    assert ((one.lai >= 0) & (one.lai <= 8)).all()
    assert ((one.reflectance > 0) & (one.reflectance < 1)).all()
    clean = simulate_canopies(500, seed=9, noise=False)
    assert 0.003 < np.abs(clean.reflectance - one.reflectance).mean() < 0.03
    with pytest.raises(InputError, match="0 canopies"):
        simulate_canopies(0, seed=1)


def test_command_writes_a_network_that_can_be_read(tmp_path, capsys):
    target = tmp_path / "net.json"
    assert main(["--seed", "1", "--canopies", "300", "--rounds", "2", "-o", str(target)]) == 0
    assert json.loads(capsys.readouterr().out)["canopies"] == 20_000
    assert LaiNetwork.from_json(target.read_text()).provenance["seed"] == 1


def test_command_tells_what_went_wrong(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "net.json"
    assert main(["--canopies", "300", "--rounds", "1", "-o", str(target)]) == 1
    assert "cannot be written" in capsys.readouterr().err
