"""Where the copies that a consumer owns may go, and what is never taken for one of them."""

import pytest

from tests.journeys.test_accepting import publish
from tests.two_workspaces import TwoWorkspaces, problem

pytestmark = pytest.mark.xdist_group("sharing")


def test_copies_go_where_the_project_declares_and_never_over_something_else(world: TwoWorkspaces) -> None:
    published, admin = publish(world, "azure"), world.sandbox.client("prod")
    last = published["shared_as"].rpartition(".")[2]
    asked = {"project": "bikes", "workspace": "prod", "provider": {"workspace": "dev"}, "audience": "azure"}
    plan = world.alice.post("/v1/acceptances:plan", json={**asked, "copy": True}).json()
    effects = len(world.sandbox.effects())

    assert {"action": "create", "workspace": "prod", "kind": "model version", "name": f"main.bikes.{last}"} in [
        {name: one[name] for name in ("action", "workspace", "kind", "name")} for one in plan["changes"]
    ]
    refused = problem(world.accept(copy=True, copy_to="main.trains"), 403, "not-in-project")
    assert refused["name"] == "main.trains.*"
    problem(world.accept(copy_to="main.bikes"), 422, "request-invalid")
    problem(world.accept(copy=True, copy_to="main.bikes.x"), 422, "request-invalid")
    said = problem(world.accept(copy=True, copy_to="shared_bikes_nowhere.s"), 409, "copy-place-unusable")
    assert said["reason"] == "its catalog cannot be seen"
    assert len(world.sandbox.effects()) == effects
    admin.registered_models.create(catalog_name="main", schema_name="bikes", name=last)
    world.sandbox.grant("prod", "FUNCTION", f"main.bikes.{last}", world.grants["PROD_CONTROL_ID"], "EXECUTE")
    said = problem(world.accept(copy=True), 409, "copy-place-unusable")
    assert f"main.bikes.{last} is there and is not a copy of causeway_bikes_azure.bikes.{last}" in said["reason"]
    admin.registered_models.delete(f"main.bikes.{last}")
    catalog = world.record(world.accept())["catalog"]
    said = problem(world.accept(copy=True, copy_to=f"{catalog}.bikes"), 409, "copy-place-unusable")
    assert said["reason"] == "its catalog comes from a share"
