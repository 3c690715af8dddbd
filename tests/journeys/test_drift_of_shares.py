"""The world is changed behind Causeway's back with the plain SDK: every kind of drift is found, named, and healed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import configuration
from app.domain import audit
from app.domain.drifts import KINDS, PUT_BACK, Drift, Look, list_active, promised
from app.domain.drifts.kinds import make_id
from app.domain.drifts.looks import narrow
from app.domain.workflows import Work
from app.store import api_keys, connection
from app.store.api_keys import ApiKey
from tests.journeys.behind_our_back import BehindOurBack
from tests.journeys.drifting import remedy
from tests.journeys.shares_told import CASES, DEEP, Told
from tests.journeys.test_contents import REGISTRY
from tests.sandbox.running import unique
from tests.service_process import wait_for_end
from tests.two_workspaces import ADA, ADMIN, ALICE, BOB, PARTNER, VIEWER, TwoWorkspaces, problem

pytestmark = pytest.mark.xdist_group("sharing")


@pytest.fixture(scope="module")
def told(world: TwoWorkspaces) -> Iterator[Told]:
    behind = BehindOurBack(world)
    try:
        yield Told(behind)
    finally:
        behind.heal_by_hand()


def test_what_is_as_it_was_promised_is_no_drift(told: Told) -> None:
    assert told.calm == []


def test_a_look_costs_what_the_formula_says_and_never_a_request_a_version(told: Told) -> None:
    for made, said in told.calls.values():
        assert made == said


@pytest.mark.parametrize(("kind", "audience", "severity", "name"), CASES)
def test_what_was_changed_by_hand_is_found_and_named_and_its_remedy_heals_it(
    told: Told, kind: str, audience: str, severity: str, name: str | None
) -> None:
    drift = told.get(kind, audience)

    assert (drift["severity"], drift["state"]) == (severity, "OPEN")
    assert drift["wanted"]
    assert drift["found"]
    assert drift["advice"]
    assert (name in [one["name"] for one in drift["remedies"]]) if name else drift["remedies"] == []
    if name is not None:
        ended = told.ended[drift["id"]]
        assert ended["state"] == "SUCCEEDED", ended
        assert told.behind.world.alice.get(f"/v1/drifts/{drift['id']}").json()["state"] == "REMEDIED"
    assert drift["id"] not in [one["id"] for one in told.left]


def test_nothing_else_was_found_and_nothing_is_left(told: Told) -> None:
    expected = [told.get(kind, audience)["id"] for kind, audience, _, _ in CASES]

    assert sorted(one["id"] for one in told.found) == sorted(expected)
    assert [(one["kind"], one["object"]["name"], one["found"]) for one in told.left] == []


def test_what_an_acceptance_had_passes_to_the_one_that_a_remedy_made(told: Told) -> None:
    world, old = told.behind.world, told.behind.acceptances["kept"]

    ended = world.alice.get(f"/v1/acceptances/{old['id']}").json()
    accepted = world.alice.get("/v1/acceptances", params={"project": "bikes", "state": "ACTIVE", "page_size": 200})
    (new,) = [one for one in accepted.json()["items"] if one["catalog"] == old["catalog"]]

    assert ended["state"] == "GIVEN_BACK"
    assert [one["source"] for one in new["copies"]] == [one["source"] for one in old["copies"]]


def test_a_cancelled_remedy_stops_what_it_has_begun(told: Told) -> None:
    asked, begun = told.cancelled["remedy"], told.cancelled["begun"]

    assert (asked["state"], begun["state"], told.cancelled["drift"]["state"]) == ("CANCELLED", "CANCELLED", "OPEN")
    assert (asked["error"]["principal"], begun["error"]["principal"]) == (ALICE, ALICE)


def test_the_same_difference_is_the_same_drift_and_known_since_the_first_time(told: Told) -> None:
    """What only reading all bytes finds is not found again without that, and stays open."""
    in_dev = {one["id"]: one for one in told.found if one["object"]["workspace"] == "dev"}
    first = {drift_id: one for drift_id, one in in_dev.items() if one["kind"] not in DEEP}

    assert {one["id"] for one in told.again} == set(first)
    for one in told.again:
        assert one["known_since"] == first[one["id"]]["known_since"]
        assert one["reconciliation_id"] != first[one["id"]]["reconciliation_id"]


def test_a_workspace_that_does_not_answer_is_unknown_and_not_empty(told: Told) -> None:
    (part,) = told.silent["workspaces"]

    assert (told.silent["state"], part["state"], part["problem"]["code"]) == (
        "SUCCEEDED",
        "UNKNOWN",
        "workspace-refused",
    )
    assert told.silent["drifts"] == []
    before = {one["id"] for one in told.found if one["object"]["workspace"] == "prod"}
    assert before <= {one["id"] for one in told.still_open}


def test_drift_is_the_projects_own(told: Told) -> None:
    world, drift = told.behind.world, told.get("share-hidden", "hidden")
    bob, path = world.service.client(BOB), f"drifts/{drift['id']}"

    assert bob.get("/v1/drifts").json()["items"] == []
    assert bob.get("/v1/reconciliations").json()["items"] == []
    problem(bob.get(f"/v1/{path}"), 404, "record-not-found")
    problem(bob.get(f"/v1/reconciliations/{drift['reconciliation_id']}"), 404, "record-not-found")
    problem(world.post(f"{path}/remedies", {"remedy": "put-back"}, client=bob), 404, "record-not-found")
    problem(world.post("reconciliations", {"project": "bikes"}, client=bob), 404, "project-not-found")
    # What lies in one project's share is no drift of another one's.
    asked = world.post("reconciliations", {"project": "trains", "workspace": "dev"}, client=bob).json()
    mine = bob.get(wait_for_end(bob, asked["id"])["resource"]["url"]).json()
    assert [one for one in mine["drifts"] if told.behind.is_ours(one)] == []


def test_who_only_looks_remedies_nothing_and_only_what_is_offered_is_done(told: Told) -> None:
    world, hidden, wide = told.behind.world, told.get("share-hidden", "hidden"), told.get("reader-unknown", "wide")
    viewer, approver, admin = (world.service.client(one) for one in (VIEWER, ADA, ADMIN))

    assert viewer.get(f"/v1/drifts/{hidden['id']}").json()["found"] == hidden["found"]
    problem(world.post("reconciliations", {"project": "bikes"}, client=viewer), 403, "permission-denied")
    problem(remedy(world, wide, "put-back", viewer), 403, "permission-denied")
    refused = problem(remedy(world, hidden, "put-back"), 409, "remedy-not-offered")
    assert told.behind.control in refused["detail"]
    # A record cannot make it right that a stranger reads; the configuration could.
    problem(remedy(world, wide, "accept"), 409, "remedy-not-offered")
    problem(remedy(world, wide, "put-back"), 409, "record-not-active")
    problem(world.post(f"drifts/{wide['id']}/remedies", {"remedy": "pray"}), 422, "request-invalid")
    # Who may not do what a remedy does may not stop it, or have it done again.
    for verb, over in (("cancel", "operation-already-done"), ("retry", "operation-not-retryable")):
        published, judged = (
            told.ended[told.get(kind, "wide")["id"]]["id"] for kind in ("reader-lost", "reader-unknown")
        )
        problem(approver.post(f"/v1/operations/{published}:{verb}"), 403, "permission-denied")
        problem(admin.post(f"/v1/operations/{judged}:{verb}"), 409, over)


@pytest.fixture
def looking(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Look]:
    """A look at dev by this process, after the configuration has dropped one and declared another to read `wide`."""
    world = told.behind.world
    for name, secret in world.secrets.items():
        monkeypatch.setenv(name, secret)
    configured = world.make_configuration()
    configured["projects"]["bikes"]["audiences"]["drift_wide"] = {"recipients": [{"sharing_identifier": PARTNER}]}
    (tmp_path / "causeway.yaml").write_text(yaml.safe_dump(configured))
    configuration.use(tmp_path / "causeway.yaml")
    connection.connect(world.service.database_url)
    yield Look("bikes", "dev", promised("bikes", "dev"))
    connection.disconnect()


def test_the_configuration_decides_who_is_to_read(told: Told, looking: Look) -> None:
    share = told.behind.share("wide")

    dropped, pending = (list(KINDS[kind].find(looking)) for kind in ("reader-dropped", "reader-pending"))

    assert [one.object_name for one in dropped if share in one.wanted] == [told.behind.recipient]
    assert [one.object_name for one in pending if share in one.wanted] == [PARTNER]


def test_the_last_key_of_somebody_is_told_in_one_workspace_before_it_ends(looking: Look) -> None:
    """A short one is meant to end, and who has another key does not miss it."""

    def make(principal: str, made_days_ago: int, ends_in_days: int, projects: list[str] | None = None) -> str:
        now = datetime.now(UTC)
        made, ends = now - timedelta(days=made_days_ago), now + timedelta(days=ends_in_days)
        key = ApiKey(id=unique("k"), principal=principal, secret_sha256="", created_at=made, expires_at=ends)
        key.projects = projects
        api_keys.insert(key, audit.event("operator:cli", "key created", None, key.id))
        return key.id

    last = make(ADA, 80, 10)
    make(VIEWER, 1, 10, ["bikes"])
    make(ADA, 80, 300, ["trains"])
    everywhere = [replace(looking, workspace=place, _answers={}) for place in list_active("bikes")]
    found = [one for look in everywhere for one in KINDS["key-ends"].find(look)]
    later = make(ADA, 0, 90)
    then = list(KINDS["key-ends"].find(everywhere[0]))
    fresh = list(KINDS["key-ends"].find(replace(looking, _answers={})))

    assert [(one.object_name, last in one.found) for one in found] == [(ADA, True)]
    assert (then, fresh, later in found[0].found) == (found, [], False)


def test_a_promise_that_was_accepted_as_broken_says_why(told: Told) -> None:
    world, drift = told.behind.world, told.get("version-gone", "ended")
    ended = world.alice.get(drift["record"]["url"]).json()

    assert ended["state"] == "WITHDRAWN"
    operation = world.alice.get(f"/v1/reconciliations/{drift['reconciliation_id']}").json()["operation_id"]
    for one in (operation, told.ended[drift["id"]]["id"]):
        events = world.alice.get("/v1/audit-events", params={"operation_id": one, "page_size": 200}).json()["items"]
        assert drift["id"] in [event["resource"] for event in events]


def test_what_somebody_made_in_the_place_of_a_copy_is_no_copy(told: Told, looking: Look) -> None:
    world, owned = told.behind.world, told.behind.owned
    (kept,) = [one for one in promised("bikes", "prod").acceptances if one.share == told.behind.share("kept")]
    numbers = {copy["owned"]["version"] for copy in kept.outcome["copies"]}
    told.behind.prod.registered_models.delete(owned)
    for path in ("registered-models", *["model-versions"] * max(numbers)):
        body = {"name": owned, **({"source": "dbfs:/x"} if path == "model-versions" else {})}
        world.sandbox.call("prod", "POST", f"{REGISTRY}/{path}/create", json=body).raise_for_status()
    world.sandbox.grant("prod", "FUNCTION", owned, world.grants["PROD_CONTROL_ID"], "EXECUTE")

    look = replace(looking, workspace="prod", promises=promised("bikes", "prod"), _answers={})
    found = [one for one in KINDS["copy-gone"].find(look) if owned in one.object_name]

    assert {one.object_name for one in found} == {f"{owned} version {number}" for number in numbers}
    admin = told.behind.prod.current_user.me().user_name
    # It cannot be copied over what is somebody else's.
    assert {(one.found, one.remedies) for one in found} == {
        (f"{admin} made what has its number now.", frozenset({"accept"}))
    }


def test_what_a_remedy_put_back_in_part_is_the_same_drift_to_it_and_is_put_back_whole(
    told: Told, looking: Look
) -> None:
    behind = told.behind
    behind.undo_in_part()

    for code, audience in (("share-gone", "gone"), ("recipient-gone", "far")):
        kind, share = KINDS[code], behind.share(audience)
        known: dict[str, Any] = {"project": "bikes", "workspace": "dev", "object_kind": "share", "object_name": share}
        drift = Drift(**known, target={"share": share})
        half, put_back = (
            replace(looking, share=share, promises=narrow(looking.promises, drift)),
            kind.remedies[PUT_BACK],
        )
        assert [one for one in kind.find(looking) if one.target["share"] == share] == []
        (found,) = kind.find(half)
        assert make_id("bikes", "dev", code, found) == told.get(code, audience)["id"]
        drift.target = found.target
        assert put_back.apply is not None
        put_back.apply(drift, Work("op_x", "bikes", ALICE, "drf_x", {}))
        assert list(kind.find(replace(half, _answers={}))) == []
