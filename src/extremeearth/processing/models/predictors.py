"""What answers with tensors: the protocol, and a model that runs inside this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import DataBrokenError, InputError, LimitError, MissingExtraError

__all__ = ["DATATYPES", "EmbeddedModel", "Predictor", "TensorSpec", "check_inputs"]

DATATYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(bool),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
"""Datatypes of the Open Inference Protocol v2 that a model here may have, as numpy knows them."""

_ONNX_TYPES: Mapping[str, str] = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
}
MAX_ROWS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """Name, datatype and shape of an input or output; -1 where any size goes.

    Examples
    --------
    >>> TensorSpec(name="series", datatype="FP32", shape=(-1, 14, 13)).shape[0]
    -1
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


class Predictor(Protocol):
    """Answers with tensors, wherever the model runs."""

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Give every output of the model for a batch; the first axis counts the rows.

        Raises
        ------
        InputError
            A name, datatype or shape is not what the model takes.
        """


def check_inputs(inputs: Mapping[str, NDArray[Any]], specs: tuple[TensorSpec, ...]) -> None:
    """Raise `InputError` unless the tensors are exactly those of the model, with equally many rows.

    Examples
    --------
    >>> spec = TensorSpec(name="x", datatype="FP32", shape=(-1, 3))
    >>> check_inputs({"x": np.zeros((2, 3), np.float32)}, (spec,))
    >>> check_inputs({"x": np.zeros((2, 4), np.float32)}, (spec,))
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.InputError: The input 'x' has the shape [2, 4]. The model takes [-1, 3].
    """
    names = {spec.name for spec in specs}
    if set(inputs) != names:
        raise InputError(
            f"The inputs are {sorted(inputs)}.", hint=f"The model takes {sorted(names)}."
        )
    for spec in specs:
        array = inputs[spec.name]
        if array.dtype != DATATYPES[spec.datatype]:
            raise InputError(
                f"The input '{spec.name}' has the datatype {array.dtype}.",
                hint=f"The model takes {spec.datatype}.",
            )
        fits = len(array.shape) == len(spec.shape) and all(
            want in (-1, have) for have, want in zip(array.shape, spec.shape, strict=True)
        )
        if not fits:
            raise InputError(
                f"The input '{spec.name}' has the shape {list(array.shape)}.",
                hint=f"The model takes {list(spec.shape)}.",
            )
    rows = {inputs[spec.name].shape[0] for spec in specs if spec.shape and spec.shape[0] == -1}
    if len(rows) > 1:
        raise InputError(
            f"The inputs have {sorted(rows)} rows.", hint="Give each equally many rows."
        )
    if rows and max(rows) > MAX_ROWS:
        raise LimitError(f"A batch of {max(rows)} rows is too large.", hint="Send smaller batches.")


class EmbeddedModel:
    """An ONNX model in this process.

    The same document gives the same answer to the same batch wherever it runs, in a processor or behind the model
    server: one thread computes each batch unless more are asked for.

    Parameters
    ----------
    onnx
        The document; tensors kept in other files are refused.
    threads
        Threads of one prediction.

    Raises
    ------
    DataBrokenError
        The document is no ONNX model, or has inputs of a kind that is not served.
    MissingExtraError
        onnxruntime is not installed.

    Examples
    --------
    >>> EmbeddedModel(b"junk")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.DataBrokenError: The model is not an ONNX document that can be run.
    """

    def __init__(self, onnx: bytes, *, threads: int = 1) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as err:
            raise MissingExtraError("learn") from err
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                onnx, options, providers=["CPUExecutionProvider"]
            )
        except Exception as err:  # onnxruntime raises classes of its own that share no base
            raise DataBrokenError("The model is not an ONNX document that can be run.") from err
        self.inputs = tuple(_spec(node) for node in self._session.get_inputs())
        self.outputs = tuple(_spec(node) for node in self._session.get_outputs())

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Give every output for a batch; see `Predictor`."""
        check_inputs(inputs, self.inputs)
        feed = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        if any(array.shape[:1] == (0,) for array in feed.values()):
            return {
                spec.name: np.zeros(
                    tuple(max(size, 0) for size in spec.shape), DATATYPES[spec.datatype]
                )
                for spec in self.outputs
            }
        names = [spec.name for spec in self.outputs]
        try:
            return dict(zip(names, self._session.run(names, feed), strict=True))
        except Exception as err:  # as above; a graph may refuse values, e.g. indices
            raise InputError(
                "The model cannot be run on these inputs.", hint="Check their values."
            ) from err


def _spec(node: Any) -> TensorSpec:
    if node.type not in _ONNX_TYPES:
        raise DataBrokenError(f"The model's tensor '{node.name}' has the type {node.type}.")
    shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
    return TensorSpec(name=node.name, datatype=_ONNX_TYPES[node.type], shape=shape)
