"""Publishing and withdrawing, through the API of a real service, against a real sandbox."""

import hashlib
import uuid
from typing import Any

import pytest

from tests.sandbox.running import unique
from tests.two_workspaces import BOB, PARTNER, VIEWER, TwoWorkspaces, failed, problem

pytestmark = pytest.mark.xdist_group("sharing")


def copies(world: TwoWorkspaces, published: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in world.effects("model-version-created") if one["name"].startswith(published["model"])]


def entries(world: TwoWorkspaces, record: dict[str, Any]) -> list[str]:
    """The names in the live share, as its owner's audience may read them."""
    share = world.alice.get(f"/v1/workspaces/dev/shares/{record['share']}").json()
    return [entry["name"] for entry in share["objects"]]


def make_recipient(world: TwoWorkspaces, identifier: str, name: str | None = None) -> str:
    """A recipient that the admin made by hand, by name."""
    name = name or unique("made_by_hand")
    body = {"name": name, "authentication_type": "DATABRICKS", "data_recipient_global_metastore_id": identifier}
    world.sandbox.call("dev", "POST", "/api/2.1/unity-catalog/recipients", json=body).raise_for_status()
    return name


def let_in(world: TwoWorkspaces, share: str, recipient: str) -> None:
    """The admin grants SELECT on the share, past Causeway."""
    path = f"/api/2.1/unity-catalog/shares/{share}/permissions"
    change = {"changes": [{"principal": recipient, "add": ["SELECT"]}]}
    world.sandbox.call("dev", "PATCH", path, json=change).raise_for_status()


def test_a_published_version_is_a_proved_copy_that_exactly_its_audience_sees(world: TwoWorkspaces) -> None:
    model = world.model()
    world.version(model)
    body = {
        "project": "bikes",
        "workspace": "dev",
        "audience": "azure",
        "model": model,
        "version": world.version(model),
    }
    plan = world.alice.post("/v1/publications:plan", json=body).json()
    assert world.alice.get("/v1/publications", params={"model": model}).json()["items"] == []

    record = world.record(world.post("publications", {**body, "plan_digest": plan["digest"]}))

    last = model.rpartition(".")[2]
    assert record["state"] == "ACTIVE"
    assert record["source"] == {"workspace": "dev", "model": model, "version": 2}
    assert record["published"] == {"model": f"causeway_shareable.causeway_bikes_azure.{last}", "version": 1}
    assert (record["share"], record["shared_as"]) == ("causeway_bikes_azure", f"bikes.{last}")
    assert [one["sharing_identifier"] for one in record["recipients"]] == [
        world.sandbox.workspaces["prod"]["global_metastore_id"]
    ]
    assert not record["recipients"][0]["same_metastore"]
    manifest = {file["path"]: file["sha256"] for file in record["files"]}
    for place, version in ((model, 2), (record["published"]["model"], 1)):
        for name in ("MLmodel", "requirements.txt", "model.bin"):
            path = f"/api/2.0/fs/files/Models/{place.replace('.', '/')}/{version}/{name}"
            assert hashlib.sha256(world.sandbox.call("dev", "GET", path).content).hexdigest() == manifest[name]
    share = world.alice.get("/v1/workspaces/dev/shares/causeway_bikes_azure").json()
    assert share["readers"] == [one["name"] for one in record["recipients"]]
    assert {
        "name": record["published"]["model"],
        "shared_as": record["shared_as"],
        "kind": "MODEL",
        "active": True,
    } in (share["objects"])
    assert {one["principal"] for one in copies(world, record["published"])} == {world.grants["DEV_CONTROL_ID"]}


def test_publishing_twice_leaves_one_copy_and_one_entry_in_the_share(world: TwoWorkspaces) -> None:
    model = world.model()
    version = world.version(model)
    first = world.record(world.publish(model, version))

    second = world.record(world.publish(model, version))

    assert second["id"] != first["id"]
    assert (second["published"], second["digest"]) == (first["published"], first["digest"])
    assert len(copies(world, first["published"])) == 1
    assert entries(world, first).count(first["published"]["model"]) == 1


def test_the_same_key_answers_with_the_same_publication(world: TwoWorkspaces) -> None:
    model = world.model()
    body = {
        "project": "bikes",
        "workspace": "dev",
        "audience": "azure",
        "model": model,
        "version": world.version(model),
    }
    headers = {"Idempotency-Key": unique("key")}

    first = world.alice.post("/v1/publications", json=body, headers=headers)
    again = world.alice.post("/v1/publications", json=body, headers=headers)

    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert world.record(first)["id"] == world.record(again)["id"]
    other = world.alice.post("/v1/publications", json={**body, "version": 9}, headers=headers)
    problem(other, 422, "idempotency-key-reused")


def test_two_publications_of_one_version_at_once_are_one_after_the_other(world: TwoWorkspaces) -> None:
    model = world.model()
    version = world.version(model)

    first = world.publish(model, version)
    second = world.publish(model, version)

    assert problem(second, 409, "operation-in-progress")["operation"] == first.json()["id"]
    assert world.record(first)["state"] == "ACTIVE"


def test_a_partner_is_found_by_its_sharing_identifier_whatever_its_name(world: TwoWorkspaces) -> None:
    admin, name, model = world.sandbox.client("dev"), make_recipient(world, PARTNER), world.model()

    record = world.record(world.publish(model, world.version(model), audience="both"))

    partner = next(one for one in record["recipients"] if one["sharing_identifier"] == PARTNER)
    assert (partner["name"], partner["workspace"]) == (name, None)
    readers = {one.principal for one in admin.shares.share_permissions(record["share"]).privilege_assignments}
    assert readers == {one["name"] for one in record["recipients"]}


def test_what_somebody_else_put_into_the_share_stops_publishing(world: TwoWorkspaces) -> None:
    model, other = world.model(), world.model()
    first, second = world.version(model), world.version(model)
    world.version(other)
    record = world.record(world.publish(model, first, audience="spare_1"))
    share = f"/api/2.1/unity-catalog/shares/{record['share']}"
    world.sandbox.call("dev", "PATCH", share, json={"owner": "admin@aws.example"}).raise_for_status()
    entry = {"name": other, "data_object_type": "MODEL", "string_shared_as": "loot.model"}
    added = world.sandbox.call("dev", "PATCH", share, json={"updates": [{"action": "ADD", "data_object": entry}]})
    assert added.status_code == 200, added.text
    world.sandbox.call("dev", "PATCH", share, json={"owner": world.grants["DEV_CONTROL_ID"]}).raise_for_status()

    found = problem(world.publish(model, second, audience="spare_1"), 409, "audience-mismatch")

    assert found["unexpected_objects"] == [other]
    assert other in found["detail"]


def test_a_recipient_added_while_the_copy_is_made_does_not_keep_it(world: TwoWorkspaces) -> None:
    model = world.model()
    first, second = world.version(model), world.version(model)
    record = world.record(world.publish(model, first, audience="spare_2"))
    stranger = make_recipient(world, f"aws:us-east-2:{uuid.uuid4()}")

    accepted = world.publish(model, second, audience="spare_2")
    world.wait_for_step(accepted, "wait for the copy job")
    let_in(world, record["share"], stranger)

    assert failed(world.end(accepted), "audience-mismatch")["unexpected_recipients"] == [stranger]
    versions = world.alice.get(f"/v1/workspaces/dev/models/{record['published']['model']}/versions").json()["items"]
    assert [one["version"] for one in versions] == [record["published"]["version"]]
    assert world.alice.get(f"/v1/publications/{record['id']}").json()["state"] == "ACTIVE"


def test_what_cannot_be_published_is_told_at_once_and_changes_nothing(world: TwoWorkspaces) -> None:
    model, unready, unsigned = world.model(), world.model(), world.model()
    version = world.version(model)
    world.version(unready, ready=False)
    world.version(unsigned, signature=False)
    before = world.alice.get("/v1/operations").json()["items"][:1]
    effects = len(world.sandbox.effects())

    problem(world.publish(model, 7), 404, "model-version-not-found")
    problem(world.publish(world.model(), 1), 404, "model-version-not-found")
    problem(world.publish(unready, 1), 409, "model-version-not-ready")
    problem(world.publish(unsigned, 1), 409, "signature-missing")
    problem(world.publish(model, version, audience="nobody"), 404, "audience-not-found")
    problem(world.publish(model, version, audience="far"), 403, "link-not-declared")
    problem(world.publish(model, version, workspace="nowhere"), 404, "workspace-not-found")
    problem(world.publish(world.model("trains"), 1), 403, "not-in-project")
    problem(world.publish("main.elsewhere.m", version, workspace="prod"), 403, "not-in-project")
    problem(world.publish(model, version, workspace="prod"), 422, "workspace-role-mismatch")
    problem(world.publish(model, version, project="nothing"), 404, "project-not-found")
    problem(world.publish(model, version, plan_digest="sha256:other"), 409, "plan-stale")
    problem(world.publish(model, 0), 422, "request-invalid")
    problem(world.publish("main.bikes", 1), 422, "request-invalid")
    problem(world.publish(model, version, surprise=True), 422, "request-invalid")

    assert world.alice.get("/v1/operations").json()["items"][:1] == before
    assert len(world.sandbox.effects()) == effects


def test_a_share_that_somebody_else_made_is_left_alone(world: TwoWorkspaces) -> None:
    model = world.model()
    version = world.version(model)
    world.sandbox.client("dev").shares.create("causeway_bikes_spare_3")

    operation = world.end(world.publish(model, version, audience="spare_3"))

    failed(operation, "share-name-taken")
    assert world.sandbox.client("dev").shares.get("causeway_bikes_spare_3", include_shared_data=True).objects == []
    assert not [one for one in world.effects("schema-created") if one["name"].endswith("causeway_bikes_spare_3")]
    assert world.alice.get(operation["resource"]["url"]).json()["state"] == "FAILED"


def test_two_models_of_one_last_name_cannot_share_an_audience(world: TwoWorkspaces) -> None:
    last = unique("m")
    model, other = world.model(last=f"{last}_a"), world.model(last=f"{last}-a")
    world.record(world.publish(model, world.version(model)))

    found = problem(world.publish(other, world.version(other)), 409, "published-name-taken")

    assert (found["taken_by"], found["model"]) == (model, other)
    assert world.record(world.publish(other, 1, audience="second"))["state"] == "ACTIVE"


def test_withdrawing_deletes_the_copy_and_touches_that_audience_alone(world: TwoWorkspaces) -> None:
    model = world.model()
    version = world.version(model)
    kept = world.record(world.publish(model, version, audience="second"))
    gone = world.record(world.publish(model, version, audience="azure"))
    again = world.record(world.publish(model, version, audience="azure"))

    headers, path = {"Idempotency-Key": unique("key")}, f"/v1/publications/{gone['id']}"
    accepted, other = (
        world.alice.delete(path, headers=headers, params=asked) for asked in ({}, {"versions": "all", "force": "true"})
    )
    ended = world.record(accepted)

    problem(other, 422, "idempotency-key-reused")
    assert ended["state"] == "WITHDRAWN"
    assert world.alice.get(f"/v1/publications/{again['id']}").json()["state"] == "WITHDRAWN"
    assert gone["published"]["model"] not in entries(world, gone)
    copy = f"/v1/workspaces/dev/models/{gone['published']['model']}/versions/1"
    problem(world.alice.get(copy), 404, "model-version-not-found")
    assert kept["published"]["model"] in entries(world, kept)
    other = world.alice.get(f"/v1/workspaces/dev/models/{kept['published']['model']}/versions/1").json()
    assert other["state"] == "READY"
    assert world.alice.get(f"/v1/workspaces/dev/models/{model}/versions/{version}").json()["state"] == "READY"
    problem(world.delete(f"publications/{gone['id']}"), 409, "record-not-active")
    problem(world.delete(f"publications/{again['id']}"), 409, "record-not-active")
    assert world.record(world.publish(model, version))["published"]["version"] == 2


def test_withdrawing_one_version_leaves_the_others_in_the_share(world: TwoWorkspaces) -> None:
    model = world.model()
    first = world.record(world.publish(model, world.version(model)))
    second = world.record(world.publish(model, world.version(model)))
    assert second["published"] == {"model": first["published"]["model"], "version": 2}

    world.record(world.delete(f"publications/{first['id']}"))

    assert first["published"]["model"] in entries(world, first)
    assert world.alice.get(f"/v1/publications/{second['id']}").json()["state"] == "ACTIVE"


def test_only_a_publisher_of_the_project_publishes_and_withdraws(world: TwoWorkspaces) -> None:
    model = world.model()
    version = world.version(model)
    record = world.record(world.publish(model, version))
    viewer, bob = world.service.client(VIEWER), world.service.client(BOB)

    problem(world.publish(model, version, client=viewer), 403, "permission-denied")
    problem(world.delete(f"publications/{record['id']}", client=viewer), 403, "permission-denied")
    assert viewer.get(f"/v1/publications/{record['id']}").json() == record

    problem(world.publish(model, version, client=bob), 404, "project-not-found")
    problem(world.publish(model, version, client=bob, project="trains"), 403, "not-in-project")
    problem(bob.get(f"/v1/publications/{record['id']}"), 404, "record-not-found")
    problem(world.delete(f"publications/{record['id']}", client=bob), 404, "record-not-found")
    problem(bob.get(f"/v1/workspaces/dev/models/{model}/versions/{version}"), 403, "not-in-project")
    problem(bob.get(f"/v1/workspaces/dev/models/{record['published']['model']}"), 403, "not-in-project")
    problem(bob.get(f"/v1/workspaces/dev/shares/{record['share']}"), 403, "not-in-project")
    problem(bob.get("/v1/lineage", params={"workspace": "dev", "model": model, "version": 1}), 403, "not-in-project")
    assert bob.get("/v1/publications").json()["items"] == []
    assert bob.get("/v1/workspaces/dev/shares").json()["items"] == []
