"""Tensors of the Open Inference Protocol v2, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import InputError, RemoteError

__all__ = ["read_tensors", "write_tensors"]

_DATATYPES = {
    "BOOL": np.bool_, "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "FP16": np.float16, "FP32": np.float32, "FP64": np.float64,
}  # fmt: skip
_NAMES = {np.dtype(kind): name for name, kind in _DATATYPES.items()}


def write_tensors(inputs: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Write arrays as the inputs of a request.

    Raises
    ------
    InputError
        The protocol has no such type, or a number is not finite, which JSON cannot say.

    Examples
    --------
    >>> write_tensors({"x": np.array([[1.5, 2.0]], dtype="float32")})
    [{'name': 'x', 'shape': [1, 2], 'datatype': 'FP32', 'data': [1.5, 2.0]}]
    """
    tensors = []
    for name, array in inputs.items():
        datatype = _NAMES.get(array.dtype)
        if datatype is None:
            raise InputError(
                f"The input '{name}' has the type {array.dtype}, which cannot be sent.",
                hint=f"Types are: {', '.join(map(str, _NAMES))}.",
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(
                f"The input '{name}' holds numbers that are not finite.",
                hint="Replace them, and send a mask beside.",
            )
        tensors.append(
            {
                "name": name,
                "shape": [*array.shape],
                "datatype": datatype,
                "data": array.ravel().tolist(),
            }
        )
    return tensors


def read_tensors(outputs: Any) -> dict[str, NDArray[Any]]:
    """Read the outputs of an answer.

    Raises
    ------
    RemoteError
        They are not what the protocol says.

    Examples
    --------
    >>> read_tensors([{"name": "y", "shape": [1, 2], "datatype": "INT64", "data": [3, 4]}])["y"]
    array([[3, 4]])
    """
    try:
        return {
            str(tensor["name"]): np.array(
                tensor["data"], dtype=_DATATYPES[tensor["datatype"]]
            ).reshape(tensor["shape"])
            for tensor in outputs
        }
    except (KeyError, TypeError, ValueError) as err:
        raise RemoteError(
            "The model server's answer is not of the Open Inference Protocol."
        ) from err
