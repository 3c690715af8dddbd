"""Deployments that are interrupted: a killed service, lost answers, a cancel. Each endpoint is made and given once."""

import pytest

from tests.journeys.conftest import Models
from tests.journeys.endpoints import LIVE, name, serves, updates
from tests.two_workspaces import TwoWorkspaces, problem

pytestmark = pytest.mark.xdist_group("serving")


@pytest.mark.parametrize(
    "during", ["create the endpoint", "wait for the new version", "make a first prediction with the new version"]
)
def test_a_killed_service_finishes_the_deployment_with_one_endpoint(
    world: TwoWorkspaces, models: Models, during: str
) -> None:
    endpoint = name()
    accepted = world.post("deployments", models.body("slow", endpoint=endpoint))
    world.wait_for_step(accepted, during)
    world.service.kill()
    world.service.start()
    deployment = world.record(accepted)

    assert deployment["state"] == "ACTIVE"
    assert len(world.effects("endpoint-created", name=endpoint)) == 1
    assert updates(world, endpoint) == [{"slow-v1": 100}]


@pytest.mark.parametrize("during", ["add the new version without traffic", "wait for the new version"])
def test_a_killed_service_finishes_an_update_with_each_configuration_given_once(
    world: TwoWorkspaces, models: Models, during: str
) -> None:
    endpoint = name()
    world.record(world.post("deployments", models.body(endpoint=endpoint)))
    accepted = world.post("deployments", models.body("slow", endpoint=endpoint))
    world.wait_for_step(accepted, during)
    world.service.kill()
    world.service.start()
    world.record(accepted)

    assert updates(world, endpoint) == [
        {"demand-v1": 100},
        {"demand-v1": 100, "slow-v1": 0},
        {"demand-v1": 0, "slow-v1": 100},
        {"slow-v1": 100},
    ]


def test_lost_answers_make_nothing_twice(faults: TwoWorkspaces, models: Models) -> None:
    endpoint = name()
    for method, path in (("POST", "/api/2.0/serving-endpoints"), ("PUT", f"/api/2.0/serving-endpoints/{endpoint}/*")):
        faults.fault("prod", method=method, path=path, kind="lose-answer", times=1)
    faults.record(faults.post("deployments", models.body(endpoint=endpoint)))
    faults.record(faults.post("deployments", models.body(endpoint=endpoint, version=2)))

    assert len(faults.effects("endpoint-created", name=endpoint)) == 1
    assert updates(faults, endpoint) == [
        {"demand-v1": 100},
        {"demand-v1": 100, "demand-v2": 0},
        {"demand-v1": 0, "demand-v2": 100},
        {"demand-v2": 100},
    ]


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
