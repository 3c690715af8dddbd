"""Workers come and go, and what was accepted gets done once: taken over from the dead, fenced off from the undead."""

import random
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from app.domain.executors import FENCED_EXIT_CODE
from tests.replica_program import STEPS, start
from tests.replicas import Replicas, resume, stop

OPERATIONS = 200


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    made = Replicas(tmp_path, "postgresql")
    yield made
    made.close()


def test_what_a_dead_worker_was_at_is_finished_by_another(replicas: Replicas) -> None:
    first = replicas.worker()
    operation = start("gate", 1, replicas.folder)
    replicas.eventually(lambda: replicas.tried(operation, "before"))
    second = replicas.worker()

    first.kill()
    replicas.open_gate()

    assert [one.state for one in replicas.end(operation)] == ["SUCCEEDED"]
    assert replicas.tried(operation, "before") == [first.pid]
    assert replicas.tried(operation, "after") == [second.pid]


def test_a_worker_told_to_stop_ends_its_step_and_leaves_the_rest_to_another_at_once(tmp_path: Path) -> None:
    replicas = Replicas(tmp_path, "postgresql", lease_seconds=40)
    try:
        first = replicas.worker()
        operation = start("steps", 1, replicas.folder, seconds=0.5)
        replicas.eventually(lambda: replicas.tried(operation, "two"))
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=20) == 0

        second = replicas.worker()

        # No lease could run out within the test's patience: the first one gave its own back.
        replicas.end(operation)
        assert replicas.tried(operation, "two") == [first.pid]
        assert replicas.tried(operation, "three") == [second.pid]
        assert {len(pids) for pids in replicas.tries().values()} == {1}
    finally:
        replicas.close()


def test_a_worker_that_was_stopped_past_its_lease_ends_itself_when_it_goes_on(replicas: Replicas) -> None:
    first = replicas.worker()
    operation = start("gate", 1, replicas.folder)
    replicas.eventually(lambda: replicas.tried(operation, "before"))
    second = replicas.worker()
    stop(first)
    replicas.open_gate()
    replicas.end(operation)

    resume(first)

    assert first.wait(timeout=20) == FENCED_EXIT_CODE
    assert replicas.tried(operation, "after") == [second.pid]
    assert "lease" in replicas.output()


def test_two_hundred_operations_over_three_workers_with_random_kills_all_end_each_once(tmp_path: Path) -> None:
    # A lease that three busy workers on a slow machine can keep.
    replicas = Replicas(tmp_path, "postgresql", lease_seconds=5)
    try:
        _kill_at_random(replicas)
    finally:
        replicas.close()


def _kill_at_random(replicas: Replicas) -> None:
    chance = random.Random(9)
    workers = [replicas.worker() for _ in range(3)]
    operations = [start("steps", number, replicas.folder) for number in range(OPERATIONS)]
    killed: set[int] = set()
    for done in range(80, len(STEPS) * OPERATIONS, 120):
        replicas.eventually(partial(_has_done, replicas, done))
        victim = workers.pop(chance.randrange(3))
        victim.kill()
        killed.add(victim.pid)
        workers.append(replicas.worker())

    ended = replicas.end(*operations)

    assert {one.state for one in ended} == {"SUCCEEDED"}
    assert replicas.did() == {f"{one.id}.{step}" for one in operations for step in STEPS}
    # Only what died in the hands of its process was tried by another; a machine so slow that a
    # worker missed its lease ends it as well.
    fenced = {worker.pid for worker in replicas.workers if worker.poll() == FENCED_EXIT_CODE}
    assert all(set(pids[:-1]) <= killed | fenced for pids in replicas.tries().values())
    assert len(killed) >= 5


def _has_done(replicas: Replicas, steps: int) -> bool:
    return len(replicas.did()) >= steps
