"""Going down without tearing steps: no new step begins, the running ones end, waits are left to whoever comes next."""

from __future__ import annotations

import asyncio
import threading
import time

LOOK_EVERY_SECONDS = 0.02

_over = threading.Event()
_busy: set[str] = set()


def reset() -> None:
    """Let steps begin; said at start-up."""
    _over.clear()
    _busy.clear()


def drain(seconds: float) -> None:
    """Let no further step begin, and return when none is running, or after `seconds`."""
    _over.set()
    deadline = time.monotonic() + seconds
    while _busy and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_SECONDS)


async def begin_work(workflow_id: str) -> None:
    """The workflow is at work until it says that it rests.

    While the process goes down this never returns: the step before is checkpointed, and the next one is not begun.
    """
    if _over.is_set():
        rest(workflow_id)
        await asyncio.Event().wait()
    _busy.add(workflow_id)


def rest(workflow_id: str) -> None:
    """The workflow waits or has ended: nothing is lost if the process goes now."""
    _busy.discard(workflow_id)
