"""A workspace that does not answer is left alone, and asked by one call now and then; any answer lets all in."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.configuration import AccessToken, Secret
from app.errors import (
    Problem,
    UpstreamNotFound,
    WorkspaceCircuitOpen,
    WorkspaceRefused,
    WorkspaceThrottled,
    WorkspaceTimeout,
    WorkspaceUnavailable,
)
from app.workspaces import circuits, faults, invocations
from app.workspaces.clients import asking_as, connected, list_unanswering
from tests.workspaces.conftest import Answer, Asked, Configure, Stub

LOST = Answer(lost=True)
KNOWN = Answer(200, {"userName": "control"})


def ask(workspace: str = "dev", timeout_seconds: float = 30) -> Problem | None:
    missing = faults.make_missing(UpstreamNotFound, workspace, "identity", "control")
    try:
        with connected(workspace, "asking who Causeway is", missing, timeout_seconds=timeout_seconds) as client:
            client.current_user.me()
    except Problem as problem:
        return problem
    return None


def fall_silent(stub: Stub) -> None:
    stub.script = lambda _: LOST
    for _ in range(circuits.SILENCES):
        assert isinstance(ask(), WorkspaceUnavailable)


def test_after_some_unanswered_calls_the_next_is_not_made_and_says_when_to_come_again(
    stub: Stub, configure: Configure
) -> None:
    configure(dev={"host": stub.host})
    fall_silent(stub)
    stub.script = lambda _: KNOWN

    problem = ask()

    assert isinstance(problem, WorkspaceCircuitOpen)
    assert (problem.status, problem.retryable) == (503, True)
    assert 0 < (problem.retry_after_seconds or 0) <= circuits.COOL_DOWN_SECONDS
    assert len(stub.asked) == circuits.SILENCES
    assert list_unanswering() == ["dev"]


def test_the_circuit_of_one_workspace_is_not_anothers(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host}, prod={"host": stub.host})
    fall_silent(stub)
    stub.script = lambda _: KNOWN
    assert ask("prod") is None
    assert list_unanswering() == ["dev"]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer(403, {"error_code": "PERMISSION_DENIED", "message": "no"}), WorkspaceRefused),
        (Answer(404, {"error_code": "USER_DOES_NOT_EXIST", "message": "who"}), UpstreamNotFound),
        (Answer(429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slowly"}), WorkspaceThrottled),
    ],
)
def test_a_refusal_is_an_answer(stub: Stub, configure: Configure, answer: Answer, problem: type[Problem]) -> None:
    configure(dev={"host": stub.host})
    stub.script = lambda _: answer
    for _ in range(2 * circuits.SILENCES):
        assert type(ask()) is problem
    assert list_unanswering() == []


def test_a_probe_may_be_answered_by_a_refusal_and_one_that_is_broken_off_makes_room_for_the_next(
    stub: Stub, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(dev={"host": stub.host})
    monkeypatch.setattr(circuits, "COOL_DOWN_SECONDS", 0.0)
    fall_silent(stub)
    with pytest.raises(KeyboardInterrupt), connected("dev", "asking who Causeway is"):
        raise KeyboardInterrupt
    assert list_unanswering() == ["dev"]
    stub.script = lambda _: Answer(404, {"error_code": "NOT_FOUND", "message": "nothing here"})
    assert isinstance(ask(), UpstreamNotFound)
    assert list_unanswering() == []


def test_only_silences_in_a_row_count(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    said = iter([*[LOST] * (circuits.SILENCES - 1), KNOWN] * 2)
    stub.script = lambda _: next(said)
    for _ in range(2 * circuits.SILENCES):
        assert not isinstance(ask(), WorkspaceCircuitOpen)


def test_after_the_cool_down_one_call_asks_and_the_others_do_not_wait_for_its_answer(
    stub: Stub, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(dev={"host": stub.host})
    monkeypatch.setattr(circuits, "COOL_DOWN_SECONDS", 0.0)
    fall_silent(stub)
    asked, answered = threading.Event(), threading.Event()

    def say(_: Asked) -> Answer:
        asked.set()
        answered.wait(20)
        return KNOWN

    stub.script = say
    with ThreadPoolExecutor(1) as pool:
        probe = pool.submit(ask)
        assert asked.wait(20)
        assert all(isinstance(ask(), WorkspaceCircuitOpen) for _ in range(20))
        answered.set()
        assert probe.result() is None
    assert len(stub.asked) == circuits.SILENCES + 1
    assert ask() is None
    assert list_unanswering() == []


def test_of_many_calls_at_once_one_is_the_probe_and_its_failure_keeps_the_circuit_open(
    stub: Stub, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(dev={"host": stub.host})
    monkeypatch.setattr(circuits, "COOL_DOWN_SECONDS", 0.0)
    fall_silent(stub)
    monkeypatch.setattr(circuits, "COOL_DOWN_SECONDS", 60.0)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: type(ask()), range(64)))
    assert sorted(found, key=str) == sorted([WorkspaceUnavailable, *[WorkspaceCircuitOpen] * 63], key=str)
    assert len(stub.asked) == circuits.SILENCES + 1


def test_calls_that_end_late_neither_move_the_probe_nor_make_a_second_one(
    stub: Stub, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(dev={"host": stub.host})
    monkeypatch.setattr(circuits, "COOL_DOWN_SECONDS", 0.0)
    late, held = threading.Event(), threading.Semaphore(0)

    def hold(_: Asked) -> Answer:
        held.release()
        late.wait(20)
        return LOST

    stub.script = hold
    with ThreadPoolExecutor(2) as pool:
        old = pool.submit(ask)
        assert held.acquire(timeout=20)
        fall_silent(stub)
        stub.script = hold
        # From here on the probe is under way, in the test's second thread, and the old call ends before it.
        probe = pool.submit(ask)
        assert held.acquire(timeout=20)
        assert isinstance(ask(), WorkspaceCircuitOpen)
        late.set()
        assert isinstance(old.result(), WorkspaceUnavailable)
        assert isinstance(probe.result(), WorkspaceUnavailable)
    stub.script = lambda _: KNOWN
    assert ask() is None


def test_a_changed_configuration_is_asked_at_once(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    fall_silent(stub)
    stub.script = lambda _: KNOWN
    configure(dev={"host": stub.host, "warehouse_id": "mended"})
    assert list_unanswering() == [], "of the workspace as it is described now, nothing is known"
    assert ask() is None


def test_what_an_admin_at_a_command_line_met_is_not_told_of_control(
    stub: Stub, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(dev={"host": stub.host})
    monkeypatch.setenv("DEV_TOKEN", "dapi-of-an-admin")
    with asking_as(AccessToken(type="pat", token=Secret(env="DEV_TOKEN"))):
        fall_silent(stub)
        assert isinstance(ask(), WorkspaceCircuitOpen)
    assert list_unanswering() == []


def test_a_workspace_that_accepts_and_says_nothing_opens_its_circuit_too(configure: Configure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(dev={"host": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        found = [type(ask(timeout_seconds=0.1)) for _ in range(circuits.SILENCES + 1)]
    assert found == [*[WorkspaceTimeout] * circuits.SILENCES, WorkspaceCircuitOpen]


def test_predictions_count_and_are_refused_as_every_call_is(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    stub.script = lambda _: LOST

    async def predict() -> None:
        async with invocations.invoking("dev", "bikes", headers={}, body=b"{}"):
            pass

    async def predict_often() -> list[type[BaseException]]:
        try:
            ends: list[BaseException | None] = []
            for _ in range(circuits.SILENCES + 1):
                ends += await asyncio.gather(predict(), return_exceptions=True)
            return [type(end) for end in ends if end is not None]
        finally:
            await invocations.close()

    found = asyncio.run(predict_often())
    assert found == [*[WorkspaceUnavailable] * circuits.SILENCES, WorkspaceCircuitOpen]
    assert isinstance(ask(), WorkspaceCircuitOpen)
    assert len(stub.asked) == circuits.SILENCES


def test_an_endpoint_that_refuses_says_nothing_against_its_workspace(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    stub.script = lambda _: Answer(504, {"error_code": "DEADLINE_EXCEEDED", "message": "the model is slow"})
    for _ in range(2 * circuits.SILENCES):
        with pytest.raises(WorkspaceTimeout):
            invocations.predict("dev", "bikes", {})
    assert list_unanswering() == []
