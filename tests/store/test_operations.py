"""The gate's transactions: accepted once, locked once, ended once, and never without an audit event."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import NoResultFound

from app.errors import OperationInProgress
from app.store import audit_events, operations, records, steps, transitions
from app.store.audit_events import AuditEvent
from app.store.operations import Operation
from app.store.training_runs import TrainingRun

LOCK = "dev/models/main.bikes.demand"
pytestmark = pytest.mark.usefixtures("database")


def operation(number: int, lock: str | None = None) -> Operation:
    return Operation(
        id=f"op_{number}",
        kind="train",
        project="bikes",
        principal="person:a",
        request_digest="digest",
        resource_kind="training_run",
        resource_id=f"trn_{number}",
        lock=lock,
    )


def record(number: int) -> TrainingRun:
    return TrainingRun(
        id=f"trn_{number}",
        project="bikes",
        operation_id=f"op_{number}",
        created_by="person:a",
        workspace="dev",
        model="main.bikes.demand",
    )


def event(name: str) -> AuditEvent:
    return AuditEvent(id=f"evt_{name}", principal="person:a", action=name, project="bikes")


def accept(number: int, lock: str | None = LOCK) -> tuple[Operation, bool]:
    return transitions.insert(operation(number, lock), record(number), event(f"accept {number}"))


def events() -> list[str]:
    return [item.action for item in audit_events.list_page(set(), None, True, {}, None, 100).items]


def test_the_same_operation_again_changes_nothing() -> None:
    assert accept(1)[1] is True
    assert accept(1)[1] is False

    assert events() == ["accept 1"]
    assert len(records.list_all(TrainingRun)) == 1


def test_what_is_locked_is_refused_and_leaves_neither_record_nor_event() -> None:
    accept(1)

    with pytest.raises(OperationInProgress) as caught:
        accept(2)

    assert caught.value.fields == {"operation": "op_1", "resource": LOCK}
    assert records.find(TrainingRun, "trn_2") is None
    assert operations.find("op_2") is None
    assert events() == ["accept 1"]


def test_of_many_at_once_the_database_lets_one_in() -> None:
    def attempt(number: int) -> bool:
        try:
            return accept(number)[1]
        except OperationInProgress:
            return False

    with ThreadPoolExecutor(16) as pool:
        let_in = list(pool.map(attempt, range(50)))

    assert sum(let_in) == 1
    assert len(events()) == 1


def test_the_same_key_sent_fifty_times_at_once_is_one_operation() -> None:
    with ThreadPoolExecutor(16) as pool:
        new = list(pool.map(lambda _: accept(1)[1], range(50)))

    assert sum(new) == 1


def test_the_first_end_stands_and_frees_the_lock() -> None:
    accept(1)
    transitions.begin("op_1")
    ended = {"state": "SUCCEEDED", "version": 3}
    transitions.finish("op_1", "SUCCEEDED", None, [(TrainingRun, "trn_1", ended)], event("succeed"))

    transitions.finish(
        "op_1", "CANCELLED", {"code": "x"}, [(TrainingRun, "trn_1", {"state": "FAILED"})], event("cancel")
    )

    found = operations.find("op_1")
    trained = records.find(TrainingRun, "trn_1")
    assert found is not None
    assert trained is not None
    assert (found.state, found.error, trained.state, trained.version) == ("SUCCEEDED", None, "SUCCEEDED", 3)
    assert sorted(events()) == ["accept 1", "succeed"]
    assert accept(2)[1] is True


def test_an_end_that_cannot_be_written_whole_is_not_written_at_all() -> None:
    """Here it names a record that is not there: none is made of it by mistake."""
    accept(1)

    with pytest.raises(NoResultFound):
        transitions.finish("op_1", "SUCCEEDED", None, [(TrainingRun, "trn_none", {})], event("succeed"))

    found = operations.find("op_1")
    assert found is not None
    assert found.state == "PENDING"
    assert events() == ["accept 1"]
    with pytest.raises(OperationInProgress):
        accept(2)


def begin_try() -> bool:
    return steps.record("op_1", "start", state="RUNNING", tries=1, text="", error=None)


def test_a_wish_to_cancel_is_noted_once_and_told_to_whoever_starts_a_run() -> None:
    accept(1)
    assert transitions.note_upstream_run("op_1", {"run_id": 1}) is False
    assert begin_try() is True

    transitions.request_cancel("op_1", "person:b", event("cancel requested"))
    transitions.request_cancel("op_1", "person:c", event("cancel requested again"))

    assert transitions.note_upstream_run("op_1", {"run_id": 2}) is True
    assert begin_try() is False
    assert sorted(events()) == ["accept 1", "cancel requested"]


def test_pages_show_every_row_once_while_new_ones_arrive() -> None:
    for number in range(7):
        accept(number, lock=None)

    seen: list[str] = []
    after: str | None = None
    for turn in range(10):
        page = operations.list_page({"bikes"}, {}, after, 3)
        seen += [item.id for item in page.items]
        accept(100 + turn, lock=None)
        if page.after is None:
            break
        after = page.after

    assert seen == [f"op_{number}" for number in (6, 5, 4, 3, 2, 1, 0)]


def test_a_page_of_other_projects_is_empty() -> None:
    accept(1)

    assert operations.list_page({"trains"}, {}, None, 10).items == []
    assert records.list_page(TrainingRun, {"trains"}, {}, None, 10).items == []
    assert audit_events.list_page({"trains"}, "person:b", False, {}, None, 10).items == []


def test_a_step_is_followed_through_its_tries() -> None:
    accept(1)
    steps.record("op_1", "start", state="RUNNING", tries=1, text="", error=None)
    steps.record("op_1", "start", state="RUNNING", tries=1, text="busy", error={"code": "workspace-throttled"})
    steps.record("op_1", "start", state="SUCCEEDED", tries=2, text="", error=None)
    steps.record("op_1", "wait", state="RUNNING", tries=1, text="half", error=None)

    first, second = steps.list_steps(["op_1"])["op_1"]
    assert (first.name, first.state, first.tries, first.error) == ("start", "SUCCEEDED", 2, None)
    assert first.finished_at is not None
    assert (second.name, second.position, second.text, second.finished_at) == ("wait", 2, "half", None)


def test_refusals_of_a_minute_are_one_row() -> None:
    for _ in range(3):
        refused = AuditEvent(id="evt_same", principal="person:b", action="POST /x", refused_code="not-in-project")
        audit_events.count_refusals([refused])

    (row,) = audit_events.list_page(set(), "person:b", False, {}, None, 10).items
    assert row.count == 3
