"""A workspace, or a project, leaves the configuration when no operation needs it, and not before."""

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import postgres
from tests.busy_workspace import TRAINING, busy_workspace
from tests.http.conftest import ADMIN, ALICE, BOB
from tests.sandbox.running import unique
from tests.service_process import PLAIN, Service, wait_for_end
from tests.two_workspaces import problem

MODEL = {"project": "bikes", "workspace": "prod", "model": "causeway_bikes_azure.bikes.demand", "version": 1}
PUBLICATION = {"project": "bikes", "workspace": "dev", "model": "main.bikes.demand", "version": 1, "audience": "azure"}
ACCEPTANCE = {"project": "bikes", "workspace": "prod", "provider": {"workspace": "dev"}, "audience": "azure"}
IN_DEV = [("training-runs", TRAINING), ("publications", PUBLICATION), ("acceptances", ACCEPTANCE)]
IN_PROD = [
    ("publications", PUBLICATION),
    ("acceptances", ACCEPTANCE),
    ("scoring-runs", {**MODEL, "rows": [{"hr": 1}]}),
    ("deployments", {**MODEL, "endpoint": "bikes-demand"}),
]


@pytest.fixture
def configured() -> Iterator[dict[str, Any]]:
    with busy_workspace() as content:
        yield content


@pytest.fixture
def service(tmp_path: Path, configured: dict[str, Any]) -> Iterator[Service]:
    running = Service(tmp_path, configured, {"TEST_TOKEN": "nothing"})
    yield running
    running.stop()


@pytest.fixture
def alice(service: Service) -> httpx.Client:
    return service.client(ALICE)


def retiring(configured: dict[str, Any], workspace: str) -> dict[str, Any]:
    content = deepcopy(configured)
    content["workspaces"][workspace]["state"] = "RETIRING"
    return content


def without(configured: dict[str, Any], workspace: str) -> dict[str, Any]:
    """The configuration with nothing left of the workspace."""
    content = deepcopy(configured)
    del content["workspaces"][workspace]
    content["links"] = []
    for project in content["projects"].values():
        project["audiences"] = {}
        for part in ("runners", "volumes", "sources", "endpoints"):
            project[part].pop(workspace, None)
    return content


def post(client: httpx.Client, path: str, body: dict[str, Any], key: str | None = None) -> httpx.Response:
    return client.post(f"/v1/{path}", json=body, headers={"Idempotency-Key": key or unique("key")})


def train(client: httpx.Client) -> str:
    """An operation that stays under way until it is cancelled: its workspace is too busy."""
    answer = post(client, "training-runs", TRAINING)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def cancel(client: httpx.Client, operation_id: str) -> None:
    client.post(f"/v1/operations/{operation_id}:cancel").raise_for_status()
    assert wait_for_end(client, operation_id)["state"] == "CANCELLED"


def find(client: httpx.Client, workspace: str) -> dict[str, Any] | None:
    found = client.get("/v1/workspaces").json()["items"]
    return next((one for one in found if one["name"] == workspace), None)


def state(client: httpx.Client, workspace: str) -> str | None:
    found = find(client, workspace)
    return found["state"] if found else None


def mistakes(service: Service) -> list[str]:
    answer = httpx.get(f"{service.url}/readyz", verify=PLAIN).json()["configuration"]
    assert answer["in_force"] == (not answer["mistakes"])
    return list(answer["mistakes"])


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize(("workspace", "starts"), [("dev", IN_DEV), ("prod", IN_PROD)])
def test_nothing_new_begins_where_a_workspace_is_retiring(
    service: Service,
    alice: httpx.Client,
    configured: dict[str, Any],
    workspace: str,
    starts: list[tuple[str, dict[str, Any]]],
) -> None:
    service.configure(retiring(configured, workspace))

    assert state(alice, workspace) == "RETIRING"
    for path, body in starts:
        for answer in (post(alice, f"{path}:plan", body), post(alice, path, body)):
            assert problem(answer, 409, "workspace-retiring")["workspace"] == workspace
    assert alice.get("/v1/operations").json()["items"] == []


def test_what_is_under_way_goes_on_where_a_workspace_is_retiring(
    service: Service, alice: httpx.Client, configured: dict[str, Any]
) -> None:
    key = unique("key")
    accepted = post(alice, "training-runs", TRAINING, key).json()["id"]

    service.configure(retiring(configured, "dev"))

    again = post(alice, "training-runs", TRAINING, key)
    assert (again.status_code, again.json()["id"]) == (202, accepted)
    assert not again.json()["done"]
    assert alice.get("/v1/workspaces/dev").json()["state"] == "RETIRING"


def test_a_workspace_says_how_many_operations_need_it(service: Service, alice: httpx.Client) -> None:
    operation = train(alice)

    seen = {who: find(service.client(who), "dev") for who in (ALICE, ADMIN, BOB)}
    assert {who: found and found["operations_under_way"] for who, found in seen.items()} == {ALICE: 1, ADMIN: 1, BOB: 0}
    assert alice.get("/v1/workspaces/dev").json()["operations_under_way"] == 1

    cancel(alice, operation)
    assert alice.get("/v1/workspaces/dev").json()["operations_under_way"] == 0


def test_a_workspace_that_an_operation_needs_leaves_when_that_has_ended(
    service: Service, alice: httpx.Client, configured: dict[str, Any]
) -> None:
    operation = train(alice)

    service.configure(without(configured, "dev"))

    eventually(lambda: operation in " ".join(mistakes(service)))
    assert state(alice, "dev") == "RETIRING"
    problem(post(alice, "training-runs", TRAINING), 409, "workspace-retiring")
    cancel(alice, operation)
    eventually(lambda: mistakes(service) == [])
    assert find(alice, "dev") is None
    problem(alice.get("/v1/workspaces/dev"), 404, "workspace-not-found")


def test_a_workspace_that_nothing_needs_leaves_by_itself(service: Service, configured: dict[str, Any]) -> None:
    admin = service.client(ADMIN)

    service.configure(without(configured, "dev"))

    eventually(lambda: mistakes(service) == [] and find(admin, "dev") is None)


def test_a_workspace_that_comes_back_to_the_file_takes_new_work_again(
    service: Service, alice: httpx.Client, configured: dict[str, Any]
) -> None:
    operation = train(alice)
    service.configure(without(configured, "dev"))
    eventually(lambda: operation in " ".join(mistakes(service)))

    service.configure(configured)

    assert mistakes(service) == []
    assert state(alice, "dev") == "ACTIVE"
    cancel(alice, operation)
    train(alice)


def test_a_project_whose_operations_live_stays_until_they_have_ended(
    service: Service, alice: httpx.Client, configured: dict[str, Any]
) -> None:
    operation = train(alice)
    content = deepcopy(configured)
    del content["projects"]["bikes"]

    service.configure(content)

    eventually(lambda: any(operation in mistake and "bikes" in mistake for mistake in mistakes(service)))
    cancel(alice, operation)
    eventually(lambda: mistakes(service) == [])
    problem(alice.get(f"/v1/operations/{operation}"), 404, "record-not-found")


def test_a_service_does_not_start_without_what_its_operations_need(
    service: Service, alice: httpx.Client, configured: dict[str, Any]
) -> None:
    operation = train(alice)
    service.stop()
    service.configure(without(configured, "dev"))

    with pytest.raises(AssertionError, match="did not start"):
        service.start()

    assert service.output().splitlines()[-1].startswith(f"workspaces: dev is needed by {operation}")
    service.configure(retiring(configured, "dev"))
    service.start()
    assert not alice.get(f"/v1/operations/{operation}").json()["done"]


def test_a_worker_starts_on_no_file_that_lacks_what_its_operations_need(
    tmp_path: Path, configured: dict[str, Any]
) -> None:
    url = postgres.new_database()
    replica = Service(tmp_path, configured, {"TEST_TOKEN": "nothing", "CAUSEWAY_DATABASE_URL": url})
    try:
        operation = train(replica.client(ALICE))
        replica.configure(without(configured, "dev"))

        refused = replica.command("worker")

        assert refused.code == 1
        said = refused.output.splitlines()[-1]
        assert said.startswith(f"workspaces: dev is needed by {operation}")
        eventually(lambda: mistakes(replica) == [said])
    finally:
        replica.stop()
