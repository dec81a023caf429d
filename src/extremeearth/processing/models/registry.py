"""The model registry: versions 1, 2, 3 of a name, found through the catalogue, kept in the object store."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pystac

from extremeearth.core.errors import (
    ConflictError,
    DataBrokenError,
    FilterError,
    InputError,
    LimitError,
    MissingExtraError,
    NotFoundError,
)
from extremeearth.core.security import Principal
from extremeearth.data.catalogue import MAX_LIMIT, Catalogue, Compare, ItemQuery, Property
from extremeearth.infrastructure.objects import ObjectStore, key_of
from extremeearth.processing.datasets import CropClass, link_source
from extremeearth.processing.models.cards import ModelCard
from extremeearth.processing.models.items import (
    MODELS,
    model_item,
    models_collection,
    project_mark,
)
from extremeearth.processing.models.predictors import EmbeddedModel

__all__ = ["ModelRegistry", "ModelVersion", "parse_model_name"]

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
MAX_BYTES = 512 * 1024**2
ATTEMPTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One version of a model.

    Attributes
    ----------
    name, version
        Versions count from 1.
    sha256
        Of the ONNX document, in hexadecimal digits.
    item
        The STAC item.
    key
        Where the ONNX document is in the object store.
    classes, days
        Classes of the output's last axis, and days of the year of the input's dates; empty where they make no sense.
    """

    name: str
    version: int
    sha256: str
    item: pystac.Item
    key: str
    classes: tuple[CropClass, ...]
    days: tuple[int, ...]


def parse_model_name(text: str) -> tuple[str, int | None]:
    """Read ``name`` or ``name@version``.

    Examples
    --------
    >>> parse_model_name("crop-type@3"), parse_model_name("crop-type")
    (('crop-type', 3), ('crop-type', None))
    """
    name, at, version = text.partition("@")
    if not NAME.fullmatch(name) or (at and not re.fullmatch(r"[1-9][0-9]{0,6}", version)):
        raise InputError(
            f"'{text[:80]}' is not the name of a model.",
            hint="Write name or name@version, e.g. crop-type@1.",
        )
    return name, int(version) if at else None


class ModelRegistry:
    """Registers models and finds them again.

    A version is a STAC item in the collection ``models``; its ONNX document and its card are objects. The number of
    a version is taken by creating its object, which only one caller can do, so that two who register at once get two
    numbers. The SHA-256 of the document is checked whenever it is opened.

    Examples
    --------
    >>> from extremeearth.core.database import Database
    >>> from extremeearth.core.security import ANONYMOUS
    >>> from extremeearth.infrastructure.objects import open_store
    >>> database, store = Database("sqlite://"), open_store("memory:///")
    >>> database.create_all()
    >>> registry = ModelRegistry(Catalogue(database, store), store)
    >>> registry.get("crop-type", viewer=ANONYMOUS)
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.NotFoundError: There is no model 'crop-type'. Check the name, ...
    """

    def __init__(self, catalogue: Catalogue, store: ObjectStore) -> None:
        self._catalogue = catalogue
        self._store = store

    def register(
        self,
        name: str,
        *,
        onnx: bytes,
        card: ModelCard,
        project_id: str,
        derived_from: pystac.Item,
        public: bool = False,
    ) -> ModelVersion:
        """Keep a model as the next version of `name` in the project.

        Parameters
        ----------
        name
            Lower-case letters, digits and hyphens, at most 48.
        onnx
            The document, whole: no tensors in other files.
        card
            Its model card.
        project_id
            The project that owns it.
        derived_from
            Item of the training dataset, whose place and season the model takes.
        public
            Whether others may find it and ask it.

        Raises
        ------
        InputError
            The name cannot be used.
        DataBrokenError
            The document cannot be run, or needs other files.
        LimitError
            The document is over 512 MB.
        """
        if not NAME.fullmatch(name):
            raise InputError(
                f"'{name[:80]}' cannot name a model.",
                hint="Use lower-case letters, digits and hyphens, at most 48.",
            )
        if len(onnx) > MAX_BYTES:
            raise LimitError(f"The model has {len(onnx)} bytes.", hint=f"At most {MAX_BYTES}.")
        framework = _check_document(onnx)
        model = EmbeddedModel(onnx)
        classes = model.outputs[0].shape[-1]
        if card.classes and classes not in (-1, len(card.classes)):
            raise InputError(
                f"The card names {len(card.classes)} classes, the model gives {classes}.",
                hint="Give the card of this model.",
            )
        version, prefix = self._claim(name, project_id=project_id, onnx=onnx)
        item = model_item(
            item_id=prefix.split("/")[-1], name=name, version=version, sha256=hashlib.sha256(onnx).hexdigest(),
            size=len(onnx), prefix=prefix, card=card, inputs=model.inputs, outputs=model.outputs,
            framework_version=framework, source=derived_from, created=datetime.now(UTC),
        )  # fmt: skip
        link_source(item, derived_from)
        self._store.put(f"{prefix}/card.json", json.dumps(card.document(), indent=1).encode())
        self._catalogue.add_collection(models_collection())
        self._catalogue.add([item], project_id=project_id, public=public)
        return _version(item)

    def get(self, name: str, version: int | None = None, *, viewer: Principal) -> ModelVersion:
        """Find a version, the newest by default.

        The viewer's own project comes first; of other projects' public models of this name, those of the project
        that registered first, so that nobody can put a model in another's place.

        Raises
        ------
        NotFoundError
            There is none that this viewer may see.
        """
        found = self.versions(name, viewer=viewer)
        chosen = [v for v in found if version in (None, v.version)]
        if not chosen:
            number = "" if version is None else f" version {version}"
            raise NotFoundError(
                f"There is no model '{name[:80]}'{number}.",
                hint="Check the name, and that your key is of its project.",
            )
        return chosen[-1]

    def versions(self, name: str, *, viewer: Principal) -> list[ModelVersion]:
        """List the versions of a name, oldest first, of the project that `get` would choose."""
        if not NAME.fullmatch(name):
            return []
        by_project: dict[str, list[pystac.Item]] = {}
        for item in self._items(viewer, name=name):
            by_project.setdefault(item.id.rsplit("-", 1)[-1], []).append(item)
        if not by_project:
            return []
        own = None if viewer.project_id is None else project_mark(viewer.project_id)
        chosen = by_project.get(own or "") or min(
            by_project.values(), key=lambda items: min(str(i.properties["created"]) for i in items)
        )
        return sorted(map(_version, chosen), key=lambda v: v.version)

    def all_versions(self, *, viewer: Principal) -> Iterator[ModelVersion]:
        """Go through all versions that this viewer may see."""
        return map(_version, self._items(viewer))

    def is_public(self, version: ModelVersion, *, viewer: Principal) -> bool:
        """Tell whether everybody may see a version that this viewer sees."""
        return self._catalogue.is_public(MODELS, version.item.id, viewer=viewer)

    def open(self, version: ModelVersion, *, threads: int = 1) -> EmbeddedModel:
        """Load a version into this process.

        Raises
        ------
        DataBrokenError
            The document is not the one that was registered.
        """
        onnx = self._store.get(version.key)
        if hashlib.sha256(onnx).hexdigest() != version.sha256:
            raise DataBrokenError(
                f"The document of model {version.name} version {version.version} was changed.",
                hint="Register the model again.",
            )
        return EmbeddedModel(onnx, threads=threads)

    def _items(self, viewer: Principal, *, name: str | None = None) -> Iterator[pystac.Item]:
        condition = None if name is None else Compare(Property("mlm:name"), "=", name)
        query = ItemQuery(collections=(MODELS,), filter=condition, limit=MAX_LIMIT)
        try:
            yield from self._catalogue.items(query, viewer=viewer)
        except FilterError:  # no model at all has been registered
            return

    def _claim(self, name: str, *, project_id: str, onnx: bytes) -> tuple[int, str]:
        """Take the next free number by creating its object."""
        viewer = Principal(project_id=project_id)
        mark = project_mark(project_id)
        seen = self.versions(name, viewer=viewer)
        taken = [v.version for v in seen if v.item.id.endswith(f"-{mark}")]
        first = max(taken, default=0) + 1
        for version in range(first, first + ATTEMPTS):
            prefix = f"{MODELS}/{name}-v{version}-{mark}"
            try:
                self._store.put(f"{prefix}/model.onnx", onnx, if_absent=True)
            except ConflictError:
                continue
            return version, prefix
        raise ConflictError(
            f"No number is free for a new version of '{name}'.", hint="Register it again."
        )


def _version(item: pystac.Item) -> ModelVersion:
    properties: dict[str, Any] = item.properties
    return ModelVersion(
        name=str(properties["mlm:name"]), version=int(properties["ee:version"]), sha256=str(properties["ee:sha256"]),
        item=item, key=key_of(item.assets["model"].href),
        classes=tuple(CropClass(**entry) for entry in properties["ee:classes"]),
        days=tuple(int(day) for day in properties["ee:days"]),
    )  # fmt: skip


def _check_document(onnx: bytes) -> str:
    """Refuse what is no ONNX model or keeps tensors elsewhere; give the version of its operators."""
    try:
        import onnx as library
        from onnx.external_data_helper import uses_external_data
    except ModuleNotFoundError as err:
        raise MissingExtraError("learn") from err
    try:
        model = library.load_model_from_string(onnx)
        tensors = _tensors_of(model)
    except Exception as err:  # protobuf's decode errors share no base that is public
        raise DataBrokenError(
            "The model is not an ONNX document.", hint="Export it again."
        ) from err
    if any(uses_external_data(tensor) for tensor in tensors):
        raise DataBrokenError(
            "The model keeps tensors in other files.", hint="Export it as one document."
        )
    return str(next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), ""))


def _tensors_of(model: Any) -> list[Any]:
    """List every tensor of an ONNX model, also those of graphs within nodes."""
    graphs, tensors = [model.graph], []
    for graph in graphs:  # grows as graphs are found
        tensors.extend(graph.initializer)
        attributes = [attribute for node in graph.node for attribute in node.attribute]
        tensors.extend(a.t for a in attributes if a.HasField("t"))
        graphs.extend(a.g for a in attributes if a.HasField("g"))
        graphs.extend(inner for a in attributes for inner in a.graphs)
    return tensors
