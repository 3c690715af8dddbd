"""What failed is tried again as itself: from the step that failed, with fresh tokens, under the same key."""

import httpx
import pytest

from tests.sandbox.running import unique
from tests.service_process import wait_for_end
from tests.two_workspaces import TwoWorkspaces, failed, problem

UC = "/api/2.1/unity-catalog"

pytestmark = pytest.mark.xdist_group("sharing")


def retry(world: TwoWorkspaces, operation_id: str) -> httpx.Response:
    return world.alice.post(f"/v1/operations/{operation_id}:retry")


def test_a_publication_that_was_refused_and_taken_back_is_tried_again_from_its_copy(
    world: TwoWorkspaces, faults: TwoWorkspaces
) -> None:
    model = world.model()
    version = world.version(model)
    faults.fault(method="PATCH", path=f"{UC}/shares/*", kind="refuse", status=400)
    accepted = world.publish(model, version)
    operation = world.end(accepted)
    failed(operation, "workspace-fault")
    assert operation["retry_url"] == f"/v1/operations/{operation['id']}:retry"

    again = world.alice.post(operation["retry_url"])

    assert again.status_code == 200, again.text
    record = world.record(accepted)
    assert record["state"] == "ACTIVE"
    ended = world.end(accepted)
    assert (ended["attempt"], ended["retry_url"]) == (2, None)
    assert "take the copy back" not in [step["name"] for step in ended["steps"]]
    copies = record["published"]["model"]
    page = world.alice.get(f"/v1/workspaces/dev/models/{copies}/versions").json()
    assert [one["version"] for one in page["items"]] == [record["published"]["version"]]
    problem(retry(world, ended["id"]), 409, "operation-not-retryable")


def test_a_job_that_failed_is_run_anew_when_its_operation_is_tried_again(
    world: TwoWorkspaces, faults: TwoWorkspaces
) -> None:
    model = world.model()
    version = world.version(model)
    faults.fault(method="PUT", path="/api/2.0/fs/files/Volumes/*/result.json", kind="refuse", status=400)
    accepted = world.publish(model, version)
    failed(world.end(accepted), "job-failed")
    # The job had made its copy, and could not say so.
    copies = f"causeway_shareable.causeway_bikes_azure.{model.rpartition('.')[2]}"
    assert len(world.effects("model-version-ready", name=copies)) == 1
    assert world.alice.get(f"/v1/workspaces/dev/models/{copies}/versions").json()["items"] == []

    assert retry(world, accepted.json()["id"]).status_code == 200

    assert world.record(accepted)["state"] == "ACTIVE"
    started = [one for one in world.effects("job-run-started") if accepted.json()["id"] in str(one)]
    assert len(started) == 2


def test_the_key_of_a_failed_operation_answers_with_it_and_says_how_to_go_on(
    world: TwoWorkspaces, faults: TwoWorkspaces
) -> None:
    model = world.model()
    body = {
        "project": "bikes",
        "workspace": "dev",
        "audience": "azure",
        "model": model,
        "version": world.version(model),
    }
    faults.fault(method="PATCH", path=f"{UC}/shares/*", kind="refuse", status=400)
    headers = {"Idempotency-Key": f"commit-{model}"}
    first = world.alice.post("/v1/publications", json=body, headers=headers)
    world.end(first)

    again = world.alice.post("/v1/publications", json=body, headers=headers)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert (again.json()["id"], again.json()["state"]) == (first.json()["id"], "FAILED")
    assert again.json()["retry_url"]


def test_what_came_while_a_publication_had_failed_stands_before_it(world: TwoWorkspaces, faults: TwoWorkspaces) -> None:
    """A name that another model has by now, and an audience that another publication has let in."""
    last = unique("m")
    model, other = world.model(last=f"{last}-a"), world.model(last=f"{last}_a")
    faults.fault(method="PATCH", path=f"{UC}/shares/*", kind="refuse", status=400)
    faults.fault(method="DELETE", path=f"{UC}/models/*/versions/*", kind="refuse", status=400)
    first = world.end(world.publish(model, world.version(model), audience="spare_14"))
    # The copy could not be taken back.
    assert len(failed(first, "workspace-fault")["left_behind"]) == 1
    record = world.record(world.publish(other, world.version(other), audience="spare_14"))
    reader, path = record["recipients"][0]["name"], f"{UC}/shares/{record['share']}/permissions"

    retry(world, first["id"]).raise_for_status()
    taken = failed(wait_for_end(world.alice, first["id"]), "published-name-taken")
    world.record(world.delete(f"publications/{record['id']}"))
    change = {"changes": [{"principal": reader, "remove": ["SELECT"]}]}
    world.sandbox.call("dev", "PATCH", path, json=change).raise_for_status()
    retry(world, first["id"]).raise_for_status()

    assert (taken["taken_by"], taken.get("left_behind")) == (other, None)
    # It is deleted all the same, and what was withdrawn.
    assert len(world.effects("model-version-deleted", name=record["published"]["model"])) == 2
    failed(wait_for_end(world.alice, first["id"]), "audience-change-pending")
    assert world.sandbox.call("dev", "GET", path).json().get("privilege_assignments", []) == []
