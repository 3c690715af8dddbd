"""Live views of a workspace: a few threads each and a short wait, so that one that hangs stops nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from app import configuration
from app.errors import WorkspaceNotFound, WorkspaceUnavailable

THREADS = 4
PATIENCE_SECONDS = 20.0
RETRY_AFTER_SECONDS = 5
Value = TypeVar("Value")

_pools: dict[str, ThreadPoolExecutor] = {}


async def look(workspace: str, action: str, function: Callable[..., Value], *args: Any) -> Value:
    """Run a blocking look at `workspace` in one of its own threads.

    Raises `WorkspaceUnavailable` when it takes longer than a caller should wait, queueing included, and
    `WorkspaceNotFound` for a name that is not configured: made-up names get no threads.
    """
    if workspace not in configuration.current().workspaces:
        raise WorkspaceNotFound(workspace=workspace)
    pool = _pools.get(workspace)
    if pool is None:
        pool = _pools[workspace] = ThreadPoolExecutor(THREADS, thread_name_prefix=f"live-{workspace}")
    future = asyncio.get_running_loop().run_in_executor(pool, lambda: function(*args))
    try:
        return await asyncio.wait_for(future, PATIENCE_SECONDS)
    except TimeoutError as error:
        raise WorkspaceUnavailable(
            workspace=workspace, action=action, retry_after_seconds=RETRY_AFTER_SECONDS
        ) from error
