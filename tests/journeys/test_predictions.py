"""Predictions through Causeway from real model servers: the same as ad hoc, also by the SDK, and ten bad ones."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.conftest import Models
from tests.sandbox.running import unique
from tests.two_workspaces import BOB, VIEWER, TwoWorkspaces, problem

# What an endpoint sends as JSON has every digit of a double; the two run the same code on the same bytes.
TOLERANCE = 1e-9
BASE = "/v1/workspaces/prod/serving-endpoints"
pytestmark = pytest.mark.xdist_group("serving")


@pytest.fixture(scope="module")
def endpoint(world: TwoWorkspaces, models: Models) -> str:
    """An endpoint that serves the first version of demand."""
    name = unique("bikes-p")
    world.record(world.post("deployments", models.body(endpoint=name)))
    return name


def invoke(world: TwoWorkspaces, endpoint: str, **given: Any) -> httpx.Response:
    return world.alice.post(f"{BASE}/{endpoint}/invocations", **given)


def upstream_requests(world: TwoWorkspaces) -> int:
    seen = world.sandbox.call("prod", "GET", "/__sandbox/requests", params={"path": "/serving-endpoints/*"}).json()
    return int(seen["count"])


def test_an_endpoint_answers_what_ad_hoc_scoring_answers(world: TwoWorkspaces, models: Models, endpoint: str) -> None:
    rows = [{"hr": hour / 3, "temp": hour / 24} for hour in range(24)]
    run = world.record(world.post("scoring-runs", models.body(rows=rows)))
    adhoc = world.alice.get(f"/v1/scoring-runs/{run['id']}/predictions").json()["items"]
    split = {"columns": ["temp", "hr"], "data": [[row["temp"], row["hr"]] for row in rows]}

    for body in ({"dataframe_records": rows}, {"dataframe_split": split}):
        answer = invoke(world, endpoint, json=body)
        assert answer.status_code == 200
        assert answer.headers["served-model-name"] == "demand-v1"
        assert answer.json()["predictions"] == pytest.approx(adhoc, rel=TOLERANCE, abs=TOLERANCE)


def test_csv_goes_through_and_so_does_one_served_entity_past_the_split(
    world: TwoWorkspaces, models: Models, endpoint: str
) -> None:
    csv = f"hr,temp\n{models.row['hr']},{models.row['temp']}\n"
    answer = invoke(world, endpoint, content=csv, headers={"Content-Type": "text/csv"})
    assert answer.json()["predictions"] == pytest.approx(models.predicted[1], rel=TOLERANCE)

    path = f"{BASE}/{endpoint}/served-models/demand-v1/invocations"
    answer = world.alice.post(path, json={"dataframe_records": [models.row]})
    assert answer.json()["predictions"] == pytest.approx(models.predicted[1], rel=TOLERANCE)
    path = f"{BASE}/{endpoint}/served-models/nothing/invocations"
    problem(world.alice.post(path, json={"dataframe_records": [models.row]}), 404, "endpoint-not-found")


def test_the_unmodified_sdk_queries_by_changing_host_and_token_alone(
    world: TwoWorkspaces, models: Models, endpoint: str
) -> None:
    host, key = f"{world.service.url}/v1/workspaces/prod", world.service.key("person:alice@example.test")
    rows = [json.dumps(list(models.row)), json.dumps([list(models.row.values())])]
    script = Path(__file__).with_name("query_endpoint.py")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DATABRICKS_")}
    command = [sys.executable, str(script), host, key, endpoint, *rows]
    done = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["served"] == "demand-v1"
    assert said["predictions"] == pytest.approx(models.predicted[1], rel=TOLERANCE)


def test_what_the_model_refuses_is_said_in_its_own_words(world: TwoWorkspaces, endpoint: str) -> None:
    said = problem(invoke(world, endpoint, json={"dataframe_records": [{"hr": 1}]}), 422, "prediction-rejected")
    assert said["upstream_message"] == "Model is missing inputs ['temp']."
    for content in (b"{", b"", b'{"rows": []}', b"\xff\xfe"):
        headers = {"Content-Type": "application/json"}
        problem(invoke(world, endpoint, content=content, headers=headers), 422, "prediction-rejected")


@pytest.mark.parametrize(
    "name", ["x%3Fq%23", "x%253Fq", "bikes-x%3Fq", "bikes-%2541", "bikes-%20x", "b" * 64, "%E2%82%AC"]
)
def test_a_name_that_no_endpoint_can_have_is_refused_before_anything_goes_upstream(
    world: TwoWorkspaces, endpoint: str, name: str
) -> None:
    before = upstream_requests(world)
    for path in (f"{BASE}/{name}/invocations", f"{BASE}/{endpoint}/served-models/{name}/invocations"):
        said = problem(world.alice.post(path, content=b"{}"), 422, "request-invalid")
        assert said["errors"][0]["pointer"] in {"endpoint", "served_model"}
    assert upstream_requests(world) == before


@pytest.mark.parametrize("name", ["..%2f", "%2e%2e%2fapi", "bikes-a%2Fb", "a:b"])
def test_a_name_that_breaks_out_of_its_place_finds_no_path(world: TwoWorkspaces, name: str) -> None:
    before = upstream_requests(world)
    problem(world.alice.post(f"{BASE}/{name}/invocations", content=b"{}"), 404, "route-not-found")
    assert upstream_requests(world) == before


def test_who_may_not_ask_gets_nothing_upstream(world: TwoWorkspaces, endpoint: str) -> None:
    before = upstream_requests(world)
    path = f"{BASE}/{endpoint}/invocations"
    with httpx.Client(base_url=world.service.url) as nobody:
        problem(nobody.post(path, content=b"{}"), 401, "unauthenticated")
        stolen = {"Authorization": f"Bearer {world.sandbox.workspaces['prod']['token']}"}
        problem(nobody.post(path, content=b"{}", headers=stolen), 401, "unauthenticated")
    problem(world.service.client(BOB).post(path, content=b"{}"), 403, "not-in-project")
    problem(world.service.client(VIEWER).post(path, content=b"{}"), 403, "permission-denied")
    problem(invoke(world, "trains-x", content=b"{}"), 403, "not-in-project")
    nowhere = path.replace("prod", "nowhere")
    problem(world.alice.post(nowhere, content=b"{}"), 404, "workspace-not-found")
    assert upstream_requests(world) == before
    problem(invoke(world, "bikes-nothing", content=b"{}"), 404, "endpoint-not-found")


def test_a_body_of_twenty_megabytes_is_refused_and_stays_here(world: TwoWorkspaces, endpoint: str) -> None:
    before = upstream_requests(world)
    large = b"x" * 20_000_000
    said = problem(invoke(world, endpoint, content=large), 413, "body-too-large")
    assert said["limit_bytes"] == 16 * 1024 * 1024
    assert upstream_requests(world) == before
    # Without a length it is noticed on the way.
    chunks = (large[start : start + 100_000] for start in range(0, len(large), 100_000))
    problem(invoke(world, endpoint, content=chunks), 413, "body-too-large")


def test_a_large_body_within_the_limit_is_answered(world: TwoWorkspaces, models: Models, endpoint: str) -> None:
    rows = [[models.row["hr"], models.row["temp"]]] * 200_000
    content = json.dumps({"dataframe_split": {"columns": ["hr", "temp"], "data": rows}}).encode()
    assert 4_000_000 < len(content) < 16 * 1024 * 1024
    answer = invoke(world, endpoint, content=content, headers={"Content-Type": "application/json"})
    assert len(answer.json()["predictions"]) == len(rows)


def test_trouble_upstream_is_told_apart_from_ours(faults: TwoWorkspaces, endpoint: str) -> None:
    def refuse(status: int, code: str, **more: object) -> httpx.Response:
        path = f"/serving-endpoints/{endpoint}/invocations"
        rule = {"method": "POST", "path": path, "kind": "refuse", "times": 1, "status": status}
        faults.fault("prod", **rule, error_code=code, message="as the test says", **more)
        return invoke(faults, endpoint, json={"dataframe_records": []})

    waking = refuse(503, "TEMPORARILY_UNAVAILABLE", retry_after=7)
    said = problem(waking, 503, "endpoint-not-serving")
    assert (waking.headers["Retry-After"], said["retryable"]) == ("7", True)
    problem(refuse(429, "REQUEST_LIMIT_EXCEEDED", retry_after=3), 503, "endpoint-not-serving")
    problem(refuse(403, "PERMISSION_DENIED"), 502, "workspace-refused")
    problem(refuse(500, "INTERNAL_ERROR"), 502, "workspace-fault")
    problem(refuse(504, "DEADLINE_EXCEEDED"), 504, "workspace-timeout")
    problem(refuse(302, "FOUND"), 502, "workspace-fault")


def test_rows_are_in_no_log_of_the_service(world: TwoWorkspaces, endpoint: str) -> None:
    telling = "914273.5518"
    for row in ({"hr": float(telling), "temp": 0.5}, {"hr": telling, "wind": telling}):
        invoke(world, endpoint, json={"dataframe_records": [row]})
    deadline = time.monotonic() + 10
    while "invocations" not in world.service.output():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert telling not in world.service.output()


def test_other_methods_are_refused_and_named(world: TwoWorkspaces, endpoint: str) -> None:
    answer = world.alice.get(f"{BASE}/{endpoint}/invocations")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == "POST"
