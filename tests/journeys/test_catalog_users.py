"""Who may use an accepted catalog: the runner, and the principals that the request names and the project declares."""

from typing import Any

import pytest

from tests.journeys.test_accepting import publish
from tests.sandbox.running import unique
from tests.two_workspaces import READERS, TwoWorkspaces, failed, problem

USE = ["EXECUTE", "SELECT", "USE_CATALOG", "USE_SCHEMA"]
pytestmark = pytest.mark.xdist_group("sharing")


def users(world: TwoWorkspaces, catalog: str) -> dict[str, list[str]]:
    """Who was granted what on the catalog."""
    held: Any = world.sandbox.client("prod").grants.get("catalog", catalog).privilege_assignments or []
    return {one.principal: sorted(right.value for right in one.privileges) for one in held}


def test_a_named_principal_is_let_in_when_the_project_declares_it_and_only_by_an_acceptance_that_succeeds(
    faults: TwoWorkspaces,
) -> None:
    world = faults
    publish(world, "spare_8")
    asked: dict[str, Any] = {"audience": "spare_8", "grant_to": [READERS]}
    body = {"project": "bikes", "workspace": "prod", "provider": {"workspace": "dev"}, **asked}

    unseen = {"method": "GET", "path": "/api/2.1/unity-catalog/models/causeway_bikes_spare_8*/versions"}
    world.fault("prod", kind="refuse", status=403, error_code="PERMISSION_DENIED", **unseen)

    plan = world.alice.post("/v1/acceptances:plan", json=body).json()
    ended = world.end(world.accept(**asked))
    failed(ended, "workspace-refused")
    assert [(one["name"], one["state"]) for one in ended["steps"]][-1] == ("take back what was granted", "SUCCEEDED")
    assert users(world, "causeway_bikes_spare_8") == {}
    world.sandbox.call("prod", "DELETE", "/__sandbox/faults")
    record = world.record(world.accept(**asked))
    again = world.alice.post("/v1/acceptances:plan", json=body).json()

    assert f"USE_CATALOG, USE_SCHEMA, EXECUTE, SELECT for {READERS}" in [one["detail"] for one in plan["changes"]]
    assert {one["action"] for one in again["changes"]} == {"none"}
    assert record["readers"] == [READERS]
    assert users(world, record["catalog"]) == {READERS: USE, world.grants["PROD_RUNNER_bikes"]: USE}
    refused = problem(world.accept(grant_to=[world.grants["PROD_RUNNER_trains"]]), 403, "not-in-project")
    assert refused["kind"] == "principal"
    problem(world.accept(grant_to=["a\nb"]), 422, "request-invalid")


def test_giving_back_takes_back_what_was_granted_for_it_and_nothing_else(world: TwoWorkspaces) -> None:
    published, name, admin = publish(world, "spare_9"), unique("shared_bikes"), world.sandbox.client("prod")
    provider = next(iter(admin.providers.list())).name
    world.eventually(lambda: published["share"] in [one.name for one in admin.providers.list_shares(provider)])
    admin.catalogs.create(name, provider_name=provider, share_name=published["share"])
    admin.catalogs.update(name, owner=world.grants["PROD_CONTROL_ID"])
    runner = world.grants["PROD_RUNNER_bikes"]
    world.sandbox.grant("prod", "catalog", name, READERS, "USE_CATALOG")

    first = world.record(world.accept(audience="spare_9", catalog=name, grant_to=[READERS]))
    second = world.record(world.accept(audience="spare_9", catalog=name))
    assert users(world, name) == {READERS: USE, runner: USE}

    world.record(world.delete(f"acceptances/{first['id']}"))
    assert users(world, name) == {READERS: ["USE_CATALOG"], runner: USE}
    world.record(world.delete(f"acceptances/{second['id']}"))
    assert users(world, name) == {READERS: ["USE_CATALOG"]}
