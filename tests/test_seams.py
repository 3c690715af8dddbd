"""Between our rows and the engine's: whatever falls in between is found, ended or taken up again, on both databases."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, update

from app import durable
from app.domain import audit, cancellations, housekeeping, operations
from app.errors import IdempotencyKeyExpired, OperationInProgress, OperationNotRetryable
from app.store import audit_events, locks, transitions
from app.store.database import now, transaction
from app.store.operations import Operation
from tests.replica_program import CALLER, make, start
from tests.replicas import Replicas

LOCK = "dev/models/main.bikes.demand"


@pytest.fixture(params=["sqlite", "postgresql"])
def replicas(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Replicas]:
    made = Replicas(tmp_path, request.param)
    yield made
    made.close()


def codes(*ended: Operation) -> list[str]:
    return [(one.error or {}).get("code", one.state) for one in ended]


def actions() -> list[str]:
    return [event.action for event in audit_events.list_page(set(), None, True, {}, None, 100).items]


def fail(replicas: Replicas, **request: str) -> Operation:
    """An operation that has failed at its third step, and would not fail again."""
    (replicas.folder / "refuse").touch()
    [operation] = replicas.end(start("failing", 1, replicas.folder, LOCK, **request))
    assert codes(operation) == ["model-not-found"]
    (replicas.folder / "refuse").unlink()
    return operation


def test_a_retry_goes_on_at_the_step_that_failed_with_the_next_attempt(replicas: Replicas) -> None:
    replicas.worker()
    operation = fail(replicas)

    operations.retry(CALLER, operation.id)

    assert codes(*replicas.end(operation)) == ["SUCCEEDED"]
    assert replicas.attempts(operation) == [1, 2]
    assert {len(pids) for pids in replicas.tries().values()} == {1}
    assert "failing retried" in actions()
    assert locks.list_holders([LOCK]) == {}


def test_a_retry_begins_where_the_failed_step_says(replicas: Replicas) -> None:
    replicas.worker()
    operation = fail(replicas, again_from="try")

    operations.retry(CALLER, operation.id)

    assert codes(*replicas.end(operation)) == ["SUCCEEDED"]
    assert [len(replicas.tried(operation, step)) for step in ("prepare", "try")] == [1, 2]
    known = operations.list_steps([operation.id])[operation.id]
    assert [(step.name, step.state) for step in known] == [(name, "SUCCEEDED") for name in ("prepare", "try", "obey")]


def test_asking_twice_for_a_retry_is_the_same_as_once(replicas: Replicas) -> None:
    worker = replicas.worker()
    operation = fail(replicas)
    worker.kill()
    worker.wait(timeout=20)

    first, second = operations.retry(CALLER, operation.id), operations.retry(CALLER, operation.id)
    replicas.worker()

    assert (first.attempt, second.attempt) == (2, 2)
    assert codes(*replicas.end(operation)) == ["SUCCEEDED"]
    assert replicas.attempts(operation) == [1, 2]
    with pytest.raises(OperationNotRetryable):
        operations.retry(CALLER, operation.id)


def test_a_retry_that_a_crash_kept_from_the_engine_is_made_up_for(replicas: Replicas) -> None:
    replicas.worker()
    operation = fail(replicas)
    rewind_to, names = durable.find_retry_point(operation.id)

    transitions.retry(operation.id, rewind_to, names, [], event("retried"))

    assert codes(*replicas.end(operation)) == ["SUCCEEDED"]
    assert replicas.attempts(operation) == [1, 2]


def test_a_retry_waits_for_nobody_who_has_the_lock_by_now(replicas: Replicas) -> None:
    replicas.worker()
    operation = fail(replicas)
    other = start("gate", 2, replicas.folder, LOCK)

    with pytest.raises(OperationInProgress):
        operations.retry(CALLER, operation.id)

    assert operations.get(CALLER, operation.id).state == "FAILED"
    replicas.open_gate()
    replicas.end(other)


def test_a_retry_after_a_passed_deadline_follows_what_still_runs(replicas: Replicas) -> None:
    replicas.worker()
    [operation] = replicas.end(start("gate", 1, replicas.folder, deadline_seconds=0.3))
    assert codes(operation) == ["operation-timed-out"]
    replicas.open_gate()

    operations.retry(CALLER, operation.id)

    assert codes(*replicas.end(operation)) == ["SUCCEEDED"]
    assert len(replicas.tried(operation, "before")) == 1


def test_the_key_of_a_failed_operation_answers_with_it(replicas: Replicas) -> None:
    replicas.worker()
    operation = fail(replicas)

    again = start("failing", 1, replicas.folder, LOCK)

    assert (again.id, again.state, again.attempt) == (operation.id, "FAILED", 1)
    assert len(replicas.attempts(operation)) == 1


def test_what_the_engine_gave_up_on_fails_and_frees_its_lock(replicas: Replicas) -> None:
    worker = replicas.worker()
    operation = start("gate", 1, replicas.folder, LOCK)
    replicas.eventually(lambda: replicas.tried(operation, "before"))
    behind = start("steps", 2, replicas.folder, LOCK, on_conflict=operations.QUEUE)
    worker.kill()
    worker.wait(timeout=20)

    durable.cancel(operation.id)
    replicas.worker()

    assert codes(*replicas.end(operation, behind)) == ["engine-failure", "SUCCEEDED"]
    replicas.open_gate()
    operations.retry(CALLER, operation.id)
    assert codes(*replicas.end(operation)) == ["SUCCEEDED"]


def test_what_was_accepted_just_before_a_crash_is_begun(replicas: Replicas) -> None:
    key, record = make("steps", 1, {"folder": str(replicas.folder)})
    accepted = Operation(
        id=key.operation_id,
        kind="steps",
        project="bikes",
        principal=CALLER.principal,
        request_digest=key.request_digest,
        request={"folder": str(replicas.folder)},
        resource_kind="training_run",
        resource_id=record.id,
    )
    transitions.insert(accepted, record, event("requested"))

    replicas.worker()

    assert codes(*replicas.end(accepted)) == ["SUCCEEDED"]


def test_a_cancel_whose_own_workflow_died_still_ends_the_operation(replicas: Replicas) -> None:
    operation = start("gate", 1, replicas.folder, LOCK)
    operations.cancel(CALLER, operation.id)
    durable.cancel(cancellations.workflow_id(operation))

    replicas.worker()

    [ended] = replicas.end(operation)
    assert codes(ended) == ["operation-cancelled"]
    assert any("gave up" in line for line in (ended.error or {})["left_behind"])
    assert locks.list_holders([LOCK]) == {}


def test_operations_in_line_for_a_lock_take_their_turns_in_order(replicas: Replicas) -> None:
    replicas.worker()
    first = start("gate", 1, replicas.folder, LOCK)
    behind = [start("steps", number, replicas.folder, LOCK, on_conflict=operations.QUEUE) for number in (2, 3, 4)]
    with pytest.raises(OperationInProgress):
        start("steps", 5, replicas.folder, LOCK)
    assert operations.list_ahead(behind) == {one.id: first.id for one in behind}

    operations.cancel(CALLER, behind[1].id)
    replicas.end(behind[1])
    replicas.open_gate()

    assert codes(*replicas.end(first, *behind)) == ["SUCCEEDED", "SUCCEEDED", "operation-cancelled", "SUCCEEDED"]
    first, second, _, fourth = replicas.end(first, *behind)
    assert first.finished_at <= second.started_at < second.finished_at <= fourth.started_at  # type: ignore[operator]
    assert replicas.tried(behind[1], "one") == []
    assert locks.list_holders([LOCK]) == {}


def test_a_lock_that_was_handed_over_just_before_a_crash_is_used(replicas: Replicas) -> None:
    holder = start("gate", 1, replicas.folder, LOCK)
    behind = start("steps", 2, replicas.folder, LOCK, on_conflict=operations.QUEUE)

    transitions.finish(holder.id, "FAILED", None, [], event("failed"))
    assert locks.list_holders([LOCK]) == {LOCK: behind.id}
    replicas.worker()

    assert codes(*replicas.end(behind)) == ["SUCCEEDED"]


def test_an_operation_past_its_time_is_forgotten_everywhere_and_its_key_is_spent(replicas: Replicas) -> None:
    replicas.worker()
    old, young = replicas.end(start("steps", 1, replicas.folder, LOCK), start("steps", 2, replicas.folder))
    with transaction() as session:
        past = now() - timedelta(days=31)
        session.exec(update(Operation).where(col(Operation.id) == old.id).values(finished_at=past))
    before = actions()

    housekeeping.purge()

    assert durable.list_states([old.id, young.id]).keys() == {young.id}
    with pytest.raises(IdempotencyKeyExpired):
        start("steps", 1, replicas.folder, LOCK)
    with pytest.raises(IdempotencyKeyExpired):
        operations.find_replay(make("steps", 1, {"folder": str(replicas.folder)})[0])
    assert operations.get(CALLER, young.id).state == "SUCCEEDED"
    assert operations.list_steps([old.id])[old.id] == []
    assert actions() == before


def event(action: str) -> audit_events.AuditEvent:
    return audit.event(CALLER.principal, action, "bikes", None, None)
