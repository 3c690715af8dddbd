"""Deployments that are cancelled; what crashes and lost answers do to them is the matrices' affair."""

import pytest

from tests.journeys.conftest import Models
from tests.journeys.endpoints import LIVE, name, serves, updates
from tests.two_workspaces import TwoWorkspaces, problem

pytestmark = pytest.mark.xdist_group("serving")


def test_a_cancelled_update_leaves_serving_what_served_before(world: TwoWorkspaces, models: Models) -> None:
    endpoint = name()
    first = world.record(world.post("deployments", models.body(endpoint=endpoint)))
    accepted = world.post("deployments", models.body("slow", endpoint=endpoint))
    world.wait_for_step(accepted, "wait for the new version")
    assert world.alice.post(f"/v1/operations/{accepted.json()['id']}:cancel").status_code == 200
    assert world.end(accepted)["state"] == "CANCELLED"

    assert updates(world, endpoint) == [{"demand-v1": 100}, {"demand-v1": 100, "slow-v1": 0}, {"demand-v1": 100}]
    assert world.alice.get(accepted.json()["resource"]["url"]).json()["state"] == "CANCELLED"
    assert world.alice.get(f"/v1/deployments/{first['id']}").json()["state"] == "ACTIVE"
    world.record(world.post("deployments", models.body(endpoint=endpoint, version=2)))
    assert serves(world, endpoint) == {"demand-v2": 100}


def test_a_cancelled_creation_leaves_no_endpoint(world: TwoWorkspaces, models: Models) -> None:
    endpoint = name()
    accepted = world.post("deployments", models.body("slow", endpoint=endpoint))
    world.wait_for_step(accepted, "wait for the new version")
    assert world.alice.post(f"/v1/operations/{accepted.json()['id']}:cancel").status_code == 200

    assert world.end(accepted)["state"] == "CANCELLED"
    problem(world.alice.get(f"{LIVE}/{endpoint}"), 404, "endpoint-not-found")
