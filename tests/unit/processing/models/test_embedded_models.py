"""Models in this process: what fits is predicted, what does not is refused before it runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from extremeearth.core.errors import DataBrokenError, InputError
from extremeearth.processing.models import EmbeddedModel

SERIES, VALID = np.ones((2, 3, 13), np.float32), np.ones((2, 3), bool)


@pytest.fixture(scope="module")
def embedded(small_onnx: Callable[..., bytes]) -> EmbeddedModel:
    return EmbeddedModel(small_onnx())


def test_probabilities_sum_to_one(embedded: EmbeddedModel) -> None:
    found = embedded.predict({"series": SERIES, "valid": VALID})["probabilities"]
    assert found.dtype == np.float32
    assert found.sum(axis=1) == pytest.approx(1)


def test_an_empty_batch_has_an_empty_answer(embedded: EmbeddedModel) -> None:
    assert embedded.predict({"series": SERIES[:0], "valid": VALID[:0]})["probabilities"].shape == (
        0,
        2,
    )


@pytest.mark.parametrize(
    "inputs",
    [
        {"series": SERIES},
        {"series": SERIES, "valid": VALID, "more": VALID},
        {"series": SERIES.astype(np.float64), "valid": VALID},
        {"series": SERIES, "valid": VALID.astype(np.uint8)},
        {"series": SERIES[:, :2], "valid": VALID},
        {"series": SERIES[0], "valid": VALID},
        {"series": SERIES[:1], "valid": VALID},
    ],
)
def test_what_does_not_fit_is_refused(
    embedded: EmbeddedModel, inputs: dict[str, np.ndarray]
) -> None:
    with pytest.raises(InputError):
        embedded.predict(inputs)


def test_junk_is_no_model() -> None:
    with pytest.raises(DataBrokenError):
        EmbeddedModel(b"junk")
