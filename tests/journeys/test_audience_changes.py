"""Who joins an audience sees what was planned, approved and fit for it, in whatever order things happen."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain import audience_shares, audiences, copies, publication_requests, standings, vetting
from app.domain.access import Caller
from app.domain.audiences import Member
from app.errors import AudienceChangePending, AudienceMismatch, NotForExternal, UpstreamProblem, WholeModelRefused
from app.store import connection
from app.store.audience_changes import AudienceChange
from tests.journeys.test_audiences import declare, declared, partner, readers
from tests.journeys.test_contents import held, make_needed
from tests.journeys.test_policies import approve
from tests.journeys.test_publishing import let_in, make_recipient
from tests.journeys.test_travels import tag
from tests.two_workspaces import ADMIN, ALICE, NOWHERE, TwoWorkspaces, failed, problem

__all__ = ["declared"]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
pytestmark = pytest.mark.xdist_group("sharing")


def test_a_change_lets_in_as_it_was_planned_and_no_more_however_late_its_turn_comes(
    faults: TwoWorkspaces, declared: dict[str, Any]
) -> None:
    world, audience, joining = faults, "late", partner()
    model, beside, (table, _) = world.model(), world.model(), make_needed(world)
    version, body = world.version(model), {"project": "bikes", "workspace": "dev", "audience": audience}
    world.version(beside)
    declare(world, declared, audience)
    record = world.record(world.publish(model, version, audience=audience))
    share = f"/api/2.1/unity-catalog/shares/{record['share']}"
    declare(world, declared, audience, joining)
    declared["projects"]["bikes"]["audiences"][audience]["tables"] = {"dev": [table]}
    world.service.configure(declared)
    faults.fault(method="PATCH", path=f"{share}/permissions", kind="delay", delay_seconds=2)
    cancelled = world.post("audience-changes", body)
    world.wait_for_step(cancelled, "let in who is declared")
    assert world.alice.post(f"/v1/operations/{cancelled.json()['id']}:cancel").status_code == 200
    assert world.end(cancelled)["state"] == "CANCELLED"
    assert (readers(world, audience), len(held(world, audience))) == (["causeway_prod"], 1)

    faults.fault(method="PATCH", path=f"{share}/permissions", kind="refuse", status=400)
    accepted = world.post("audience-changes", body)
    failed(world.end(accepted), "workspace-fault")
    assert held(world, audience) == {record["published"]["model"]: "MODEL"}

    # Days later: what is not the audience's has come into the share, and the table is not declared any more.
    declare(world, declared, audience, joining)
    put_in_by_hand(world, share, "ADD", beside)
    retry = f"/v1/operations/{accepted.json()['id']}:retry"
    assert world.alice.post(retry).status_code == 200
    assert failed(world.end(accepted), "audience-mismatch")["unexpected_objects"] == [beside]
    assert readers(world, audience) == ["causeway_prod"]

    put_in_by_hand(world, share, "REMOVE", beside)
    assert world.alice.post(retry).status_code == 200
    change = world.record(accepted)
    assert (len(change["granted"]), change["tables_added"]) == (1, [])
    assert change["granted"][0]["gains"] == [record["published"]["model"]]
    assert held(world, audience) == {record["published"]["model"]: "MODEL"}
    assert len(readers(world, audience)) == 2


def put_in_by_hand(world: TwoWorkspaces, share: str, action: str, model: str) -> None:
    """The admin takes the share for a moment and changes what it holds."""
    entry = {"name": model, "data_object_type": "MODEL", "string_shared_as": "by.hand"}
    steps = ({"owner": "admin@aws.example"}, {"updates": [{"action": action, "data_object": entry}]})
    for change in (*steps, {"owner": world.grants["DEV_CONTROL_ID"]}):
        world.sandbox.call("dev", "PATCH", share, json=change).raise_for_status()


def test_who_joins_is_shown_only_what_could_be_published_for_it_now(
    as_the_service: TwoWorkspaces, declared: dict[str, Any]
) -> None:
    world = as_the_service
    model, audience, joining = world.model(), "widening", partner()
    version, body = world.version(model), {"project": "bikes", "workspace": "dev", "audience": audience}
    tag(world, model, version, mail="ada@example.test")
    declare(world, declared, audience)
    world.record(world.publish(model, version, audience=audience))
    declare(world, declared, audience, joining)
    audiences = declared["projects"]["bikes"]["audiences"]

    publishing = publication_requests.make(Caller(ALICE), "bikes", "dev", model, version, audience)
    audiences[audience] |= {"external": True}
    world.service.configure(declared)
    for path in ("audience-changes:plan", "audience-changes"):
        found = problem(world.post(path, body), 409, "not-for-external")
        assert [one["name"] for one in found["reasons"]] == ["mail"]
    # What is under way for it by then, or is tried again, is held to the same.
    connection.connect(world.service.database_url)
    try:
        with pytest.raises(NotForExternal):
            vetting.hold(publishing, ALICE)
        with pytest.raises(WholeModelRefused):
            vetting.hold(replace(publishing, published_model=model), ALICE)
    finally:
        connection.disconnect()
    audiences[audience] |= {"tags": ["mail"], "policy": {"approvals": 1}}
    world.service.configure(declared)
    admin = world.service.client(ADMIN)
    assert admin.post("/v1/audience-changes:plan", json=body).status_code == 200
    missing = problem(world.post("audience-changes", body, client=admin), 409, "approval-missing")
    assert readers(world, audience) == ["causeway_prod"]

    asked = {**body, "model": model, "version": version}
    assert approve(world, ALICE, asked, missing["subject_digest"]).status_code == 201
    problem(world.post("audience-changes", body), 409, "approval-missing")
    change = world.record(world.post("audience-changes", body, client=admin))

    assert [one["sharing_identifier"] for one in change["granted"]] == [joining]


def test_a_publication_that_was_planned_for_fewer_readers_is_not_kept_and_nobody_joins_while_it_is_under_way(
    faults: TwoWorkspaces, declared: dict[str, Any]
) -> None:
    world, audience, joining = faults, "meanwhile", partner()
    model, body = world.model(), {"project": "bikes", "workspace": "dev", "audience": audience}
    first, second = world.version(model), world.version(model)
    declare(world, declared, audience)
    record = world.record(world.publish(model, first, audience=audience))
    name = make_recipient(world, joining)
    faults.fault(method="PUT", path="/api/2.0/fs/files/Volumes/*/result.json", kind="delay", delay_seconds=4)

    accepted = world.publish(model, second, audience=audience)
    declare(world, declared, audience, joining)
    found = problem(world.post("audience-changes", body), 409, "operation-in-progress")
    let_in(world, record["share"], name)

    assert found["operation"] == accepted.json()["id"]
    assert failed(world.end(accepted), "audience-mismatch")["unexpected_recipients"] == [name]
    versions = world.alice.get(f"/v1/workspaces/dev/models/{record['published']['model']}/versions").json()["items"]
    assert [one["version"] for one in versions] == [record["published"]["version"]]


def make_change(audience: str) -> AudienceChange:
    names: dict[str, Any] = {
        "id": "auc_x",
        "operation_id": "op_x",
        "project": "bikes",
        "created_by": ALICE,
        "created_at": LONG_AGO,
    }
    return AudienceChange(workspace="dev", audience=audience, share=f"causeway_bikes_{audience}", **names)


def test_a_first_publication_lets_nobody_in_who_was_dropped_since_or_would_see_what_went_out_for_fewer(
    as_the_service: TwoWorkspaces, declared: dict[str, Any]
) -> None:
    world, audience, joining = as_the_service, "firsts", partner()
    model, name = world.model(), make_recipient(world, joining)
    version = world.version(model)
    declare(world, declared, audience)
    record = world.record(world.publish(model, version, audience=audience))
    declare(world, declared, audience, joining)
    # As it was planned beside the other, before that one was done.
    made = publication_requests.make(Caller(ALICE), "bikes", "dev", model, version, audience)
    publishing = replace(made, readers=[world.identifier("prod"), joining], is_first=True)

    def let_in_by(publishing: publication_requests.Publishing) -> list[str]:
        with pytest.raises((AudienceChangePending, AudienceMismatch)):
            audience_shares.ensure_readers(publishing, "pub_x")
        return readers(world, audience)

    connection.connect(world.service.database_url)
    try:
        assert let_in_by(publishing) == ["causeway_prod"]
        # Killed after it has let somebody in, and before it has looked again.
        let_in(world, record["share"], name)
        assert let_in_by(publishing) == ["causeway_prod"]
        declare(world, declared, audience)
        let_in(world, record["share"], name)
        assert let_in_by(publishing) == ["causeway_prod"]
        let_in(world, record["share"], name)
        audience_shares.shut_out_again(publishing)
        assert readers(world, audience) == ["causeway_prod"]
        # A change that was accepted before the publication shuts out nobody whom that one has let in.
        assert standings.list_joined_since(make_change(audience)) == {world.identifier("prod")}
    finally:
        connection.disconnect()

    share = record["share"]
    world.sandbox.client("dev").shares.update(share, owner="admin@aws.example")
    world.sandbox.client("dev").shares.delete(share)
    declare(world, declared, audience, joining)
    assert problem(world.publish(model, version, audience=audience), 404, "share-not-found")["name"] == share


def test_an_audience_is_published_from_one_workspace_of_a_metastore(
    as_the_service: TwoWorkspaces, declared: dict[str, Any]
) -> None:
    world, audience = as_the_service, "one_book"
    model = world.model()
    version = world.version(model)
    declared["workspaces"]["lab"]["shareable_catalog"] = "causeway_shareable"
    declared["projects"]["bikes"]["sources"]["lab"] = ["main.bikes.*"]
    declared["links"].append({"from": "lab", "to": "prod"})
    declare(world, declared, audience)
    record = world.record(world.publish(model, version, audience=audience))

    from_lab = problem(world.publish(model, version, audience=audience, workspace="lab"), 409, "provider-taken")
    change = world.post("audience-changes", {"project": "bikes", "workspace": "lab", "audience": audience})

    assert (from_lab["taken_by"], problem(change, 409, "provider-taken")["taken_by"]) == ("dev", "dev")
    connection.connect(world.service.database_url)
    try:
        # Seen from lab it is the same copy, which is nobody's to delete.
        copy = record["published"]
        assert copies.list_promises("lab", copy["model"], copy["version"]) == [record["id"]]
    finally:
        connection.disconnect()


def test_who_joins_says_itself_on_which_metastore_it_stands(
    as_the_service: TwoWorkspaces, declared: dict[str, Any]
) -> None:
    """What was known of a workspace before keeps it from being shut out, and lets nobody in."""
    world = as_the_service
    known = Member("prod", ["prod"], world.identifier("prod"), None, same_metastore=False, is_ours=True)
    assert audiences.answers(known)

    declared["workspaces"]["prod"] |= {"host": NOWHERE}
    world.service.configure(declared)

    assert not audiences.answers(known)
    with pytest.raises(UpstreamProblem):
        audiences.check_answers(known)
