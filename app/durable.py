"""The workflow engine behind a few names: workflows, steps, waits. The only file that imports dbos.

A workflow's argument is an operation's id and nothing else. A step runs a plain blocking function in a thread, is tried
again while its problem is retryable, and stores its outcome, so that a problem survives a restart as itself.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID

from app.errors import Internal, OperationTimedOut, Problem, from_dict

QUEUE = "operations"
TRIES = 10
FIRST_PAUSE_SECONDS = 0.2
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Waiting:
    """What a poll returns while there is nothing to report but progress."""

    text: str


class Observer(Protocol):
    """Told of every try of every step; it must be quick and safe to repeat."""

    def __call__(self, workflow_id: str, step: str, /, *, state: str, tries: int, text: str, error: Any) -> None:
        """`state` is RUNNING, SUCCEEDED or FAILED; `text` is for people; `error` is a problem as a dict or None."""


_observers: list[Observer] = []
_lock_files: list[Any] = []


def listen(observer: Observer) -> None:
    """Have `observer` told of steps, in place of the one before it."""
    _observers[:] = [observer]


def workflow(name: str) -> Callable[[Callable[[str], Awaitable[None]]], Callable[[str], Awaitable[None]]]:
    """Register a workflow under a fixed name: the name is stored, so it never changes; the function's may."""

    def register(function: Callable[[str], Awaitable[None]]) -> Callable[[str], Awaitable[None]]:
        return DBOS.workflow(name=name)(function)

    return register


async def step(name: str, function: Callable[..., Any], *args: Any, quiet: bool = False) -> Any:
    """Run `function` in a thread as the step `name` and return its small plain value, now or from the checkpoint.

    The function must converge: it runs again after a crash, and after each retryable problem, not before the problem's
    Retry-After. Any other problem, and the last try's, is raised here, the same after a restart. The observer is not
    told of `quiet` steps.
    """

    async def attempt() -> dict[str, Any]:
        tries = _current_try()
        try:
            return await asyncio.to_thread(_observed, None if quiet else _workflow_id(), name, tries, function, args)
        except Problem as problem:
            await asyncio.sleep(problem.retry_after_seconds or 0)
            raise

    outcome = await DBOS.run_step_async(
        {
            "name": name,
            "retries_allowed": True,
            "max_attempts": TRIES,
            "interval_seconds": FIRST_PAUSE_SECONDS,
            "backoff_rate": 2.0,
            "should_retry": lambda error: isinstance(error, Problem),
        },
        attempt,
    )
    return _value(outcome)


async def wait(
    name: str,
    poll: Callable[..., Any],
    *args: Any,
    every_seconds: float,
    deadline_seconds: float,
    what: dict[str, Any],
) -> Any:
    """Call `poll` until it returns something other than `Waiting`; one step, which a cancel interrupts at once.

    Retryable problems of a poll are waited out. Past the deadline it raises `OperationTimedOut` with the fields `what`
    (`action`, `workspace`). After a crash it polls again, with a new deadline.
    """

    async def watch() -> dict[str, Any]:
        started = time.monotonic()
        told = ""
        while True:
            outcome = await asyncio.to_thread(_polled, _workflow_id(), name, poll, args, told)
            if not isinstance(outcome, Waiting):
                return outcome
            told = outcome.text
            waited = time.monotonic() - started
            if waited > deadline_seconds:
                problem = OperationTimedOut(**what, waited_seconds=round(waited))
                return _failed(_workflow_id(), name, problem, 1)
            await asyncio.sleep(every_seconds * random.uniform(0.8, 1.2))  # noqa: S311 - jitter

    return _value(await DBOS.run_step_async({"name": name, "preemptible": True}, watch))


def enqueue(workflow_id: str, function: Callable[[str], Awaitable[None]], argument: str) -> None:
    """Have the workflow run once; enqueueing the same id again changes nothing."""
    with SetWorkflowID(workflow_id):
        DBOS.enqueue_workflow(QUEUE, function, argument)


def cancel(workflow_id: str) -> None:
    """Stop the workflow between its steps, and its wait at once; a finished one is left as it is."""
    DBOS.cancel_workflow(workflow_id)


def launch(url: str) -> None:
    """Start the engine on the database at `url` and take up what an earlier process left unfinished.

    On SQLite one process at a time may run: a second one raises `BlockingIOError` at once.
    """
    path = Path(url.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    _lock(path.with_suffix(".lock"))
    with sqlite3.connect(path) as connection:
        # The engine leaves SQLite in its rollback journal, under which readers wait for writers.
        connection.execute("PRAGMA journal_mode=WAL")
    DBOS(config=_config(url))
    DBOS.launch()
    _quieten()
    DBOS.register_queue(QUEUE, worker_concurrency=50, polling_interval_sec=0.2)


def shutdown() -> None:
    """Stop taking up work; what is under way stays recorded and goes on at the next launch."""
    DBOS.destroy(workflow_completion_timeout_sec=0)
    while _lock_files:
        _lock_files.pop().close()


def _config(url: str) -> DBOSConfig:
    return DBOSConfig(
        name="causeway",
        # Constant: the default, a hash of the code, would strand whatever is under way at the next deploy.
        application_version="1",
        executor_id="embedded",
        system_database_url=url,
        max_executor_threads=64,
        serializer=DBOSPortableJSONSerializer(),
        log_level="WARNING",
    )


def _lock(path: Path) -> None:
    handle = path.open("w")
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    _lock_files.append(handle)


def _quieten() -> None:
    """Hand the engine's log to ours, without its forty lines for each workflow that was cancelled on purpose."""
    engine_log = logging.getLogger("dbos")
    engine_log.handlers.clear()
    engine_log.propagate = True
    engine_log.addFilter(lambda record: record.levelno >= logging.ERROR and record.exc_info is None)


def _workflow_id() -> str:
    return str(DBOS.workflow_id)


def _current_try() -> int:
    status = DBOS.step_status
    return 1 + (status.current_attempt or 0) if status is not None else 1


def _observed(
    workflow_id: str | None, name: str, tries: int, function: Callable[..., Any], args: Any
) -> dict[str, Any]:
    _tell(workflow_id, name, state="RUNNING", tries=tries, text="", error=None)
    try:
        value = function(*args)
    except Problem as problem:
        if problem.retryable and tries < TRIES:
            _tell(workflow_id, name, state="RUNNING", tries=tries, text=problem.detail, error=problem.as_dict())
            raise
        return _failed(workflow_id, name, problem, tries)
    except Exception:
        log.exception("step failed unexpectedly", step=name, operation=workflow_id)
        return _failed(workflow_id, name, Internal(), tries)
    _tell(workflow_id, name, state="SUCCEEDED", tries=tries, text="", error=None)
    return {"value": value}


def _polled(workflow_id: str, name: str, poll: Callable[..., Any], args: Any, told: str) -> dict[str, Any] | Waiting:
    if not told:
        _tell(workflow_id, name, state="RUNNING", tries=1, text="", error=None)
    try:
        value = poll(*args)
    except Problem as problem:
        if not problem.retryable:
            return _failed(workflow_id, name, problem, 1)
        value = Waiting(problem.detail)
    except Exception:
        log.exception("poll failed unexpectedly", step=name, operation=workflow_id)
        return _failed(workflow_id, name, Internal(), 1)
    if isinstance(value, Waiting):
        if value.text != told:
            _tell(workflow_id, name, state="RUNNING", tries=1, text=value.text, error=None)
        return value
    _tell(workflow_id, name, state="SUCCEEDED", tries=1, text="", error=None)
    return {"value": value}


def _failed(workflow_id: str | None, name: str, problem: Problem, tries: int) -> dict[str, Any]:
    _tell(workflow_id, name, state="FAILED", tries=tries, text=problem.detail, error=problem.as_dict())
    return {"problem": problem.as_dict()}


def _value(outcome: dict[str, Any]) -> Any:
    if "problem" in outcome:
        raise from_dict(outcome["problem"])
    return outcome["value"]


def _tell(workflow_id: str | None, name: str, **news: Any) -> None:
    if workflow_id is not None:
        for observer in _observers:
            observer(workflow_id, name, **news)
