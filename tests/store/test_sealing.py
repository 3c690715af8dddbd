"""The sealer seals everything that was committed, once, whoever else seals or dies; and nothing that may change."""

import hashlib
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import ProgrammingError
from sqlmodel import Session, col, select

from app.domain import audit
from app.domain.audit import keys, readings, seals
from app.domain.audit.heads import make_line
from app.store import audit_batches, audit_events, connection
from app.store.audit_batches import AuditBatch
from app.store.audit_events import AuditEvent, DatabaseReadOnly, append
from app.store.database import engine, transaction
from tests.store.sealed_trail import (
    KEY,
    configured,
    happen,
    private_pem,
    public_pem,
    refusal,
    seal_all,
    seal_thirty,
    sql,
    verify,
)

# What has to do with files and words is the same on both.
ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def test_a_crash_between_sealing_and_publishing_is_mended_by_the_next_round(
    heads: Path, database: str, tmp_path: Path
) -> None:
    happen(*range(1, 11))
    connection.disconnect()
    child = os.fork()
    if child == 0:
        connection.connect(database)
        seals.seal()
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    connection.connect(database)
    assert [batch.number for batch in audit_batches.list_unpublished(10)] == [1]
    assert not heads.exists()
    assert seals.count_waiting() == 1

    seal_all()

    (file,) = heads.iterdir()
    assert [json.loads(line)["batch"] for line in file.read_text().splitlines()] == [1]
    assert verify().is_sound
    assert verify().heads_compared == 1


@pytest.mark.usefixtures("heads")
def test_many_sealers_at_once_beside_writers_seal_each_event_once_and_miss_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seals, "MOST_EVENTS", 7)

    def work(number: int) -> None:
        for turn in range(5):
            happen(number * 100 + turn)
            seals.seal()
        seals.publish()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    seal_all()

    seen = verify()
    assert seen.is_sound, seen.findings
    assert (seen.events, seen.unsealed_events) == (40, 0)
    with transaction() as session:
        numbers = session.exec(select(AuditEvent.number).order_by(col(AuditEvent.number))).all()
    assert numbers == list(range(1, 41))


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("heads")
def test_what_commits_late_is_sealed_late_and_not_missed() -> None:
    early = audit.event("person:a", "began early", None, None)
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        append(session, early)
        session.flush()
        happen(1, 2, 3)
        seal_all()
        assert verify().events == 3
    seal_all()

    with transaction() as session:
        assert session.get_one(AuditEvent, early.id).number == 4
    assert verify().is_sound


@pytest.mark.usefixtures("heads")
def test_a_refusal_is_sealed_when_its_minute_is_over_and_then_counted_no_further() -> None:
    now = datetime.now(UTC)
    audit_events.count_refusals([refusal(now)])
    seal_all()
    assert verify().unsealed_events == 1

    sql("UPDATE audit_events SET created_at = :at", at=now - timedelta(minutes=2))
    (read,) = audit_batches.list_unsealed(now, 10)
    audit_events.count_refusals([refusal(now)])
    overtaken = AuditBatch(number=1, first_event=1, last_event=1, manifest="", previous="", sealed_at=now, digest="")
    assert audit_batches.insert(overtaken, [read]) is False, "sealed as it was before it was counted"
    seal_all()
    audit_events.count_refusals([refusal(now)])
    audit_events.count_refusals([refusal(now)])

    assert verify().is_sound
    with transaction() as session:
        rows = session.exec(select(AuditEvent).order_by(col(AuditEvent.number).desc())).all()
    assert {(row.id, row.number, row.count) for row in rows} == {("evt_refused", 1, 2), ("evt_refused_late", None, 2)}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("heads")
def test_the_rights_that_the_page_for_auditors_gives_are_enough_to_seal_and_not_to_tamper(database: str) -> None:
    role = f"causeway_{uuid4().hex}"
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text().split("```sql\n")[1].split("```")[0]
    grants = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};"
    sql(f"CREATE ROLE {role} LOGIN", *(grants + page.replace("causeway_app", role)).strip().split(";")[:-1])
    owner = make_url(database)
    connection.connect(owner.set(username=role).render_as_string(hide_password=False))
    try:
        seal_thirty()
        audit_events.count_refusals([refusal(datetime.now(UTC))])
        audit_events.count_refusals([refusal(datetime.now(UTC))])
        for tampering in (
            "DELETE FROM audit_events",
            "UPDATE audit_events SET principal = 'x'",
            "DELETE FROM audit_batches",
            "UPDATE audit_batches SET digest = 'x'",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"):
                sql(tampering)
        seen = verify()
        assert seen.is_sound
        readings.tell_verification(None, seen)
        # An auditor's own role, or a standby: who may only read the database is told so, and may read all the same.
        sql(f"ALTER ROLE {role} SET default_transaction_read_only = on")
        connection.connect(owner.set(username=role).render_as_string(hide_password=False))
        with pytest.raises(DatabaseReadOnly):
            readings.tell_verification(None, seen)
        assert verify().unsealed_events == 2
    finally:
        connection.connect(database)
        sql(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.mark.usefixtures("database")
def test_an_event_has_the_same_digest_in_every_database() -> None:
    event = AuditEvent(
        id="evt_1",
        created_at=datetime(2026, 11, 26, 21, 30, 0, 120, tzinfo=UTC),
        principal="person:ада@example.test",
        action="publish requested",
        details={"z": [0.1, 1e-7, 3, 1.0, None, True], "a": {"ü": '\U0001f6b2 \\ "', "A": "\ud800"}},
    )
    with transaction() as session:
        append(session, event)

    (read,) = audit_batches.list_unsealed(datetime.now(UTC), 10)

    # As another program would write it: ASCII, keys in order, no spaces, UTC with microseconds.
    text = (
        r'{"action":"publish requested","count":1,"created_at":"2026-11-26T21:30:00.000120Z",'
        r'"details":{"a":{"A":"\ud800","\u00fc":"\ud83d\udeb2 \\ \""},"z":[0.1,1e-07,3,1.0,null,true]},'
        r'"id":"evt_1","operation_id":null,"principal":"person:\u0430\u0434\u0430@example.test","project":null,'
        r'"refused_code":null,"request_id":null,"resource":null}'
    )
    assert make_line(read) == f"evt_1 {hashlib.sha256(text.encode()).hexdigest()}"


@ON_SQLITE
@pytest.mark.usefixtures("database")
def test_a_key_that_cannot_be_used_leaves_events_unsealed_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(1)
    with configured(tmp_path, {"signing_key": {"env": "AUDIT_KEY"}}):
        for value in ("", "nonsense", public_pem(KEY)):
            monkeypatch.setenv("AUDIT_KEY", value)
            with pytest.raises(keys.KeyUnusable):
                seals.seal()
            assert seals.describe()["mistake"].startswith("audit.signing_key")
            assert verify().unsealed_events == 1
        monkeypatch.setenv("AUDIT_KEY", private_pem(KEY))
        seal_all()
        assert seals.describe()["mistake"] is None
        assert verify().signed_batches == 1
