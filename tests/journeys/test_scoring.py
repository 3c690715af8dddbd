"""Scoring through the API, in a real job as the runner: what it answers, keeps and refuses."""

import json
from typing import Any

import pytest

from tests.journeys.conftest import Models
from tests.sandbox.running import unique
from tests.two_workspaces import BOB, VIEWER, TwoWorkspaces, failed, problem

FILES = "/Volumes/main/bikes/files"
pytestmark = pytest.mark.xdist_group("serving")


def upload(world: TwoWorkspaces, name: str, content: bytes) -> str:
    path = f"{FILES}/{unique('input')}/{name}"
    answer = world.sandbox.call("prod", "PUT", f"/api/2.0/fs/files{path}", data=content)
    assert answer.status_code == 204, answer.text
    return path


def started_jobs(world: TwoWorkspaces, of: str = "") -> int:
    return len([run for run in world.sandbox.effects("job-run-started") if of in json.dumps(run)])


def test_rows_are_scored_by_the_model_itself_and_only_invokers_read_the_predictions(
    world: TwoWorkspaces, models: Models
) -> None:
    rows = [models.row, {"temp": 0.5, "hr": 8}]
    run = world.record(world.post("scoring-runs", models.body(rows=rows)))

    assert (run["state"], run["outcome"]["rows"]) == ("SUCCEEDED", 2)
    assert {"python", "mlflow", "scikit-learn"} <= set(run["outcome"]["versions"])
    answer = world.alice.get(f"/v1/scoring-runs/{run['id']}/predictions")
    # The same float arithmetic on the same bytes: equal to the last bit.
    assert answer.json()["items"][0] == models.predicted[1][0]
    assert answer.json()["next_page_token"] is None
    path = f"/v1/scoring-runs/{run['id']}/predictions"
    problem(world.service.client(VIEWER).get(path), 403, "permission-denied")
    problem(world.service.client(BOB).get(path), 404, "record-not-found")
    assert world.service.client(VIEWER).get(f"/v1/scoring-runs/{run['id']}").json()["state"] == "SUCCEEDED"

    first = world.alice.get(path, params={"page_size": 1}).json()
    second = world.alice.get(path, params={"page_size": 1, "page_token": first["next_page_token"]}).json()
    assert first["items"] + second["items"] == answer.json()["items"]
    assert second["next_page_token"] is None


def test_rows_are_kept_in_the_volume_alone(world: TwoWorkspaces, models: Models) -> None:
    telling = 0.7316498213354
    accepted = world.post("scoring-runs", models.body(rows=[{**models.row, "temp": telling}]))
    run = world.record(accepted)

    content = world.sandbox.call("prod", "GET", f"/api/2.0/fs/files{run['input_path']}").json()
    assert content == {"dataframe_split": {"columns": ["hr", "temp"], "data": [[17.0, telling]]}}
    assert run["input_path"].startswith(f"{FILES}/operations/{accepted.json()['id']}/score/")
    for file in (world.service.folder / "data").iterdir():
        assert str(telling).encode() not in file.read_bytes(), file.name
    assert str(telling) not in world.service.output()


def test_a_csv_file_is_scored_and_may_have_more_columns_than_the_model(world: TwoWorkspaces, models: Models) -> None:
    row = models.row
    csv = f"day,temp,hr\n1,{row['temp']},{row['hr']}\n2,0.5,8\n".encode()
    run = world.record(world.post("scoring-runs", models.body(data=upload(world, "rides.csv", csv))))

    items = world.alice.get(f"/v1/scoring-runs/{run['id']}/predictions").json()["items"]
    assert items[0] == pytest.approx(models.predicted[1][0], rel=1e-12)
    assert run["outcome"]["rows"] == len(items) == 2


def test_the_same_key_scores_once_and_other_rows_under_it_are_refused(world: TwoWorkspaces, models: Models) -> None:
    headers, body = {"Idempotency-Key": unique("key")}, models.body(rows=[models.row])
    first = world.alice.post("/v1/scoring-runs", json=body, headers=headers)
    run = world.record(first)
    again = world.alice.post("/v1/scoring-runs", json=body, headers=headers)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    other = {**body, "rows": [{**models.row, "hr": 3}]}
    problem(world.alice.post("/v1/scoring-runs", json=other, headers=headers), 422, "idempotency-key-reused")
    kept = world.sandbox.call("prod", "GET", f"/api/2.0/fs/files{run['input_path']}").json()
    assert kept["dataframe_split"]["data"] == [[17.0, models.row["temp"]]]
    assert started_jobs(world, of=first.json()["id"]) == 1


@pytest.mark.parametrize(
    ("rows", "column", "expected", "got"),
    [
        ([{"hr": 1}], "temp", "double", "nothing in row 0"),
        ([{"hr": 1, "temp": 0.5}, {"hr": "noon", "temp": 0.5}], "hr", "double", "text in row 1"),
        ([{"hr": 1, "temp": 0.5, "wind": 2}], "wind", "nothing: the model does not know it", "a value"),
    ],
)
def test_rows_that_do_not_fit_are_refused_before_anything_is_stored(
    world: TwoWorkspaces, models: Models, rows: list[dict[str, Any]], column: str, expected: str, got: str
) -> None:
    jobs = started_jobs(world)
    for path in ("scoring-runs", "scoring-runs:plan"):
        refused = problem(world.post(path, models.body(rows=rows)), 422, "input-rejected")
        assert (refused["column"], refused["expected"], refused["got"]) == (column, expected, got)
        assert "noon" not in json.dumps(refused)
    assert started_jobs(world) == jobs


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rows": []},
        {"rows": [{"hr": {"deep": 1}}]},
        {"rows": [{"hr": [1]}]},
        {"rows": [{"": 1}]},
        {"rows": [{"hr": 1}] * 10_001},
        {"rows": [{"hr": 1}], "data": f"{FILES}/x.csv"},
        {"rows": [{"hr": 1}], "version": 0},
        {"rows": [{"hr": 1}], "unknown": 1},
        {"rows": [{"hr": 1}], "model": "only.two"},
    ],
)
def test_a_body_that_says_no_one_thing_is_invalid(world: TwoWorkspaces, models: Models, body: dict[str, Any]) -> None:
    problem(world.post("scoring-runs", {**models.body(), **body}), 422, "request-invalid")


def test_what_is_not_there_not_ready_or_not_signed_is_told_apart(world: TwoWorkspaces, models: Models) -> None:
    rows = [models.row]
    problem(world.post("scoring-runs", models.body(version=99, rows=rows)), 404, "model-version-not-found")
    problem(world.post("scoring-runs", models.body("nothing", rows=rows)), 404, "model-version-not-found")

    base, last = "/api/2.0/mlflow/unity-catalog", unique("m")
    name = f"{models.schema}.{last}"
    world.sandbox.version("prod", name)
    world.sandbox.call("prod", "POST", f"{base}/model-versions/create", json={"name": name, "source": "dbfs:/x"})
    problem(world.post("scoring-runs", models.body(last, rows=rows)), 409, "signature-missing")
    pending = problem(world.post("scoring-runs", models.body(last, 2, rows=rows)), 409, "model-version-not-ready")
    assert pending["state"] != "READY"


def test_names_outside_the_project_are_refused_whether_they_exist_or_not(world: TwoWorkspaces, models: Models) -> None:
    rows = [models.row]
    for model in ("main.trains.demand", "system.ai.llama", "causeway_trains_azure.trains.demand"):
        problem(world.post("scoring-runs", {**models.body(rows=rows), "model": model}), 403, "not-in-project")
    for path in ("/Volumes/main/trains/files/x.csv", "/Volumes/causeway/control/files/x.csv", f"{FILES}/../x.csv", "x"):
        problem(world.post("scoring-runs", models.body(data=path)), 403, "not-in-project")
    bob = world.service.client(BOB)
    problem(world.post("scoring-runs", models.body(rows=rows), client=bob), 404, "project-not-found")
    viewer = world.service.client(VIEWER)
    problem(world.post("scoring-runs", models.body(rows=rows), client=viewer), 403, "permission-denied")


def test_a_file_that_is_missing_empty_or_lacks_a_column_is_refused_before_a_job_starts(
    world: TwoWorkspaces, models: Models
) -> None:
    jobs = started_jobs(world)
    problem(world.post("scoring-runs", models.body(data=f"{FILES}/nothing.csv")), 404, "data-not-found")
    empty = upload(world, "empty.csv", b"")
    problem(world.post("scoring-runs", models.body(data=empty)), 422, "data-empty")
    short = upload(world, "short.csv", b"hr,wind\n1,2\n")
    refused = problem(world.post("scoring-runs", models.body(data=short)), 422, "input-rejected")
    assert refused["column"] == "temp"
    assert started_jobs(world) == jobs


def test_what_only_the_job_can_see_fails_the_operation_and_says_why(world: TwoWorkspaces, models: Models) -> None:
    wrong = upload(world, "wrong.csv", b"hr,temp\nnoon,0.5\n")
    accepted = world.post("scoring-runs", models.body(data=wrong))
    ended = failed(world.end(accepted), "scoring-failed")
    assert (ended["reason"], ended["column"]) == ("input-rejected", "hr")
    assert "noon" not in json.dumps(ended)
    run = accepted.json()["resource"]["id"]
    problem(world.alice.get(f"/v1/scoring-runs/{run}/predictions"), 409, "record-not-active")


def test_a_stale_plan_is_refused_and_a_fresh_one_taken(world: TwoWorkspaces, models: Models) -> None:
    body = models.body(rows=[models.row])
    plan = world.alice.post("/v1/scoring-runs:plan", json=body).json()
    assert {change["action"] for change in plan["changes"]} == {"run", "create"}
    problem(world.post("scoring-runs", {**body, "plan_digest": "sha256:old"}), 409, "plan-stale")
    assert world.post("scoring-runs", {**body, "plan_digest": plan["digest"]}).status_code == 202
