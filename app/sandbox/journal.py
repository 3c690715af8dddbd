"""What really happened, and what was asked? The journal of effects (in the state) and the list of requests seen."""

import threading
from collections import deque
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from typing import Any

from app.sandbox.state import Document
from app.sandbox.world import World, now_ms


@dataclass(frozen=True)
class SeenRequest:
    """One request as it came in and went out; neither bodies nor tokens are kept. Status 0: no answer was sent."""

    workspace: str
    principal: str
    method: str
    path: str
    status: int
    at: int


def record(world: World, kind: str, name: str, *, workspace: str, principal: str, **details: Any) -> None:
    """Note an effect, in the transaction that makes it, so that neither is ever there without the other."""
    effect = {"kind": kind, "workspace": workspace, "principal": principal, "name": name, "details": details}
    world.state.append_effect(kind, {**effect, "at": now_ms()})


class Requests:
    """The last requests of this process, newest last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: deque[SeenRequest] = deque(maxlen=20_000)

    def append(self, seen: SeenRequest) -> None:
        """Note one more."""
        with self._lock:
            self._seen.append(seen)

    def list_all(self, path: str = "*", method: str = "*", workspace: str = "*", since: int = 0) -> list[Document]:
        """Those that match the patterns (fnmatch) and came in that millisecond or later, oldest first."""
        with self._lock:
            seen = [request for request in self._seen if request.at >= since]
        return [
            asdict(request)
            for request in seen
            if fnmatch(request.path, path) and fnmatch(request.method, method) and fnmatch(request.workspace, workspace)
        ]

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._seen.clear()
