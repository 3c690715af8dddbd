"""Live views of a workspace: a few threads each, a short line, a short wait: one that hangs stops nobody else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from app import configuration
from app.errors import WorkspaceNotFound, WorkspaceUnavailable

THREADS = 4
# Calls that wait for a thread or have one: fifty at once are let in; beyond it a caller would wait in vain, and so
# hears it at once.
PLACES = 64
PATIENCE_SECONDS = 20.0
RETRY_AFTER_SECONDS = 5
Value = TypeVar("Value")

_pools: dict[str, ThreadPoolExecutor] = {}
# Counted on the event loop alone.
_inside: Counter[str] = Counter()


async def look(workspace: str, action: str, function: Callable[..., Value], *args: Any) -> Value:
    """Run a blocking look at `workspace` in one of its own threads.

    Raises `WorkspaceUnavailable` at once when too many are waiting, and when it takes longer than a caller should wait,
    the line included. Whoever stops waiting leaves the line. Raises `WorkspaceNotFound` for a name that is not
    configured: made-up names get no threads.
    """
    if workspace not in configuration.current().workspaces:
        raise WorkspaceNotFound(workspace=workspace)
    too_long = WorkspaceUnavailable(workspace=workspace, action=action, retry_after_seconds=RETRY_AFTER_SECONDS)
    if _inside[workspace] >= PLACES:
        raise too_long
    pool = _pools.get(workspace)
    if pool is None:
        pool = _pools[workspace] = ThreadPoolExecutor(THREADS, thread_name_prefix=f"live-{workspace}")
    _inside[workspace] += 1
    try:
        # Cancelled, the future takes its work out of the pool's line; what has begun ends by its own time-out.
        future = asyncio.get_running_loop().run_in_executor(pool, lambda: function(*args))
        return await asyncio.wait_for(future, PATIENCE_SECONDS)
    except TimeoutError as error:
        raise too_long from error
    finally:
        _inside[workspace] -= 1
