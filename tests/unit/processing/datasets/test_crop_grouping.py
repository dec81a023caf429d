"""Crop groups: every class is large enough, everybody is in one, kin stay together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extremeearth.core.errors import InputError
from extremeearth.processing.datasets import OTHER_HCAT, group_crops

CODES = [
    "3301010101", "3301010301", "3301010401", "3301010402", "3301010801", "3301060401", "3301090301", "3301090303",
    "3302000000", "3301010600", "3301090400", "3399000000", "3308000000", None,
]  # fmt: skip


@given(st.lists(st.sampled_from(CODES), max_size=120), st.integers(1, 12))
def test_every_class_but_other_is_large_enough(codes: list[str | None], least: int) -> None:
    padded = codes + ["3301010101"] * 12 + ["3302000000"] * 12
    grouping = group_crops(padded, names={}, min_parcels=least)
    assert len(grouping.labels) == len(padded)
    for number, crop in enumerate(grouping.classes):
        members = [c for c, label in zip(padded, grouping.labels, strict=True) if label == number]
        if crop.hcat_code == OTHER_HCAT:
            assert number == len(grouping.classes) - 1
            continue
        assert len(members) >= least
        for declared in members:
            code = {"3301090400": "3301010600"}.get(declared or "", declared)
            assert code is not None
            assert code.startswith(crop.hcat_code.rstrip("0"))


def test_both_uses_of_maize_are_one_class_and_unknown_codes_are_other() -> None:
    grouping = group_crops(
        ["3301010600", "3301090400"] * 3 + [None] + ["3302000000"] * 5, names={}, min_parcels=5
    )
    assert [c.name for c in grouping.classes] == ["maize", "grassland", "other"]
    assert grouping.labels[:2] == (0, 0)
    assert grouping.labels[6] == 2


def test_pooled_kin_is_named_other_only_where_a_class_lies_below() -> None:
    rare = ["3301010301", "3301010801"] * 3
    names = {"3301010000": "cereal"}
    with_wheat = group_crops(rare + ["3301010101"] * 6, names=names, min_parcels=5)
    without = group_crops(rare + ["3302000000"] * 6, names=names, min_parcels=5)
    assert {c.name for c in with_wheat.classes} == {"winter wheat", "other cereals"}
    assert {c.name for c in without.classes} == {"grassland", "cereals"}


@pytest.mark.parametrize("code", ["33", "330101010x", "33010101011"])
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(InputError):
        group_crops([code, code], names={}, min_parcels=1)


def test_one_class_is_no_classification() -> None:
    with pytest.raises(InputError, match="Only 1 crop"):
        group_crops(["3302000000"] * 9, names={}, min_parcels=5)
