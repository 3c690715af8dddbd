"""What a workflow is made of: steps, which are tried again, and waits, which are one step however long they take.

A step runs a plain blocking function in a thread and stores its outcome, so that a problem survives a restart as
itself.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from dbos import DBOS, StepOptions
from dbos._error import DBOSWorkflowCancelledError

from app.durable import draining
from app.durable.engine import client
from app.errors import DatabaseUnavailable, Internal, OperationTimedOut, Problem, from_dict

TRIES = 10
FIRST_PAUSE_SECONDS = 0.2
TRIED_AGAIN: StepOptions = {
    "retries_allowed": True,
    "max_attempts": TRIES,
    "backoff_rate": 2.0,
    "should_retry": lambda error: isinstance(error, Problem),
}
# A workflow that was under way when this many processes died is likely to be what killed them.
RECOVERIES = 50
# The longer a wait has lasted, the rarer it asks: it notices the end late by a tenth, and by two minutes at most.
POLL_SHARE = 0.1
POLL_AT_MOST_SECONDS = 120.0
# How the step is called that comes before each wait.
NOTE = "note the start of: "
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Waiting:
    """What a poll returns while there is nothing to report but progress; it is asked again no sooner than it says."""

    text: str
    pause_seconds: float = 0


@dataclass(frozen=True)
class Failed:
    """What a poll returns when what it waits for has failed: the wait ends by its problem, be it retryable or not."""

    problem: Problem


@dataclass(frozen=True)
class Told:
    """What a step returns that has something to say to people: its value, and how it went."""

    value: Any
    text: str


class Observer(Protocol):
    """Told of every try of every step, before and after it; it must be quick and safe to repeat."""

    def __call__(self, operation_id: str, step: str, /, *, state: str, tries: int, text: str, error: Any) -> bool:
        """`state` is RUNNING, SUCCEEDED or FAILED; `text` is for people; `error` is a problem as a dict or None.

        Answers whether the operation may go on: try this step again after the problem (its budget is the observer's
        affair), or, without one, begin this try: nobody has wished to cancel it.
        """


_observers: list[tuple[Observer, Observer]] = []


def listen(observer: Observer, quiet: Observer | None = None) -> None:
    """Have `observer` told of steps, and `quiet` of quiet ones, in place of those before."""
    _observers[:] = [(observer, quiet or _unheard)]


def workflow(name: str) -> Callable[[Callable[[str], Awaitable[None]]], Callable[[str], Awaitable[None]]]:
    """Register a workflow under a fixed name: the name is stored, so it never changes; the function's may."""

    def register(function: Callable[[str], Awaitable[None]]) -> Callable[[str], Awaitable[None]]:
        async def run(operation_id: str) -> None:
            try:
                await function(operation_id)
            finally:
                draining.rest(_workflow_id())

        return DBOS.workflow(name=name, max_recovery_attempts=RECOVERIES)(run)

    return register


async def is_new(change: str) -> bool:
    """Whether this run of the workflow knows `change`; false for one that began under code without it.

    A step that is added to a workflow, moved or taken out stands behind this, until no workflow of before is left.
    """
    return await DBOS.patch_async(change)


async def step(
    name: str,
    function: Callable[..., Any],
    *args: Any,
    quiet: bool = False,
    again_from: str | None = None,
    undoes: str | None = None,
    renewed: bool = False,
) -> Any:
    """Run `function` in a thread as the step `name` and return its small plain value, now or from the checkpoint.

    The function must converge: it runs again after a crash, and after each retryable problem, not before the problem's
    Retry-After. Any other problem, and the last try's, is raised here, the same after a restart. A value in `Told` has
    a text for people, who are not told of `quiet` steps. A retry begins at the step that failed, or at the one
    that it names as `again_from`, on which its failure rests; and no later than at the step that another one `undoes`,
    or at one that is to be `renewed`: what it found is taken for true by no later attempt.
    """

    async def attempt() -> dict[str, Any]:
        tries, me = _current_try(), _workflow_id()
        await draining.begin_work(me)
        try:
            outcome = await asyncio.to_thread(_tried, me, name, quiet, tries, function, args)
        except Problem as problem:
            draining.rest(me)
            await asyncio.sleep((problem.retry_after_seconds or 0) + _jitter(tries))
            raise
        return _marked(outcome, again_from, undoes or (name if renewed else None))

    options: StepOptions = {"name": name, "interval_seconds": FIRST_PAUSE_SECONDS, **TRIED_AGAIN}
    return _value(await DBOS.run_step_async(options, attempt))


def is_last_try() -> bool:
    """Asked by the function of a step: whether a retryable problem would end the step now."""
    return _current_try() >= TRIES


async def wait(
    name: str,
    poll: Callable[..., Any],
    *args: Any,
    every_seconds: float,
    deadline_seconds: float,
    what: dict[str, Any],
    again_from: str | None = None,
    undoes: str | None = None,
) -> Any:
    """Call `poll` until it returns something other than `Waiting`; a cancel interrupts it at once.

    Retryable problems of a poll are waited out; one in `Failed` ends it. Past the deadline, which a crash does not
    move, it raises `OperationTimedOut` with the fields `what` (`action`, `workspace`); a retry of the operation polls
    on. `again_from` and `undoes` are as for a step.
    """
    note = f"{NOTE}{name}"
    started = await step(note, time.time, quiet=True)

    async def watch() -> dict[str, Any]:
        told, me = "", _workflow_id()
        while True:
            await draining.begin_work(me)
            outcome = await asyncio.to_thread(_polled, me, name, poll, args, told)
            if not isinstance(outcome, Waiting):
                return _marked(outcome, again_from, undoes)
            told, waited = outcome.text, time.time() - started
            if waited > deadline_seconds:
                problem = OperationTimedOut(**what, waited_seconds=round(waited))
                return {**_failed(me, name, False, problem, 1), "again_from": undoes or note}
            draining.rest(me)
            # A pause that upstream asked for is never shortened.
            await asyncio.sleep(max(outcome.pause_seconds, pause_after(waited, every_seconds)))

    return _value(await DBOS.run_step_async({"name": name, "preemptible": True}, watch))


def pause_after(waited_seconds: float, every_seconds: float) -> float:
    """How long a wait that has lasted so long pauses before it asks again, with jitter."""
    return max(every_seconds, min(waited_seconds * POLL_SHARE, POLL_AT_MOST_SECONDS)) * random.uniform(0.8, 1.2)  # noqa: S311


def _marked(outcome: dict[str, Any], again_from: str | None, undoes: str | None) -> dict[str, Any]:
    """The outcome with the step at which a retry begins because of it, if there is one."""
    start_again = undoes or (again_from if "problem" in outcome else None)
    return outcome if start_again is None else {**outcome, "again_from": start_again}


def _jitter(tries: int) -> float:
    """Seconds before the engine's own pause: without, all that one failure struck would come back at once."""
    return random.uniform(0, FIRST_PAUSE_SECONDS * 2 ** (tries - 1))  # noqa: S311


def _workflow_id() -> str:
    return str(DBOS.workflow_id)


def _current_try() -> int:
    status = DBOS.step_status
    return 1 + (status.current_attempt or 0) if status is not None else 1


def _tried(
    workflow_id: str, name: str, quiet: bool, tries: int, function: Callable[..., Any], args: Any
) -> dict[str, Any]:
    may_begin = _tell(workflow_id, name, quiet, state="RUNNING", tries=tries, text="", error=None)
    if not may_begin and _is_operation(workflow_id):
        raise _stopped(workflow_id)
    try:
        value = function(*args)
    except Problem as problem:
        if problem.retryable and tries < TRIES:
            news = {"state": "RUNNING", "tries": tries, "text": problem.detail, "error": problem.as_dict()}
            if _tell(workflow_id, name, quiet, **news):
                raise
        return _failed(workflow_id, name, quiet, problem, tries)
    except Exception:
        log.exception("step failed unexpectedly", step=name, operation=workflow_id)
        return _failed(workflow_id, name, quiet, Internal(), tries)
    told = value if isinstance(value, Told) else Told(value, "")
    _tell(workflow_id, name, quiet, state="SUCCEEDED", tries=tries, text=told.text, error=None)
    return {"value": told.value}


def _polled(workflow_id: str, name: str, poll: Callable[..., Any], args: Any, told: str) -> dict[str, Any] | Waiting:
    try:
        return _looked(workflow_id, name, poll, args, told)
    except DatabaseUnavailable as problem:
        # What was found could not be told: it is looked for again.
        return Waiting(told, problem.retry_after_seconds or 0)


def _looked(workflow_id: str, name: str, poll: Callable[..., Any], args: Any, told: str) -> dict[str, Any] | Waiting:
    if not told:
        _tell(workflow_id, name, False, state="RUNNING", tries=1, text="", error=None)
    try:
        value = poll(*args)
    except Problem as problem:
        if not problem.retryable:
            return _failed(workflow_id, name, False, problem, 1)
        value = Waiting(problem.detail, problem.retry_after_seconds or 0)
    except Exception:
        log.exception("poll failed unexpectedly", step=name, operation=workflow_id)
        return _failed(workflow_id, name, False, Internal(), 1)
    if isinstance(value, Waiting):
        if value.text != told:
            _tell(workflow_id, name, False, state="RUNNING", tries=1, text=value.text, error=None)
        return value
    if isinstance(value, Failed):
        return _failed(workflow_id, name, False, value.problem, 1)
    _tell(workflow_id, name, False, state="SUCCEEDED", tries=1, text="", error=None)
    return {"value": value}


def _failed(workflow_id: str, name: str, quiet: bool, problem: Problem, tries: int) -> dict[str, Any]:
    _tell(workflow_id, name, quiet, state="FAILED", tries=tries, text=problem.detail, error=problem.as_dict())
    return {"problem": problem.as_dict()}


def _value(outcome: dict[str, Any]) -> Any:
    if "problem" in outcome:
        raise from_dict(outcome["problem"])
    return outcome["value"]


def _tell(workflow_id: str, name: str, is_quiet: bool, **news: Any) -> bool:
    """Tell the observer, of the operation that the workflow works for; answers whether another try is allowed."""
    operation_id = workflow_id.partition(".")[0]
    answers = [(quiet if is_quiet else heard)(operation_id, name, **news) for heard, quiet in _observers]
    return all(answers)


def _is_operation(workflow_id: str) -> bool:
    """Whether it is the operation's own workflow, and not one that works for it: that goes on when it is cancelled."""
    return "." not in workflow_id


def _stopped(workflow_id: str) -> DBOSWorkflowCancelledError:
    """What ends the workflow as a cancel does between two steps: the engine itself does not look between tries.

    The engine is told here, too, as whoever wished it may not have come to that yet. No outcome is kept of the step.
    """
    client().cancel_workflow(workflow_id)
    return DBOSWorkflowCancelledError(f"Workflow {workflow_id} is cancelled. Not beginning a step.")


def _unheard(_operation_id: str, _step: str, /, **_news: Any) -> bool:
    return True
