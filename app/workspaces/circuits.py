"""Does a workspace answer at all? After some calls in a row that it left unanswered, the next ones fail at once.

Then one call asks again now and then, and the first answer, whatever it says, lets all through again.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import UpstreamNotFound, UpstreamProblem, WorkspaceCircuitOpen, WorkspaceTimeout, WorkspaceUnavailable

SILENCES = 5
COOL_DOWN_SECONDS = 10.0
# More than a call and its sign-in take: a probe that is a long prediction gives way to another one after this time.
PROBE_SECONDS = 60.0


class Circuit:
    """What this process knows of one workspace's answering; safe for many threads, and never locked during a call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._silences = 0
        self._probe_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the workspace left the last calls unanswered."""
        return self._probe_at is not None

    @contextmanager
    def guarding(self, workspace: str, action: str) -> Iterator[None]:
        """Let one call pass and learn from its end; raises `WorkspaceCircuitOpen` instead while the circuit is open.

        Every problem of upstream but the two of silence is an answer: a refusal, a 404, a 429. What ends the call
        otherwise, such as a caller who hangs up, says nothing, and the next call may be the probe in its place.
        """
        is_probe = self._admit(workspace, action)
        try:
            yield
        except (WorkspaceUnavailable, WorkspaceTimeout):
            self._note_silence(is_probe)
            raise
        except (UpstreamProblem, UpstreamNotFound):
            self.close()
            raise
        except BaseException:
            self._give_back(is_probe)
            raise
        self.close()

    def close(self) -> None:
        """The workspace has answered something."""
        with self._lock:
            self._silences, self._probe_at = 0, None

    def _admit(self, workspace: str, action: str) -> bool:
        """Whether the call is the probe of an open circuit; no other call passes one."""
        with self._lock:
            if self._probe_at is None:
                return False
            now = time.monotonic()
            if now >= self._probe_at:
                self._probe_at = now + PROBE_SECONDS
                return True
            wait = math.ceil(min(self._probe_at - now, COOL_DOWN_SECONDS))
        raise WorkspaceCircuitOpen(workspace=workspace, action=action, retry_after_seconds=wait)

    def _give_back(self, is_probe: bool) -> None:
        with self._lock:
            if is_probe and self._probe_at is not None:
                self._probe_at = time.monotonic()

    def _note_silence(self, is_probe: bool) -> None:
        with self._lock:
            self._silences += 1
            # Calls that were under way when the circuit opened end late, and must not move the next probe.
            if is_probe or (self._probe_at is None and self._silences >= SILENCES):
                self._probe_at = time.monotonic() + COOL_DOWN_SECONDS
