"""A small ONNX model with the inputs and outputs of a crop model, made without training."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests import small_model


@pytest.fixture(scope="session")
def small_onnx() -> Callable[..., bytes]:
    """Make such a document; see `tests.small_model`."""
    pytest.importorskip("onnx")
    return small_model.small_onnx
