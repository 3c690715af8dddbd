"""Fifty at once: one key is one operation, one endpoint is changed by one at a time, and one share takes all."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.journeys.conftest import Models
from tests.journeys.endpoints import name, updates
from tests.sandbox.running import unique
from tests.two_workspaces import TwoWorkspaces, problem

pytestmark = pytest.mark.xdist_group("serving")

CROWD = 50
# Each is a job of its own, which takes a second of a core.
PUBLISHERS = 50 if os.environ.get("CHAOS") else 6
Operation = dict[str, Any]


def at_once(ask: Callable[[int], httpx.Response], count: int = CROWD) -> list[httpx.Response]:
    """The answers to so many requests, each sent by a client of its own at the same time.

    On a slow machine the line of live looks at a workspace is full for some: they ask again when the answer says.
    """

    def insist(number: int) -> httpx.Response:
        while (answer := ask(number)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            time.sleep(int(answer.headers["Retry-After"]))
        return answer

    with ThreadPoolExecutor(count) as crowd:
        return list(crowd.map(insist, range(count)))


def read(world: TwoWorkspaces, operation_id: str) -> Operation:
    found: Operation = world.alice.get(f"/v1/operations/{operation_id}").json()
    return found


def publication(model: str, version: int, audience: str) -> dict[str, Any]:
    return {"project": "bikes", "workspace": "dev", "model": model, "version": version, "audience": audience}


@pytest.fixture
def busy(faults: TwoWorkspaces, models: Models) -> tuple[str, Operation]:
    """An endpoint and the deployment that is changing it, until the sandbox's faults are taken away."""
    endpoint = name()
    path = f"/serving-endpoints/{endpoint}/served-models/*"
    faults.fault("prod", kind="throttle", path=path, times=1000, retry_after=1)
    accepted = faults.post("deployments", models.body(endpoint=endpoint))
    faults.wait_for_step(accepted, "make a first prediction with the new version")
    return endpoint, accepted.json()


def let_go(world: TwoWorkspaces) -> None:
    world.sandbox.call("prod", "DELETE", "/__sandbox/faults").raise_for_status()


def test_one_key_sent_fifty_times_at_once_is_one_operation(world: TwoWorkspaces) -> None:
    model, headers = world.model(), {"Idempotency-Key": unique("key")}
    body = publication(model, world.version(model), "azure")

    answers = at_once(lambda _: world.alice.post("/v1/publications", json=body, headers=headers))

    assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
    assert len({answer.json()["id"] for answer in answers}) == 1
    record = world.record(answers[0])
    kept = world.alice.get("/v1/publications", params={"model": model}).json()["items"]
    assert [one["id"] for one in kept] == [record["id"]]
    assert len(world.effects("model-version-created", name=record["published"]["model"])) == 1


def test_of_fifty_for_one_endpoint_one_is_accepted_and_the_others_hear_of_it(
    faults: TwoWorkspaces, models: Models
) -> None:
    world, body = faults, models.body(endpoint=name())
    # On a machine that has much to do, the one would have ended before the last has asked.
    faults.fault("prod", method="POST", path="/api/2.0/serving-endpoints", kind="delay", delay_seconds=5)

    answers = at_once(lambda _: world.post("deployments", body))

    accepted = [answer for answer in answers if answer.status_code == 202]
    assert len(accepted) == 1
    for answer in answers:
        if answer is not accepted[0]:
            assert problem(answer, 409, "operation-in-progress")["operation"] == accepted[0].json()["id"]
    assert world.record(accepted[0])["state"] == "ACTIVE"


def test_fifty_in_line_for_one_endpoint_take_their_turns_in_the_order_of_their_acceptance(
    faults: TwoWorkspaces, models: Models, busy: tuple[str, Operation]
) -> None:
    endpoint, first = busy
    body = models.body(endpoint=endpoint, on_conflict="queue")

    answers = at_once(lambda _: faults.post("deployments", body))

    assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
    line = [read(faults, answer.json()["id"]) for answer in answers]
    assert {(one["state"], one["waiting_for"]) for one in line} == {("PENDING", first["id"])}
    leaving = line.pop(CROWD // 2)["id"]
    faults.alice.post(f"/v1/operations/{leaving}:cancel").raise_for_status()
    faults.eventually(lambda: read(faults, leaving)["state"] == "CANCELLED")

    let_go(faults)

    ended = [faults.end(httpx.Response(202, json=one)) for one in [first, *line]]
    assert {(one["state"], one["waiting_for"]) for one in ended} == {("SUCCEEDED", None)}
    ended.sort(key=lambda one: str(one["started_at"]))
    accepted = [one["created_at"] for one in ended]
    assert accepted == sorted(accepted)
    assert all(before["finished_at"] <= after["started_at"] for before, after in pairwise(ended))
    assert read(faults, leaving)["started_at"] is None
    assert updates(faults, endpoint) == [{"demand-v1": 100}]
    active = faults.alice.get("/v1/deployments", params={"endpoint": endpoint, "state": "ACTIVE"}).json()["items"]
    assert [one["operation_id"] for one in active] == [ended[-1]["id"]]


def test_publications_of_many_models_to_one_audience_at_once_all_succeed(world: TwoWorkspaces) -> None:
    models = [world.model() for _ in range(PUBLISHERS)]
    versions = [world.version(model) for model in models]

    # Nobody has published for this audience: share and schema are made by whoever comes first.
    answers = at_once(lambda one: world.publish(models[one], versions[one], audience="spare_10"), PUBLISHERS)

    assert [error for answer in answers if (error := world.end(answer)["error"])] == []
    records = [world.record(answer) for answer in answers]
    share = world.alice.get("/v1/workspaces/dev/shares/causeway_bikes_spare_10").json()
    published = sorted(record["published"]["model"] for record in records)
    assert sorted(entry["name"] for entry in share["objects"]) == published
    assert share["readers"] == [one["name"] for one in records[0]["recipients"]]
    made = [one["name"] for one in world.effects("model-version-created") if one["name"] in published]
    assert sorted(made) == published
    assert len(world.effects("share-created", name="causeway_bikes_spare_10")) == 1
