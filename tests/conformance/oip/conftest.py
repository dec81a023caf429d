"""A model server on loopback, with a small model of one project and a key that may infer."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pystac
import pytest
import uvicorn
from fastapi import FastAPI

from extremeearth.core.database import Database
from extremeearth.core.errors import KeyInvalidError
from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.security import Principal, Scope
from extremeearth.core.times import as_instant
from extremeearth.data.catalogue import Catalogue
from extremeearth.infrastructure.objects import open_store
from extremeearth.processing.models import ModelCard, ModelRegistry
from extremeearth.processing.serving import serving_router

DATES, CLASSES = 4, 3


def linear_model(seed: int) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(seed).normal(size=(13, CLASSES)).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["series"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "weight"], ["product"]),
        helper.make_node("Cast", ["valid"], ["count"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["count"], ["share"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["product", "share"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes, "linear",
        [
            helper.make_tensor_value_info("series", TensorProto.FLOAT, ["n", DATES, 13]),
            helper.make_tensor_value_info("valid", TensorProto.BOOL, ["n", DATES]),
        ],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", CLASSES])],
        [numpy_helper.from_array(weight, "weight")],
    )  # fmt: skip
    opset = helper.make_opsetid("", 17)
    document: bytes = helper.make_model(
        graph, opset_imports=[opset], ir_version=9
    ).SerializeToString()
    return document


class Keys:
    """Verifier of three keys; which project and rights each has."""

    KNOWN: ClassVar = {
        "k.infer": ("p", {Scope.SERVING_INFER}),
        "k.read": ("p", {Scope.MODEL_READ}),
        "k.none": ("p", set[Scope]()),
        "k.other": ("q", {Scope.SERVING_INFER, Scope.MODEL_READ}),
    }

    def verify(self, secret: str) -> Principal:
        if secret not in self.KNOWN:
            raise KeyInvalidError("The API key is not known.")
        project, scopes = self.KNOWN[secret]
        return Principal(user_id="u", project_id=project, key_id=secret, scopes=frozenset(scopes))


@dataclass(frozen=True)
class ModelServer:
    """Where the server listens, and what it serves."""

    host: str
    registry: ModelRegistry
    app: FastAPI

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def series(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.random.default_rng(7).uniform(0, 1, (5, DATES, 13)).astype(np.float32)

    @property
    def valid(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return np.random.default_rng(8).random((5, DATES)) < 0.7


@pytest.fixture(scope="module")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    folder = tmp_path_factory.mktemp("oip")
    database = Database(f"sqlite:///{folder}/catalogue.sqlite")
    database.create_all()
    store = open_store("memory:///")
    registry = ModelRegistry(Catalogue(database, store), store)
    source = pystac.Item(
        "d", {"type": "Point", "coordinates": [11.6, 48.4]}, [11.6, 48.4, 11.6, 48.4], as_instant("2018-05-01"), {},
        collection="training-datasets",
    )  # fmt: skip
    card = ModelCard(
        title="Linear", architecture="linear", intended_use="Tests.", training_data="None.", limits=("Many.",),
        licence="CC0-1.0",
    )  # fmt: skip
    for name, seed, public in (("linear", 1, False), ("linear", 2, False), ("open", 3, True)):
        registry.register(
            name, onnx=linear_model(seed), card=card, project_id="p", derived_from=source, public=public
        )  # fmt: skip
    app = FastAPI()
    app.state.verifier = Keys()
    install_problem_handlers(app)
    app.include_router(serving_router(registry, max_body_bytes=1_000_000))
    with listening(app) as host:
        yield ModelServer(host=host, registry=registry, app=app)
    database.close()


@contextlib.contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        probe.listen()
        config = uvicorn.Config(app, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [probe]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        try:
            yield f"127.0.0.1:{probe.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def protocol(suites_folder: Path) -> dict[str, Any]:
    """The protocol's OpenAPI document."""
    yaml = pytest.importorskip("yaml")
    document: dict[str, Any] = yaml.safe_load(
        (suites_folder / "oip" / "open_inference_rest.yaml").read_text()
    )
    json.dumps(document)
    return document
