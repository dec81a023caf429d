"""Running a processor: all of its items come into the catalogue, or none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pystac
import pytest

from extremeearth.core.database import Database
from extremeearth.core.errors import (
    CancelledError,
    InputError,
    KeyInvalidError,
    NotFoundError,
    StorageError,
)
from extremeearth.core.progress import CancelToken, EventProgress
from extremeearth.core.security import ANONYMOUS, Principal, Scope
from extremeearth.data.catalogue import Catalogue
from extremeearth.infrastructure.objects import open_store
from extremeearth.processing.jobs import Job, JobContext
from extremeearth.product.processes import check_inputs, execute, execution, run_processor
from extremeearth.product.processors import InputDescription, ProcessDescription

ADA = Principal(user_id="u", project_id="p", key_id="k", scopes=frozenset(Scope))
BOB = Principal(user_id="v", project_id="q", key_id="l", scopes=frozenset(Scope))
NUMBER = InputDescription(
    title="N", description="Number of items.", schema={"type": "integer", "default": 2}
)
PUBLIC = InputDescription(
    title="P", description="Public.", schema={"type": "boolean", "default": False}
)


class Maker:
    """Makes n items; does something else before it ends."""

    description = ProcessDescription(
        id="maker", version="1.0.0", title="Maker", description="Makes items.",
        inputs={"n": NUMBER, "public": PUBLIC},
    )  # fmt: skip

    def __init__(self, finally_=lambda: None):
        self.finally_ = finally_

    def run(self, inputs, context):
        items = [_item(f"item-{n}") for n in range(inputs["n"])]
        self.finally_()
        return items


def _item(name: str) -> pystac.Item:
    return pystac.Item(
        name, {"type": "Point", "coordinates": [11.0, 48.0]}, [11.0, 48.0, 11.0, 48.0],
        datetime(2018, 3, 8, tzinfo=UTC), {}, collection="things",
    )  # fmt: skip


@pytest.fixture
def catalogue(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/db.sqlite")
    database.create_all()
    yield Catalogue(database, open_store("memory:///"))
    database.close()


@pytest.fixture
def context(tmp_path: Path) -> JobContext:
    return JobContext(workspace=tmp_path, principal=ADA)


def _there(catalogue, viewer=ADA) -> set[str]:
    from extremeearth.data.catalogue import ItemQuery

    return {item.id for item in catalogue.items(ItemQuery(), viewer=viewer)}


def test_items_come_into_the_catalogue_under_the_project(catalogue, context):
    run_processor(Maker(), {}, context, catalogue)
    assert _there(catalogue) == {"item-0", "item-1"}
    assert _there(catalogue, BOB) == set()


def test_public_items_are_seen_by_all(catalogue, context):
    run_processor(Maker(), {"public": True}, context, catalogue)
    assert _there(catalogue, ANONYMOUS) == {"item-0", "item-1"}


def test_a_failing_processor_adds_nothing(catalogue, context):
    def fail():
        raise StorageError("The disk is full.")

    with pytest.raises(StorageError):
        run_processor(Maker(fail), {}, context, catalogue)
    assert _there(catalogue) == set()


def test_cancelled_in_the_last_moment_adds_nothing(catalogue, tmp_path):
    token = CancelToken()
    context = JobContext(
        workspace=tmp_path, principal=ADA, progress=EventProgress(lambda event: None, token=token)
    )
    with pytest.raises(CancelledError):
        run_processor(Maker(token.cancel), {}, context, catalogue)
    assert _there(catalogue) == set()


def test_a_database_that_is_away_for_a_moment_loses_no_work(catalogue, context, monkeypatch):
    monkeypatch.setattr(execution, "STAGE_OUT_WAITS_S", (0.0, 0.0))
    real, calls = catalogue.add, []

    def add(*args, **kwargs):
        calls.append(1)
        if len(calls) < 3:
            raise StorageError("The database could not be used.")
        return real(*args, **kwargs)

    monkeypatch.setattr(catalogue, "add", add)
    run_processor(Maker(), {}, context, catalogue)
    assert len(calls) == 3
    assert _there(catalogue) == {"item-0", "item-1"}
    monkeypatch.setattr(catalogue, "add", lambda *a, **k: add_never())

    def add_never():
        raise StorageError("The database could not be used.")

    with pytest.raises(StorageError):
        run_processor(Maker(), {}, context, catalogue)


def test_wrong_inputs_run_nothing(catalogue, context):
    ran = []
    with pytest.raises(InputError, match="Input 'n'"):
        run_processor(Maker(lambda: ran.append(1)), {"n": "two"}, context, catalogue)
    assert ran == []


def test_somebody_has_to_own_what_comes_out(catalogue, tmp_path):
    with pytest.raises(KeyInvalidError):
        run_processor(Maker(), {}, JobContext(workspace=tmp_path), catalogue)


def test_execute_gives_an_item_collection(catalogue, context):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    job = Job(
        id="j",
        project_id="p",
        user_id="u",
        process_id="maker",
        inputs={"n": 1},
        created=now,
        updated=now,
    )
    results = execute(job, context, processors={"maker": Maker()}, catalogue=catalogue)
    assert results["items"]["type"] == "FeatureCollection"
    assert [f["id"] for f in results["items"]["features"]] == ["item-0"]
    with pytest.raises(NotFoundError, match="maker"):
        execute(job, context, processors={}, catalogue=catalogue)


def test_an_object_with_a_value_of_its_own_is_not_unwrapped_twice():
    schema = {"type": "object", "required": ["value"], "properties": {"value": {"type": "integer"}}}
    about = InputDescription(title="T", description="T.", schema=schema)
    process = ProcessDescription(
        id="it", version="1", title="T", description="T.", inputs={"x": about}
    )
    once = check_inputs(process, {"x": {"value": {"value": 3}}})
    assert once == {"x": {"value": 3}}
    assert check_inputs(process, once) == once


def test_many_problems_are_told_together_and_bounded():
    inputs = {f"x{n}": NUMBER for n in range(10)}
    process = ProcessDescription(id="it", version="1", title="T", description="T.", inputs=inputs)
    with pytest.raises(InputError) as caught:
        check_inputs(process, dict.fromkeys(inputs, "no"))
    assert caught.value.message.count("is not of type 'integer'") == 5
    assert "And 5 more." in caught.value.message


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "../x", "a" * 65])
def test_a_process_needs_a_name_for_urls(name):
    with pytest.raises(InputError):
        ProcessDescription(id=name, version="1", title="T", description="T.")
