"""Tensors on the wire: to the last bit and back, and nothing but InputError for what is wrong."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from extremeearth.core.errors import DataBrokenError, InputError
from extremeearth.processing.models import DATATYPES, TensorSpec
from extremeearth.processing.serving import (
    TensorData,
    decode_request,
    decode_tensors,
    encode_message,
    encode_tensors,
)

SPEC = (
    TensorSpec(name="x", datatype="FP32", shape=(-1, 2)),
    TensorSpec(name="m", datatype="BOOL", shape=(-1,)),
)


@settings(deadline=None)
@given(st.data(), st.sampled_from(sorted(DATATYPES)), st.booleans())
def test_every_datatype_comes_back_to_the_last_bit(
    data: st.DataObject, datatype: str, binary: bool
) -> None:
    dtype = DATATYPES[datatype]
    options = (
        {"elements": {"allow_nan": False, "allow_infinity": False}} if dtype.kind == "f" else {}
    )
    array = data.draw(arrays(dtype, array_shapes(max_dims=3, max_side=5), **options))
    documents, tail = encode_tensors([TensorData(name="y", array=array, binary=binary)])
    body, length = encode_message({"model_name": "m", "outputs": documents}, tail)
    back = decode_tensors(body, header_length=length)["y"]
    assert back.dtype == dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def request(**changes: Any) -> bytes:
    x = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 1]}
    return json.dumps({"inputs": [x | changes]}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b'{"inputs": {}}', b'{"inputs": [1]}', b"\xff", b"[" * 100_000,
        request(name="z"), request(name=3), request(name=""), request(shape=[2, 1]), request(shape=[1, 3]),
        request(shape=[-1, 2]), request(shape=[True, 2]), request(shape="1,2"), request(shape=[10**12, 2]),
        request(shape=[1] * 20), request(datatype="FP64"), request(datatype=["FP32"]), request(datatype="BYTES"),
        request(data=[0.5]), request(data=[0.5, "1"]), request(data=[0.5, None]), request(data=[0.5, True]),
        request(data=[0.5, 1e300]), request(data={}), request(data=[[[[[[[[[[0.5, 1]]]]]]]]]]),
        request(parameters=[]), request(parameters={"binary_data_size": 8}),
        b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [NaN, 1]}]}',
        json.dumps({"inputs": json.loads(request())["inputs"] * 2}).encode(),
        json.dumps({"inputs": json.loads(request())["inputs"], "id": 5}).encode(),
        json.dumps({"inputs": json.loads(request())["inputs"], "outputs": [{}]}).encode(),
        json.dumps({"inputs": json.loads(request())["inputs"], "parameters": {"binary_data_output": 1}}).encode(),
    ],
)  # fmt: skip
def test_what_breaks_the_protocol_is_bad_input(body: bytes) -> None:
    with pytest.raises(InputError):
        decode_request(body, header_length=None, specs=SPEC)


@pytest.mark.parametrize(
    ("size", "tail", "length"),
    [(8, b"1234567", 0), (8, b"123456789", 0), (7, b"1234567", 0), (-1, b"", 0), (2**70, b"", 0), ("8", b"12345678", 0),
     (8, b"12345678", 10**9), (8, b"12345678", -5)],
)  # fmt: skip
def test_binary_sizes_must_be_true(size: Any, tail: bytes, length: int) -> None:
    tensor = {
        "name": "x",
        "shape": [1, 2],
        "datatype": "FP32",
        "parameters": {"binary_data_size": size},
    }
    header = json.dumps({"inputs": [tensor]}).encode()
    with pytest.raises(InputError):
        decode_request(header + tail, header_length=length or len(header), specs=SPEC)


def test_bytes_that_are_no_bool_are_refused() -> None:
    tensor = {"name": "m", "shape": [2], "datatype": "BOOL", "parameters": {"binary_data_size": 2}}
    header = json.dumps({"inputs": [tensor]}).encode()
    good = decode_request(header + b"\x01\x00", header_length=len(header), specs=SPEC)
    assert good.inputs["m"].tolist() == [True, False]
    with pytest.raises(InputError):
        decode_request(header + b"\x02\x00", header_length=len(header), specs=SPEC)


@settings(deadline=None)
@given(st.binary(max_size=200), st.one_of(st.none(), st.integers(-5, 300)))
def test_random_bytes_are_bad_input(body: bytes, length: int | None) -> None:
    with pytest.raises(InputError):
        decode_request(body, header_length=length, specs=SPEC)


def test_a_number_that_json_cannot_hold_goes_in_binary_only() -> None:
    bad = np.array([np.inf], np.float32)
    with pytest.raises(DataBrokenError):
        encode_tensors([TensorData(name="y", array=bad, binary=False)])
    assert encode_tensors([TensorData(name="y", array=bad, binary=True)])[1]


def test_nested_data_and_wanted_outputs_are_read() -> None:
    document = json.loads(request(data=[[0.5, 1]])) | {
        "id": "7", "outputs": [{"name": "a", "parameters": {"binary_data": True}}, {"name": "b"}],
    }  # fmt: skip
    found = decode_request(json.dumps(document).encode(), header_length=None, specs=SPEC)
    assert found.inputs["x"].tolist() == [[0.5, 1.0]]
    assert found.outputs == {"a": True, "b": False}
    assert found.id == "7"
