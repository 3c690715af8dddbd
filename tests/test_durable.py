"""What the engine promises to workflows: nothing lost, nothing done twice, problems that stay themselves."""

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import durable
from app.durable import steps
from app.errors import WorkspaceThrottled
from tests.forked_programs import Forked

Program = Callable[[str], Forked]
PRELOADED = ("app.durable", "app.errors")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Program]:
    """Starts the program with a workflow on this test's folder; what still runs at the end is ended."""
    started: list[Forked] = []

    def run(workflow: str) -> Forked:
        arguments, output = (str(tmp_path), workflow), tmp_path / "output.txt"
        program, environment = "tests.durable_program:main", dict(os.environ)
        started.append(Forked(program, *arguments, preload=PRELOADED, environment=environment, output=output))
        return started[-1]

    yield run
    (tmp_path / "stop").touch()
    for process in started:
        process.wait(timeout=20)


def told(folder: Path) -> list[dict[str, Any]]:
    log = folder / "told.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def wait_for(folder: Path, key: str) -> Any:
    deadline = time.monotonic() + 40
    while True:
        found = [line[key] for line in told(folder) if key in line]
        if found:
            return found[0]
        assert time.monotonic() < deadline, f"no {key} in {told(folder)}"
        time.sleep(0.05)


@pytest.mark.parametrize("step", ["one", "two", "three"])
def test_a_process_killed_in_a_step_does_that_step_again_and_no_other(
    tmp_path: Path, start: Program, step: str
) -> None:
    (tmp_path / f"kill in {step}").touch()
    assert start("three-steps").wait(timeout=40) == -9

    start("three-steps")

    assert wait_for(tmp_path, "ended") == ["value of one", "value of two", "value of three"]
    did = [line["did"] for line in told(tmp_path) if "did" in line]
    assert sorted(did) == sorted(["one", "two", "three", step])


def test_the_next_try_comes_no_sooner_than_upstream_asked(tmp_path: Path, start: Program) -> None:
    start("throttled")

    assert wait_for(tmp_path, "ended") == 3
    tries = [line["tried_at"] for line in told(tmp_path) if "tried_at" in line]
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(tries))
    running = [line for line in told(tmp_path) if line.get("step") == "count"]
    assert [line["tries"] for line in running if line["error"]] == [1, 2]
    assert running[-1]["state"] == "SUCCEEDED"


def test_a_problem_is_the_same_after_a_restart_and_its_step_is_not_repeated(tmp_path: Path, start: Program) -> None:
    (tmp_path / "kill in after").touch()
    assert start("failing").wait(timeout=40) == -9

    start("failing")

    problem = wait_for(tmp_path, "ended")
    assert problem["code"] == "model-not-found"
    assert problem["name"] == "main.a.b"
    assert [line["did"] for line in told(tmp_path) if "did" in line] == ["fail", "after", "after"]


def test_an_unexpected_error_becomes_a_problem_that_tells_no_secret(tmp_path: Path, start: Program) -> None:
    start("breaking")

    problem = wait_for(tmp_path, "ended")
    assert problem["code"] == "internal"
    assert "secret" not in json.dumps(problem)
    assert [line["did"] for line in told(tmp_path) if "did" in line] == ["break down"]


def test_a_wait_goes_on_after_a_restart(tmp_path: Path, start: Program) -> None:
    first = start("waiting")
    wait_for(tmp_path, "polled")
    first.kill()
    first.wait(timeout=20)

    (tmp_path / "arrived").touch()
    start("waiting")

    assert wait_for(tmp_path, "ended") == "found"


def test_a_wait_past_its_deadline_says_that_upstream_still_runs(tmp_path: Path, start: Program) -> None:
    (tmp_path / "impatient").touch()

    start("waiting")

    assert wait_for(tmp_path, "ended")["code"] == "operation-timed-out"


def test_what_is_waited_for_may_fail_in_a_way_that_could_be_retried_and_still_ends_the_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "_observers", [])
    problem = WorkspaceThrottled(workspace="dev", action="copying", retry_after_seconds=1)

    ended = steps._polled("op_x", "wait", lambda: durable.Failed(problem), (), "")

    assert problem.retryable
    assert ended == {"problem": problem.as_dict()}


def test_a_crash_does_not_move_a_deadline(tmp_path: Path, start: Program) -> None:
    (tmp_path / "impatient").touch()
    first = start("waiting")
    wait_for(tmp_path, "polled")
    first.kill()
    first.wait(timeout=20)
    before = [line for line in told(tmp_path) if "polled" in line]
    _wait_until(lambda: time.time() - (tmp_path / "told.jsonl").stat().st_mtime > 1.2)

    start("waiting")

    assert wait_for(tmp_path, "ended")["code"] == "operation-timed-out"
    assert len([line for line in told(tmp_path) if "polled" in line]) == len(before) + 1


@pytest.mark.parametrize("kill_in", [None, "three"])
def test_a_step_that_a_release_adds_is_run_by_workflows_that_begin_after_it(
    tmp_path: Path, start: Program, kill_in: str | None
) -> None:
    """A workflow of before the release ends on its old path, one of after on the new."""
    if kill_in:
        (tmp_path / f"kill in {kill_in}").touch()
        assert start("released").wait(timeout=40) == -9
    (tmp_path / "released").touch()

    start("released")

    between = [] if kill_in else ["value of between"]
    assert wait_for(tmp_path, "ended") == ["value of one", *between, "value of two", "value of three"]


def test_a_step_added_without_saying_so_ends_the_workflow_in_the_engine_and_corrupts_nothing(
    tmp_path: Path, start: Program
) -> None:
    """The sweep then ends its operation as engine-failure: see test_seams."""
    (tmp_path / "kill in three").touch()
    assert start("released").wait(timeout=40) == -9
    (tmp_path / "released").touch()
    (tmp_path / "careless").touch()

    start("released")

    _wait_until(lambda: (tmp_path / "over").exists())
    assert [line["did"] for line in told(tmp_path) if "did" in line] == ["one", "two", "three"]
    assert not [line for line in told(tmp_path) if "ended" in line]


def test_a_step_asleep_between_tries_is_not_tried_again_once_nobody_wants_it(tmp_path: Path, start: Program) -> None:
    start("throttled")
    wait_for(tmp_path, "error")
    _wait_until(lambda: any(line.get("error") for line in told(tmp_path)))

    (tmp_path / "unwished").touch()

    _wait_until(lambda: (tmp_path / "over").exists())
    news = told(tmp_path)
    assert len([line for line in news if "tried_at" in line]) == 1
    assert [line["tries"] for line in news if line.get("step") == "count"] == [1, 1, 2]
    assert not [line for line in news if "ended" in line]


def test_a_cancel_interrupts_a_wait(tmp_path: Path, start: Program) -> None:
    start("waiting")
    wait_for(tmp_path, "polled")

    (tmp_path / "cancel").touch()

    wait_for(tmp_path, "cancelled")
    _wait_until_still(tmp_path)
    assert not [line for line in told(tmp_path) if "ended" in line]


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def _wait_until_still(folder: Path) -> None:
    """Until no poll has been told of for a second: polls come twenty times a second."""
    deadline = time.monotonic() + 20
    while True:
        before = len(told(folder))
        quiet_until = time.monotonic() + 1
        while time.monotonic() < quiet_until and len(told(folder)) == before:
            time.sleep(0.05)
        if len(told(folder)) == before:
            return
        assert time.monotonic() < deadline, "it still polls"


def test_a_second_process_on_the_same_files_is_refused(tmp_path: Path, start: Program) -> None:
    start("waiting")
    wait_for(tmp_path, "polled")

    second = start("waiting")

    assert second.wait(timeout=40) != 0
    assert "BlockingIOError" in (tmp_path / "output.txt").read_text()
