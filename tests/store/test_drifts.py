"""What looks find is kept once however often, late or beside each other they look; scheduled ones begin once a turn."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlmodel import select

from app import configuration, durable
from app.domain import reconciliations, remedies
from app.domain.drifts import ACCEPT, PUT_BACK, Finding, Kind, Remedy
from app.domain.drifts import KINDS as KINDS_OF_DRIFT
from app.domain.drifts.kinds import make_id
from app.domain.workflows import Work
from app.errors import DriftChanged, WorkspaceConflict, WorkspaceNotFound
from app.store import drifts
from app.store.audience_changes import AudienceChange
from app.store.audit_events import AuditEvent
from app.store.database import transaction
from app.store.drifts import Drift, Looked
from app.store.reconciliations import Reconciliation
from tests.http.conftest import make_configuration

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
KINDS = {"share-gone"}
TOLD: dict[str, Any] = dict.fromkeys(("object_kind", "wanted", "advice", "workspace"), "x")


def make(name: str, at: datetime, found: str = "gone", kind: str = "share-gone") -> Drift:
    return Drift(
        **TOLD,
        id=f"drf_{name}",
        project="bikes",
        operation_id=f"op_{at.isoformat()}",
        created_by="causeway",
        state=drifts.OPEN,
        drift_kind=kind,
        severity="HIGH",
        object_name=name,
        found=found,
        reconciliation_id=f"rec_{at.isoformat()}",
        known_since=at,
        seen_at=at,
    )


def look(at: datetime, *found: Drift) -> int:
    events = [
        AuditEvent(id=f"evt_{one.id}_{at.isoformat()}", principal="causeway", action="drift found", resource=one.id)
        for one in found
    ]
    return drifts.replace(Looked("bikes", "x", at, KINDS, {"drf_undecided"}), list(found), events)


def rows() -> dict[str, Any]:
    with transaction() as session:
        return {row.id: row for row in session.exec(select(Drift))}


@pytest.mark.usefixtures("database")
def test_a_difference_is_one_row_that_opens_lasts_ends_and_begins_anew() -> None:
    later, last = AT + timedelta(hours=1), AT + timedelta(hours=2)

    assert look(AT, make("a", AT), make("b", AT)) == 2
    assert look(AT, make("a", AT), make("b", AT)) == 2, "a step that runs again tells the same"
    assert look(later, make("a", later, "still gone")) == 0
    known = rows()
    assert (known["drf_a"].state, known["drf_a"].found, known["drf_a"].known_since) == ("OPEN", "still gone", AT)
    assert known["drf_b"].state == "GONE"
    assert look(last, make("b", last)) == 1
    known = rows()
    assert (known["drf_b"].state, known["drf_b"].known_since, known["drf_a"].state) == ("OPEN", last, "GONE")
    with transaction() as session:
        told = sorted(str(event.resource) for event in session.exec(select(AuditEvent)))
    assert told == ["drf_a", "drf_b", "drf_b"]


@pytest.mark.usefixtures("database")
def test_a_look_that_ends_late_spoils_nothing_that_is_newer() -> None:
    later = AT + timedelta(hours=1)
    look(later, make("a", later, "as it is now"))

    assert look(AT, make("b", AT)) == 1
    assert rows()["drf_a"].state == "OPEN"
    look(AT, make("a", AT, "as it was"))
    assert rows()["drf_a"].found == "as it is now"


@pytest.mark.usefixtures("database")
def test_what_was_not_looked_for_or_could_not_be_told_is_not_gone() -> None:
    look(AT, make("a", AT, kind="digest-changed"), make("undecided", AT))

    look(AT + timedelta(hours=1))

    assert {row.state for row in rows().values()} == {"OPEN"}


@pytest.mark.usefixtures("database")
def test_looks_at_once_find_the_same_difference_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: look(AT + timedelta(seconds=number), make("a", AT)), range(8)))

    assert list(rows()) == ["drf_a"]


@pytest.mark.parametrize("lock", [None, "dev/audiences/s"])
@pytest.mark.usefixtures("database")
def test_a_remedy_waits_for_what_is_changing_the_same_thing_unless_its_lock_keeps_that_out(
    lock: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure(tmp_path)
    done: list[str] = []
    remedy = Remedy("mend it", "publish", lambda drift, _: done.append(drift.id), lock=lambda _: lock)
    finding = Finding("t", "there", "gone", marks=frozenset({"share s"}))
    kind = Kind("made-up", "LOW", "table", lambda _: iter([finding]), {PUT_BACK: remedy}, False, False)
    monkeypatch.setitem(KINDS_OF_DRIFT, kind.code, kind)
    row = make("t", AT, kind=kind.code)
    row.id, row.workspace = make_id("bikes", "dev", kind.code, finding), "dev"
    row_id = row.id
    known: dict[str, Any] = {**dict.fromkeys(("operation_id", "created_by", "audience"), "x"), "workspace": "dev"}
    with transaction() as session:
        session.add(row)
        session.add(AudienceChange(**known, project="bikes", id="auc_1", share="s"))
    work = Work(
        "op_2",
        "bikes",
        "x",
        row_id,
        {"remedy": PUT_BACK, "found": "gone", "record": None},
    )

    if lock is None:
        with pytest.raises(WorkspaceConflict):
            remedies.apply(work)
    else:
        remedies.apply(work)

    assert done == ([] if lock is None else [work.resource_id])


@pytest.mark.usefixtures("database")
def test_a_remedy_in_a_workspace_that_is_not_declared_any_more_says_so(tmp_path: Path) -> None:
    configure(tmp_path)
    row = make("t", AT)
    with transaction() as session:
        session.add(row)

    with pytest.raises(WorkspaceNotFound, match="no workspace x"):
        remedies.apply(Work("op_2", "bikes", "x", "drf_t", {"remedy": PUT_BACK}))


@pytest.mark.usefixtures("database")
def test_nothing_is_accepted_for_a_request_of_before_that_does_not_say_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path)
    finding, accept = Finding("t", "there", "gone"), Remedy("take it", "publish", lambda _drift, _: None)
    kind = Kind("made-up", "LOW", "table", lambda _: iter([finding]), {ACCEPT: accept}, False, False)
    monkeypatch.setitem(KINDS_OF_DRIFT, kind.code, kind)
    row = make("t", AT, kind=kind.code)
    row.id, row.workspace = make_id("bikes", "dev", kind.code, finding), "dev"
    work = Work("op_2", "bikes", "x", row.id, {"remedy": ACCEPT})
    with transaction() as session:
        session.add(row)

    with pytest.raises(DriftChanged):
        remedies.apply(work)


def configure(folder: Path) -> None:
    (folder / "causeway.yaml").write_text(yaml.safe_dump(make_configuration()))
    configuration.use(folder / "causeway.yaml")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[None]:
    """An engine that takes work in and runs none."""
    configure(tmp_path)
    durable.connect(f"sqlite:///{tmp_path / 'engine.sqlite'}")
    yield
    durable.disconnect()


@pytest.mark.usefixtures("database", "engine")
def test_of_many_workers_one_begins_the_turn_of_each_project_and_nobody_begins_it_twice() -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: reconciliations.begin_due(10**6), range(8)))

    with transaction() as session:
        begun = list(session.exec(select(Reconciliation)))
    assert sorted(one.project for one in begun) == ["bikes", "trains"]
    assert {(one.created_by, tuple(one.workspaces)) for one in begun} == {("causeway", ("dev", "prod"))}
