"""The model server: Open Inference Protocol v2 over HTTP, and TensorFlow Serving's ``:predict``."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool

from extremeearth import __version__
from extremeearth.core.bodies import read_body
from extremeearth.core.errors import ExtremeEarthError, InputError, NotFoundError
from extremeearth.core.problems import status_of
from extremeearth.core.security import ANONYMOUS, Caller, Principal, Scope, requires
from extremeearth.processing.models import EmbeddedModel, ModelRegistry, ModelVersion, TensorSpec
from extremeearth.processing.serving.tensors import (
    TensorData,
    decode_request,
    encode_message,
    encode_tensors,
)

__all__ = ["serving_router"]

log = logging.getLogger("extremeearth.serving")

HEADER = "Inference-Header-Content-Length"
PLATFORM = "onnx_onnxv1"
MAX_BODY_BYTES = 32 * 1024**2
OPEN_MODELS = 8
SIDE_BY_SIDE, WAITING = 2, 32
RETRY_AFTER_S = "1"

Asker = Annotated[Principal, Depends(requires(Scope.SERVING_INFER))]
"""A caller who may ask models."""


class _TooBusyError(Exception):
    """More requests wait than may."""


class _ProtocolRoute(APIRoute):
    """Answers every error as the protocol wants it: ``{"error": "<message>"}``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except _TooBusyError:
                return _error(
                    HTTPStatus.TOO_MANY_REQUESTS, "Too many requests wait for a model. Try again."
                )
            except RequestValidationError as err:
                first = err.errors()[0]
                return _error(
                    HTTPStatus.BAD_REQUEST, f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
                )
            except ExtremeEarthError as err:
                status = status_of(err)
                if status != HTTPStatus.INTERNAL_SERVER_ERROR:
                    return _error(status, str(err))
                return _bug(err)
            except (
                Exception
            ) as err:  # whatever it is, the client gets the protocol's form and no text of ours
                return _bug(err)

        return answer  # fmt: skip


def _error(status: HTTPStatus, message: str) -> JSONResponse:
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'ApiKey realm="extremeearth"'
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = RETRY_AFTER_S
    return JSONResponse({"error": message}, status_code=int(status), headers=headers)


def _bug(err: Exception) -> JSONResponse:
    request_id = uuid.uuid4().hex
    log.error("request %s failed", request_id, exc_info=err)
    message = f"The server made a mistake. Tell the operator the request id {request_id}."
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, message)


class _ModelServer:
    """Opens models once, and lets only so many predictions run or wait."""

    def __init__(self, registry: ModelRegistry) -> None:
        self.registry = registry
        self._open: OrderedDict[tuple[str, str], EmbeddedModel] = OrderedDict()
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(SIDE_BY_SIDE)
        self._inside = 0

    def find(self, name: str, version: str | None, viewer: Principal) -> ModelVersion:
        number = None
        if version is not None:
            if not (version.isascii() and version.isdigit() and len(version) <= 9):
                raise NotFoundError(
                    f"There is no version '{version[:40]}'.", hint="Versions are numbers."
                )
            number = int(version)
        return self.registry.get(name, number, viewer=viewer)

    def model(self, version: ModelVersion) -> EmbeddedModel:
        key = (version.key, version.sha256)
        with self._lock:
            if key not in self._open:
                self._open[key] = self.registry.open(version)
                while len(self._open) > OPEN_MODELS:
                    self._open.popitem(last=False)
            self._open.move_to_end(key)
            return self._open[key]

    def predict(
        self, model: EmbeddedModel, inputs: dict[str, NDArray[Any]]
    ) -> dict[str, NDArray[Any]]:
        with self._lock:
            if self._inside >= SIDE_BY_SIDE + WAITING:
                raise _TooBusyError
            self._inside += 1
        try:
            with self._slots:
                return model.predict(inputs)
        finally:
            with self._lock:
                self._inside -= 1


def _check_reader(server: _ModelServer, version: ModelVersion, caller: Principal) -> None:
    """Let callers see the metadata of a model that is not public only with a scope for it."""
    if Scope.SERVING_INFER not in caller.scopes and not server.registry.is_public(
        version, viewer=caller
    ):
        caller.need(Scope.MODEL_READ)


def serving_router(registry: ModelRegistry, *, max_body_bytes: int = MAX_BODY_BYTES) -> APIRouter:
    """Make the routes of the model server.

    ``/v2``, ``/v2/health/live`` and ``/ready``, ``/v2/models/{name}[/versions/{version}][/ready|/infer]`` and
    ``/v1/models/{name}:predict``. Inference needs the scope ``serving:infer``; metadata of a model that is not public
    needs ``model:read`` or ``serving:infer``; another project's model does not exist.

    Parameters
    ----------
    registry
        Where the models are.
    max_body_bytes
        Largest request body that is read.

    Examples
    --------
    >>> from extremeearth.core.database import Database
    >>> from extremeearth.data.catalogue import Catalogue
    >>> from extremeearth.infrastructure.objects import open_store
    >>> store = open_store("memory:///")
    >>> registry = ModelRegistry(Catalogue(Database("sqlite://"), store), store)
    >>> router = serving_router(registry)
    >>> "/v2/models/{name}/infer" in {getattr(route, "path", "") for route in router.routes}
    True
    """
    server = _ModelServer(registry)
    router = APIRouter(tags=["serving"], route_class=_ProtocolRoute)
    _add_server_routes(router, server)
    _add_model_routes(router, server)
    _add_inference_routes(router, server, max_body_bytes)
    return router


def _add_server_routes(router: APIRouter, server: _ModelServer) -> None:
    @router.get("/v2/health/live")
    def server_live() -> dict[str, bool]:
        """Tell that the server runs."""
        return {"live": True}

    @router.get("/v2/health/ready")
    def server_ready() -> dict[str, bool]:
        """Tell that the registry answers."""
        next(iter(server.registry.all_versions(viewer=ANONYMOUS)), None)
        return {"ready": True}

    @router.get("/v2")
    @router.get("/v2/", include_in_schema=False)
    def server_metadata() -> dict[str, Any]:
        """Tell name, version and extensions of the server."""
        return {"name": "extremeearth", "version": __version__, "extensions": ["binary_tensor_data"]}  # fmt: skip


def _add_model_routes(router: APIRouter, server: _ModelServer) -> None:
    @router.get("/v2/models/{name}/versions/{version}/ready")
    @router.get("/v2/models/{name}/ready")
    def model_ready(name: str, caller: Caller, version: str | None = None) -> dict[str, Any]:
        """Tell that a model can be asked."""
        found = server.find(name, version, caller)
        _check_reader(server, found, caller)
        server.model(found)
        return {"name": name, "ready": True}

    @router.get("/v2/models/{name}/versions/{version}")
    @router.get("/v2/models/{name}")
    def model_metadata(name: str, caller: Caller, version: str | None = None) -> dict[str, Any]:
        """Tell versions, inputs and outputs of a model."""
        found = server.find(name, version, caller)
        _check_reader(server, found, caller)
        model = server.model(found)
        return {
            "name": name,
            "versions": [str(v.version) for v in server.registry.versions(name, viewer=caller)],
            "platform": PLATFORM,
            "inputs": [_tensor(spec) for spec in model.inputs],
            "outputs": [_tensor(spec) for spec in model.outputs],
            "properties": {"version": str(found.version), "sha256": found.sha256},
        }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}


def _add_inference_routes(router: APIRouter, server: _ModelServer, limit: int) -> None:
    @router.post("/v2/models/{name}/versions/{version}/infer")
    @router.post("/v2/models/{name}/infer")
    async def infer(request: Request, name: str, caller: Asker, version: str | None = None) -> Response:  # fmt: skip
        """Ask a model: tensors in, tensors out, in JSON or binary."""
        length = _header_length(request)
        body = await _read(request, limit)
        return await run_in_threadpool(
            _infer, server, name, version, caller=caller, body=body, length=length
        )

    @router.post("/v1/models/{name}:predict")
    async def predict(request: Request, name: str, caller: Asker) -> Response:
        """Ask a model in the form of TensorFlow Serving: ``instances`` in, ``predictions`` out."""
        body = await _read(request, limit)
        return await run_in_threadpool(_predict, server, name, caller, body)


def _header_length(request: Request) -> int | None:
    text = request.headers.get(HEADER)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise InputError(f"{HEADER} is not a number of bytes.", hint="Leave it out for plain JSON.")
    return int(text)


async def _read(request: Request, limit: int) -> bytes:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise InputError("Compressed requests are not read.", hint="Send the body as it is.")
    return await read_body(request, limit=limit, hint="Send smaller batches.")


def _infer(
    server: _ModelServer,
    name: str,
    version: str | None,
    *,
    caller: Principal,
    body: bytes,
    length: int | None,
) -> Response:
    found = server.find(name, version, caller)
    model = server.model(found)
    asked = decode_request(body, header_length=length, specs=model.inputs)
    known = [spec.name for spec in model.outputs]
    unknown = sorted(set(asked.outputs) - set(known))
    if unknown:
        raise InputError(
            f"The model gives no '{unknown[0][:80]}'.", hint=f"It gives {', '.join(known)}."
        )
    results = server.predict(model, dict(asked.inputs))
    wanted = asked.outputs or dict.fromkeys(known, asked.binary_output)
    documents, tail = encode_tensors(
        [TensorData(name=n, array=results[n], binary=binary) for n, binary in wanted.items()]
    )
    document: dict[str, Any] = {"model_name": name, "model_version": str(found.version)}
    if asked.id is not None:
        document["id"] = asked.id
    content, header = encode_message(document | {"outputs": documents}, tail)
    if header is None:
        return Response(content, media_type="application/json")
    return Response(content, media_type="application/octet-stream", headers={HEADER: str(header)})


def _predict(server: _ModelServer, name: str, caller: Principal, body: bytes) -> Response:
    model = server.model(server.find(name, None, caller))
    inputs = _instances(body, model.inputs)
    results = server.predict(model, inputs)
    columns = {spec.name: results[spec.name].tolist() for spec in model.outputs}
    if len(columns) == 1:
        predictions: list[Any] = next(iter(columns.values()))
    else:
        rows = zip(*columns.values(), strict=True)
        predictions = [dict(zip(columns, row, strict=True)) for row in rows]
    return Response(
        json.dumps({"predictions": predictions}, allow_nan=False), media_type="application/json"
    )


def _instances(body: bytes, specs: tuple[TensorSpec, ...]) -> dict[str, NDArray[Any]]:
    """Read ``{"instances": [{"series": ..., "valid": ...}, ...]}`` through the same checks as tensors."""
    try:
        document = json.loads(body)
        instances = document["instances"]
        columns = {spec.name: [row[spec.name] for row in instances] for spec in specs}
        if any(set(row) != set(columns) for row in instances):
            raise KeyError("instances")
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        names = ", ".join(spec.name for spec in specs)
        raise InputError(
            "The body holds no instances.", hint=f"Send a list 'instances' of objects with {names}."
        ) from err
    count = len(instances)
    tensors = [
        {"name": s.name, "datatype": s.datatype, "shape": [count, *s.shape[1:]], "data": columns[s.name]} for s in specs
    ]  # fmt: skip
    request = json.dumps({"inputs": tensors}).encode()
    return {
        name: np.asarray(array)
        for name, array in decode_request(request, header_length=None, specs=specs).inputs.items()
    }
