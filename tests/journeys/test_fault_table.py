"""What a fault does to an operation as a whole: the problem that ends it, and what is left behind on both sides."""

from typing import Any

import pytest

from tests.two_workspaces import TwoWorkspaces, failed

pytestmark = pytest.mark.xdist_group("sharing")

UNITY = "/api/2.1/unity-catalog"
AUDIENCE = "spare_23"


def answer(world: TwoWorkspaces, workspace: str, method: str, path: str, status: int, code: str, message: str) -> None:
    """The next such call gets this answer."""
    world.fault(workspace, kind="refuse", method=method, path=path, status=status, error_code=code, message=message)


def versions(world: TwoWorkspaces, model: str) -> list[int]:
    """The copies that are there now."""
    return sorted(int(one.version) for one in world.sandbox.client("dev").model_versions.list(model))


def effects(world: TwoWorkspaces, since: int) -> list[str]:
    controls = {world.grants["DEV_CONTROL_ID"], world.grants["PROD_CONTROL_ID"]}
    return [one["kind"] for one in world.sandbox.effects()[since:] if one["principal"] in controls]


def test_a_fault_ends_an_operation_with_its_own_problem_or_not_at_all_and_leaves_no_copy(faults: TwoWorkspaces) -> None:
    world, model = faults, faults.model()
    first, second = world.version(model), world.version(model)
    published = f"causeway_shareable.causeway_bikes_{AUDIENCE}.{model.rpartition('.')[2]}"

    # c.5: the share is one too many, and nothing was made.
    since = len(world.sandbox.effects())
    answer(world, "dev", "POST", f"{UNITY}/shares", 400, "RESOURCE_LIMIT_EXCEEDED", "too many shares")
    full = failed(world.end(world.publish(model, first, audience=AUDIENCE)), "quota-reached")
    assert full["upstream"] == {"error_code": "RESOURCE_LIMIT_EXCEEDED", "message": "too many shares"}
    assert effects(world, since) == []

    # d.4: whoever may not grant on the share leaves no copy that an earlier reader would see.
    path = f"{UNITY}/shares/*/permissions"
    answer(world, "dev", "PATCH", path, 403, "PERMISSION_DENIED", "Only administrators can grant")
    failed(world.end(world.publish(model, first, audience=AUDIENCE)), "workspace-refused")
    assert versions(world, published) == []
    assert published not in names_in(world)

    # c.5: a model that the copy job did not see, and that exists, is no reason to fail.
    answer(world, "dev", "GET", "*/registered-models/get", 404, "RESOURCE_DOES_NOT_EXIST", "not yet")
    record = world.record(world.publish(model, second, audience=AUDIENCE))
    assert versions(world, published) == [record["published"]["version"]]

    # d.4, on the consumer's side: no catalog without SELECT; e.1: a grant that is on its way is waited for.
    body: dict[str, Any] = {"audience": AUDIENCE, "catalog": f"shared_bikes_{model.rpartition('.')[2]}"}
    answer(world, "prod", "POST", f"{UNITY}/catalogs", 403, "PERMISSION_DENIED", "User does not have SELECT on Share x")
    since = len(world.sandbox.effects())
    failed(world.end(world.accept(**body)), "workspace-refused")
    assert effects(world, since) == []
    answer(world, "prod", "PATCH", f"{UNITY}/permissions/*", 400, "PERMISSION_NOT_PROPAGATED", "wait")
    accepted = world.record(world.accept(**body))
    assert accepted["catalog"] == body["catalog"]


def names_in(world: TwoWorkspaces) -> list[str]:
    share: dict[str, Any] = world.alice.get(f"/v1/workspaces/dev/shares/causeway_bikes_{AUDIENCE}").json()
    return [entry["name"] for entry in share["objects"]]
