"""Where the copies that a consumer owns may go, and what is never taken for one of them."""

import pytest

from tests.journeys.test_accepting import publish
from tests.two_workspaces import TwoWorkspaces, control, problem

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


def test_a_copy_stays_when_what_it_was_copied_from_is_made_anew_under_the_same_name(world: TwoWorkspaces) -> None:
    model = world.model()
    first = world.record(world.publish(model, world.version(model), audience="spare_26"))
    kept = world.record(world.accept(audience="spare_26", copy=True))["copies"]
    world.record(world.delete(f"publications/{first['id']}"))
    control(world).registered_models.delete(first["published"]["model"])
    second = world.record(world.publish(model, world.version(model), audience="spare_26"))

    again = world.record(world.accept(audience="spare_26", copy=True))["copies"]

    assert [one["source"] for one in again] == [one["source"] for one in kept]
    assert [one["digest"] for one in (*kept, *again)] == [first["digest"], second["digest"]]
    there = world.sandbox.client("prod").model_versions.list(kept[0]["owned"]["model"])
    owned = [one["owned"]["version"] for one in (*kept, *again)]
    assert sorted(int(one.version or 0) for one in there) == sorted(owned) == [1, 2]
