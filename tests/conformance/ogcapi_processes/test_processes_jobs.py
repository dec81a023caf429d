"""Abstract tests of the classes Job list and Dismiss, isolation, and a client that nobody here wrote."""

from __future__ import annotations

import httpx
import pytest
from owslib.ogcapi.processes import Processes

from extremeearth.core.errors import NotFoundError
from extremeearth.core.times import as_instant
from extremeearth.processing.jobs import JobStatus

EXCEPTION = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"


def ats(identifier: str):
    return pytest.mark.parametrize("ats_id", [identifier])


@pytest.fixture
def history(server, http, start) -> list[str]:
    """Jobs of every status; their numbers, oldest first."""
    for job in http.get("/jobs?limit=1000").json()["jobs"]:
        for _ in range(2):
            http.delete(f"/jobs/{job['jobID']}")
    made = [start()["jobID"], start("fails")["jobID"]]
    server.work()
    made.append(start()["jobID"])
    http.delete(f"/jobs/{made[-1]}")
    made += [start()["jobID"] for _ in range(3)]
    lease = server.queue.claim("test", job_id=made[3])
    assert lease is not None
    return made


def _ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [job["jobID"] for job in answer.json()["jobs"]]


@ats("/conf/job-list/job-list-success")
def test_job_list(ats_id, http, history, valid):
    document = http.get("/jobs").json()
    valid("jobList", document)
    assert [job["jobID"] for job in document["jobs"]] == history[::-1]
    assert all(job["processID"] for job in document["jobs"])
    assert document["numberMatched"] == document["numberReturned"] == len(history)
    assert {"self"} <= {link["rel"] for link in document["links"]}


@ats("/conf/job-list/limit-response")
def test_job_list_pages(ats_id, http, history):
    seen, url = [], "/jobs?limit=4"
    while url:
        document = http.get(url).json()
        assert len(document["jobs"]) <= 4
        seen += [job["jobID"] for job in document["jobs"]]
        url = next((link["href"] for link in document["links"] if link["rel"] == "next"), None)
    assert seen == history[::-1]
    assert _ids(http.get("/jobs?limit=99999")) == history[::-1], (
        "too large a limit is cut, not refused"
    )


@ats("/conf/job-list/status-response")
def test_job_list_by_status(ats_id, http, history):
    assert _ids(http.get("/jobs?status=successful")) == [history[0]]
    assert _ids(http.get("/jobs?status=failed,dismissed")) == [history[2], history[1]]
    assert _ids(http.get("/jobs?status=running&status=failed")) == [history[3], history[1]]


@ats("/conf/job-list/processID-response")
def test_job_list_by_process(ats_id, http, history):
    assert _ids(http.get("/jobs?processID=fails")) == [history[1]]
    assert len(_ids(http.get("/jobs?processID=fails,echo"))) == len(history)
    assert _ids(http.get("/jobs?processID=nothing")) == []


@ats("/conf/job-list/type-response")
def test_job_list_by_type(ats_id, http, history):
    assert len(_ids(http.get("/jobs?type=process"))) == len(history)
    assert _ids(http.get("/jobs?type=openeo")) == []


@ats("/conf/job-list/datetime-response")
def test_job_list_by_time(ats_id, http, history):
    created = http.get(f"/jobs/{history[2]}").json()["created"]
    after = _ids(http.get("/jobs", params={"datetime": f"{created}/.."}))
    before = _ids(http.get("/jobs", params={"datetime": f"../{created}"}))
    assert after == history[:1:-1]
    assert before == history[2::-1]
    assert _ids(http.get("/jobs", params={"datetime": created})) == [history[2]]


@ats("/conf/job-list/duration-response")
def test_job_list_by_duration(ats_id, http, history):
    ended = http.get(f"/jobs/{history[0]}").json()
    seconds = (as_instant(ended["finished"]) - as_instant(ended["started"])).total_seconds()
    assert history[0] in _ids(http.get(f"/jobs?maxDuration={seconds + 0.01}"))
    assert history[0] not in _ids(http.get(f"/jobs?minDuration={seconds + 0.01}"))
    assert history[4] not in _ids(http.get("/jobs?minDuration=0")), "what never ran has no duration"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=x",
        "status=done",
        "type=magic",
        "datetime=x",
        "minDuration=-1",
        "token=x",
        "minDuration=nan",
    ],
)
def test_a_wrong_query_is_told(http, valid, query):
    answer = http.get(f"/jobs?{query}")
    assert answer.status_code == 400
    valid("exception", answer.json())
    assert answer.json()["type"] == EXCEPTION + "invalid-query-parameter-value"


@ats("/conf/dismiss/job-dismiss-success")
def test_dismiss(ats_id, server, http, start, valid):
    for running in (False, True):
        job = start()["jobID"]
        if running:
            server.queue.claim("test", job_id=job)
        answer = http.delete(f"/jobs/{job}")
        assert answer.status_code == 200
        valid("statusInfo", answer.json())
        assert answer.json()["status"] == "dismissed"
        assert http.get(f"/jobs/{job}").json()["status"] == "dismissed"
        assert http.get(f"/jobs/{job}/results").status_code == 404
        assert http.delete(f"/jobs/{job}").json()["status"] == "dismissed"
        gone = http.get(f"/jobs/{job}")
        assert gone.status_code == 404
        assert gone.json()["type"] == EXCEPTION + "no-such-job"


def test_another_projects_job_is_as_if_it_were_not_there(server, http, start):
    job = start()["jobID"]
    with httpx.Client(base_url=server.url, headers=server.theirs.headers()) as other:
        absent = "0" * 32
        for method, path in [
            ("GET", "/jobs/{}"), ("DELETE", "/jobs/{}"), ("GET", "/jobs/{}/results"),
            ("GET", "/jobs/{}/results/items"), ("GET", "/jobs/{}/logs"),
        ]:  # fmt: skip
            hidden = other.request(method, path.format(job)).json()
            nothing = other.request(method, path.format(absent)).json()
            assert hidden["status"] == 404
            for document in (hidden, nothing):
                document.pop("request_id")
            assert str(hidden).replace(job, "X") == str(nothing).replace(absent, "X")
        assert other.get("/jobs").json()["jobs"] == []
    assert http.get(f"/jobs/{job}").json()["status"] == "accepted"


def test_items_are_the_projects_own_unless_public(server, http, start):
    inputs = {"bbox": [11, 48, 12, 49], "datetime": "2018-03-01/2018-03-31"}
    private = start()["jobID"]
    public = start(inputs=inputs | {"public": True})["jobID"]
    server.work()
    theirs = server.theirs.accounts.verify(server.theirs.headers()["Authorization"].split()[1])
    assert server.catalogue.get("echoes", f"echo-{public}", viewer=theirs).id == f"echo-{public}"
    with pytest.raises(NotFoundError):
        server.catalogue.get("echoes", f"echo-{private}", viewer=theirs)


def test_an_item_deleted_since_is_left_out_of_the_results(server, http, start):
    job = start()["jobID"]
    server.work()
    ours = server.ours.accounts.verify(server.ours.headers()["Authorization"].split()[1])
    server.catalogue.delete("echoes", f"echo-{job}", viewer=ours)
    assert http.get(f"/jobs/{job}/results").json()["items"]["value"]["features"] == []


def test_owslib_runs_a_process(server):
    client = Processes(server.url, headers=server.ours.headers())
    assert [process["id"] for process in client.processes()] == ["echo", "fails"]
    assert client.process("echo")["inputs"]["days"]["schema"]["default"] == 7
    assert any(
        "ogcapi-processes-1/1.0/conf/core" in uri for uri in client.conformance()["conformsTo"]
    )
    for asynchronous in (True, False):
        inputs = {"bbox": [11, 48, 12, 49], "datetime": "2018-03-01/2018-03-31"}
        answer = client.execute("echo", inputs, async_=asynchronous)
        assert answer["status"] == "accepted"
        job = client.response_headers["Location"].rpartition("/")[2]
        viewer = server.ours.accounts.verify(server.ours.headers()["Authorization"].split()[1])
        assert server.queue.get(job, viewer=viewer).status is JobStatus.ACCEPTED
