"""Endpoints changed behind Causeway's back with the plain SDK: found, named, put back, or accepted as they are."""

import pytest
from databricks.sdk.service.serving import Route, ServedEntityInput, ServingEndpointAccessControlRequest, TrafficConfig
from databricks.sdk.service.serving import ServingEndpointPermissionLevel as Level

from tests.journeys.conftest import Models
from tests.journeys.drifting import Drift, of, reconcile, remedy
from tests.journeys.endpoints import live, name, serves
from tests.two_workspaces import TwoWorkspaces, problem

pytestmark = pytest.mark.xdist_group("serving")
# Kind, how the test calls its endpoint, severity, remedy.
CASES = [
    ("endpoint-changed", "swapped", "HIGH", "put-back"),
    ("endpoint-changed", "resized", "HIGH", "accept"),
    ("endpoint-changed", "crowded", "HIGH", "put-back"),
    ("endpoint-label-changed", "unlabelled", "LOW", "put-back"),
    ("endpoint-gone", "deleted", "HIGH", "put-back"),
    ("endpoint-gone", "ended", "HIGH", "accept"),
    ("endpoint-foreign", "replaced", "HIGH", "accept"),
    ("endpoint-creator-person", "replaced", "MEDIUM", None),
]
NAMES = sorted({called for _, called, _, _ in CASES})


class Told:
    """What was found before and after the remedies, and how each remedy ended."""

    def __init__(self, world: TwoWorkspaces, models: Models) -> None:
        self.world, self.models, self.admin = world, models, world.sandbox.client("prod").serving_endpoints
        self.endpoints = {called: name() for called in NAMES}
        asked = {called: world.post("deployments", models.body(endpoint=one)) for called, one in self.endpoints.items()}
        self.deployments = {called: world.record(one) for called, one in asked.items()}
        self.calm = self._reconcile()
        self._change_everything()
        self.found = self._reconcile()
        found = [(self.get(kind, called), way) for kind, called, _, way in CASES if way and called != "crowded"]
        begun = {drift["id"]: remedy(world, drift, way) for drift, way in found}
        # Somebody who knows nothing of the drift deploys anew.
        overtaken = self.get("endpoint-changed", "crowded")
        begun[overtaken["id"]] = world.post("deployments", models.body(endpoint=self.endpoints["crowded"]))
        self.ended = {drift_id: world.end(one) for drift_id, one in begun.items()}
        self.late = remedy(world, overtaken, "put-back")
        self.left = self._reconcile()

    def get(self, kind: str, called: str) -> Drift:
        return of(self.found, kind, self.endpoints[called])

    def _reconcile(self) -> list[Drift]:
        ours = set(self.endpoints.values())
        return [one for one in reconcile(self.world, "prod") if one["object"]["name"] in ours]

    def _change_everything(self) -> None:
        self._serve("swapped", theirs=(2, "Small", 100))
        self._serve("resized", larger=(1, "Medium", 100))
        self._serve("crowded", **{"demand-v1": (1, "Small", 100), "idle": (2, "Small", 0)})
        self.admin.patch(self.endpoints["unlabelled"], delete_tags=["causeway_deployment"])
        for called in ("deleted", "ended", "replaced"):
            self.admin.delete(self.endpoints[called])
        self._replace(self.endpoints["replaced"])
        for called in ("swapped", "resized", "crowded"):
            self.world.eventually(lambda: live(self.world, self.endpoints[called])["update"] == "NOT_UPDATING")  # noqa: B023

    def _serve(self, called: str, **entities: tuple[int, str, int]) -> None:
        """By served name: version of demand, size, percent of the traffic."""
        wanted = [
            ServedEntityInput(
                name=served,
                entity_name=f"{self.models.schema}.demand",
                entity_version=str(version),
                workload_size=size,
                scale_to_zero_enabled=True,
            )
            for served, (version, size, _) in entities.items()
        ]
        routes = [Route(traffic_percentage=share, served_model_name=name) for name, (_, _, share) in entities.items()]
        self.admin.update_config(self.endpoints[called], served_entities=wanted, traffic_config=TrafficConfig(routes))

    def _replace(self, endpoint: str) -> None:
        """Somebody else's of the same name, which Causeway may view."""
        entity = {"entity_name": f"{self.models.schema}.demand", "entity_version": "1", "workload_size": "Small"}
        body = {"name": endpoint, "config": {"served_entities": [entity]}}
        made = self.world.sandbox.call("prod", "POST", "/api/2.0/serving-endpoints", json=body).json()
        control = self.world.grants["PROD_CONTROL_ID"]
        viewer = ServingEndpointAccessControlRequest(service_principal_name=control, permission_level=Level.CAN_VIEW)
        self.admin.update_permissions(made["id"], access_control_list=[viewer])


@pytest.fixture(scope="module")
def told(world: TwoWorkspaces, models: Models) -> Told:
    return Told(world, models)


def test_what_serves_as_deployed_is_no_drift(told: Told) -> None:
    assert told.calm == []


@pytest.mark.parametrize(("kind", "called", "severity", "way"), CASES)
def test_an_endpoint_changed_by_hand_is_found_and_its_remedy_heals_it(
    told: Told, kind: str, called: str, severity: str, way: str | None
) -> None:
    drift = told.get(kind, called)

    assert (drift["severity"], drift["record"]["id"]) == (severity, told.deployments[called]["id"])
    assert (way in [one["name"] for one in drift["remedies"]]) if way else drift["remedies"] == []
    if way is not None:
        assert told.ended[drift["id"]]["state"] == "SUCCEEDED", told.ended[drift["id"]]
    assert drift["id"] not in [one["id"] for one in told.left]


def test_what_a_newer_deployment_has_overtaken_is_not_put_back(told: Told) -> None:
    problem(told.late, 409, "record-not-active")
    deployments = told.world.alice.get("/v1/deployments", params={"endpoint": told.endpoints["crowded"]}).json()[
        "items"
    ]
    assert [one["state"] for one in deployments] == ["ACTIVE", "SUPERSEDED"]


def test_put_back_serves_what_was_deployed_and_accept_records_what_is_served(told: Told) -> None:
    world = told.world
    for called in ("swapped", "crowded", "deleted"):
        assert serves(world, told.endpoints[called]) == {"demand-v1": 100}
    resized = told.endpoints["resized"]
    assert serves(world, resized) == {"larger": 100}
    revisions = world.alice.get("/v1/deployments", params={"endpoint": resized}).json()["items"]
    assert [(one["state"], one["served_entity"]) for one in revisions] == [
        ("ACTIVE", "larger"),
        ("SUPERSEDED", "demand-v1"),
    ]
    assert live(world, resized)["deployment_id"] == revisions[0]["id"]
    assert (revisions[0]["model"], revisions[0]["version"]) == (f"{told.models.schema}.demand", 1)
    ended = world.alice.get(f"/v1/deployments/{told.deployments['ended']['id']}").json()
    assert (ended["state"], ended["outcome"]["ended_by"]["drift"]) == (
        "RETIRED",
        told.get("endpoint-gone", "ended")["id"],
    )


def test_a_person_who_made_an_endpoint_is_named_before_the_person_leaves(told: Told) -> None:
    admin = told.world.sandbox.client("prod").current_user.me().user_name

    assert f"it stops when {admin} loses EXECUTE" in told.get("endpoint-creator-person", "replaced")["found"]
