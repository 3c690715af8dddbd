"""Starting and stopping the engine in this process: as a client that gives commands, and as an executor that works."""

from __future__ import annotations

import fcntl
import logging
import sqlite3
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer

from app.durable import draining

QUEUE = "operations"
# The contract between stored steps and code. Constant: the engine's default, a hash of the code, would strand whatever
# is under way at the next deploy [RUN]. A change that old workflows cannot replay stands behind `is_new`.
CONTRACT = "1"
SCHEMA = "dbos"
EMBEDDED = "embedded"
POOL_SIZE = 8
DEQUEUE_EVERY_SECONDS = 0.2

_clients: list[DBOSClient] = []
_lock_files: list[Any] = []


def migrate(url: str) -> None:
    """Make the engine's tables at `url`, or bring them up to date; where they are, no right to do so is needed."""
    _quieten()
    path = _sqlite_file(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(path) as connection:
            # The engine leaves SQLite in its rollback journal, under which readers wait for writers.
            connection.execute("PRAGMA journal_mode=WAL")
    DBOS.migrate(url, schema=SCHEMA)


def connect(url: str) -> None:
    """Have commands go to the engine's tables at `url`, which are made or brought up to date first."""
    migrate(url)
    disconnect()
    _clients.append(
        DBOSClient(
            system_database_url=url,
            dbos_system_schema=SCHEMA,
            serializer=DBOSPortableJSONSerializer(),
            system_database_pool_size=POOL_SIZE,
            retry_connection_errors=False,
        )
    )


def disconnect() -> None:
    """Give no more commands."""
    while _clients:
        _clients.pop().destroy()


def client() -> DBOSClient:
    """Where commands go; `connect` comes first."""
    return _clients[0]


def launch(url: str, executor_id: str | None, concurrency: int) -> None:
    """Run workflows in this process, `concurrency` at once, those under way included.

    `executor_id` is never another living process's: the engine would run its workflows a second time [RUN]. None stands
    for the only process that uses the SQLite file, which takes up what an earlier one left; a second one raises
    `BlockingIOError` at once.
    """
    path = _sqlite_file(url)
    if path is not None:
        _lock(path.with_suffix(".lock"))
    draining.reset()
    config = DBOSConfig(
        name="causeway",
        application_version=CONTRACT,
        executor_id=executor_id or EMBEDDED,
        system_database_url=url,
        dbos_system_schema=SCHEMA,
        sys_db_pool_size=POOL_SIZE,
        max_executor_threads=64,
        serializer=DBOSPortableJSONSerializer(),
        log_level="WARNING",
    )
    DBOS(config=config)
    DBOS.launch()
    _quieten()
    DBOS.register_queue(QUEUE, worker_concurrency=concurrency, polling_interval_sec=DEQUEUE_EVERY_SECONDS)


def take_over(executor_id: str) -> int:
    """Have the living take up what a dead executor was at, and answer how much that was; twice is as once.

    The library's own call: one conditional update a workflow, which keeps its queue [SDK, RUN]. It is private, and
    has no public twin that spares the workflows of the living.
    """
    return len(DBOS._recover_pending_workflows([executor_id]))


def shutdown(drain_seconds: float) -> None:
    """Take up no more work and let the steps that are running end, for `drain_seconds` at most.

    What is then under way stays recorded and goes on wherever it is taken over; a wait is not waited for.
    """
    draining.drain(drain_seconds)
    DBOS.destroy(workflow_completion_timeout_sec=0)
    while _lock_files:
        _lock_files.pop().close()


def _sqlite_file(url: str) -> Path | None:
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _lock(path: Path) -> None:
    handle = path.open("w")
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    _lock_files.append(handle)


def _quieten() -> None:
    """Hand the engine's log to ours, without its forty lines for each workflow that was cancelled on purpose."""
    engine_log = logging.getLogger("dbos")
    engine_log.setLevel(logging.WARNING)
    engine_log.handlers.clear()
    engine_log.propagate = True
    if not engine_log.filters:
        engine_log.addFilter(lambda record: record.levelno >= logging.ERROR and record.exc_info is None)
