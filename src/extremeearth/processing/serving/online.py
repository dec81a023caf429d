"""A model asked over the Open Inference Protocol v2: ours, KServe's, Triton's."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import (
    ExtremeEarthError,
    InputError,
    KeyInvalidError,
    NotFoundError,
    RemoteError,
    ScopeError,
    TimeoutExceededError,
)
from extremeearth.processing.serving.tensors import (
    TensorData,
    decode_tensors,
    encode_message,
    encode_tensors,
)

__all__ = ["OnlineModel"]

HEADER = "Inference-Header-Content-Length"
MAX_ANSWER_BYTES = 256 * 1024**2
ERRORS: Mapping[int, type[ExtremeEarthError]] = {
    400: InputError,
    401: KeyInvalidError,
    403: ScopeError,
    404: NotFoundError,
}


class OnlineModel:
    """A predictor behind HTTP; tensors travel in binary, so that they arrive to the last bit.

    Parameters
    ----------
    url
        Base URL of the server, without ``/v2``. It is the operator's, never a user's.
    name, version
        The model; the server chooses the version where none is given.
    key
        API key ``prefix.secret``.
    timeout_s
        Longest time for one prediction, in seconds.
    binary
        Whether to use the binary tensor extension, or JSON alone.
    transport
        For tests: where requests go instead of the network.

    Examples
    --------
    >>> model = OnlineModel("http://127.0.0.1:8000", "crop-type", version=2)
    >>> model.address
    'http://127.0.0.1:8000/v2/models/crop-type/versions/2'
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        version: int | None = None,
        key: str | None = None,
        timeout_s: float = 60.0,
        binary: bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise InputError(
                f"'{url[:100]}' is not the address of a model server.",
                hint="Write http://host:port.",
            )
        path = f"/v2/models/{quote(name, safe='')}"
        self.address = url.rstrip("/") + path + ("" if version is None else f"/versions/{version}")
        self._headers = {} if key is None else {"Authorization": f"ApiKey {key}"}
        self._timeout_s, self._binary, self._transport = timeout_s, binary, transport

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Give every output of the model for a batch.

        Raises
        ------
        InputError, KeyInvalidError, ScopeError, NotFoundError
            The server refused the request, and why.
        RemoteError
            The server failed, cannot be reached, or answered what is not of the protocol.
        TimeoutExceededError
            It took too long.
        """
        tensors, tail = encode_tensors(
            [
                TensorData(name=n, array=np.asarray(a), binary=self._binary)
                for n, a in inputs.items()
            ]
        )
        document: dict[str, Any] = {"inputs": tensors}
        if self._binary:
            document["parameters"] = {"binary_data_output": True}
        body, length = encode_message(document, tail)
        media = "application/json" if length is None else "application/octet-stream"
        headers = self._headers | {"Content-Type": media}
        if length is not None:
            headers[HEADER] = str(length)
        status, answer, found = self._post(body, headers)
        if status != httpx.codes.OK:
            raise _refusal(status, answer)
        try:
            return decode_tensors(answer, header_length=None if found is None else int(found))
        except (InputError, ValueError) as err:
            raise RemoteError(
                "The model server's answer is not of the Open Inference Protocol.",
                hint="Check the address of the model server.",
            ) from err

    def _client(self) -> httpx.Client:
        return httpx.Client(
            timeout=self._timeout_s, follow_redirects=False, trust_env=False, transport=self._transport
        )  # fmt: skip

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, str | None]:
        """Send the request; give status, body (bounded) and the length of its JSON document."""
        try:
            with (
                self._client() as client,
                client.stream(
                    "POST", f"{self.address}/infer", content=body, headers=headers
                ) as response,
            ):
                parts: list[bytes] = []
                size = 0
                for part in response.iter_bytes():
                    size += len(part)
                    if size > MAX_ANSWER_BYTES:
                        raise RemoteError(
                            "The model server's answer is too large.", hint="Send smaller batches."
                        )
                    parts.append(part)
                return response.status_code, b"".join(parts), response.headers.get(HEADER)
        except httpx.TimeoutException as err:
            raise TimeoutExceededError(
                f"The model server did not answer within {self._timeout_s:g} s.",
                hint="Try again, or send smaller batches.",
            ) from err
        except httpx.HTTPError as err:
            raise RemoteError(
                f"The model server at {urlsplit(self.address).netloc} cannot be reached.",
                hint="Check that it runs.",
            ) from err


def _refusal(status: int, answer: bytes) -> ExtremeEarthError:
    try:
        document = json.loads(answer[:10_000])
        said = document.get("error") or document.get("title")
    except (ValueError, AttributeError, RecursionError):
        said = None
    reason = re.sub(r"[^\x20-\x7e]+", " ", str(said))[:300] if said else f"status {status}"
    kind = ERRORS.get(status, RemoteError)
    return kind(f"The model server refused: {reason}")
