"""Model cards: what a model is for, what it learnt from, how good it is and where it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from extremeearth.core.errors import InputError
from extremeearth.processing.datasets import GUARD_M, CropClass, CropDataset

if TYPE_CHECKING:
    from extremeearth.processing.learning import Evaluation, NetworkModel

__all__ = ["ModelCard", "crop_model_card"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What somebody must know before using a model (after Mitchell et al. 2019, doi 10.1145/3287560.3287596).

    Attributes
    ----------
    title
        One line.
    architecture
        Name of the network.
    intended_use
        What it is for, and what not.
    training_data
        What it learnt from, with the attribution that must be shown.
    limits
        Where it ends, one sentence each.
    licence
        SPDX expression of the model's weights.
    classes
        Classes in the order of the output's last axis.
    bands
        Bands in the order of the input's last axis.
    days
        Days of the year (1 to 366) of the input's dates.
    scores
        Scores by learner, as plain numbers.
    parameters
        Number of weights.
    hyperparameters
        How it was trained.

    Raises
    ------
    InputError
        A text is missing: a model without a use, data, limits or licence is not registered.

    Examples
    --------
    >>> ModelCard(
    ...     title="a",
    ...     architecture="L-TAE",
    ...     intended_use="",
    ...     training_data="x",
    ...     limits=("x",),
    ...     licence="CC0-1.0",
    ... )
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.InputError: The model card says nothing on intended_use. Fill it in.
    """

    title: str
    architecture: str
    intended_use: str
    training_data: str
    limits: tuple[str, ...]
    licence: str
    classes: tuple[CropClass, ...] = ()
    bands: tuple[str, ...] = ()
    days: tuple[int, ...] = ()
    scores: Mapping[str, Any] = field(default_factory=dict)
    parameters: int | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("title", "architecture", "intended_use", "training_data", "limits", "licence"):
            if not getattr(self, name):
                raise InputError(f"The model card says nothing on {name}.", hint="Fill it in.")

    def document(self) -> dict[str, Any]:
        """Give the card as plain values that JSON can hold."""
        return {
            "title": self.title,
            "architecture": self.architecture,
            "intended_use": self.intended_use,
            "training_data": self.training_data,
            "limits": list(self.limits),
            "licence": self.licence,
            "scores": dict(self.scores),
            "hyperparameters": dict(self.hyperparameters),
        }


def crop_model_card(
    dataset: CropDataset,
    network: NetworkModel,
    evaluations: Sequence[Evaluation],
    *,
    source: str,
    licence: str = "Apache-2.0",
    real: bool = True,
) -> ModelCard:
    """Write the card of a crop-type network from what is known of its dataset and scores.

    Parameters
    ----------
    dataset
        What the final network was trained on.
    network
        The final network.
    evaluations
        Scores on spatial folds; the network's first, then those it is compared with.
    source
        One sentence on the data's source, with the attribution that must be shown.
    real
        Whether the data are observations.

    Examples
    --------
    >>> from extremeearth.data.products import simulate_field_archive
    >>> from extremeearth.processing.datasets import make_crop_dataset
    >>> archive = simulate_field_archive()
    >>> dataset = make_crop_dataset(archive.parcels, archive.parcel_series, archive.national_crops)
    >>> from extremeearth.processing.learning import TrainingPlan, train_network
    >>> network = train_network(dataset, plan=TrainingPlan(epochs=1))
    >>> card = crop_model_card(dataset, network, [], source=archive.source, real=archive.real)
    >>> card.architecture, card.limits[0]
    ('L-TAE', 'Trained on simulated series: it knows nothing of real fields.')
    """
    scores = {evaluation.learner: evaluation.summary() for evaluation in evaluations}
    day = [str(date) for date in (dataset.dates[0], dataset.dates[-1])]
    weak = [
        f"{crop.name} ({score:.2f})"
        for crop, score in zip(dataset.classes, evaluations[0].f1 if evaluations else (), strict=False)
        if score < 0.7
    ]  # fmt: skip
    limits = [
        f"One season ({day[0]} to {day[1]}) and one region: other years, soils and climates were not seen.",
        f"Scores are of parcels at least {GUARD_M:.0f} m from those trained on, in the same landscape, "
        "not of another one.",
        "Inputs are means over whole parcels at the top of the atmosphere; pixels or surface reflectance differ.",
        f"Crops with few parcels are pooled; {dataset.counts[-1]} parcels are '{dataset.classes[-1].name}'.",
    ]
    if weak:
        limits.append(f"F1 below 0.7: {', '.join(weak)}.")
    if not real:
        limits.insert(0, "Trained on simulated series: it knows nothing of real fields.")
    return ModelCard(
        title="Crop types from Sentinel-2 series of parcels",
        architecture={"l-tae": "L-TAE", "tempcnn": "TempCNN"}[network.architecture],
        intended_use="Tells the crop of a parcel whose outline is known, to look at and to compare with declarations; "
        "not a proof against a farmer.",
        training_data=f"{len(dataset)} declared parcels, {len(dataset.dates)} dates. {source}",
        limits=tuple(limits), licence=licence, classes=dataset.classes, bands=dataset.bands,
        days=network.days, scores=scores, parameters=network.parameters,
        hyperparameters={
            "members": network.members, "epochs": network.epochs, "temperature": round(network.temperature, 4),
        },
    )  # fmt: skip
