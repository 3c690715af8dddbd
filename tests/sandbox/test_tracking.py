"""MLflow's own handlers in the sandbox's process: the seam that MLflow does not promise, seen from outside."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.sandbox.running import Sandbox, Unique

BASE = "/api/2.0/mlflow"


def post(sandbox: Sandbox, path: str, workspace: str = "dev", **body: Any) -> Any:
    answer = sandbox.call(workspace, "POST", f"{BASE}/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_runs_artifacts_and_logged_models_lie_where_databricks_keeps_them(sandbox: Sandbox, unique: Unique) -> None:
    experiment = post(sandbox, "experiments/create", name=f"/Shared/{unique('e')}")["experiment_id"]
    root = f"dbfs:/databricks/mlflow-tracking/{experiment}"
    run = post(sandbox, "runs/create", experiment_id=experiment, start_time=1)["run"]["info"]
    assert run["artifact_uri"] == f"{root}/{run['run_id']}/artifacts"
    model = post(sandbox, "logged-models", experiment_id=experiment, name="m")["model"]["info"]
    assert model["artifact_uri"] == f"{root}/logged_models/{model['model_id']}/artifacts"
    answer = sandbox.call("dev", "GET", f"{BASE}/runs/get", params={"run_id": run["run_id"]})
    assert answer.headers["x-databricks-org-id"] == sandbox.workspaces["dev"]["workspace_id"]


def test_two_workspaces_track_apart_even_at_the_same_moment(sandbox: Sandbox, unique: Unique) -> None:
    name = f"/Shared/{unique('e')}"
    made = {one: post(sandbox, "experiments/create", one, name=name)["experiment_id"] for one in ("dev", "prod")}

    def log(number: int) -> None:
        workspace = ("dev", "prod")[number % 2]
        run = post(sandbox, "runs/create", workspace, experiment_id=made[workspace], start_time=1)["run"]["info"]
        post(sandbox, "runs/set-tag", workspace, run_id=run["run_id"], key="workspace", value=workspace)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log, range(24)))
    for workspace, experiment in made.items():
        found = post(sandbox, "runs/search", workspace, experiment_ids=[experiment], max_results=100)["runs"]
        tags = [{tag["key"]: tag["value"] for tag in run["data"]["tags"]}["workspace"] for run in found]
        assert tags == [workspace] * 12


def test_metrics_are_searched_as_mlflow_searches_them(sandbox: Sandbox, unique: Unique) -> None:
    experiment = post(sandbox, "experiments/create", name=f"/Shared/{unique('e')}")["experiment_id"]
    for value in (1.0, 3.0):
        run = post(sandbox, "runs/create", experiment_id=experiment, start_time=1)["run"]["info"]
        post(sandbox, "runs/log-metric", run_id=run["run_id"], key="rmse", value=value, timestamp=1)
    found = post(sandbox, "runs/search", experiment_ids=[experiment], filter="metrics.rmse < 2")["runs"]
    assert [run["data"]["metrics"][0]["value"] for run in found] == [1.0]


@pytest.mark.parametrize("name", ["bikes", ""])
def test_an_experiments_name_is_a_path_in_the_workspace(sandbox: Sandbox, name: str) -> None:
    answer = sandbox.call("dev", "POST", f"{BASE}/experiments/create", json={"name": name})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_there_is_no_default_experiment(sandbox: Sandbox) -> None:
    answer = sandbox.call("dev", "POST", f"{BASE}/runs/create", json={"experiment_id": "0", "start_time": 1})
    assert answer.status_code == 400


def test_an_unknown_call_below_mlflow_is_a_501(sandbox: Sandbox) -> None:
    answer = sandbox.call("dev", "GET", f"{BASE}/prompts/list")
    assert answer.status_code == 501
    assert f"GET {BASE}/prompts/list" in answer.json()["message"]


def test_a_missing_run_is_the_platforms_error(sandbox: Sandbox) -> None:
    answer = sandbox.call("dev", "GET", f"{BASE}/runs/get", params={"run_id": "0" * 32})
    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
