"""A model server on loopback, with a small model of one project and a key that may infer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pystac
import pytest
from fastapi import FastAPI
from tests.servers.asgi import listening
from tests.small_model import small_onnx

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
        onnx = small_onnx(dates=DATES, classes=CLASSES, seed=seed)
        registry.register(
            name, onnx=onnx, card=card, project_id="p", derived_from=source, public=public
        )
    app = FastAPI()
    app.state.verifier = Keys()
    install_problem_handlers(app)
    app.include_router(serving_router(registry, max_body_bytes=1_000_000))
    with listening(app) as url:
        yield ModelServer(host=url.removeprefix("http://"), registry=registry, app=app)
    database.close()


@pytest.fixture(scope="module")
def protocol(suites_folder: Path) -> dict[str, Any]:
    """The protocol's OpenAPI document."""
    yaml = pytest.importorskip("yaml")
    document: dict[str, Any] = yaml.safe_load(
        (suites_folder / "oip" / "open_inference_rest.yaml").read_text()
    )
    json.dumps(document)
    return document
