"""What is taken away in line: behind a publication of the same version, twice, and where a workspace retires."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.running import unique
from tests.service_process import wait_for_end
from tests.two_workspaces import ALICE, TwoWorkspaces, failed, problem

pytestmark = pytest.mark.xdist_group("sharing")

Record = dict[str, Any]


def withdraw(world: TwoWorkspaces, publication: Record, on_conflict: str = "queue") -> httpx.Response:
    headers = {"Idempotency-Key": unique("key")}
    path = f"/v1/publications/{publication['id']}"
    return world.alice.delete(path, params={"on_conflict": on_conflict}, headers=headers)


def state(world: TwoWorkspaces, publication: Record) -> str:
    return str(world.alice.get(f"/v1/publications/{publication['id']}").json()["state"])


def let_go(world: TwoWorkspaces) -> None:
    world.sandbox.call("dev", "DELETE", "/__sandbox/faults").raise_for_status()


@pytest.fixture
def two(faults: TwoWorkspaces) -> Iterator[tuple[Record, httpx.Response]]:
    """A publication, and a second one of the same version that is under way until the faults are taken away."""
    model = faults.model()
    version = faults.version(model)
    first = faults.record(faults.publish(model, version))
    faults.fault("dev", kind="throttle", path="*/jobs/runs/submit", times=1000, retry_after=1)
    second = faults.publish(model, version)
    faults.wait_for_step(second, "start the copy job")
    yield first, second
    let_go(faults)


def test_a_withdrawal_in_line_begins_after_the_publication_before_it_and_ends_both(
    faults: TwoWorkspaces, two: tuple[Record, httpx.Response]
) -> None:
    first, second = two
    refused = problem(withdraw(faults, first, "reject"), 409, "operation-in-progress")
    assert refused["operation"] == second.json()["id"]

    accepted = withdraw(faults, first)

    assert accepted.json()["waiting_for"] == second.json()["id"]
    let_go(faults)
    assert faults.end(second)["state"] == "SUCCEEDED"
    ended = faults.end(accepted)
    assert (ended["state"], ended["waiting_for"]) == ("SUCCEEDED", None)
    assert ended["started_at"] >= faults.end(second)["finished_at"]
    other = faults.alice.get(second.json()["resource"]["url"]).json()
    assert (state(faults, first), other["state"]) == ("WITHDRAWN", "WITHDRAWN")
    assert other["published"] == first["published"]
    versions = f"/api/2.1/unity-catalog/models/{first['published']['model']}/versions"
    assert faults.sandbox.call("dev", "GET", versions).json().get("model_versions", []) == []


def test_a_withdrawal_that_leaves_the_line_leaves_the_publication_as_it_is(
    faults: TwoWorkspaces, two: tuple[Record, httpx.Response]
) -> None:
    first, second = two
    accepted = withdraw(faults, first).json()

    faults.alice.post(f"/v1/operations/{accepted['id']}:cancel").raise_for_status()

    ended = wait_for_end(faults.alice, accepted["id"])
    assert (ended["state"], ended["started_at"], state(faults, first)) == ("CANCELLED", None, "ACTIVE")
    let_go(faults)
    assert faults.end(second)["state"] == "SUCCEEDED"
    assert state(faults, first) == "ACTIVE"


def test_the_second_of_two_withdrawals_does_not_bring_the_publication_back_by_failing(
    faults: TwoWorkspaces, two: tuple[Record, httpx.Response]
) -> None:
    first, _ = two
    one, other = withdraw(faults, first), withdraw(faults, first)
    let_go(faults)
    path = f"*/models/{first['published']['model']}/versions/*"
    wrong = {"status": 403, "error_code": "PERMISSION_DENIED", "message": "not any more"}
    faults.fault("dev", kind="refuse", method="DELETE", path=path, offset=1, times=1, **wrong)

    assert faults.end(one)["state"] == "SUCCEEDED"
    assert failed(faults.end(other), "workspace-refused")
    assert state(faults, first) == "WITHDRAWN"


def test_what_was_published_from_a_retiring_workspace_can_still_be_withdrawn(
    world: TwoWorkspaces, tmp_path: Path
) -> None:
    model = world.model()
    body = {
        "project": "bikes",
        "workspace": "dev",
        "model": model,
        "version": world.version(model),
        "audience": "azure",
    }
    service = world.start_service(tmp_path)
    try:
        alice = service.client(ALICE)
        published = alice.post("/v1/publications", json=body, headers={"Idempotency-Key": unique("key")}).json()
        assert wait_for_end(alice, published["id"])["state"] == "SUCCEEDED"
        configured = world.make_configuration()
        configured["workspaces"]["dev"]["state"] = "RETIRING"
        service.configure(configured)
        again = alice.post("/v1/publications", json=body, headers={"Idempotency-Key": unique("key")})
        problem(again, 409, "workspace-retiring")

        withdrawn = alice.delete(published["resource"]["url"], headers={"Idempotency-Key": unique("key")})

        assert wait_for_end(alice, withdrawn.json()["id"])["state"] == "SUCCEEDED"
    finally:
        service.stop()
