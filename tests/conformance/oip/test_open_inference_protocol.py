"""The server against the protocol's own OpenAPI document and against Triton's client, which nobody here wrote."""

from __future__ import annotations

import warnings
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest

from extremeearth.core.errors import (
    InputError,
    KeyInvalidError,
    NotFoundError,
    RemoteError,
    ScopeError,
)
from extremeearth.core.security import Principal
from extremeearth.processing.serving import OnlineModel

INFER = {"Authorization": "ApiKey k.infer"}


def resolved(node: Any) -> Any:
    """Rewrite the document's references for a schema that stands alone."""
    if isinstance(node, dict):
        return {
            key: value.replace("#/components/schemas/", "#/$defs/")
            if key == "$ref"
            else resolved(value)
            for key, value in node.items()
        }
    return [resolved(entry) for entry in node] if isinstance(node, list) else node


def check(protocol: dict[str, Any], path: str, method: str, response: httpx.Response) -> None:
    """Hold an answer against the schema of its status, if the document gives one."""
    answers = protocol["paths"][path][method]["responses"]
    assert str(response.status_code) in answers
    content = answers[str(response.status_code)].get("content")
    if content is not None:
        schema = resolved(content["application/json"]["schema"])
        schema["$defs"] = resolved(protocol["components"]["schemas"])
        jsonschema.validate(response.json(), schema)


def json_request(series: Any, valid: Any, **more: Any) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": "series", "shape": list(series.shape), "datatype": "FP32", "data": series.tolist()},
            {"name": "valid", "shape": list(valid.shape), "datatype": "BOOL", "data": valid.ravel().tolist()},
        ],
        **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def client(model_server: Any) -> Any:
    with httpx.Client(base_url=model_server.url, trust_env=False) as opened:
        yield opened


BASE = "/v2/models/${MODEL_NAME}/versions/${MODEL_VERSION}"


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v2/health/live", "/v2/health/live"),
        ("/v2/health/ready", "/v2/health/ready"),
        ("/v2/", "/v2/"),
        ("/v2/", "/v2"),
        (f"{BASE}/ready", "/v2/models/linear/versions/1/ready"),
        (f"{BASE}/ready", "/v2/models/linear/ready"),
        (BASE, "/v2/models/linear/versions/2"),
        (BASE, "/v2/models/linear"),
    ],
)
def test_every_get_route_answers_by_the_document(
    protocol: Any, client: httpx.Client, path: str, asked: str
) -> None:
    response = client.get(asked, headers=INFER)
    assert response.status_code == 200
    check(protocol, path, "get", response)


def test_no_route_of_the_document_is_missing(protocol: Any, model_server: Any) -> None:
    ours = set(model_server.app.openapi()["paths"]) | {"/v2/"}
    for path in protocol["paths"]:
        assert (
            path.replace("${MODEL_NAME}", "{name}").replace("${MODEL_VERSION}", "{version}") in ours
        )


def test_inference_in_json_answers_by_the_document_and_equals_the_embedded_model(
    protocol: Any, client: httpx.Client, model_server: Any
) -> None:
    request = json_request(
        model_server.series, model_server.valid, id="42", outputs=[{"name": "probabilities"}]
    )
    response = client.post("/v2/models/linear/versions/1/infer", json=request, headers=INFER)
    assert response.status_code == 200
    check(protocol, f"{BASE}/infer", "post", response)
    body = response.json()
    assert (body["id"], body["model_name"], body["model_version"]) == ("42", "linear", "1")
    registry = model_server.registry
    model = registry.open(registry.get("linear", 1, viewer=Principal(project_id="p")))
    expected = model.predict({"series": model_server.series, "valid": model_server.valid})[
        "probabilities"
    ]
    found = np.array(body["outputs"][0]["data"], np.float32).reshape(body["outputs"][0]["shape"])
    assert found.tobytes() == expected.tobytes()


def test_refusals_answer_by_the_document(
    protocol: Any, client: httpx.Client, model_server: Any
) -> None:
    good = json_request(model_server.series, model_server.valid)
    wrong = [
        json_request(model_server.series[:, :2], model_server.valid),
        json_request(model_server.series, model_server.valid[:3]),
        {"inputs": good["inputs"][:1]},
        {},
        good | {"outputs": [{"name": "nothing"}]},
    ]
    for request in wrong:
        response = client.post("/v2/models/linear/versions/1/infer", json=request, headers=INFER)
        assert response.status_code == 400
        assert set(response.json()) == {"error"}
        check(protocol, f"{BASE}/infer", "post", response)
    for content, headers in (
        (b"{", {}),
        (b"x" * 10, {"Inference-Header-Content-Length": "99"}),
        (b"{}", {"Inference-Header-Content-Length": "-1"}),
        (b"{}", {"Content-Encoding": "gzip"}),
    ):
        response = client.post("/v2/models/linear/infer", content=content, headers=INFER | headers)
        assert response.status_code == 400


def test_triton_client_reads_metadata_and_infers_in_binary_and_in_json(model_server: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that the client brings
        triton = pytest.importorskip("tritonclient.http")
    registry = model_server.registry
    model = registry.open(registry.get("linear", viewer=Principal(project_id="p")))
    expected = model.predict({"series": model_server.series, "valid": model_server.valid})[
        "probabilities"
    ]
    client = triton.InferenceServerClient(model_server.host)
    try:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("linear", headers=INFER)
        assert client.is_model_ready("linear", "1", headers=INFER)
        assert not client.is_model_ready("linear", "9", headers=INFER)
        assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
        metadata = client.get_model_metadata("linear", headers=INFER)
        assert metadata["versions"] == ["1", "2"]
        assert [(i["name"], i["datatype"]) for i in metadata["inputs"]] == [
            ("series", "FP32"),
            ("valid", "BOOL"),
        ]
        for binary_in in (True, False):
            for binary_out in (True, False):
                inputs = [
                    triton.InferInput("series", list(model_server.series.shape), "FP32"),
                    triton.InferInput("valid", list(model_server.valid.shape), "BOOL"),
                ]
                inputs[0].set_data_from_numpy(model_server.series, binary_data=binary_in)
                inputs[1].set_data_from_numpy(model_server.valid, binary_data=binary_in)
                outputs = [triton.InferRequestedOutput("probabilities", binary_data=binary_out)]
                result = client.infer(
                    "linear", inputs, outputs=outputs, headers=dict(INFER), request_id="r1"
                )
                assert result.as_numpy("probabilities").tobytes() == expected.tobytes()
                assert result.get_response()["id"] == "r1"
        # the client's default: no outputs named, everything in binary
        result = client.infer("linear", inputs, model_version="2", headers=dict(INFER))
        assert result.as_numpy("probabilities").tobytes() == expected.tobytes()
    finally:
        client.close()


@pytest.mark.parametrize("binary", [True, False])
def test_online_equals_embedded_to_the_last_bit(model_server: Any, binary: bool) -> None:
    inputs = {"series": model_server.series, "valid": model_server.valid}
    registry = model_server.registry
    embedded = registry.open(registry.get("linear", 1, viewer=Principal(project_id="p")))
    online = OnlineModel(model_server.url, "linear", version=1, key="k.infer", binary=binary)
    ours, theirs = (
        embedded.predict(inputs)["probabilities"],
        online.predict(inputs)["probabilities"],
    )
    assert ours.dtype == theirs.dtype
    assert ours.tobytes() == theirs.tobytes()


def test_who_may_ask_what(client: httpx.Client, model_server: Any) -> None:
    request = json_request(model_server.series, model_server.valid)

    def post(name: str, key: str | None) -> int:
        headers = {} if key is None else {"Authorization": f"ApiKey {key}"}
        response = client.post(f"/v2/models/{name}/infer", json=request, headers=headers)
        assert response.status_code == 200 or "error" in response.json()
        return response.status_code

    def get(name: str, key: str | None) -> int:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return client.get(f"/v2/models/{name}", headers=headers).status_code

    keys = (None, "k.wrong", "k.none", "k.read", "k.other", "k.infer")
    assert [post("linear", key) for key in keys] == [401, 401, 403, 403, 404, 200]
    assert [post("open", key) for key in keys] == [401, 401, 403, 403, 200, 200]
    assert [get("linear", key) for key in keys] == [404, 401, 403, 200, 404, 200]
    assert [get("open", key) for key in keys] == [200, 401, 200, 200, 200, 200]
    for path in ("linear/versions/9", "linear/versions/x", "linear/versions/%2e%2e", "nothing"):
        response = client.get(f"/v2/models/{path}", headers=INFER)
        assert (response.status_code, set(response.json())) == (404, {"error"})


def test_predict_in_the_form_of_tensorflow_serving(client: httpx.Client, model_server: Any) -> None:
    rows = zip(model_server.series.tolist(), model_server.valid.tolist(), strict=True)
    instances = [{"series": series, "valid": valid} for series, valid in rows]
    answer = client.post("/v1/models/linear:predict", json={"instances": instances}, headers=INFER)
    online = OnlineModel(model_server.url, "linear", key="k.infer")
    expected = online.predict({"series": model_server.series, "valid": model_server.valid})[
        "probabilities"
    ]
    assert np.array(answer.json()["predictions"], np.float32).tobytes() == expected.tobytes()
    for wrong in (
        {},
        {"instances": 5},
        {"instances": [{"series": 1}]},
        {"instances": [instances[0] | {"z": 1}]},
    ):
        assert (
            client.post("/v1/models/linear:predict", json=wrong, headers=INFER).status_code == 400
        )
    assert (
        client.post("/v1/models/linear:predict", json={"instances": instances}).status_code == 401
    )


def test_a_body_over_the_limit_is_not_read(client: httpx.Client) -> None:
    answer = client.post("/v2/models/linear/infer", content=b" " * 1_000_001, headers=INFER)
    assert (answer.status_code, set(answer.json())) == (413, {"error"})


def test_what_the_server_refuses_is_told(model_server: Any) -> None:
    inputs = {"series": model_server.series, "valid": model_server.valid}
    for key, name, error in (
        (None, "linear", KeyInvalidError),
        ("k.read", "linear", ScopeError),
        ("k.infer", "nothing", NotFoundError),
    ):
        with pytest.raises(error, match="model server refused"):
            OnlineModel(model_server.url, name, key=key).predict(inputs)
    with pytest.raises(InputError, match=r"shape \[5, 2, 13\]"):
        OnlineModel(model_server.url, "linear", key="k.infer").predict(
            inputs | {"series": model_server.series[:, :2]}
        )
    with pytest.raises(RemoteError, match="cannot be reached"):
        OnlineModel("http://127.0.0.1:9", "linear").predict(inputs)
