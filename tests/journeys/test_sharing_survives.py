"""Answers lost and processes killed in the middle of publishing: what happened, happened once."""

from collections import Counter
from fnmatch import fnmatch
from typing import Any

import httpx
import pytest

from tests.sandbox.running import unique
from tests.two_workspaces import TwoWorkspaces

pytestmark = pytest.mark.xdist_group("sharing")

UC = "/api/2.1/unity-catalog"
WRITES = [
    ("POST", f"{UC}/shares"),
    ("POST", f"{UC}/schemas"),
    ("PUT", "/api/2.0/fs/files/Volumes/*/parameters.json"),
    ("POST", "/api/2.*/jobs/runs/submit"),
    ("PATCH", f"{UC}/shares/*[0-9]"),
    ("POST", f"{UC}/recipients"),
    ("PATCH", f"{UC}/shares/*/permissions"),
]
READS = [
    ("GET", f"{UC}/shares/*[0-9]"),
    ("GET", f"{UC}/shares/*/permissions"),
    ("GET", f"{UC}/schemas/*"),
    ("GET", f"{UC}/recipients"),
    ("GET", f"{UC}/models/*/versions/*"),
    ("GET", "/api/2.*/jobs/runs/get"),
    ("GET", "/api/2.0/fs/files/Volumes/*/result.json"),
]


def forget_recipient(world: TwoWorkspaces) -> None:
    """As before the first publication for prod's metastore."""
    admin, identifier = world.sandbox.client("dev"), world.sandbox.workspaces["prod"]["global_metastore_id"]
    for known in list(admin.recipients.list(data_recipient_global_metastore_id=identifier)):
        admin.recipients.delete(known.name)


def publish(world: TwoWorkspaces, model: str, version: int, audience: str) -> httpx.Response:
    """Ask again with the same key while the answer is that the workspace did not answer, as a good client does."""
    body = {"project": "bikes", "workspace": "dev", "audience": audience, "model": model, "version": version}
    headers = {"Idempotency-Key": unique("key")}
    for _ in range(30):
        answer = world.alice.post("/v1/publications", json=body, headers=headers)
        if answer.status_code != 503:
            break
    return answer


def since(world: TwoWorkspaces, before: int, share: str, operation: str) -> Counter[str]:
    """How often each kind of effect that publishing has came about; other tests' jobs may run meanwhile."""
    kinds: Counter[str] = Counter()
    for effect in world.sandbox.effects()[before:]:
        told = f"{effect['name']} {effect['details']}"
        if share in told or operation in told or effect["kind"] == "recipient-created":
            kinds[effect["kind"]] += 1
    return kinds


def once(record: dict[str, Any], kinds: Counter[str]) -> None:
    """One run of the job, one copy, one share with one entry, one recipient, one grant."""
    assert record["state"] == "ACTIVE"
    expected = {"job-run-started", "share-created", "schema-created", "share-object-added", "grant-changed"}
    expected |= {"model-created", "model-version-created", "recipient-created"}
    assert {kind: kinds[kind] for kind in expected} == dict.fromkeys(expected, 1)


@pytest.mark.parametrize(
    ("audience", "calls"), [("spare_7", WRITES), ("spare_8", READS)], ids=["each write", "each read"]
)
def test_an_answer_lost_after_each_call_of_publishing_is_no_second_effect(
    world: TwoWorkspaces, faults: TwoWorkspaces, audience: str, calls: list[tuple[str, str]]
) -> None:
    forget_recipient(world)
    model = world.model()
    version, before = world.version(model), len(world.sandbox.effects())
    asked_before = world.sandbox.call("dev", "GET", "/__sandbox/requests").json()["count"]
    for method, path in calls:
        faults.fault(method=method, path=path, kind="lose-answer")

    record = world.record(publish(world, model, version, audience))

    once(record, since(world, before, f"causeway_bikes_{audience}", record["operation_id"]))
    asked = world.sandbox.call("dev", "GET", "/__sandbox/requests").json()["requests"][asked_before:]
    lost = [one for one in asked if one["status"] == 0]
    for method, path in calls:
        assert [one for one in lost if one["method"] == method and fnmatch(one["path"], path)], f"{method} {path}"


@pytest.mark.parametrize(
    ("audience", "step", "slow"),
    [
        ("spare_9", "wait for the copy job", None),
        ("spare_10", "ensure the model in the share", ("PATCH", f"{UC}/shares/*[0-9]")),
    ],
)
def test_a_service_killed_in_the_middle_of_publishing_finishes_it_when_it_comes_back(
    world: TwoWorkspaces, faults: TwoWorkspaces, audience: str, step: str, slow: tuple[str, str] | None
) -> None:
    forget_recipient(world)
    model = world.model()
    version, before = world.version(model), len(world.sandbox.effects())
    if slow:
        faults.fault(method=slow[0], path=slow[1], kind="delay", delay_seconds=3)
    accepted = world.publish(model, version, audience=audience)
    world.wait_for_step(accepted, step)

    world.service.kill()
    world.service.start()

    record = world.record(accepted)
    once(record, since(world, before, f"causeway_bikes_{audience}", record["operation_id"]))


def test_a_cancelled_publication_leaves_nothing_for_the_audience_to_see(
    world: TwoWorkspaces, faults: TwoWorkspaces
) -> None:
    model = world.model()
    kept, version = world.version(model), world.version(model)
    record = world.record(world.publish(model, kept))
    faults.fault(method="PUT", path="/api/2.0/fs/files/Volumes/*/result.json", kind="delay", delay_seconds=10)
    accepted = world.publish(model, version)
    copies = record["published"]["model"]
    world.eventually(lambda: len(world.effects("model-version-ready", name=copies)) == 2)

    cancelled = world.alice.post(f"/v1/operations/{accepted.json()['id']}:cancel")

    assert cancelled.status_code == 200, cancelled.text
    ended = world.end(accepted)
    assert ended["state"] == "CANCELLED"
    assert world.alice.get(ended["resource"]["url"]).json()["state"] == "CANCELLED"
    page = world.alice.get(f"/v1/workspaces/dev/models/{copies}/versions").json()
    assert [one["version"] for one in page["items"]] == [record["published"]["version"]]
    assert world.record(world.publish(model, version))["state"] == "ACTIVE"


def test_an_answer_lost_after_each_call_of_withdrawing_and_giving_back_is_no_failure(
    world: TwoWorkspaces, faults: TwoWorkspaces
) -> None:
    model = world.model()
    published = world.record(world.publish(model, world.version(model), audience="second"))
    accepted = world.record(world.accept(audience="second"))
    for method, path in (("DELETE", f"{UC}/models/*"), ("PATCH", f"{UC}/shares/*"), ("GET", f"{UC}/models/*/versions")):
        faults.fault(method=method, path=path, kind="lose-answer")
    faults.fault("prod", method="DELETE", path=f"{UC}/catalogs/*", kind="lose-answer")

    given_back = world.record(world.delete(f"acceptances/{accepted['id']}"))
    withdrawn = world.record(world.delete(f"publications/{published['id']}"))

    assert (given_back["state"], withdrawn["state"]) == ("GIVEN_BACK", "WITHDRAWN")
    assert len(world.effects("model-version-deleted", workspace="dev")) >= 1


def test_an_answer_lost_after_each_call_of_accepting_makes_one_catalog(
    world: TwoWorkspaces, faults: TwoWorkspaces
) -> None:
    model = world.model()
    world.record(world.publish(model, world.version(model), audience="second"))
    before = len(world.sandbox.effects())
    for method, path in (
        ("POST", f"{UC}/catalogs"),
        ("PATCH", f"{UC}/permissions/catalog/*"),
        ("GET", f"{UC}/permissions/catalog/*"),
        ("GET", f"{UC}/schemas"),
    ):
        faults.fault("prod", method=method, path=path, kind="lose-answer")

    record = world.record(world.accept(audience="second"))

    kinds = Counter(one["kind"] for one in world.sandbox.effects()[before:] if one["name"] == record["catalog"])
    assert (kinds["catalog-created"], kinds["grant-changed"], record["made_catalog"]) == (1, 1, True)
