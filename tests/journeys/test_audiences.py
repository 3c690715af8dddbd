"""Audiences that differ, grow and shrink, and what somebody else made under their names; against a real sandbox."""

import uuid
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from databricks.sdk.errors import NotFound

from tests.journeys.test_publishing import copies, entries, let_in, make_recipient
from tests.sandbox.running import unique
from tests.two_workspaces import ADMIN, BOB, NOWHERE, VIEWER, TwoWorkspaces, problem

pytestmark = pytest.mark.xdist_group("sharing")


@pytest.fixture
def declared(world: TwoWorkspaces) -> Iterator[dict[str, Any]]:
    """The configuration, to be changed and given to `world.service.configure`; afterwards it is as before."""
    yield deepcopy(world.make_configuration())
    world.service.configure(world.make_configuration())


def declare(world: TwoWorkspaces, declared: dict[str, Any], audience: str, *partners: str) -> None:
    """The audience is prod and these partners from now on."""
    recipients = [{"workspace": "prod"}, *({"sharing_identifier": partner} for partner in partners)]
    declared["projects"]["bikes"]["audiences"][audience] = {"recipients": recipients}
    world.service.configure(declared)


def partner() -> str:
    return f"aws:us-east-2:{uuid.uuid4()}"


def readers(world: TwoWorkspaces, audience: str) -> list[str]:
    found: list[str] = world.alice.get(f"/v1/workspaces/dev/shares/causeway_bikes_{audience}").json()["readers"]
    return found


def told(world: TwoWorkspaces) -> set[tuple[str, str]]:
    """The latest events of the trail: action and resource."""
    events = world.alice.get("/v1/audit-events", params={"page_size": 200}).json()["items"]
    return {(one["action"], one["resource"]) for one in events}


def mount(world: TwoWorkspaces, record: dict[str, Any]) -> str:
    """What was published, as the admin of prod names it in a catalog made from the share."""
    admin, catalog = world.sandbox.client("prod"), unique("seen")
    identifier = world.sandbox.workspaces["dev"]["global_metastore_id"]
    provider = next(admin.providers.list(data_provider_global_metastore_id=identifier)).name
    world.eventually(lambda: record["share"] in [one.name for one in admin.providers.list_shares(provider)])
    admin.catalogs.create(catalog, provider_name=provider, share_name=record["share"])
    return f"{catalog}.{record['shared_as']}"


def versions(world: TwoWorkspaces, model: str) -> list[int]:
    """What the admin of prod sees of it."""
    try:
        return sorted(one.version for one in world.sandbox.client("prod").model_versions.list(model))
    except NotFound:
        return []


def test_two_audiences_of_a_model_see_different_versions_and_withdrawing_touches_one_of_them(
    world: TwoWorkspaces,
) -> None:
    model = world.model()
    first, second = world.version(model), world.version(model)
    one = world.record(world.publish(model, first, audience="spare_16"))
    other = world.record(world.publish(model, second, audience="spare_17"))
    assert (one["published"]["version"], other["published"]["version"]) == (1, 1)
    assert one["digest"] != other["digest"]

    world.record(world.delete(f"publications/{one['id']}"))
    again = world.record(world.publish(model, second, audience="spare_16"))

    assert again["digest"] == other["digest"]
    assert again["published"]["version"] == 2
    seen, untouched = mount(world, again), mount(world, other)
    world.eventually(lambda: versions(world, seen) == [2])
    assert versions(world, untouched) == [1]
    assert world.alice.get(f"/v1/publications/{other['id']}").json() == other


def test_a_stranger_among_the_readers_is_refused_until_an_admin_shuts_it_out(world: TwoWorkspaces) -> None:
    """Complaint 9: a share that already differs is neither widened nor broken, and what differs is named exactly."""
    model = world.model()
    first, second = world.version(model), world.version(model)
    record = world.record(world.publish(model, first, audience="spare_0"))
    identifier = partner()
    stranger = make_recipient(world, identifier)
    let_in(world, record["share"], stranger)

    found = problem(world.publish(model, second, audience="spare_0"), 409, "audience-mismatch")

    gained = {"recipient": stranger, "sharing_identifier": identifier, "gains": [record["published"]["model"]]}
    assert found["gains"] == [gained]
    assert f"{stranger} would gain {record['published']['model']}" in found["detail"]
    assert len(copies(world, record["published"])) == 1
    assert len(world.alice.get("/v1/publications", params={"model": model}).json()["items"]) == 1

    body = {"project": "bikes", "workspace": "dev", "audience": "spare_0"}
    assert problem(world.post("audience-changes", body), 403, "permission-denied")["role"] == "admin"
    admin = world.service.client(ADMIN)
    plan = admin.post("/v1/audience-changes:plan", json=body).json()
    lost = {"recipient": stranger, "sharing_identifier": identifier, "loses": [record["published"]["model"]]}
    assert (plan["losses"], plan["gains"]) == ([lost], [])
    change = world.record(world.post("audience-changes", {**body, "plan_digest": plan["digest"]}, client=admin))

    assert (change["state"], change["revoked"], change["granted"]) == ("SUCCEEDED", [lost], [])
    assert readers(world, "spare_0") == [one["name"] for one in record["recipients"]]
    assert world.sandbox.client("dev").recipients.get(stranger).name == stranger
    assert world.record(world.publish(model, second, audience="spare_0"))["published"]["version"] == 2
    assert entries(world, record).count(record["published"]["model"]) == 1


def test_a_grant_is_made_when_a_fresh_read_shows_it_and_not_when_it_was_accepted(faults: TwoWorkspaces) -> None:
    """Complaint 7: what was written and is not there is written again, and no success is told before it is."""
    model, share = faults.model(), "causeway_bikes_spare_22"
    path = f"/api/2.1/unity-catalog/shares/{share}/permissions"
    # The read behind the write; somebody takes the grant away in between.
    faults.fault(kind="delay", method="GET", path=path, offset=3, delay_seconds=2)
    accepted = faults.publish(model, faults.version(model), audience="spare_22")
    faults.eventually(lambda: bool(faults.effects("grant-changed", name=share)))
    taken = {"changes": [{"principal": "causeway_prod", "remove": ["SELECT"]}]}
    faults.sandbox.call("dev", "PATCH", path, json=taken).raise_for_status()

    record = faults.record(accepted)

    assert readers(faults, "spare_22") == [one["name"] for one in record["recipients"]]
    assert len(faults.effects("grant-changed", name=share, add=["SELECT"])) == 2


def test_a_share_that_somebody_else_made_is_used_once_an_admin_adopts_it(world: TwoWorkspaces) -> None:
    admin, bob, share = world.service.client(ADMIN), world.service.client(BOB), "causeway_bikes_spare_18"
    model = world.model()
    world.version(model)
    world.sandbox.client("dev").shares.create(share)
    world.sandbox.client("dev").shares.update(share, owner=world.grants["DEV_CONTROL_ID"])
    adoption = {"project": "bikes", "workspace": "dev", "kind": "share", "name": share, "reason": "it is empty"}

    taken = problem(world.publish(model, 1, audience="spare_18"), 409, "share-name-taken")
    problem(world.post("adoptions", adoption), 403, "permission-denied")
    adopted = admin.post("/v1/adoptions", json=adoption)

    assert taken["made_by"] == "admin@aws.example"
    assert adopted.status_code == 201
    assert admin.post("/v1/adoptions", json={**adoption, "reason": "again"}).json() == adopted.json()
    assert world.record(world.publish(model, 1, audience="spare_18"))["state"] == "ACTIVE"
    assert adopted.json() in world.alice.get("/v1/adoptions").json()["items"]
    problem(bob.get(f"/v1/adoptions/{adopted.json()['id']}"), 404, "record-not-found")
    problem(admin.post("/v1/adoptions", json={**adoption, "name": "causeway_trains_azure"}), 403, "not-in-project")
    problem(admin.post("/v1/adoptions", json={**adoption, "project": "trains"}), 403, "not-in-project")
    assert ("adopted", adopted.json()["id"]) in told(world)
    # Another one of the name is nobody's but its maker's.
    dev = world.sandbox.client("dev")
    dev.shares.update(share, owner=dev.current_user.me().user_name)
    dev.shares.delete(share)
    dev.shares.create(share)
    dev.shares.update(share, owner=world.grants["DEV_CONTROL_ID"])
    problem(world.publish(model, 1, audience="spare_18"), 409, "share-name-taken")


def test_who_joins_an_audience_sees_nothing_before_the_change_that_says_what_it_gains(
    world: TwoWorkspaces, declared: dict[str, Any]
) -> None:
    """Complaint 10: a recipient that was made by hand, whatever its name, is neither a failure nor made anew."""
    admin, model, audience = world.service.client(ADMIN), world.model(), "growing"
    version, body = world.version(model), {"project": "bikes", "workspace": "dev", "audience": audience}
    declare(world, declared, audience)
    record = world.record(world.publish(model, version, audience=audience))
    ours, theirs = partner(), partner()
    name = make_recipient(world, ours, "causeway_" + ours.replace(":", "_").replace("-", "_"))
    by_hand = make_recipient(world, theirs)
    declare(world, declared, audience, ours, theirs)

    assert problem(world.publish(model, version, audience=audience), 409, "recipient-name-taken")["recipient"] == name
    adoption = {"project": "bikes", "workspace": "dev", "kind": "recipient", "name": name, "reason": "they asked us to"}
    problem(admin.post("/v1/adoptions", json={**adoption, "name": "self"}), 403, "not-in-project")
    assert admin.post("/v1/adoptions", json=adoption).status_code == 201
    pending = problem(world.publish(model, version, audience=audience), 409, "audience-change-pending")
    assert readers(world, audience) == ["causeway_prod"]
    change = world.record(world.post("audience-changes", body))

    gains = {"gains": [record["published"]["model"]]}
    joined = [
        {"recipient": name, "sharing_identifier": ours, **gains},
        {"recipient": by_hand, "sharing_identifier": theirs, **gains},
    ]
    assert (pending["gains"], change["granted"], change["revoked"]) == (joined, joined, [])
    assert set(readers(world, audience)) == {"causeway_prod", name, by_hand}
    asked = {**body, "model": model, "version": version}
    plan = world.alice.post("/v1/publications:plan", json=asked).json()
    is_ours = {one["name"]: one["is_ours"] for one in plan["recipients"]}
    assert is_ours == {"causeway_prod": True, name: True, by_hand: False}


def test_who_leaves_an_audience_reads_on_until_a_publisher_shuts_it_out(
    world: TwoWorkspaces, declared: dict[str, Any]
) -> None:
    model, audience, leaving = world.model(), "shrinking", partner()
    version, body = world.version(model), {"project": "bikes", "workspace": "dev", "audience": audience}
    by_hand = make_recipient(world, leaving)
    declare(world, declared, audience, leaving)
    world.record(world.publish(model, version, audience=audience))
    declare(world, declared, audience)

    found = problem(world.publish(model, version, audience=audience), 409, "audience-mismatch")
    assert found["unexpected_recipients"] == [by_hand]
    assert by_hand in readers(world, audience)
    viewer, bob = world.service.client(VIEWER), world.service.client(BOB)
    problem(world.post("audience-changes", body, client=viewer), 403, "permission-denied")
    problem(world.post("audience-changes", body, client=bob), 404, "project-not-found")
    # Another reader's workspace is being given up, and does not answer any more: that holds up nobody's leaving.
    declared["workspaces"]["prod"] |= {"host": NOWHERE, "state": "RETIRING"}
    world.service.configure(declared)
    change = world.record(world.post("audience-changes", body))
    declared["workspaces"] = world.make_configuration()["workspaces"]
    world.service.configure(declared)

    assert [one["recipient"] for one in change["revoked"]] == [by_hand]
    assert readers(world, audience) == ["causeway_prod"]
    assert world.sandbox.client("dev").recipients.get(by_hand).name == by_hand
    assert ("change-audience succeeded", change["id"]) in told(world)
    problem(bob.get(f"/v1/audience-changes/{change['id']}"), 404, "record-not-found")
