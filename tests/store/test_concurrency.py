"""Many at once: the gate's transactions keep their promises when threads, as other processes would, do all together."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.errors import DatabaseUnavailable, OperationInProgress
from app.store import audit_events, connection, locks, operations, transitions
from app.store.audit_events import AuditEvent
from app.store.database import repeatable, transaction
from app.store.locks import Lock
from app.store.operations import Operation
from tests import postgres

MANY = 50
LOCK = "prod/endpoints/bikes-demand"
END_DEADLINE_SECONDS = 60


@pytest.fixture
def postgresql() -> Iterator[str]:
    """This process's database, and its address for psycopg; for what only PostgreSQL can do."""
    url = postgres.new_database()
    connection.connect(postgres.sqlalchemy_url(url))
    yield url
    connection.disconnect()
    postgres.remove_database(url)


def accept(number: int, queue: bool = False) -> bool:
    operation = Operation(
        id=f"op_{number}",
        kind="deploy",
        project="bikes",
        principal="person:a",
        request_digest="digest",
        resource_kind="deployment",
        resource_id=f"dep_{number}",
        lock=LOCK,
    )
    return transitions.insert(operation, None, event(f"accepted {number}"), queue=queue)[1]


def finish(number: int) -> None:
    transitions.finish(f"op_{number}", "SUCCEEDED", None, [], event(f"ended {number}"))


def event(name: str) -> AuditEvent:
    return AuditEvent(id=f"evt_{name}_{threading.get_ident()}", principal="person:a", action=name, project="bikes")


def at_once(function: Callable[[int], Any], numbers: list[int]) -> list[Any]:
    """What the function answers for each number, in as many threads, which all begin together."""
    together = threading.Barrier(len(numbers))

    def run(number: int) -> Any:
        together.wait()
        return function(number)

    with ThreadPoolExecutor(len(numbers)) as pool:
        return list(pool.map(run, numbers))


def end_connections(url: str) -> None:
    """As a server does that restarts."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(url, autocommit=True) as connected:
        connected.execute(f"SELECT pg_terminate_backend(pid) {others}".encode())


def told() -> Counter[str]:
    return Counter(item.action for item in audit_events.list_page(set(), None, True, {}, None, 200).items)


@pytest.mark.parametrize("queue", [False, True])
@pytest.mark.usefixtures("database")
def test_fifty_requests_with_one_key_are_one_operation(queue: bool) -> None:
    new = at_once(lambda _: accept(1, queue), [1] * MANY)

    assert Counter(new) == {True: 1, False: MANY - 1}
    assert told() == {"accepted 1": 1}
    assert locks.list_holders([LOCK]) == {LOCK: "op_1"}


@pytest.mark.usefixtures("database")
def test_of_fifty_that_want_one_lock_one_gets_it_and_the_others_are_told_who() -> None:
    def attempt(number: int) -> str:
        try:
            accept(number)
        except OperationInProgress as problem:
            return str(problem.fields["operation"])
        return "accepted"

    answers = Counter(at_once(attempt, list(range(MANY))))

    holder = locks.list_holders([LOCK])[LOCK]
    assert answers == {"accepted": 1, holder: MANY - 1}
    assert sum(told().values()) == 1


@pytest.mark.usefixtures("database")
def test_fifty_in_line_each_get_the_lock_once_while_others_still_join_and_leave() -> None:
    ended: list[str] = []

    def live(number: int) -> None:
        accept(number, queue=True)
        me, deadline = f"op_{number}", time.monotonic() + END_DEADLINE_SECONDS
        # Every fifth one leaves the line without its turn, as a cancelled operation does.
        while number % 5 and locks.list_holders([LOCK]).get(LOCK) != me:
            assert time.monotonic() < deadline, f"{me} never got its turn: {locks.list_holders([LOCK])}"
            time.sleep(0.02)
        finish(number)
        ended.append(me)

    at_once(live, list(range(MANY)))

    assert len(set(ended)) == MANY
    assert locks.list_holders([LOCK]) == {}
    assert operations.list_live() == []


@pytest.mark.usefixtures("database")
def test_fifty_ends_of_one_operation_are_one_end() -> None:
    accept(1)

    at_once(lambda _: finish(1), [1] * MANY)

    assert told() == {"accepted 1": 1, "ended 1": 1}


@pytest.mark.usefixtures("database")
def test_fifty_refusals_of_one_minute_are_counted_one_by_one() -> None:
    def refuse(_: int) -> None:
        refused = AuditEvent(id="evt_same", principal="person:b", action="POST /x", refused_code="not-in-project")
        audit_events.count_refusals([refused])

    at_once(refuse, [1] * MANY)

    (row,) = audit_events.list_page(set(), "person:b", False, {}, None, 10).items
    assert row.count == MANY


@pytest.mark.usefixtures("postgresql")
def test_two_transactions_that_wait_for_each_other_both_end() -> None:
    with transaction() as session:
        session.add_all([Lock(resource="a", operation_id=""), Lock(resource="b", operation_id="")])
    both_hold_one = threading.Barrier(2)
    tries: list[str] = []

    @repeatable
    def take(first: str, second: str) -> None:
        tries.append(first)
        with transaction() as session:
            session.get_one(Lock, first, with_for_update=True).operation_id += first
            session.flush()
            if len(tries) <= 2:
                both_hold_one.wait(timeout=10)
            session.get_one(Lock, second, with_for_update=True).operation_id += first

    at_once(lambda number: take(*(("a", "b") if number else ("b", "a"))), [0, 1])

    assert len(tries) > 2
    assert {row: Counter(held) for row, held in locks.list_holders(["a", "b"]).items()} == {
        "a": {"a": 1, "b": 1},
        "b": {"a": 1, "b": 1},
    }


def test_a_connection_that_is_lost_is_a_problem_to_try_again_after(postgresql: str) -> None:
    def write() -> None:
        with transaction() as session:
            session.add(Lock(resource=LOCK, operation_id="op_1"))
            session.flush()
            end_connections(postgresql)

    with pytest.raises(DatabaseUnavailable) as caught:
        write()

    assert (caught.value.status, caught.value.retryable) == (503, True)
    assert locks.list_holders([LOCK]) == {}


def test_connections_that_died_in_the_pool_are_noticed_before_they_are_used(postgresql: str) -> None:
    at_once(lambda number: accept(number, queue=True), list(range(8)))

    end_connections(postgresql)

    assert len(at_once(lambda _: operations.list_live(), [1] * 8)) == 8


def test_a_database_that_cannot_be_reached_is_that_problem_too() -> None:
    connection.connect("postgresql+psycopg://causeway:secret@127.0.0.1:1/causeway")
    try:
        assert connection.is_reachable() is False
        with pytest.raises(DatabaseUnavailable):
            operations.find("op_1")
    finally:
        connection.disconnect()


@pytest.mark.usefixtures("database")
def test_a_mistake_in_a_statement_is_no_outage() -> None:
    with pytest.raises(DBAPIError), transaction() as session:
        session.execute(text("SELECT no_such_column FROM operations"))
