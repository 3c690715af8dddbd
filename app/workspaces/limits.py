"""May one more endpoint be created or updated now? The platform takes so many in five minutes; we ask for no more."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque

from app.errors import WorkspaceThrottled

# Creations and updates a workspace [DOC model-serving-limits]: about fifty, counted by each of our processes.
CHANGES, WINDOW_SECONDS = 50, 300

_sent: defaultdict[str, deque[float]] = defaultdict(deque)
_lock = threading.Lock()


def count_change(workspace: str, action: str) -> None:
    """Count one change that is about to be sent; raises `WorkspaceThrottled` with the time until there is room."""
    now = time.monotonic()
    with _lock:
        sent = _sent[workspace]
        while sent and now - sent[0] > WINDOW_SECONDS:
            sent.popleft()
        if len(sent) >= CHANGES:
            wait = round(WINDOW_SECONDS - (now - sent[0])) + 1
            raise WorkspaceThrottled(workspace=workspace, action=action, retry_after_seconds=wait)
        sent.append(now)
