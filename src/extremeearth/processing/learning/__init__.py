"""Learning: temporal networks and a forest, scored on the same spatial folds, exported to ONNX."""

from extremeearth.processing.learning.evaluation import (
    Evaluation,
    compare,
    cross_validate,
    evaluate,
)
from extremeearth.processing.learning.export import ExportedNetwork, export_onnx
from extremeearth.processing.learning.learners import (
    Learner,
    ProbabilityModel,
    network_learner,
    random_forest,
)
from extremeearth.processing.learning.networks import NetworkModel, train_network
from extremeearth.processing.learning.plans import Architecture, TrainingPlan
from extremeearth.processing.learning.scores import (
    Interval,
    ReliabilityBin,
    calibration,
    confusion_matrix,
    kappa,
    macro_f1,
    macro_f1_difference,
    macro_f1_interval,
    per_class_f1,
)

__all__ = [
    "Architecture",
    "Evaluation",
    "ExportedNetwork",
    "Interval",
    "Learner",
    "NetworkModel",
    "ProbabilityModel",
    "ReliabilityBin",
    "TrainingPlan",
    "calibration",
    "compare",
    "confusion_matrix",
    "cross_validate",
    "evaluate",
    "export_onnx",
    "kappa",
    "macro_f1",
    "macro_f1_difference",
    "macro_f1_interval",
    "network_learner",
    "per_class_f1",
    "random_forest",
    "train_network",
]
