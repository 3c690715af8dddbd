"""Whoever changes the trail behind Causeway's back is found, and what was done is named, on both databases."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import select
from typer.testing import CliRunner

from app import cli
from app.domain.audit import keys, verification
from app.domain.audit.heads import describe_batch, digest, make_line, sign
from app.store import audit_batches
from app.store.audit_batches import AuditBatch
from app.store.audit_events import AuditEvent
from app.store.database import transaction
from tests.store.sealed_trail import (
    KEY,
    configured,
    found,
    happen,
    private_pem,
    public_line,
    public_pem,
    seal_all,
    seal_thirty,
    sql,
    verify,
)

# What has to do with files and words is the same on both.
ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def recompute(signed_by: Ed25519PrivateKey | None) -> None:
    """Make event 12 another one, and all of the chain behind it fit: everything that can be done without the key."""
    sql("UPDATE audit_events SET principal = 'person:mallory' WHERE number = 12")
    with transaction() as session:
        before = session.get_one(AuditBatch, 1)
        for number in (2, 3):
            batch = session.get_one(AuditBatch, number)
            events = audit_batches.list_sealed(batch.first_event - 1, batch.last_event, 10)
            batch.manifest = "\n".join(map(make_line, events))
            batch.previous = before.digest
            batch.key_id = keys.key_id(signed_by.public_key()) if signed_by is not None else batch.key_id
            head = describe_batch(batch)
            batch.digest = digest(head)
            batch.signature = sign(head, signed_by) if signed_by is not None else None
            before = batch


def go_on_after_a_cut() -> None:
    sql(*CUT)
    happen(41, 42)
    seal_all()


SWAP = ("number = -1 WHERE number = 12", "number = 12 WHERE number = 13", "number = 13 WHERE number = -1")
PUT_IN = (
    "INSERT INTO audit_events (id, created_at, principal, action, count, details, number)"
    " SELECT 'evt_put_in', created_at, principal, action, count, details, {number} FROM audit_events WHERE number = 1"
)
CUT = ("DELETE FROM audit_events WHERE number > 20", "DELETE FROM audit_batches WHERE number = 3")
TAMPERINGS: dict[str, tuple[Callable[[], None], list[tuple[str, int | None, int | None, int | None]]]] = {
    "a principal changed": (
        lambda: sql("UPDATE audit_events SET principal = 'person:mallory' WHERE number = 12"),
        [("event-changed", 2, 12, 12)],
    ),
    "a detail changed": (
        lambda: sql("UPDATE audit_events SET details = :details WHERE number = 30", details='{"threshold": 0.4}'),
        [("event-changed", 3, 30, 30)],
    ),
    "a count changed": (
        lambda: sql("UPDATE audit_events SET count = 0 WHERE number = 1"),
        [("event-changed", 1, 1, 1)],
    ),
    "a row removed": (lambda: sql("DELETE FROM audit_events WHERE number = 12"), [("event-removed", 2, 12, 12)]),
    "a row removed and the gap closed": (
        lambda: sql(
            "DELETE FROM audit_events WHERE number = 28",
            "UPDATE audit_events SET number = 28 WHERE number = 29",
            "UPDATE audit_events SET number = 29 WHERE number = 30",
        ),
        [("event-removed", 3, 28, 28), ("event-reordered", 3, 29, 29), ("event-reordered", 3, 30, 30)],
    ),
    "two rows reordered": (
        lambda: sql(*(f"UPDATE audit_events SET {part}" for part in SWAP)),
        [("event-reordered", 2, 12, 12), ("event-reordered", 2, 13, 13)],
    ),
    "a row taken out of the seal": (
        lambda: sql("UPDATE audit_events SET number = NULL WHERE number = 12"),
        [("event-reordered", 2, 12, 12)],
    ),
    "a row replaced": (
        lambda: sql("DELETE FROM audit_events WHERE number = 12", PUT_IN.format(number=12)),
        [("event-added", None, 12, 12), ("event-removed", 2, 12, 12)],
    ),
    "a row put behind the end": (
        lambda: sql(PUT_IN.format(number=31)),
        [("event-added", None, 31, 31)],
    ),
    "a batch changed": (
        lambda: sql("UPDATE audit_batches SET sealed_at = published_at WHERE number = 2"),
        [("batch-changed", 2, 11, 20)],
    ),
    "a batch removed": (
        lambda: sql("DELETE FROM audit_batches WHERE number = 2"),
        [("batch-removed", 2, 11, 20)],
    ),
    "the chain recomputed by SQL alone": (
        lambda: recompute(None),
        [("chain-recomputed", number, number * 10 - 9, number * 10) for number in (2, 2, 3, 3)],
    ),
    "the chain recomputed and signed with another key": (
        lambda: recompute(Ed25519PrivateKey.generate()),
        [("chain-recomputed", number, number * 10 - 9, number * 10) for number in (2, 2, 3, 3)],
    ),
    "ten events cut off the end": (lambda: sql(*CUT), [("tail-cut", 3, 21, 30)]),
    "ten events cut off the end, and others sealed in their place": (
        go_on_after_a_cut,
        [("chain-recomputed", 3, 21, 30)],
    ),
}


@pytest.mark.usefixtures("heads")
def test_a_trail_that_nobody_touched_is_sound_also_with_events_that_are_not_sealed_yet() -> None:
    seal_thirty()
    happen(31, 32)

    seen = verify()

    assert seen.is_sound, seen.findings
    assert (seen.events, seen.batches, seen.signed_batches, seen.heads_compared) == (30, 3, 3, 3)
    assert seen.list_limits() == ["The newest 2 event(s) are not sealed yet, and so not protected."]


def test_what_was_done_to_the_trail_is_found_and_named(heads: Path) -> None:
    told = {}
    for what, (tamper, _) in TAMPERINGS.items():
        sql("DELETE FROM audit_events", "DELETE FROM audit_batches")
        rmtree(heads, ignore_errors=True)
        seal_thirty()

        tamper()

        told[what] = found()
    assert told == {what: expected for what, (_, expected) in TAMPERINGS.items()}


@ON_SQLITE
@pytest.mark.usefixtures("heads")
def test_so_much_wrong_that_more_says_nothing_new_ends_the_search() -> None:
    happen(*range(verification.MOST_FINDINGS + 100))
    seal_all()

    sql("UPDATE audit_events SET resource = 'x'")

    seen = verify()
    most = verification.MOST_FINDINGS
    assert (len(seen.findings), seen.complete, seen.is_sound) == (most, False, False)


@ON_SQLITE
@pytest.mark.usefixtures("database")
def test_without_a_key_there_is_a_chain_and_it_is_said_what_it_cannot_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with configured(tmp_path, {}):
        seal_thirty()
        seen = verify()
        assert (seen.is_sound, seen.signed_batches) == (True, 0)
        assert "no signature was checked" in seen.list_limits()[0]
        recompute(None)
        assert [kind for kind, *_ in found()] == ["chain-recomputed"] * 2, "by the heads that left"


@ON_SQLITE
@pytest.mark.usefixtures("database")
def test_whoever_begins_to_sign_or_takes_another_key_says_so_and_the_old_batches_stay_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with configured(tmp_path, {}):
        happen(1)
        seal_all()
    monkeypatch.setenv("AUDIT_KEY", private_pem(KEY))
    signing: dict[str, Any] = {"signing_key": {"env": "AUDIT_KEY"}}
    with configured(tmp_path, signing):
        assert found() == [("chain-recomputed", 1, 1, 1), ("head-edited", 1, None, None)], (
            "a signature is wanted of all"
        )
    with configured(tmp_path, {**signing, "unsigned_until": 1}):
        happen(2)
        seal_all()
        assert found() == []
        assert "Batches up to 1 may carry no signature" in verify().list_limits()[0]

    monkeypatch.setenv("AUDIT_KEY", private_pem(Ed25519PrivateKey.generate()))
    with configured(tmp_path, {**signing, "unsigned_until": 1}):
        assert ("chain-recomputed", 2, 2, 2) in found(), "the key of before is not believed any more"
    with configured(tmp_path, {**signing, "unsigned_until": 1, "trusted_keys": [public_line(KEY)]}):
        happen(3)
        seal_all()
        assert (found(), verify().signed_batches) == ([], 2)


@ON_SQLITE
def test_the_command_names_what_it_finds_and_ends_with_its_code(heads: Path, database: str, tmp_path: Path) -> None:
    seal_thirty()
    run = CliRunner()
    (tmp_path / "key.pem").write_text(public_pem(KEY))
    (tmp_path / "other.pem").write_text(public_pem(Ed25519PrivateKey.generate()))
    sound = run.invoke(cli.app, ["audit", "verify", "--heads", str(heads), "--key", str(tmp_path / "key.pem")])
    assert (sound.exit_code, "The trail is what was sealed." in sound.output) == (0, True), sound.output
    assert run.invoke(cli.app, ["audit", "verify", "--heads", str(tmp_path / "nothing")]).exit_code == 2
    assert run.invoke(cli.app, ["audit", "verify", "--key", str(tmp_path / "causeway.yaml")]).exit_code == 2
    stranger = run.invoke(cli.app, ["audit", "verify", "--key", str(tmp_path / "other.pem")])
    assert "chain-recomputed" in stranger.output

    sql("UPDATE audit_events SET id = '[bold]\x1b[2J' WHERE number = 3", *CUT)
    broken = run.invoke(cli.app, ["audit", "verify"])

    assert broken.exit_code == 1
    for said in ("event-removed Event 3", "event-added Event 3 ([bold]?[2J)", "tail-cut Batch 3 with events 21 to 30"):
        assert said in broken.output, broken.output
    table = run.invoke(cli.app, ["audit", "export", "--format", "csv", "--project", "bikes"]).output
    assert table.count("\n") == 21
    assert run.invoke(cli.app, ["audit", "export", "--project", "trains"]).output == ""
    with transaction() as session:
        by = select(AuditEvent.action, AuditEvent.project).where(AuditEvent.principal == "operator:cli")
        told = Counter(session.exec(by).all())
    assert told == {("trail verified", None): 3, ("trail exported", "bikes"): 1, ("trail exported", "trains"): 1}
