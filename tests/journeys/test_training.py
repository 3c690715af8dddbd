"""Training through the API, in a real job as the runner, on the real bike-sharing data."""

import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.running import unique
from tests.two_workspaces import ALICE, BOB, VIEWER, TwoWorkspaces, failed, problem

DATA = Path(__file__).parents[2] / "app/sandbox/data/bikeshare.csv"
RIDES = "/Volumes/main/bikes/files/rides.csv"


pytestmark = pytest.mark.xdist_group("serving")


@pytest.fixture(scope="module", autouse=True)
def rides(world: TwoWorkspaces) -> None:
    """The real data in the project's volume."""
    upload(world, RIDES, DATA.read_bytes())


def upload(world: TwoWorkspaces, path: str, content: bytes) -> str:
    answer = world.sandbox.call("dev", "PUT", f"/api/2.0/fs/files{path}?overwrite=true", data=content)
    assert answer.status_code == 204, answer.text
    return path


def training(**changes: Any) -> dict[str, Any]:
    body = {
        "project": "bikes",
        "workspace": "dev",
        "data": RIDES,
        "target": "bikers",
        "exclude": ["casual", "registered"],
        "time_column": "day",
        "model": f"main.bikes.{unique('demand')}",
        "max_trials": 2,
        "learners": ["lgbm"],
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def newest(world: TwoWorkspaces) -> str | None:
    """The id of the newest operation."""
    items = world.alice.get("/v1/operations", params={"page_size": 1}).json()["items"]
    return str(items[0]["id"]) if items else None


def test_the_registered_model_beats_a_linear_baseline_and_sees_no_leakage(world: TwoWorkspaces) -> None:
    body = training(max_trials=6, learners=None, baseline_categories=["hr", "weekday", "season"])

    trained = world.record(world.post("training-runs", body))

    outcome = trained["outcome"]
    assert outcome["metrics"]["rmse"] <= 0.8 * outcome["baseline"]["metrics"]["rmse"]
    columns = {column["name"] for column in outcome["signature"]["inputs"]}
    assert {"hr", "weekday", "temp"} <= columns
    assert not columns & {"casual", "registered", "bikers"}
    assert trained["version"] == 1
    assert world.sandbox.client("dev").model_versions.get(trained["model"], 1).status.value == "READY"
    hold_to_a_metric(world, trained)


def hold_to_a_metric(world: TwoWorkspaces, trained: dict[str, Any]) -> None:
    """An audience that bounds the error judges by what the training run measured, and names the run."""
    body = {"project": "bikes", "workspace": "dev", "model": trained["model"], "version": 1}
    plan = world.alice.post("/v1/publications:plan", json={**body, "audience": "measured"}).json()
    [seen] = [check["found"] for check in plan["checks"] if check["name"] == "policy: metrics.rmse"]
    assert seen == f"{trained['outcome']['metrics']['rmse']!r} by training run {trained['id']}; needed: at most 100"
    assert "Metrics: " in plan["travels"]["comment"]
    refused = problem(world.post("publications", {**body, "audience": "perfect"}), 409, "policy-unmet")
    assert [(one["rule"], one["needed"]) for one in refused["unmet"]] == [("metrics.rmse", "at most 0.001")]
    hold_to_its_bytes(world, {**body, "audience": "measured"}, trained, plan["travels"])


def hold_to_its_bytes(
    world: TwoWorkspaces, body: dict[str, Any], trained: dict[str, Any], travels: dict[str, Any]
) -> None:
    """What it measured is true of the bytes that it made, and of no others, whatever their size and time."""
    assert travels["digest"] == trained["outcome"]["digest"]
    example = next(one for one in travels["files"] if one["path"] == "input_example.json")
    places = (world.sandbox.folder / "files").glob("*/models/*/*/input_example.json")
    file = max(places, key=lambda place: place.stat().st_ctime)
    before, told = file.read_bytes(), file.stat()
    assert len(before) == example["size"]
    file.write_bytes(before[::-1])
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns))
    refused = failed(world.end(world.post("publications", body)), "copy-failed")
    assert (refused["reason"], refused["expected"]) == ("digest-mismatch", travels["digest"])
    file.write_bytes(before)
    assert world.record(world.post("publications", body))["digest"] == travels["digest"]


def test_the_job_runs_as_the_runner_and_never_as_control(world: TwoWorkspaces) -> None:
    trained = world.record(world.post("training-runs", training()))

    runner = world.grants["DEV_RUNNER_bikes"]
    assert world.sandbox.client("dev").registered_models.get(trained["model"]).owner == runner


def test_a_plan_stores_nothing_and_its_digest_holds_the_caller_to_it(world: TwoWorkspaces) -> None:
    before, body = newest(world), training()

    plan = world.alice.post("/v1/training-runs:plan", json=body).json()

    assert {change["kind"] for change in plan["changes"]} == {"job", "model version"}
    assert newest(world) == before
    problem(world.post("training-runs", {**body, "plan_digest": "sha256:other"}), 409, "plan-stale")
    assert world.post("training-runs", {**body, "plan_digest": plan["digest"]}).status_code == 202


def test_the_same_key_is_the_same_training_and_another_body_is_refused(world: TwoWorkspaces) -> None:
    body, headers = training(), {"Idempotency-Key": unique("key")}
    first = world.alice.post("/v1/training-runs", json=body, headers=headers)

    again = world.alice.post("/v1/training-runs", json=body, headers=headers)

    assert again.json()["id"] == first.json()["id"]
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert first.headers["location"] == f"/v1/operations/{first.json()['id']}"
    other = world.alice.post("/v1/training-runs", json={**body, "seed": 8}, headers=headers)
    assert problem(other, 422, "idempotency-key-reused")["operation"] == first.json()["id"]
    # Another principal's same key is another intent.
    assert world.service.client(BOB).post("/v1/training-runs", json=body, headers=headers).status_code == 404


def test_one_training_of_a_model_at_a_time(world: TwoWorkspaces) -> None:
    body = training()
    first = world.post("training-runs", body)

    second = world.post("training-runs", body)

    assert problem(second, 409, "operation-in-progress")["operation"] == first.json()["id"]
    assert world.end(first)["state"] == "SUCCEEDED"
    assert world.record(world.post("training-runs", body))["version"] == 2


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"target": "byckers"}, 422, "column-missing"),
        ({"exclude": ["casual", "no such"]}, 422, "column-missing"),
        ({"time_column": "hour"}, 422, "column-missing"),
        ({"data": "/Volumes/main/bikes/files/absent.csv"}, 404, "data-not-found"),
        ({"data": "/Volumes/main/trains/files/rides.csv"}, 403, "not-in-project"),
        ({"data": "/Volumes/main/bikes/../trains/files/rides.csv"}, 403, "not-in-project"),
        ({"data": "/Volumes/main/bikes/files/../../trains/files/rides.csv"}, 403, "not-in-project"),
        ({"data": "rides.csv"}, 403, "not-in-project"),
        ({"model": "main.trains.demand"}, 403, "not-in-project"),
        ({"workspace": "mars"}, 404, "workspace-not-found"),
        ({"project": "trains"}, 404, "project-not-found"),
        ({"budget_seconds": 30}, 422, "request-invalid"),
        ({"max_trials": None}, 422, "request-invalid"),
        ({"model": "demand"}, 422, "request-invalid"),
        ({"learners": ["magic"]}, 422, "request-invalid"),
        ({"colour": "red"}, 422, "request-invalid"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_stored(
    world: TwoWorkspaces, changes: dict[str, Any], status: int, code: str
) -> None:
    before = newest(world)

    problem(world.post("training-runs", training(**changes)), status, code)
    problem(world.alice.post("/v1/training-runs:plan", json=training(**changes)), status, code)

    assert newest(world) == before


def test_an_empty_file_is_refused_before_anything_is_stored(world: TwoWorkspaces) -> None:
    empty = upload(world, "/Volumes/main/bikes/files/empty.csv", b"")

    problem(world.post("training-runs", training(data=empty)), 422, "data-empty")


def test_a_viewer_may_look_but_not_train(world: TwoWorkspaces) -> None:
    viewer = world.service.client(VIEWER)

    refused = problem(world.post("training-runs", training(), client=viewer), 403, "permission-denied")

    assert refused["principal"] == VIEWER
    assert viewer.get("/v1/training-runs").status_code == 200


def test_what_only_the_job_can_see_ends_the_operation_with_its_reason(world: TwoWorkspaces) -> None:
    body = training(target="weathersit", exclude=None)

    accepted = world.post("training-runs", body)

    error = failed(world.end(accepted), "training-failed")
    assert error["reason"] == "target-not-numeric"
    record = world.alice.get(accepted.json()["resource"]["url"]).json()
    assert (record["state"], record["version"]) == ("FAILED", None)


def test_a_cancelled_training_stops_its_job_run(world: TwoWorkspaces) -> None:
    accepted = world.post("training-runs", training(max_trials=None, budget_seconds=300))
    wait_for_step(world.alice, accepted, "wait for the train job")

    cancelled = world.alice.post(f"/v1/operations/{accepted.json()['id']}:cancel")

    assert cancelled.status_code == 200
    ended = world.end(accepted)
    assert (ended["state"], ended["error"]["code"]) == ("CANCELLED", "operation-cancelled")
    assert "start the train job" in ended["error"]["left_behind"]
    assert world.alice.get(ended["resource"]["url"]).json()["state"] == "CANCELLED"
    assert wait_for_run_end(world, accepted.json()["id"]) == "CANCELED"
    assert world.alice.post(f"/v1/operations/{accepted.json()['id']}:cancel").json()["state"] == "CANCELLED"


def test_a_cancel_that_cannot_stop_the_job_run_ends_the_operation_and_says_so(faults: TwoWorkspaces) -> None:
    body = training()
    accepted = faults.post("training-runs", body)
    wait_for_step(faults.alice, accepted, "wait for the train job")
    refusal: dict[str, Any] = {"status": 403, "error_code": "PERMISSION_DENIED", "message": "no", "times": 100}
    faults.fault(method="POST", path="/api/2.2/jobs/runs/cancel", kind="refuse", **refusal)

    faults.alice.post(f"/v1/operations/{accepted.json()['id']}:cancel")

    ended = faults.end(accepted)
    assert ended["state"] == "CANCELLED"
    assert any(left.startswith("cancel the job run:") for left in ended["error"]["left_behind"])
    assert faults.post("training-runs", body).status_code == 202


def test_a_second_project_sees_nothing_of_the_first(world: TwoWorkspaces) -> None:
    accepted = world.post("training-runs", training())
    bob = world.service.client(BOB)
    operation, record = accepted.json()["id"], accepted.json()["resource"]["url"]

    for path in (f"/v1/operations/{operation}", record):
        problem(bob.get(path), 404, "record-not-found")
    problem(bob.post(f"/v1/operations/{operation}:cancel"), 404, "record-not-found")
    for collection in ("operations", "training-runs", "audit-events"):
        items = bob.get(f"/v1/{collection}", params={"page_size": 200}).json()["items"]
        assert [item for item in items if item["project"] == "bikes"] == []
    assert world.end(accepted)["state"] == "SUCCEEDED"


def test_the_trail_tells_who_asked_and_how_it_ended(world: TwoWorkspaces) -> None:
    accepted = world.post("training-runs", training())
    world.end(accepted)

    events = world.alice.get("/v1/audit-events", params={"operation_id": accepted.json()["id"]}).json()["items"]

    assert [(event["principal"], event["action"]) for event in events] == [
        (ALICE, "train succeeded"),
        (ALICE, "train requested"),
    ]
    assert events[1]["request_id"] == accepted.headers["x-request-id"]


def wait_for_step(client: httpx.Client, accepted: httpx.Response, name: str) -> None:
    assert accepted.status_code == 202, accepted.text
    deadline = time.monotonic() + 60
    while True:
        body = client.get(f"/v1/operations/{accepted.json()['id']}").json()
        if any(step["name"] == name for step in body["steps"]):
            return
        assert not body["done"], body
        assert time.monotonic() < deadline, body
        time.sleep(0.05)


def wait_for_run_end(world: TwoWorkspaces, operation_id: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        (run,) = [run for run in world.sandbox.client("dev").jobs.list_runs() if operation_id in str(run.run_name)]
        assert run.state is not None
        if run.state.result_state is not None:
            return str(run.state.result_state.value)
        assert time.monotonic() < deadline
        time.sleep(0.1)
