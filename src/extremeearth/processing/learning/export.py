"""Export of a trained network to ONNX, checked against torch."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import DataBrokenError, MissingExtraError
from extremeearth.processing.learning.networks import NetworkModel

__all__ = ["ExportedNetwork", "export_onnx"]

OPSET = 17
TOLERANCE = 1e-5
CHECK_ROWS = 257


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedNetwork:
    """An ONNX document and how near its answers are to torch's.

    Attributes
    ----------
    onnx
        The document: inputs `series` float32 [n, t, b] and `valid` bool [n, t], output `probabilities` float32
        [n, k]; normalisation, temperature, softmax and the mean over the members are inside.
    max_difference
        Largest absolute difference to torch over the parcels that were compared.
    compared
        Number of parcels compared.
    """

    onnx: bytes
    max_difference: float
    compared: int


def export_onnx(
    model: NetworkModel,
    *,
    samples: NDArray[np.float32] | None = None,
    valid: NDArray[np.bool_] | None = None,
    tolerance: float = TOLERANCE,
) -> ExportedNetwork:
    """Write a network as ONNX and compare ONNX Runtime with torch.

    Parameters
    ----------
    model
        The trained network.
    samples, valid
        Series to compare on, beside seeded random ones with hidden dates.
    tolerance
        Largest absolute difference that is let through.

    Raises
    ------
    DataBrokenError
        The two differ by more than `tolerance`.
    MissingExtraError
        torch, onnx or onnxruntime is not installed.

    Examples
    --------
    >>> from extremeearth.data.products import simulate_field_archive
    >>> from extremeearth.processing.datasets import make_crop_dataset
    >>> archive = simulate_field_archive()
    >>> dataset = make_crop_dataset(archive.parcels, archive.parcel_series, archive.national_crops)
    >>> from extremeearth.processing.learning import TrainingPlan, train_network
    >>> exported = export_onnx(train_network(dataset, plan=TrainingPlan(epochs=1)))
    >>> exported.max_difference < 1e-5, exported.compared
    (True, 257)
    """
    try:
        import onnx
        import onnxruntime
        import torch
    except ModuleNotFoundError as err:
        raise MissingExtraError("learn") from err

    shape = (CHECK_ROWS, len(model.days), model.bands)
    random = np.random.default_rng(0)
    series = random.uniform(0, 0.8, shape).astype(np.float32)
    mask = random.random(shape[:2]) < 0.8
    mask[0] = False
    if samples is not None and valid is not None:
        series, mask = np.concatenate([series, samples]), np.concatenate([mask, valid])
    buffer: Any = io.BytesIO()
    with warnings.catch_warnings():
        # the TorchScript exporter announces its successor; it is the one without a further dependency
        warnings.filterwarnings(
            "ignore", message="You are using the legacy TorchScript-based ONNX export"
        )
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\..*")
        torch.onnx.export(
            model.network, (torch.from_numpy(series[:2]), torch.from_numpy(mask[:2])), buffer,
            input_names=["series", "valid"], output_names=["probabilities"], opset_version=OPSET, dynamo=False,
            dynamic_axes={"series": {0: "n"}, "valid": {0: "n"}, "probabilities": {0: "n"}},
        )  # fmt: skip
    document: bytes = buffer.getvalue()
    onnx.checker.check_model(onnx.load_model_from_string(document), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(document, options, providers=["CPUExecutionProvider"])
    (found,) = session.run(["probabilities"], {"series": series, "valid": mask})
    difference = float(np.abs(found - model.probabilities(series, mask)).max())
    if not difference <= tolerance:
        raise DataBrokenError(
            f"The ONNX document differs from torch by {difference:.2g}.",
            hint=f"Only {tolerance:.2g} is let through.",
        )
    return ExportedNetwork(onnx=document, max_difference=difference, compared=len(series))
