"""Of many workers that would look into a catalog, one does; what it found is kept for all that rest on the catalog."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from app.store import acceptances, records, transitions
from app.store.acceptances import Acceptance
from app.store.audit_events import AuditEvent
from app.store.database import transaction
from app.store.operations import Operation

WORKERS = 8


def rest(number: int, *, state: str = "ACTIVE") -> None:
    """An acceptance that rests on the catalog shared_x of prod."""
    record = Acceptance(
        id=f"acc_{number}",
        project="bikes",
        operation_id="op",
        created_by="person:a",
        state=state,
        workspace="prod",
        share="x",
        catalog="shared_x",
        outcome={"models": [], "provider": "p"},
    )
    with transaction() as session:
        session.add(record)


def test_one_of_many_workers_gets_a_catalog_that_is_due_and_nobody_one_that_is_not(database: str) -> None:
    rest(1)
    rest(2)
    rest(3, state="GIVEN_BACK")
    before = datetime.now(UTC)
    assert acceptances.list_due(before) == [("prod", "shared_x")]

    with ThreadPoolExecutor(WORKERS) as pool:
        claims = list(pool.map(lambda _: acceptances.claim("prod", "shared_x", before), range(WORKERS)))

    assert [[one.id for one in claimed] for claimed in claims if claimed] == [["acc_1", "acc_2"]]
    assert acceptances.list_due(before) == []
    assert acceptances.list_due(datetime.now(UTC) + timedelta(seconds=1)) == [("prod", "shared_x")]


def test_what_a_look_found_is_told_to_those_that_still_rest_on_the_catalog(database: str) -> None:
    rest(1)
    rest(2, state="GIVEN_BACK")
    event = AuditEvent(id="evt_1", principal="causeway", action="version appeared", project="bikes")

    acceptances.note_look(["acc_1", "acc_2"], {"models": ["m"]}, [event])

    assert records.get(Acceptance, "acc_1").outcome == {"models": ["m"], "provider": "p"}
    assert records.get(Acceptance, "acc_2").outcome == {"models": [], "provider": "p"}


def test_what_ends_a_record_beside_its_own_operations_ends_it_once_and_keeps_what_others_wrote(database: str) -> None:
    operation = Operation(
        id="op_1",
        kind="remedy",
        project="bikes",
        principal="person:a",
        request_digest="x",
        resource_kind="acceptance",
        resource_id="acc_1",
    )
    transitions.insert(operation, None, AuditEvent(id="evt_0", principal="person:a", action="asked"))
    rest(1)
    rest(2, state="FAILED")
    acceptances.note_look(["acc_1"], {"seen_at": "later than the remedy looked"}, [])
    amendments: transitions.Changes = [
        transitions.Amendment(Acceptance, f"acc_{number}", {"state": "GIVEN_BACK"}, {"ended_by": "drf_1"})
        for number in (1, 2, 3)
    ]

    transitions.finish(
        "op_1", "SUCCEEDED", None, amendments, AuditEvent(id="evt_1", principal="person:a", action="done")
    )

    ended, untouched = records.get(Acceptance, "acc_1"), records.get(Acceptance, "acc_2")
    assert (ended.state, ended.outcome["ended_by"]) == ("GIVEN_BACK", "drf_1")
    assert (ended.outcome["provider"], ended.outcome["seen_at"]) == ("p", "later than the remedy looked")
    assert (untouched.state, "ended_by" in untouched.outcome) == ("FAILED", False)
    assert records.find(Acceptance, "acc_3") is None
