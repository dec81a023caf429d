"""JSONPath: the fast way and the whole language say the same; what they find, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import DataBrokenError, MappingError
from extremeearth.knowledge.mapping.sources.jsonpath import _whole_language, json_column, read_path

FARM = {
    "fields": [
        {"id": 1, "crop": "wheat", "area": 2.5, "visits": [3, 4]},
        {"id": 2, "crop": "rye", "area": 1},
        {"id": 3, "area": 7, "part": {"crop": "oat"}},
    ]
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.fields[?@.area > 2].id", [1, 3]),
        ("$.fields[?@.crop == 'rye' || !@.crop].id", [2, 3]),
        ("$..crop", ["wheat", "rye", "oat"]),
        ("$.fields[0:2].id", [1, 2]),
        ("$.fields[0,2].id", [1, 3]),
        ("$.fields[?match(@.crop, 'w.*')].area", [2.5]),
        ("$.fields[?length(@.visits) == 2].id", [1]),
        ("fields[?@.id == 2].crop", ["rye"]),
        ("$.fields[*].visits[-1]", [4]),
        ("$.nothing[?@.a]", []),
    ],
)
def test_paths_find_their_values(path, found):
    assert read_path(path).find(FARM) == found


def test_a_column_is_a_list_only_where_there_may_be_several_values():
    assert json_column(FARM["fields"], "$.part['crop']").to_pylist()[2]["text"] == "oat"
    several = json_column(FARM["fields"], "$.visits[?@ > 3]").to_pylist()
    assert [[v["text"] for v in row] for row in several] == [["4"], [], []]


keys = st.sampled_from(["a", "b", "c d"])
documents = st.recursive(
    st.integers(0, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)
steps = st.lists(
    st.sampled_from(["['a']", ".b", '["c d"]', "[0]", "[-1]", "[*]", ".*"]), max_size=4
)


@settings(deadline=None)
@given(documents, steps)
def test_the_fast_way_finds_what_the_whole_language_finds(document, path):
    text = "$" + "".join(path)
    expected = _whole_language(text).find(document) if isinstance(document, dict | list) else None
    if expected is not None:
        assert read_path(text).find(document) == expected


@pytest.mark.parametrize(
    "path",
    ["$.a[", "$[?@.a ==]", "$..", "a b", "$[?foo(@)]", "$" + "[?@" * 2000],
)
def test_broken_paths_are_named(path):
    with pytest.raises(MappingError, match="cannot be read"):
        read_path(path)


def test_a_mapping_with_a_filter(mapped, tmp_path):
    (tmp_path / "f.json").write_text('{"fields": [{"id": 1, "ok": true}, {"id": 2, "ok": false}]}')
    found, report = mapped(
        """<urn:m> rml:logicalSource [ rml:source "f.json" ; rml:referenceFormulation rml:JSONPath ;
            rml:iterator "$.fields[?@.ok == true]" ] ;
        rml:subjectMap [ rml:template "urn:{$.id}" ; rml:class ex:C ] .""",
        folder=tmp_path,
    )
    assert len(found) == report.rows == 1


def test_a_document_deeper_than_descent_goes_is_broken():
    deep: list = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(DataBrokenError, match="cannot be followed"):
        read_path("$..a").find(deep)
