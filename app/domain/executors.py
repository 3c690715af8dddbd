"""Running workflows in this process, beside others on the same database: who lives, and who takes over from the dead.

The engine recovers only what its own process left [RUN]. So each process holds a lease in the database, takes over from
those whose lease has expired, and ends itself when it could not renew its own in time: by then others are at its work.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import structlog

from app import durable, settings
from app.domain import catalog_watches, housekeeping, inventory, reconciliations
from app.domain.audit import seals
from app.domain.audit.keys import KeyUnusable
from app.errors import Problem
from app.store import executor_leases as leases
from app.store import steps

# EX_TEMPFAIL: whoever watches over processes starts another one.
FENCED_EXIT_CODE = 75
BEATS_A_LEASE = 4
LOOKS_A_WATCH = 4
FENCE_SHARE = 0.8
PURGE_EVERY_SECONDS = 3600.0
# A workspace that hangs holds one of them up until its time-out.
INVENTORY_THREADS = 3
JOIN_SECONDS = 5.0
RECONCILE_TICK_SECONDS = 60.0
log = structlog.get_logger(__name__)


@dataclass
class Executor:
    """A process that runs workflows: this one. `id` is None where no other process can use the database."""

    id: str | None
    over: threading.Event = field(default_factory=threading.Event)
    renewed_at: float = field(default_factory=time.monotonic)
    threads: list[threading.Thread] = field(default_factory=list)


def start() -> Executor:
    """Begin to run workflows here, and to look after those that others dropped."""
    process = settings.current()
    executor = Executor(f"{platform.node()}-{uuid4().hex[:8]}" if process.is_shared else None)
    durable.listen(steps.record)
    if executor.id is not None:
        leases.acquire(executor.id, process.lease_seconds)
        executor.renewed_at = time.monotonic()
        _run_every(executor, process.lease_seconds / BEATS_A_LEASE, _beat)
        _run_every(executor, process.lease_seconds / 20, _fence)
    durable.launch(process.engine_url, executor.id, process.worker_concurrency)
    if executor.id is not None:
        _take_over(executor)
        # Apart from the beat: taking over thousands of workflows takes longer than a lease.
        _run_every(executor, process.lease_seconds / BEATS_A_LEASE, _take_over)
    housekeeping.sweep()
    _run_every(executor, process.sweep_seconds, _sweep)
    _run_every(executor, process.seal_seconds, _seal)
    _run_every(executor, PURGE_EVERY_SECONDS, _purge)
    if process.watch_seconds:
        _run_every(executor, process.watch_seconds / LOOKS_A_WATCH, _watch)
    if process.inventory_seconds:
        for _ in range(INVENTORY_THREADS):
            _run_every(executor, min(process.inventory_seconds, inventory.TICK_SECONDS), _look_at_workspaces)
    if process.reconcile_seconds:
        _run_every(executor, min(process.reconcile_seconds, RECONCILE_TICK_SECONDS), _reconcile)
    return executor


def stop(executor: Executor) -> None:
    """Let running steps end, then leave the rest to others, who need not wait for the lease to run out."""
    process = settings.current()
    durable.shutdown(process.drain_seconds)
    executor.over.set()
    for thread in executor.threads:
        # One that hangs in a call to a workspace ends with the process; it holds nothing.
        thread.join(JOIN_SECONDS)
    if executor.id is not None:
        leases.expire(executor.id)


def count_living() -> int:
    """How many processes run workflows on the database."""
    return leases.count_living() if settings.current().is_shared else 1


def _run_every(executor: Executor, seconds: float, work: Callable[[Executor], None]) -> None:
    def repeat() -> None:
        while not executor.over.wait(seconds):
            try:
                work(executor)
            except Exception:
                # The database may be away for a while; what must not go on without it is ended by the fence.
                log.exception("upkeep failed", work=work.__name__)

    thread = threading.Thread(target=repeat, name=f"executor-{work.__name__.strip('_')}", daemon=True)
    executor.threads.append(thread)
    thread.start()


def _beat(executor: Executor) -> None:
    """Renew the own lease."""
    assert executor.id is not None
    asked_at = time.monotonic()
    if not leases.renew(executor.id, settings.current().lease_seconds):
        _end_at_once(executor, "the lease has expired, and others may be at this process's work")
    executor.renewed_at = asked_at


def _take_over(_executor: Executor) -> None:
    """Take over from those who did not renew their leases."""
    for dead in leases.list_dead():
        taken = durable.take_over(dead)
        leases.remove(dead)
        log.warning("took over from a dead process", executor=dead, workflows=taken)


def _fence(executor: Executor) -> None:
    """End this process before its lease runs out: a stopped machine, a lost network, a hung database."""
    if time.monotonic() - executor.renewed_at > FENCE_SHARE * settings.current().lease_seconds:
        _end_at_once(executor, "the lease could not be renewed in time")


def _end_at_once(executor: Executor, reason: str) -> None:
    log.critical("this process ends itself", executor=executor.id, reason=reason)
    os._exit(FENCED_EXIT_CODE)


def _sweep(_executor: Executor) -> None:
    housekeeping.sweep()


def _watch(_executor: Executor) -> None:
    catalog_watches.look_around()


def _purge(_executor: Executor) -> None:
    try:
        housekeeping.purge()
    except Problem as problem:
        log.warning("purge failed", reason=problem.detail)


def _look_at_workspaces(executor: Executor) -> None:
    inventory.take_turns(executor.over.is_set)


def _seal(executor: Executor) -> None:
    try:
        while seals.seal() and not executor.over.is_set():
            pass
    except KeyUnusable as unusable:
        log.error("the audit trail is not sealed", reason=str(unusable))
    seals.publish()


def _reconcile(_executor: Executor) -> None:
    reconciliations.begin_due(settings.current().reconcile_seconds)
