"""Waiting for operations to change, for clients that follow them: one thread a process watches, and none waits.

The thread runs only while somebody waits. What it misses, because a notice or the database was lost, only comes later.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog
from prometheus_client import Gauge

from app.store import changes as store

HEAL_SECONDS = 2.0
RECONNECT_SECONDS = 1.0
OVER = sys.maxsize
WAITING = Gauge("causeway_waiting_clients", "Clients that wait for an operation to change")
log = structlog.get_logger(__name__)

_watches: set[Watch] = set()
_threads: list[threading.Thread] = []
_lock = threading.Lock()
_closing = threading.Event()


class Watch:
    """One client's watch on one operation, made by `watching`; only its own event loop waits on it."""

    def __init__(self, operation_id: str) -> None:
        self.operation_id = operation_id
        self._known = 0
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether there is no use in waiting on: it was ended, the operation is gone, or the process shuts down."""
        return self._known == OVER

    async def past(self, revision: int, seconds: float) -> None:
        """Return when the operation has a later revision than this one or the watch is over, or after the time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._known <= revision:
                    self._news.clear()
                    await self._news.wait()

    def tell(self, revision: int) -> None:
        """Wake whoever waits for this revision; good from any thread."""
        if revision > self._known:
            self._known = revision
            # A loop that was closed meanwhile has nobody waiting.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._news.set)

    def end(self) -> None:
        """Have the wait return at once, and every later one."""
        self.tell(OVER)


@contextmanager
def watching(operation_id: str) -> Iterator[Watch]:
    """Watch an operation. What changes after a read within is told, so begin to watch first and read then."""
    watch = Watch(operation_id)
    with _lock:
        _watches.add(watch)
        if not _threads and not _closing.is_set():
            _threads.append(threading.Thread(target=_run, name="changes", daemon=True))
            _threads[0].start()
    if _closing.is_set():
        watch.end()
    WAITING.inc()
    try:
        yield watch
    finally:
        WAITING.dec()
        with _lock:
            _watches.discard(watch)


def close() -> None:
    """End every watch, now and from now on: the process is to stop, and would otherwise wait for those who wait."""
    _closing.set()
    with _lock:
        watches = list(_watches)
    for watch in watches:
        watch.end()


def _run() -> None:
    while watches := _list_watches():
        try:
            with store.listening() as hear:
                _follow(hear, watches)
        except Exception as error:
            # Whatever a driver raises for a lost database: everybody waits on, and is told once it is back.
            log.warning("operations cannot be watched now", error=str(error))
            _closing.wait(RECONNECT_SECONDS)
        else:
            return


def _follow(hear: store.Hear, watches: list[Watch]) -> None:
    changed, healed_at = None, time.monotonic()
    while watches:
        _tell(watches, changed)
        changed = hear(HEAL_SECONDS)
        # On a busy database news never ends, and says nothing of what was lost.
        if changed is None or time.monotonic() - healed_at > HEAL_SECONDS:
            changed, healed_at = None, time.monotonic()
        watches = _list_watches()


def _list_watches() -> list[Watch]:
    """All watches; when there are none, the thread is as good as ended, and the next watch starts another."""
    with _lock:
        if not _watches or _closing.is_set():
            _threads.clear()
            return []
        return list(_watches)


def _tell(watches: list[Watch], changed: set[str] | None) -> None:
    ids = {watch.operation_id for watch in watches if changed is None or watch.operation_id in changed}
    revisions = store.list_revisions(ids) if ids else {}
    for watch in watches:
        if watch.operation_id in ids:
            watch.tell(revisions.get(watch.operation_id, OVER))
