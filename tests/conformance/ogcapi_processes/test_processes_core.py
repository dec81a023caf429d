"""Abstract tests of the class Core; each test carries the identifier of the one that it transcribes.

Not transcribed: those of synchronous execution (no process here runs that way, and the descriptions say so),
those of HTML, and ``job-results-async-many`` (every process has one output).
"""

from __future__ import annotations

import base64

import pytest
from jsonschema import Draft202012Validator

EXCEPTION = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def ats(identifier: str):
    return pytest.mark.parametrize("ats_id", [identifier])


def _linked(document, rel: str) -> str:
    return next(link["href"] for link in document["links"] if link["rel"] == rel)


@ats("/conf/core/landingpage-op")
def test_landing_page(ats_id, stranger, valid):
    answer = stranger.get("/")
    assert answer.status_code == 200
    valid("landingPage", answer.json())
    for rel in ("service-desc", f"{REL}conformance", f"{REL}processes"):
        assert stranger.get(_linked(answer.json(), rel)).status_code == 200


@ats("/conf/core/api-definition-op")
def test_api_definition(ats_id, stranger):
    document = stranger.get("/api").json()
    assert document["openapi"].startswith("3.")
    assert {"/processes", "/processes/{process_id}/execution", "/jobs/{job_id}/results"} <= set(
        document["paths"]
    )


@ats("/conf/core/conformance-op")
def test_conformance(ats_id, stranger, valid):
    document = stranger.get("/conformance").json()
    valid("confClasses", document)
    for version in ("1.0", "2.0"):
        for name in ("core", "json", "ogc-process-description", "job-list", "dismiss"):
            uri = f"http://www.opengis.net/spec/ogcapi-processes-1/{version}/conf/{name}"
            assert uri in document["conformsTo"]


@ats("/conf/core/process-list-op")
def test_process_list(ats_id, stranger, valid):
    document = stranger.get("/processes").json()
    valid("processList", document)
    assert [process["id"] for process in document["processes"]] == ["echo", "fails"]
    assert _linked(document, "self").endswith("/processes")


@ats("/conf/core/process-list-limit-response")
def test_process_list_limit(ats_id, stranger):
    first = stranger.get("/processes", params={"limit": 1}).json()
    assert [process["id"] for process in first["processes"]] == ["echo"]
    second = stranger.get(_linked(first, "next")).json()
    assert [process["id"] for process in second["processes"]] == ["fails"]
    assert "next" not in {link["rel"] for link in second["links"]}
    refused = stranger.get("/processes", params={"limit": 0})
    assert refused.status_code == 400


@ats("/conf/core/process-summary-links")
def test_summaries_link_to_descriptions(ats_id, stranger):
    for process in stranger.get("/processes").json()["processes"]:
        assert stranger.get(_linked(process, "self")).json()["id"] == process["id"]
        assert _linked(process, f"{REL}execute").endswith(f"/processes/{process['id']}/execution")


@ats("/conf/core/process-description-success")
def test_process_description(ats_id, stranger, valid):
    for name in ("echo", "fails"):
        document = stranger.get(f"/processes/{name}").json()
        valid("process", document)
        assert document["jobControlOptions"] == ["async-execute", "dismiss"]
        assert "items" in document["outputs"]


@ats("/conf/ogc-process-description/input-def")
def test_input_schemas_are_json_schemas(ats_id, stranger, valid):
    document = stranger.get("/processes/echo").json()
    for about in document["inputs"].values():
        valid("inputDescription", about)
        Draft202012Validator.check_schema(about["schema"])
    assert document["inputs"]["bbox"]["minOccurs"] == 1
    assert document["inputs"]["days"]["minOccurs"] == 0
    assert document["inputs"]["days"]["schema"] == {
        "type": "integer", "minimum": 1, "default": 7, "x-unit": "d",
    }  # fmt: skip


@ats("/conf/core/process-exception-no-such-process")
def test_no_such_process(ats_id, stranger, http, valid):
    for answer in (
        stranger.get("/processes/nothing"),
        http.post("/processes/nothing/execution", json={"inputs": {}}),
    ):
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        valid("exception", answer.json())
        assert answer.json()["type"] == EXCEPTION + "no-such-process"


@ats("/conf/core/process-execute-success-async")
@pytest.mark.parametrize("prefer", [None, "respond-async", "respond-sync", "wait=1, respond-async"])
def test_execution_is_asynchronous_whatever_is_preferred(ats_id, http, valid, prefer):
    headers = {} if prefer is None else {"Prefer": prefer}
    inputs = {"bbox": [11, 48, 12, 49], "datetime": "2018-03-01/2018-03-31"}
    answer = http.post("/processes/echo/execution", json={"inputs": inputs}, headers=headers)
    assert answer.status_code == 201
    valid("statusInfo", answer.json())
    job = http.get(answer.headers["Location"])
    assert job.json()["jobID"] == answer.json()["jobID"]
    assert (answer.headers.get("Preference-Applied") == "respond-async") == (
        "respond-async" in (prefer or "")
    )


@ats("/conf/core/job-success")
def test_job_status(ats_id, server, http, start, valid):
    job = start()
    status = http.get(f"/jobs/{job['jobID']}").json()
    valid("statusInfo", status)
    assert (status["status"], status["type"], status["processID"]) == (
        "accepted",
        "process",
        "echo",
    )
    server.work()
    status = http.get(f"/jobs/{job['jobID']}").json()
    valid("statusInfo", status)
    assert (status["status"], status["progress"]) == ("successful", 100)
    assert http.get(_linked(status, f"{REL}results")).status_code == 200
    log = http.get(f"/jobs/{job['jobID']}/logs").json()
    assert [line["text"] for line in log["logs"]][1] == "echo begins"
    assert http.get(_linked(log, "next")).json()["logs"] == []


@ats("/conf/core/job-exception-no-such-job")
def test_no_such_job(ats_id, http, valid):
    for path in ("", "/results", "/results/items", "/logs"):
        answer = http.get(f"/jobs/{'0' * 32}{path}")
        assert answer.status_code == 404
        valid("exception", answer.json())
        assert answer.json()["type"] == EXCEPTION + "no-such-job"


@ats("/conf/core/job-results-exception-results-not-ready")
def test_results_that_are_not_ready(ats_id, http, start, valid):
    job = start()
    for path in ("results", "results/items"):
        answer = http.get(f"/jobs/{job['jobID']}/{path}")
        assert answer.status_code == 404
        valid("exception", answer.json())
        assert answer.json()["type"] == EXCEPTION + "result-not-ready"
    http.delete(f"/jobs/{job['jobID']}")


@ats("/conf/core/job-results-failed")
def test_results_of_a_failed_job(ats_id, server, http, start, valid):
    job = start("fails")
    server.work()
    status = http.get(f"/jobs/{job['jobID']}").json()
    valid("statusInfo", status)
    assert status["status"] == "failed"
    assert status["exception"]["title"] == "No image lies in the box."
    answer = http.get(f"/jobs/{job['jobID']}/results")
    assert answer.status_code == 422
    valid("exception", answer.json())
    assert answer.json()["code"] == "data.none-found"
    assert answer.json()["cause"] == "bad-input"
    assert answer.json()["hint"] == "Draw a larger box."
    assert "No image lies in the box." not in answer.json()["log"][:1]


@ats("/conf/core/job-results-profile")
def test_results_document(ats_id, server, http, start, valid):
    job = start()
    server.work()
    answer = http.get(f"/jobs/{job['jobID']}/results")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert 'rel="profile"' in answer.headers["link"]
    valid("results", answer.json())
    items = answer.json()["items"]
    assert items["mediaType"] == "application/geo+json"
    asset = items["value"]["features"][0]["assets"]["map"]
    assert asset["href"] == f"{server.url}/download/echoes/echo-{job['jobID']}/map.tif"


@ats("/conf/core/job-result-op")
def test_one_output_is_bare(ats_id, server, http, start):
    job = start(response="raw")
    server.work()
    for path in ("results", "results/items"):
        answer = http.get(f"/jobs/{job['jobID']}/{path}")
        assert answer.headers["content-type"] == "application/geo+json"
        assert answer.json()["type"] == "FeatureCollection"


@ats("/conf/core/process-execute-success-async-outputs-empty")
def test_no_outputs_wanted(ats_id, server, http, start):
    job = start(outputs={})
    server.work()
    assert http.get(f"/jobs/{job['jobID']}/results").json() == {}
    answer = http.get(f"/jobs/{job['jobID']}/results/items")
    assert answer.status_code == 404
    assert answer.json()["type"] == EXCEPTION + "result-not-available"


@ats("/conf/core/job-results-exception-no-such-output")
def test_no_such_output(ats_id, server, http, start, valid):
    job = start()
    server.work()
    answer = http.get(f"/jobs/{job['jobID']}/results/nothing")
    assert answer.status_code == 400
    valid("exception", answer.json())
    assert answer.json()["type"] == EXCEPTION + "no-such-output"
    refused = http.post("/processes/echo/execution", json={"outputs": {"nothing": {}}})
    assert refused.status_code == 400


@ats("/conf/core/job-results-exception-invalid-query-parameter-value")
def test_invalid_query_of_results(ats_id, server, http, start, valid):
    job = start()
    server.work()
    answer = http.get(f"/jobs/{job['jobID']}/results", params={"outputs": "nothing"})
    assert answer.status_code == 400
    valid("exception", answer.json())
    assert answer.json()["type"] == EXCEPTION + "invalid-query-parameter-value"
    assert set(http.get(f"/jobs/{job['jobID']}/results", params={"outputs": "items"}).json()) == {
        "items"
    }


@pytest.mark.parametrize("way", ["request", "prefer"])
def test_results_by_reference(server, http, start, valid, way):
    how = {"outputs": {"items": {"transmissionMode": "reference"}}} if way == "request" else {}
    job = start(**how)
    server.work()
    headers = {"Prefer": "return=minimal"} if way == "prefer" else {}
    answer = http.get(f"/jobs/{job['jobID']}/results", headers=headers)
    valid("results", answer.json())
    assert http.get(answer.json()["items"]["href"]).json()["type"] == "FeatureCollection"


@ats("/conf/core/process-execute-input-inline")
@pytest.mark.parametrize(
    ("name", "value", "seen"),
    [
        (
            "bbox",
            {"bbox": [1, 2, 3, 4], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
            [1, 2, 3, 4],
        ),
        ("image", base64.b64encode(b"png").decode(), base64.b64encode(b"png").decode()),
        ("image", {"value": "cG5n", "mediaType": "image/png", "encoding": "base64"}, "cG5n"),
        (
            "shape",
            {"value": {"type": "Point", "coordinates": [1, 2]}},
            {"type": "Point", "coordinates": [1, 2]},
        ),
        ("either", 3, 3),
        ("either", "abc", "abc"),
        ("numbers", [1.5, 2], [1.5, 2]),
    ],
)
def test_inputs_of_every_kind(  # noqa: PLR0917 - fixtures and parameters of one table
    ats_id, server, http, start, name, value, seen
):
    inputs = {"bbox": [11, 48, 12, 49], "datetime": "2018-03-01/2018-03-31"} | {name: value}
    job = start(inputs=inputs)
    server.work()
    item = http.get(f"/jobs/{job['jobID']}/results").json()["items"]["value"]["features"][0]
    given = item["properties"]["inputs"]
    assert given[name] == seen
    assert (given["days"], given["mode"]) == (7, "embedded"), "defaults are filled in"


@ats("/conf/core/process-execute-input-validation")
@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({}, "Input 'bbox' is missing."),
        ({"bbox": [1, "x", 3, 4]}, "Input 'bbox[1]': 'x' is not of type 'number'"),
        ({"bbox": [1, 2, 3]}, "Input 'bbox':"),
        ({"bbox": [5, 2, 3, 1]}, "is empty"),
        ({"bbox": [500, 2, 600, 3]}, "leaves the range"),
        ({"bbox": {"bbox": [1, 2, 3, 4], "crs": "EPSG:3857"}}, "CRS84"),
        ({"datetime": "yesterday"}, "'yesterday' is not a time"),
        ({"datetime": "2018-03-31/2018-03-01"}, "before it starts"),
        ({"datetime": "../.."}, "says nothing"),
        ({"days": 0}, "Input 'days': 0 is less than the minimum of 1"),
        ({"mode": "offline"}, "Input 'mode': 'offline' is not one of"),
        ({"bbbox": [1, 2, 3, 4]}, "did you mean 'bbox'?"),
        ({"image": "not base64!"}, "it is not base64"),
        ({"image": {"href": "file:///etc/passwd"}}, "by reference"),
        ({"shape": {"type": "Line"}}, "Input 'shape"),
        ({"either": "too long"}, "Input 'either'"),
        ({"numbers": [1, 2, 3, 4]}, "Input 'numbers'"),
    ],
)
def test_wrong_inputs_make_no_job(ats_id, http, valid, inputs, told):
    before = http.get("/jobs").json()["numberMatched"]
    good = {"bbox": [11, 48, 12, 49], "datetime": "2018-03-01/2018-03-31"}
    body = {"inputs": good | inputs if inputs else {}}
    answer = http.post("/processes/echo/execution", json=body)
    assert answer.status_code == 400
    valid("exception", answer.json())
    assert told in answer.json()["title"]
    assert http.get("/jobs").json()["numberMatched"] == before


@ats("/conf/core/process-execute-request")
@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[]", "not a JSON object"),
        ("nonsense", "not valid"),
        ('{"inputs": []}', "'inputs' is not a JSON object"),
        ('{"input": {}}', "'input' is no member"),
        ('{"response": "pretty"}', "'response' is neither"),
        ('{"subscriber": {"successUri": "http://169.254.169.254/"}}', "Callbacks are not offered"),
        ('{"inputs": {"shape": ' + '{"a":' * 60 + "1" + "}" * 60 + "}}", "nest deeper"),
    ],
)
def test_a_wrong_request_is_refused(ats_id, http, content, told):
    answer = http.post(
        "/processes/echo/execution", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 413}
    assert told in answer.json()["title"]
