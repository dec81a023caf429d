"""The registry: versions, visibility, provenance, and documents that are not what they were."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from stac_model.schema import MLModelProperties

from extremeearth.core.database import Database
from extremeearth.core.errors import ConflictError, DataBrokenError, InputError, NotFoundError
from extremeearth.core.security import ANONYMOUS, Principal
from extremeearth.data.catalogue import Catalogue
from extremeearth.infrastructure.objects import open_store
from extremeearth.processing.models import ModelCard, ModelRegistry, ModelVersion, parse_model_name

P, Q = (Principal(user_id="u", project_id=name, key_id="k") for name in ("p", "q"))
Make = Callable[..., bytes]


def keep(
    registry: ModelRegistry,
    place: SimpleNamespace,
    card: ModelCard,
    name: str,
    onnx: bytes,
    *,
    project: str = "p",
    public: bool = False,
) -> ModelVersion:
    """Register a document with the card and source of all tests here."""
    return registry.register(
        name, onnx=onnx, card=card, project_id=project, derived_from=place.source, public=public
    )


def test_versions_count_up_and_the_newest_is_given(
    place: SimpleNamespace, card: ModelCard, small_onnx: Make
) -> None:
    made = [keep(place.registry, place, card, "crop-type", small_onnx(seed=n)) for n in range(3)]
    assert [v.version for v in made] == [1, 2, 3]
    assert place.registry.get("crop-type", viewer=P).version == 3
    assert (
        place.registry.get("crop-type", 2, viewer=P).sha256
        == hashlib.sha256(small_onnx(seed=1)).hexdigest()
    )
    assert [v.version for v in place.registry.versions("crop-type", viewer=P)] == [1, 2, 3]
    assert len(list(place.registry.all_versions(viewer=P))) == 3
    assert made[0].classes == card.classes
    assert made[0].days == card.days


def test_two_who_register_at_once_get_two_numbers(
    tmp_path: object, place: SimpleNamespace, card: ModelCard, small_onnx: Make
) -> None:
    database = Database(f"sqlite:///{tmp_path}/c.sqlite")
    database.create_all()
    store = open_store(f"file://{tmp_path}/objects")
    registry = ModelRegistry(Catalogue(database, store), store)
    onnx = small_onnx()

    def register(_: int) -> int:
        return keep(registry, place, card, "m", onnx).version

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(register, range(8))) == list(range(1, 9))
    database.close()


def test_other_projects_models_do_not_exist_unless_public(
    place: SimpleNamespace, card: ModelCard, small_onnx: Make
) -> None:
    registry = place.registry
    keep(registry, place, card, "a", small_onnx())
    for viewer in (Q, ANONYMOUS):
        with pytest.raises(NotFoundError):
            registry.get("a", viewer=viewer)
    public = keep(registry, place, card, "b", small_onnx(), public=True)
    assert registry.get("b", viewer=ANONYMOUS).sha256 == public.sha256
    # nobody can put a model in the place of another: own first, then who came first
    later = registry.register(
        "b",
        onnx=small_onnx(seed=9),
        card=card,
        project_id="q",
        derived_from=place.source,
        public=True,
    )
    assert later.version == 1
    assert registry.get("b", viewer=ANONYMOUS).sha256 == public.sha256
    assert registry.get("b", viewer=Q).sha256 == later.sha256
    assert registry.get("b", viewer=P).sha256 == public.sha256


def test_the_item_keeps_the_extension_and_the_provenance(
    place: SimpleNamespace, card: ModelCard, small_onnx: Make
) -> None:
    version = keep(place.registry, place, card, "m", small_onnx())
    item = place.catalogue.get("models", version.item.id, viewer=P)
    fields = {k.removeprefix("mlm:"): v for k, v in item.properties.items() if k.startswith("mlm:")}
    known = MLModelProperties.model_validate(fields)
    assert known.framework == "ONNX"
    assert known.total_parameters == 26
    assert [i.name for i in known.input] == ["series", "valid"]
    assert item.properties["mlm:input"][0]["bands"] == list(card.bands)
    assert item.properties["mlm:output"][0]["classification:classes"][0]["color_hint"] == "D35400"
    assert item.assets["model"].roles == ["mlm:model"]
    assert item.assets["model"].extra_fields["file:checksum"] == "1220" + version.sha256
    (link,) = [link for link in item.links if link.rel == "derived_from"]
    assert "training-datasets" in str(link.target)
    assert item.properties["start_datetime"].startswith("2018-02-15")
    assert item.properties["ee:card"]["limits"] == ["Knows nothing."]


def test_a_changed_document_is_not_opened(
    place: SimpleNamespace, card: ModelCard, small_onnx: Make
) -> None:
    version = keep(place.registry, place, card, "m", small_onnx())
    inputs = {"series": np.ones((2, 3, 13), np.float32), "valid": np.ones((2, 3), bool)}
    assert place.registry.open(version).predict(inputs)["probabilities"].shape == (2, 2)
    place.store.put(version.key, small_onnx(seed=1))
    with pytest.raises(DataBrokenError, match="changed"):
        place.registry.open(version)


def test_documents_that_are_no_model_or_reach_elsewhere_are_refused(
    place: SimpleNamespace, card: ModelCard, small_onnx: Make
) -> None:
    for document in (b"", b"junk", b"\x80\x04K\x01.", small_onnx(external=True)):
        with pytest.raises(DataBrokenError):
            keep(place.registry, place, card, "m", document)
    with pytest.raises(InputError, match="classes"):
        keep(place.registry, place, card, "m", small_onnx(classes=5))
    assert place.registry.versions("m", viewer=P) == []


@pytest.mark.parametrize("name", ["", "A", "../x", "a/b", "-a", "a-", "x" * 49, "a@1", "a b"])
def test_names_that_could_be_paths_are_refused(
    name: str, place: SimpleNamespace, card: ModelCard, small_onnx: Make
) -> None:
    with pytest.raises(InputError):
        keep(place.registry, place, card, name, small_onnx())
    with pytest.raises(NotFoundError):
        place.registry.get(name, viewer=P)


@pytest.mark.parametrize("text", ["a@", "a@0", "a@-1", "a@1.5", "a@x", "@1", "A@1", "a@1@2"])
def test_names_with_versions_that_make_no_sense(text: str) -> None:
    with pytest.raises(InputError):
        parse_model_name(text)


def test_a_crowded_name_ends_in_a_clear_error(
    place: SimpleNamespace, card: ModelCard, small_onnx: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object, **__: object) -> None:
        raise ConflictError("taken")

    monkeypatch.setattr(place.store, "put", taken)
    with pytest.raises(ConflictError, match="No number is free"):
        keep(place.registry, place, card, "m", small_onnx())


@pytest.mark.parametrize("field", ["title", "intended_use", "training_data", "limits", "licence"])
def test_a_card_must_say_what_matters(field: str, card: ModelCard) -> None:
    with pytest.raises(InputError, match=field):
        dataclasses.replace(card, **{field: ""})  # type: ignore[arg-type]  # wrong on purpose
