"""Accepting and giving back, through the API of a real service, against a real sandbox."""

from typing import Any

import pytest

from tests.sandbox.running import unique
from tests.two_workspaces import BOB, VIEWER, TwoWorkspaces, failed, problem

pytestmark = pytest.mark.xdist_group("sharing")


def publish(world: TwoWorkspaces, audience: str) -> dict[str, Any]:
    model = world.model()
    return world.record(world.publish(model, world.version(model), audience=audience))


def shown(record: dict[str, Any]) -> dict[str, dict[int, str]]:
    """The states of the versions that an acceptance tells, by model."""
    return {one["model"]: {seen["version"]: seen["state"] for seen in one["versions"]} for one in record["models"]}


def test_an_accepted_share_is_a_catalog_that_the_runner_alone_may_use(world: TwoWorkspaces) -> None:
    published = publish(world, "azure")

    record = world.record(world.accept())

    name = f"causeway_bikes_azure.{published['shared_as']}"
    known = world.sandbox.workspaces["dev"]
    assert (record["state"], record["catalog"], record["share"]) == (
        "ACTIVE",
        "causeway_bikes_azure",
        published["share"],
    )
    assert record["provider"]["workspace"] == "dev"
    assert record["provider"]["sharing_identifier"] == known["global_metastore_id"]
    assert record["provider"]["same_metastore"] is False
    assert shown(record)[name] == {1: "READY"}
    held = world.sandbox.client("prod").grants.get("catalog", "causeway_bikes_azure").privilege_assignments
    runner = world.grants["PROD_RUNNER_bikes"]
    assert {one.principal: sorted(right.value for right in one.privileges) for one in held} == {
        runner: ["EXECUTE", "SELECT", "USE_CATALOG", "USE_SCHEMA"]
    }
    seen = world.alice.get(f"/v1/workspaces/prod/models/{name}/versions/1").json()
    assert (seen["state"], [one["name"] for one in seen["signature"]["inputs"]]) == ("READY", ["hr"])


def test_accepting_waits_for_what_was_published_a_moment_ago(world: TwoWorkspaces) -> None:
    publish(world, "azure")
    world.record(world.accept())
    published = publish(world, "azure")

    record = world.record(world.accept())

    assert f"causeway_bikes_azure.{published['shared_as']}" in [one["model"] for one in record["models"]]


def test_the_plan_says_what_would_be_made_and_the_second_time_nothing(world: TwoWorkspaces) -> None:
    publish(world, "spare_4")
    body = {"project": "bikes", "workspace": "prod", "provider": {"workspace": "dev"}, "audience": "spare_4"}

    first = world.alice.post("/v1/acceptances:plan", json=body).json()
    world.record(world.post("acceptances", {**body, "plan_digest": first["digest"]}))
    second = world.alice.post("/v1/acceptances:plan", json=body).json()

    made = {"action": "create", "workspace": "prod", "kind": "catalog", "name": "causeway_bikes_spare_4"}
    assert {name: first["changes"][0][name] for name in made} == made
    assert second["changes"][0]["action"] == "none"
    problem(world.post("acceptances", {**body, "plan_digest": first["digest"]}), 409, "plan-stale")


def test_giving_back_removes_the_catalog_and_ends_all_that_rests_on_it(world: TwoWorkspaces) -> None:
    publish(world, "spare_5")
    first = world.record(world.accept(audience="spare_5"))
    second = world.record(world.accept(audience="spare_5"))
    assert (first["made_catalog"], second["made_catalog"]) == (True, True)
    assert len(world.effects("catalog-created", name="causeway_bikes_spare_5")) == 1

    ended = world.record(world.delete(f"acceptances/{second['id']}"))

    assert ended["state"] == "GIVEN_BACK"
    assert world.alice.get(f"/v1/acceptances/{first['id']}").json()["state"] == "GIVEN_BACK"
    catalogs = world.sandbox.client("prod").catalogs.list()
    assert "causeway_bikes_spare_5" not in [one.name for one in catalogs]
    problem(world.delete(f"acceptances/{first['id']}"), 409, "record-not-active")
    assert world.record(world.accept(audience="spare_5"))["state"] == "ACTIVE"


def test_a_catalog_that_somebody_made_from_the_same_share_is_used_and_left_there(world: TwoWorkspaces) -> None:
    published, name, admin = publish(world, "spare_6"), unique("shared_bikes"), world.sandbox.client("prod")
    provider = next(iter(admin.providers.list())).name
    world.eventually(lambda: published["share"] in [one.name for one in admin.providers.list_shares(provider)])
    admin.catalogs.create(name, provider_name=provider, share_name=published["share"])
    admin.catalogs.update(name, owner=world.grants["PROD_CONTROL_ID"])

    record = world.record(world.accept(audience="spare_6", catalog=name))
    ended = world.record(world.delete(f"acceptances/{record['id']}"))

    assert (record["catalog"], record["made_catalog"], ended["state"]) == (name, False, "GIVEN_BACK")
    assert name in [one.name for one in admin.catalogs.list()]


def test_a_catalog_of_that_name_that_is_something_else_is_left_alone(world: TwoWorkspaces) -> None:
    publish(world, "azure")
    hidden, seen = unique("shared_bikes"), unique("shared_bikes")
    admin = world.sandbox.client("prod")
    admin.catalogs.create(hidden)
    admin.catalogs.create(seen)
    world.sandbox.grant("prod", "catalog", seen, world.grants["PROD_CONTROL_ID"], "USE_CATALOG")

    problem(world.accept(catalog=seen), 409, "catalog-name-taken")
    settings = "/__sandbox/settings"
    try:
        # The status of "already exists" is not documented: one of them is right.
        for status in (409, 400):
            assert world.sandbox.call("prod", "PATCH", settings, json={"already_exists_status": status}).ok
            failed(world.end(world.accept(catalog=hidden)), "catalog-name-taken")
    finally:
        assert world.sandbox.call("prod", "PATCH", settings, json={"already_exists_status": 400}).ok

    for name in (hidden, seen):
        assert admin.catalogs.get(name).share_name is None
        holders = {one.principal for one in admin.grants.get("catalog", name).privilege_assignments or []}
        assert world.grants["PROD_RUNNER_bikes"] not in holders


def test_two_workspaces_on_one_metastore_share_by_the_platforms_self(world: TwoWorkspaces) -> None:
    published = publish(world, "near")
    (recipient,) = published["recipients"]
    assert (recipient["workspace"], recipient["name"], recipient["same_metastore"]) == ("lab", "self", True)

    body = {"project": "bikes", "workspace": "lab", "provider": {"workspace": "dev"}, "audience": "near"}
    checks = {one["name"]: one["found"] for one in world.alice.post("/v1/acceptances:plan", json=body).json()["checks"]}
    record = world.record(world.post("acceptances", body))

    assert checks["provider is known"] == "self: both sides stand on one metastore"
    assert checks["who else sees the catalog"] == "dev"
    assert record["provider"]["name"] == "self"
    assert record["provider"]["same_metastore"] is True
    assert record["also_seen_in"] == ["dev"]
    assert shown(record) == {f"causeway_bikes_near.{published['shared_as']}": {1: "READY"}}
    assert world.record(world.delete(f"acceptances/{record['id']}"))["state"] == "GIVEN_BACK"


def test_what_cannot_be_accepted_is_told_at_once_and_changes_nothing(world: TwoWorkspaces) -> None:
    publish(world, "azure")
    operations = world.alice.get("/v1/operations").json()["items"][:1]
    effects = len(world.sandbox.effects())

    problem(world.accept(audience="nobody"), 404, "audience-not-found")
    problem(world.accept(audience="spare_11"), 404, "share-not-found")
    problem(world.accept(catalog="main"), 403, "not-in-project")
    problem(world.accept(catalog="shared_trains"), 403, "not-in-project")
    problem(world.accept(provider={"workspace": "island"}), 403, "link-not-declared")
    problem(world.accept(provider={"workspace": "nowhere"}), 404, "workspace-not-found")
    problem(world.accept(workspace="nowhere"), 404, "workspace-not-found")
    problem(world.accept(workspace="dev", provider={"workspace": "prod"}), 403, "link-not-declared")
    problem(world.accept(project="nothing"), 404, "project-not-found")
    problem(world.accept(catalog="a/b"), 422, "request-invalid")

    assert world.alice.get("/v1/operations").json()["items"][:1] == operations
    assert len(world.sandbox.effects()) == effects


def test_only_a_deployer_of_the_project_accepts_and_gives_back(world: TwoWorkspaces) -> None:
    publish(world, "azure")
    record = world.record(world.accept())
    viewer, bob = world.service.client(VIEWER), world.service.client(BOB)

    problem(world.accept(client=viewer), 403, "permission-denied")
    problem(world.delete(f"acceptances/{record['id']}", client=viewer), 403, "permission-denied")
    assert viewer.get(f"/v1/acceptances/{record['id']}").json() == record

    problem(world.accept(client=bob), 404, "project-not-found")
    problem(world.accept(client=bob, project="trains"), 404, "share-not-found")
    problem(bob.get(f"/v1/acceptances/{record['id']}"), 404, "record-not-found")
    problem(world.delete(f"acceptances/{record['id']}", client=bob), 404, "record-not-found")
    problem(
        bob.get("/v1/workspaces/prod/models", params={"schema": "causeway_bikes_azure.bikes"}), 403, "not-in-project"
    )
    assert bob.get("/v1/acceptances").json()["items"] == []
    assert "causeway_bikes_azure" not in [
        one["name"] for one in bob.get("/v1/workspaces/prod/catalogs").json()["items"]
    ]
