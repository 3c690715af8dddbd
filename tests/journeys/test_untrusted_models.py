"""A model is somebody else's program: whoever can register one must not own the control plane."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import Models
from tests.sandbox.running import unique
from tests.two_workspaces import TwoWorkspaces

ADMIN_OF_PROD = "admin@azure.example"
pytestmark = pytest.mark.xdist_group("serving")


@pytest.fixture(scope="module")
def thief(world: TwoWorkspaces, models: Models) -> dict[str, Any]:
    """What scoring and deploying say of a model that takes what it can get."""
    script = Path(__file__).with_name("log_thief.py")
    world.sandbox.run_script(script, "prod", f"{models.schema}.thief", "/Shared/serving-tests")
    return dict(models.body("thief"))


def test_a_scoring_job_has_the_runners_rights_and_no_others(world: TwoWorkspaces, thief: dict[str, Any]) -> None:
    scored = world.record(world.post("scoring-runs", {**thief, "rows": [{"x": 1.0}]}))

    (told,) = world.alice.get(f"/v1/scoring-runs/{scored['id']}/predictions").json()["items"]
    loot = json.loads(told)
    assert loot["identity"] == world.grants["PROD_RUNNER_bikes"]
    assert loot["catalog"] == loot["share"] == "refused: PERMISSION_DENIED"
    assert not [name for name in loot["environment"] if "CAUSEWAY" in name or "SECRET" in name]
    # The admin who logged it lost a catalog: mlflow loads a model once, to check it.
    assert {one["principal"] for one in world.effects("catalog-created", name="stolen")} == {ADMIN_OF_PROD}


def test_a_model_server_has_no_token_at_all(world: TwoWorkspaces, thief: dict[str, Any]) -> None:
    endpoint = unique("bikes-e")
    world.record(world.post("deployments", {**thief, "endpoint": endpoint}))

    answer = world.alice.post(
        f"/v1/workspaces/prod/serving-endpoints/{endpoint}/invocations", json={"dataframe_records": [{"x": 1.0}]}
    )

    loot = json.loads(answer.json()["predictions"][0])
    assert {loot["identity"], loot["catalog"], loot["share"]} == {"no token"}
    assert not [name for name in loot["environment"] if name.startswith(("DATABRICKS", "CAUSEWAY"))]


def test_no_job_that_loads_a_model_runs_as_control(world: TwoWorkspaces, thief: dict[str, Any]) -> None:
    world.record(world.post("scoring-runs", {**thief, "rows": [{"x": 1.0}]}))
    model = world.model()
    world.record(world.publish(model, world.version(model)))

    ran = {(one["workspace"], one["details"]["entry_point"], one["details"]["run_as"]) for one in runs(world)}

    assert ("prod", "causeway-score", world.grants["PROD_RUNNER_bikes"]) in ran
    assert ("dev", "causeway-copy", world.grants["DEV_CONTROL_ID"]) in ran
    controls = {world.grants["DEV_CONTROL_ID"], world.grants["PROD_CONTROL_ID"]}
    readers = {f"causeway-{job}" for job in ("copy", "digests", "verify")}
    assert {entry_point for _, entry_point, run_as in ran if run_as in controls} <= readers


def runs(world: TwoWorkspaces) -> list[dict[str, Any]]:
    return world.sandbox.effects("job-run-started")
