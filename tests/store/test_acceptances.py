"""Of many workers that would look into a catalog, one does; what it found is kept for all that rest on the catalog."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from app.store import acceptances, records
from app.store.acceptances import Acceptance
from app.store.audit_events import AuditEvent
from app.store.database import transaction

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
