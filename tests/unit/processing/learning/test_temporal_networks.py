"""Networks: they learn, from the training folds alone, the same way for the same seed, and equal their ONNX."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnxruntime
import pytest

from extremeearth.core.errors import CancelledError, DataBrokenError, InputError
from extremeearth.core.progress import CancelToken, EventProgress, ProgressEvent
from extremeearth.data.products import simulate_field_archive
from extremeearth.processing.datasets import CropDataset, make_crop_dataset
from extremeearth.processing.learning import (
    NetworkModel,
    TrainingPlan,
    compare,
    cross_validate,
    export_onnx,
    network_learner,
    random_forest,
    train_network,
)

SHORT = TrainingPlan(epochs=6)


@pytest.fixture(scope="module")
def crops() -> CropDataset:
    a = simulate_field_archive()
    return make_crop_dataset(
        a.parcels, a.parcel_series, a.national_crops, taxonomy=a.taxonomy, folds=4
    )


@pytest.fixture(scope="module", params=["l-tae", "tempcnn"])
def trained(request: pytest.FixtureRequest, crops: CropDataset) -> NetworkModel:
    return train_network(crops, architecture=request.param, plan=SHORT, seed=3)


def test_members_leave_out_one_fold_each(trained: NetworkModel) -> None:
    assert trained.members == 4
    assert trained.epochs == 6
    assert trained.temperature > 0


def test_onnx_equals_torch_for_any_batch(trained: NetworkModel, crops: CropDataset) -> None:
    exported = export_onnx(trained, samples=crops.samples, valid=crops.valid)
    assert exported.max_difference < 1e-5
    assert exported.compared > len(crops)
    session = onnxruntime.InferenceSession(exported.onnx)
    for count in (1, 7, 301):
        feed = {"series": crops.samples[:count], "valid": crops.valid[:count]}
        (found,) = session.run(["probabilities"], feed)
        assert found.shape == (count, len(crops.classes))
        expected = trained.probabilities(crops.samples[:count], crops.valid[:count])
        assert np.abs(found - expected).max() < 1e-5
        assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_hidden_dates_do_not_count(trained: NetworkModel, crops: CropDataset) -> None:
    valid = crops.valid.copy()
    valid[:, 8:] = False
    garbage = crops.samples.copy()
    garbage[:, 8:] = 0.9
    ours = trained.probabilities(crops.samples, valid)
    assert np.array_equal(ours, trained.probabilities(garbage, valid))
    assert not np.array_equal(ours, trained.probabilities(crops.samples, crops.valid))


def test_an_export_that_differs_is_refused(trained: NetworkModel) -> None:
    with pytest.raises(DataBrokenError, match="differs"):
        export_onnx(trained, tolerance=-1.0)


def test_same_seed_same_network_and_test_parcels_do_not_matter(crops: CropDataset) -> None:
    rows = np.flatnonzero(crops.folds != 0)
    plan = TrainingPlan(epochs=2)
    one = train_network(crops, rows, plan=plan, seed=1)
    samples, labels = crops.samples.copy(), crops.labels.copy()
    samples[crops.folds == 0], labels[crops.folds == 0] = 0.7, 0
    changed = dataclasses.replace(crops, samples=samples, labels=labels)
    two = train_network(changed, rows, plan=plan, seed=1)
    other = train_network(crops, rows, plan=plan, seed=2)
    ours = one.probabilities(crops.samples, crops.valid)
    assert np.array_equal(ours, two.probabilities(crops.samples, crops.valid))
    assert not np.array_equal(ours, other.probabilities(crops.samples, crops.valid))


def test_it_learns_and_is_scored_on_parcels_it_has_not_seen(crops: CropDataset) -> None:
    plan = TrainingPlan(epochs=12)
    network = cross_validate(crops, network_learner(plan=plan))
    forest = cross_validate(crops, random_forest(trees=60))
    shuffled = dataclasses.replace(crops, labels=np.random.default_rng(0).permutation(crops.labels))
    chance = cross_validate(shuffled, network_learner(plan=TrainingPlan(epochs=3)))
    assert network.macro_f1.value > chance.macro_f1.value + 0.3
    assert chance.kappa < 0.15  # nothing leaks from the test folds
    assert network.macro_f1.low <= network.macro_f1.value <= network.macro_f1.high
    assert network.confusion.sum() == len(crops)
    difference = compare(network, forest)
    assert difference.value == pytest.approx(network.macro_f1.value - forest.macro_f1.value)
    assert sum(b.count for b in network.reliability) == len(crops)
    assert set(network.summary()) >= {
        "macro_f1",
        "macro_f1_95",
        "kappa",
        "calibration_error",
        "confusion",
    }
    with pytest.raises(InputError):
        compare(network, chance)


def test_training_tells_each_epoch_and_stops_when_asked(crops: CropDataset) -> None:
    token, events = CancelToken(), list[ProgressEvent]()

    def listen(event: ProgressEvent) -> None:
        events.append(event)
        if event.done >= 2:
            token.cancel()

    with pytest.raises(CancelledError):
        train_network(crops, plan=SHORT, progress=EventProgress(listen, token=token))
    assert [e.done for e in events] == [0, 1, 2]
    assert events[-1].total == 6


def test_patience_ends_training(crops: CropDataset) -> None:
    model = train_network(crops, plan=TrainingPlan(epochs=60, patience=3, rate=0.3))
    assert model.epochs < 60


def test_what_cannot_be_trained_is_refused(crops: CropDataset) -> None:
    with pytest.raises(InputError, match="architecture"):
        train_network(crops, architecture="vgg")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(InputError, match="batch"):
        train_network(crops, np.arange(20), plan=TrainingPlan(batch=64))
    with pytest.raises(InputError, match="plan"):
        TrainingPlan(epochs=0)
    with pytest.raises(InputError):
        random_forest(trees=0)
