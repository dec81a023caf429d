"""Tensors on the wire: the Open Inference Protocol v2 as JSON, with the binary tensor extension.

Everything is checked against the model and against limits before memory is taken; what does not fit is an
`InputError`. Source: kserve/open-inference-protocol, and Triton's extension ``binary_tensor_data``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import DataBrokenError, InputError, LimitError
from extremeearth.processing.models import DATATYPES, TensorSpec

__all__ = [
    "InferRequest",
    "TensorData",
    "decode_request",
    "decode_tensors",
    "encode_message",
    "encode_tensors",
]

MAX_RANK = 8
MAX_TENSORS = 64
MAX_HEADER_BYTES = 16 * 1024**2
MAX_NAME = 200
VALUES: Mapping[str, set[type]] = {"b": {bool}, "i": {int}, "u": {int}, "f": {int, float}}
"""What JSON values a tensor of each kind may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorData:
    """One tensor of a message and how it wants to travel.

    Examples
    --------
    >>> TensorData(name="x", array=np.zeros(2, dtype=np.float32), binary=True).binary
    True
    """

    name: str
    array: NDArray[Any]
    binary: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InferRequest:
    """A request that was read and checked.

    Attributes
    ----------
    id
        Given back in the answer.
    inputs
        By name.
    outputs
        Names that are wanted, and whether in binary; empty for all.
    binary_output
        Whether outputs travel in binary where the request does not say.
    """

    id: str | None
    inputs: Mapping[str, NDArray[Any]]
    outputs: Mapping[str, bool]
    binary_output: bool


def decode_request(
    body: bytes, *, header_length: int | None, specs: Sequence[TensorSpec]
) -> InferRequest:
    """Read an inference request.

    Parameters
    ----------
    body
        The JSON document, and behind it the binary tensors if `header_length` is given.
    header_length
        Length of the JSON document in bytes (the header ``Inference-Header-Content-Length``).
    specs
        What the model takes; a tensor that is none of these, or has another datatype or shape, is refused
        before it is read.

    Raises
    ------
    InputError
        The request does not keep the protocol or does not fit the model.

    Examples
    --------
    >>> body = b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 1]}]}'
    >>> spec = TensorSpec(name="x", datatype="FP32", shape=(-1, 2))
    >>> decode_request(body, header_length=None, specs=(spec,)).inputs["x"].tolist()
    [[0.5, 1.0]]
    """
    document, tail = _split(body, header_length)
    tensors = _list_of_objects(document, "inputs")
    known = {spec.name: spec for spec in specs}
    inputs = {tensor.name: tensor.array for tensor in _decode(tensors, tail, known=known)}
    outputs: dict[str, bool] = {}
    parameters = _parameters(document)
    default = _flag(parameters, "binary_data_output", default=False)
    for entry in _list_of_objects(document, "outputs") if "outputs" in document else []:
        if _parameters(entry).get("classification"):
            raise InputError("Outputs as class counts are not offered.", hint="Ask for the tensor.")
        outputs[_name(entry)] = _flag(_parameters(entry), "binary_data", default=default)
    request_id = document.get("id")
    if request_id is not None and not (isinstance(request_id, str) and len(request_id) <= MAX_NAME):
        raise InputError("The id of a request is a text.", hint=f"At most {MAX_NAME} letters.")
    return InferRequest(id=request_id, inputs=inputs, outputs=outputs, binary_output=default)


def decode_tensors(body: bytes, *, header_length: int | None) -> dict[str, NDArray[Any]]:
    """Read the outputs of an answer, in JSON or binary.

    Raises
    ------
    InputError
        The answer does not keep the protocol.

    Examples
    --------
    >>> body = b'{"outputs": [{"name": "y", "shape": [2], "datatype": "INT8", "data": [3, 4]}]}'
    >>> decode_tensors(body, header_length=None)["y"]
    array([3, 4], dtype=int8)
    """
    document, tail = _split(body, header_length)
    tensors = _list_of_objects(document, "outputs")
    return {tensor.name: tensor.array for tensor in _decode(tensors, tail, known=None)}


def encode_tensors(tensors: Sequence[TensorData]) -> tuple[list[dict[str, Any]], bytes]:
    """Write tensors: their JSON form, and the bytes that follow the document.

    A float32 in JSON is written with the digits of the equal double, so that it is read back to the last bit.

    Examples
    --------
    >>> array = np.array([0.1], dtype=np.float32)
    >>> documents, tail = encode_tensors([TensorData(name="x", array=array, binary=True)])
    >>> documents[0]["parameters"], len(tail)
    ({'binary_data_size': 4}, 4)
    """
    documents: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for tensor in tensors:
        datatype = _datatype_of(tensor.array)
        array = np.ascontiguousarray(tensor.array, dtype=DATATYPES[datatype])
        document: dict[str, Any] = {
            "name": tensor.name,
            "shape": list(array.shape),
            "datatype": datatype,
        }
        if tensor.binary:
            parts.append(array.tobytes())
            document["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise DataBrokenError(
                    f"The tensor '{tensor.name}' has values that JSON cannot hold.",
                    hint="Ask for it in binary.",
                )
            document["data"] = array.reshape(-1).tolist()
        documents.append(document)
    return documents, b"".join(parts)


def encode_message(document: Mapping[str, Any], tail: bytes) -> tuple[bytes, int | None]:
    """Put document and binary tensors together; the length of the document where there are some.

    Examples
    --------
    >>> encode_message({"id": "1"}, b"....")
    (b'{"id":"1"}....', 10)
    """
    header = json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
    return (header + tail, len(header)) if tail else (header, None)


def _split(body: bytes, header_length: int | None) -> tuple[dict[str, Any], bytes]:
    if header_length is not None and not 0 < header_length <= len(body):
        raise InputError(
            f"Inference-Header-Content-Length is {header_length} for a body of {len(body)} bytes.",
            hint="Give the length of the JSON document.",
        )
    end = len(body) if header_length is None else header_length
    if end > MAX_HEADER_BYTES:
        raise LimitError(
            f"A JSON document of {end} bytes is too large.", hint="Send the tensors in binary."
        )
    try:
        document = json.loads(body[:end], parse_constant=_no_constant)
    except (ValueError, RecursionError) as err:
        raise InputError("The body is not a JSON document.", hint=str(err)[:100]) from err
    if not isinstance(document, dict):
        raise InputError("The body is not a JSON object.", hint="Send an inference request.")
    return document, body[end:]


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _decode(
    documents: Sequence[dict[str, Any]], tail: bytes, *, known: Mapping[str, TensorSpec] | None
) -> Iterator[TensorData]:
    place = 0
    names: set[str] = set()
    for document in documents:
        name, datatype, shape = _name(document), document.get("datatype"), _shape(document)
        if name in names:
            raise InputError(f"The tensor '{name}' is there twice.", hint="Send it once.")
        names.add(name)
        if not isinstance(datatype, str) or datatype not in DATATYPES:
            raise InputError(
                f"The tensor '{name}' has the datatype {str(datatype)[:20]!r}.",
                hint=f"Known are {', '.join(DATATYPES)}.",
            )
        if known is not None:
            _fits(name, datatype, shape, known)
        dtype, count = DATATYPES[datatype], math.prod(shape)
        size = _parameters(document).get("binary_data_size")
        if size is None:
            yield TensorData(
                name=name, array=_from_json(document, name, dtype, shape), binary=False
            )
            continue
        if "data" in document:
            raise InputError(f"The tensor '{name}' has data in JSON and in binary.")
        if type(size) is not int or size != count * dtype.itemsize or place + size > len(tail):
            raise InputError(
                f"The tensor '{name}' announces {str(size)[:30]} bytes.",
                hint=f"Its shape and datatype need {count * dtype.itemsize}, and they must follow.",
            )
        raw = np.dtype(np.uint8) if dtype.kind == "b" else dtype
        array: NDArray[Any] = np.frombuffer(tail, dtype=raw, count=count, offset=place)
        if dtype.kind == "b":
            if array.size and array.max() > 1:
                raise InputError(f"The tensor '{name}' has bytes other than 0 and 1.")
            array = array.astype(bool)
        yield TensorData(name=name, array=array.reshape(shape), binary=True)
        place += size
    if place != len(tail):
        raise InputError(
            f"{len(tail) - place} bytes follow the last tensor.", hint="Give each its binary_data_size."
        )  # fmt: skip


def _fits(
    name: str, datatype: str, shape: tuple[int, ...], known: Mapping[str, TensorSpec]
) -> None:
    spec = known.get(name)
    if spec is None:
        raise InputError(
            f"The model takes no '{name[:80]}'.", hint=f"It takes {', '.join(sorted(known))}."
        )
    same = len(shape) == len(spec.shape) and all(
        want in (-1, have) for have, want in zip(shape, spec.shape, strict=True)
    )
    if datatype != spec.datatype or not same:
        raise InputError(
            f"The tensor '{name}' is {datatype} of shape {list(shape)}.",
            hint=f"The model takes {spec.datatype} of shape {list(spec.shape)}.",
        )


def _from_json(
    document: dict[str, Any], name: str, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[Any]:
    data = document.get("data")
    if not isinstance(data, list):
        raise InputError(
            f"The tensor '{name}' has no data.", hint="Give data, or binary_data_size."
        )
    values = list(_flat(data, 0))
    if len(values) != math.prod(shape):
        raise InputError(
            f"The tensor '{name}' has {len(values)} values for the shape {list(shape)}.",
            hint="Give one value per element, in row-major order.",
        )
    allowed = VALUES[dtype.kind]
    if {type(value) for value in values} - allowed:
        raise InputError(
            f"The tensor '{name}' has values that are not {dtype.name}.", hint="Check its data."
        )
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, dtype=dtype)
    except (OverflowError, ValueError) as err:
        raise InputError(
            f"The tensor '{name}' has values out of the range of {dtype.name}."
        ) from err
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"The tensor '{name}' has values out of the range of {dtype.name}.")
    return array.reshape(shape)


def _flat(data: list[Any], depth: int) -> Iterator[Any]:
    if depth >= MAX_RANK:
        raise InputError(f"Data nests deeper than {MAX_RANK}.", hint="Send it flat.")
    for value in data:
        if isinstance(value, list):
            yield from _flat(value, depth + 1)
        else:
            yield value


def _list_of_objects(document: dict[str, Any], member: str) -> list[dict[str, Any]]:
    entries = document.get(member)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"'{member}' is not a list of objects.", hint="See the protocol.")
    if len(entries) > MAX_TENSORS:
        raise LimitError(f"'{member}' has {len(entries)} entries.", hint=f"At most {MAX_TENSORS}.")
    return entries


def _name(document: dict[str, Any]) -> str:
    name = document.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        raise InputError("A tensor has no name.", hint=f"Give a text of up to {MAX_NAME} letters.")
    return name


def _shape(document: dict[str, Any]) -> tuple[int, ...]:
    shape = document.get("shape")
    if (
        not isinstance(shape, list)
        or len(shape) > MAX_RANK
        or not all(type(size) is int and 0 <= size < 2**31 for size in shape)
    ):
        raise InputError(
            f"The tensor '{_name(document)}' has no shape.", hint="Give a list of sizes."
        )
    return tuple(shape)


def _parameters(document: dict[str, Any]) -> dict[str, Any]:
    parameters = document.get("parameters", {})
    if not isinstance(parameters, dict):
        raise InputError("'parameters' is not an object.", hint="See the protocol.")
    return parameters


def _flag(parameters: dict[str, Any], name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InputError(f"'{name}' is neither true nor false.", hint="See the protocol.")
    return value


def _datatype_of(array: NDArray[Any]) -> str:
    for datatype, dtype in DATATYPES.items():
        if array.dtype == dtype:
            return datatype
    raise InputError(f"Tensors of {array.dtype} cannot be sent.", hint="Convert them.")
