"""Deploying through the API, to real model servers: what moves traffic, what never does, and whose an endpoint is."""

import pytest

from tests.journeys.conftest import Models
from tests.journeys.endpoints import LIVE, live, name, predict, serves, steps, updates
from tests.two_workspaces import BOB, VIEWER, TwoWorkspaces, failed, problem

pytestmark = pytest.mark.xdist_group("serving")


def test_an_endpoint_is_made_serves_and_says_whose_it_is(world: TwoWorkspaces, models: Models) -> None:
    endpoint = name()
    plan = world.alice.post("/v1/deployments:plan", json=models.body(endpoint=endpoint)).json()
    assert [change["action"] for change in plan["changes"]] == ["create"]
    body = models.body(endpoint=endpoint, plan_digest=plan["digest"])
    deployment = world.record(world.post("deployments", body))

    assert (deployment["state"], deployment["served_entity"]) == ("ACTIVE", "demand-v1")
    assert deployment["outcome"]["created"] is True
    assert deployment["outcome"]["first_prediction"] == {"rows": 1}
    assert predict(world, endpoint, models) == (pytest.approx(models.predicted[1][0], rel=1e-12), "demand-v1")
    found = live(world, endpoint)
    assert (found["ready"], found["update"], found["pending_entities"]) == (True, "NOT_UPDATING", [])
    assert (found["project"], found["deployment_id"]) == ("bikes", deployment["id"])
    upstream = world.sandbox.client("prod").serving_endpoints.get(endpoint)
    assert {tag.key: tag.value for tag in upstream.tags} == {
        "causeway_project": "bikes",
        "causeway_deployment": deployment["id"],
        "causeway_model": f"{models.schema}.demand",
        "causeway_version": "1",
    }
    assert updates(world, endpoint) == [{"demand-v1": 100}]


def test_a_new_version_gets_traffic_only_after_it_has_answered(world: TwoWorkspaces, models: Models) -> None:
    endpoint = name()
    first = world.record(world.post("deployments", models.body(endpoint=endpoint)))
    plan = world.alice.post("/v1/deployments:plan", json=models.body(endpoint=endpoint, version=2)).json()
    assert [(change["action"], change["kind"]) for change in plan["changes"]] == [
        ("change", "endpoint"),
        ("remove", "served entity"),
    ]
    accepted = world.post("deployments", models.body(endpoint=endpoint, version=2))
    second = world.record(accepted)

    assert predict(world, endpoint, models) == (pytest.approx(models.predicted[2][0], rel=1e-12), "demand-v2")
    assert updates(world, endpoint) == [
        {"demand-v1": 100},
        {"demand-v1": 100, "demand-v2": 0},
        {"demand-v1": 0, "demand-v2": 100},
        {"demand-v2": 100},
    ]
    order = list(steps(world.end(accepted)))
    assert order.index("make a first prediction with the new version") < order.index(
        "move the traffic to the new version"
    )
    assert world.alice.get(f"/v1/deployments/{first['id']}").json()["state"] == "SUPERSEDED"
    assert [entity["name"] for entity in second["outcome"]["replaced"]] == ["demand-v1"]
    active = world.alice.get("/v1/deployments", params={"endpoint": endpoint, "state": "ACTIVE"}).json()["items"]
    assert [item["id"] for item in active] == [second["id"]]


def test_the_same_version_again_is_a_success_that_changes_nothing(world: TwoWorkspaces, models: Models) -> None:
    endpoint = name()
    first = world.record(world.post("deployments", models.body(endpoint=endpoint)))
    before = updates(world, endpoint)
    plan = world.alice.post("/v1/deployments:plan", json=models.body(endpoint=endpoint)).json()
    again = world.record(world.post("deployments", models.body(endpoint=endpoint)))

    assert [change["action"] for change in plan["changes"]] == ["none"]
    assert (again["state"], again["outcome"]["changed"]) == ("ACTIVE", False)
    assert updates(world, endpoint) == before
    assert world.alice.get(f"/v1/deployments/{first['id']}").json()["state"] == "SUPERSEDED"
    assert live(world, endpoint)["deployment_id"] == again["id"]


def test_another_size_of_the_same_version_comes_up_beside_it_under_a_name_of_its_own(
    world: TwoWorkspaces, models: Models
) -> None:
    endpoint = name()
    world.record(world.post("deployments", models.body(endpoint=endpoint)))
    larger = world.record(world.post("deployments", models.body(endpoint=endpoint, workload_size="Medium")))

    assert larger["served_entity"] == "demand-v1-2"
    assert serves(world, endpoint) == {"demand-v1-2": 100}
    assert live(world, endpoint)["served_entities"][0]["workload_size"] == "Medium"


def test_a_failed_build_leaves_the_old_version_serving_and_names_the_cause(
    world: TwoWorkspaces, models: Models
) -> None:
    endpoint = name()
    first = world.record(world.post("deployments", models.body(endpoint=endpoint)))
    accepted = world.post("deployments", models.body("unbuildable", endpoint=endpoint))
    ended = failed(world.end(accepted), "deployment-failed")

    assert ended["cause"] == "a required package is not found"
    assert any("no-such-package-anywhere" in line for line in ended["last_lines"])
    assert serves(world, endpoint) == {"demand-v1": 100}
    assert predict(world, endpoint, models)[1] == "demand-v1"
    assert all(traffic.get("unbuildable-v1", 0) == 0 for traffic in updates(world, endpoint))
    assert world.alice.get(f"/v1/deployments/{first['id']}").json()["state"] == "ACTIVE"
    assert live(world, endpoint)["deployment_id"] == first["id"]
    # What failed stands in nobody's way.
    world.record(world.post("deployments", models.body(endpoint=endpoint, version=2)))
    assert serves(world, endpoint) == {"demand-v2": 100}


@pytest.mark.parametrize(
    ("last", "cause"),
    [
        ("refusing", "ValueError: the table of holidays ends in 2024"),
        ("describing", "output 0 should be double, got text"),
    ],
)
def test_a_version_that_answers_wrongly_gets_no_traffic_and_goes_away(
    world: TwoWorkspaces, models: Models, last: str, cause: str
) -> None:
    endpoint = name()
    world.record(world.post("deployments", models.body(endpoint=endpoint)))
    ended = failed(world.end(world.post("deployments", models.body(last, endpoint=endpoint))), "smoke-failed")

    assert cause in ended["cause"]
    assert ended["last_lines"]
    assert "left_behind" not in ended
    assert serves(world, endpoint) == {"demand-v1": 100}
    assert all(traffic.get(f"{last}-v1", 0) == 0 for traffic in updates(world, endpoint))


@pytest.mark.parametrize(("last", "code"), [("unbuildable", "deployment-failed"), ("describing", "smoke-failed")])
def test_an_endpoint_that_never_served_is_taken_away_again(
    world: TwoWorkspaces, models: Models, last: str, code: str
) -> None:
    endpoint = name()
    failed(world.end(world.post("deployments", models.body(last, endpoint=endpoint))), code)

    problem(world.alice.get(f"{LIVE}/{endpoint}"), 404, "endpoint-not-found")
    assert len(world.effects("endpoint-deleted", name=endpoint)) == 1


@pytest.mark.parametrize("may_view", [False, True])
def test_an_endpoint_that_somebody_else_made_is_never_touched(
    world: TwoWorkspaces, models: Models, may_view: bool
) -> None:
    endpoint, path = name(), "/api/2.0/serving-endpoints"
    entity = {"entity_name": f"{models.schema}.demand", "entity_version": "1", "workload_size": "Small"}
    tags = [{"key": "causeway_project", "value": "trains"}, {"key": "causeway_deployment", "value": "dep_x"}]
    body = {"name": endpoint, "config": {"served_entities": [entity]}, "tags": tags}
    made = world.sandbox.call("prod", "POST", path, json=body).json()
    if may_view:
        control = {"service_principal_name": world.grants["PROD_CONTROL_ID"], "permission_level": "CAN_MANAGE"}
        shared = {"access_control_list": [control]}
        permissions = f"/api/2.0/permissions/serving-endpoints/{made['id']}"
        world.sandbox.call("prod", "PATCH", permissions, json=shared).raise_for_status()
        assert live(world, endpoint)["deployment_id"] is None

    for collection in ("deployments", "deployments:plan"):
        problem(world.post(collection, models.body(endpoint=endpoint, version=2)), 409, "endpoint-name-taken")
    assert len(updates(world, endpoint)) == 1


def test_an_update_that_somebody_else_started_is_waited_out_and_seen_to_be(
    world: TwoWorkspaces, models: Models
) -> None:
    endpoint = name()
    world.record(world.post("deployments", models.body(endpoint=endpoint)))
    slow = {"name": "theirs", "entity_name": f"{models.schema}.slow", "entity_version": "1", "workload_size": "Small"}
    path = f"/api/2.0/serving-endpoints/{endpoint}/config"
    world.sandbox.call("prod", "PUT", path, json={"served_entities": [slow]}).raise_for_status()
    accepted = world.post("deployments", models.body(endpoint=endpoint, version=2))
    deployment = world.record(accepted)

    assert "that Causeway did not start" in steps(world.end(accepted))["look at the endpoint"]["text"]
    assert [entity["name"] for entity in deployment["outcome"]["replaced"]] == ["theirs"]
    assert updates(world, endpoint)[1:3] == [{"theirs": 100}, {"theirs": 100, "demand-v2": 0}]
    assert serves(world, endpoint) == {"demand-v2": 100}


def test_two_deployments_of_one_endpoint_do_not_run_at_once(world: TwoWorkspaces, models: Models) -> None:
    endpoint = name()
    first = world.post("deployments", models.body("slow", endpoint=endpoint))
    refused = problem(world.post("deployments", models.body(endpoint=endpoint)), 409, "operation-in-progress")

    assert refused["operation"] == first.json()["id"]
    world.record(first)


def test_what_cannot_be_deployed_is_refused_at_once(world: TwoWorkspaces, models: Models) -> None:
    endpoint = name()
    refusals = [
        (models.body(endpoint="trains-demand"), 403, "not-in-project"),
        (models.body(endpoint="bikes-"), 403, "not-in-project"),
        (models.body(endpoint="bikes-x?q#"), 422, "request-invalid"),
        (models.body(endpoint="bikes-" + "x" * 60), 422, "request-invalid"),
        (models.body(endpoint=endpoint, workload_size="Huge"), 422, "request-invalid"),
        ({**models.body(endpoint=endpoint), "model": "main.trains.demand"}, 403, "not-in-project"),
        ({**models.body(endpoint=endpoint), "workspace": "nowhere"}, 404, "workspace-not-found"),
        (models.body(endpoint=endpoint, version=99), 404, "model-version-not-found"),
        (models.body("silent", endpoint=endpoint), 409, "input-example-missing"),
    ]
    for body, status, code in refusals:
        for path in ("deployments", "deployments:plan"):
            problem(world.post(path, body), status, code)
    problem(world.post("deployments", models.body(endpoint=endpoint, plan_digest="sha256:old")), 409, "plan-stale")
    viewer, bob = world.service.client(VIEWER), world.service.client(BOB)
    problem(world.post("deployments", models.body(endpoint=endpoint), client=viewer), 403, "permission-denied")
    problem(world.post("deployments", models.body(endpoint=endpoint), client=bob), 404, "project-not-found")
    assert not world.effects("endpoint-created", name=endpoint)


def test_live_endpoints_are_shown_to_their_project_alone(world: TwoWorkspaces, models: Models) -> None:
    endpoint = name()
    deployment = world.record(world.post("deployments", models.body(endpoint=endpoint)))
    bob = world.service.client(BOB)

    listed = {item["name"]: item for item in world.alice.get(LIVE).json()["items"]}
    assert listed[endpoint]["deployment_id"] == deployment["id"]
    assert listed[endpoint]["serves"] == [{"name": "demand-v1", "model": f"{models.schema}.demand", "version": "1"}]
    assert bob.get(LIVE).json()["items"] == []
    problem(bob.get(f"{LIVE}/{endpoint}"), 403, "not-in-project")
    problem(bob.get(f"{LIVE}/bikes-nothing"), 403, "not-in-project")
    problem(bob.get(f"/v1/deployments/{deployment['id']}"), 404, "record-not-found")
    problem(world.alice.get(f"{LIVE}/bikes-nothing"), 404, "endpoint-not-found")
    problem(world.alice.get(f"{LIVE}/bikes-x%3Fq%23"), 422, "request-invalid")

    first = world.alice.get(f"{LIVE}/{endpoint}")
    again = world.alice.get(f"{LIVE}/{endpoint}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    world.record(world.post("deployments", models.body(endpoint=endpoint, version=2)))
    moved = world.alice.get(f"{LIVE}/{endpoint}", headers={"If-None-Match": first.headers["ETag"]})
    assert moved.status_code == 200
