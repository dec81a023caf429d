"""Online inference: the Open Inference Protocol v2 as server and client, and models inside the process."""

from extremeearth.processing.models import EmbeddedModel, Predictor, TensorSpec
from extremeearth.processing.serving.online import OnlineModel
from extremeearth.processing.serving.routes import serving_router
from extremeearth.processing.serving.tensors import (
    InferRequest,
    TensorData,
    decode_request,
    decode_tensors,
    encode_message,
    encode_tensors,
)

__all__ = [
    "EmbeddedModel",
    "InferRequest",
    "OnlineModel",
    "Predictor",
    "TensorData",
    "TensorSpec",
    "decode_request",
    "decode_tensors",
    "encode_message",
    "encode_tensors",
    "serving_router",
]
