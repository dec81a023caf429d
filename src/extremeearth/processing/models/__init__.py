"""The model registry: versioned ONNX documents with model cards, as STAC items, checked when opened."""

from extremeearth.processing.models.cards import ModelCard, crop_model_card
from extremeearth.processing.models.items import MODELS, models_collection
from extremeearth.processing.models.predictors import (
    DATATYPES,
    EmbeddedModel,
    Predictor,
    TensorSpec,
    check_inputs,
)
from extremeearth.processing.models.registry import ModelRegistry, ModelVersion, parse_model_name

__all__ = [
    "DATATYPES",
    "MODELS",
    "EmbeddedModel",
    "ModelCard",
    "ModelRegistry",
    "ModelVersion",
    "Predictor",
    "TensorSpec",
    "check_inputs",
    "crop_model_card",
    "models_collection",
    "parse_model_name",
]
