"""Which calls go wrong on purpose? Rules that refuse, delay, throttle, or do the work and lose the answer."""

import threading
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatch

from app.sandbox.errors import PlatformError


class Kind(Enum):
    """`LOSE_ANSWER` lets the handler do its work and closes the connection without a word."""

    REFUSE = "refuse"
    DELAY = "delay"
    THROTTLE = "throttle"
    LOSE_ANSWER = "lose-answer"


@dataclass
class Fault:
    """A rule: of the calls that match, let `offset` pass, spoil the next `times`, then let all pass again."""

    kind: Kind
    method: str = "*"
    path: str = "*"
    workspace: str = "*"
    offset: int = 0
    times: int = 1
    status: int = 500
    error_code: str = "INTERNAL_ERROR"
    message: str = "The sandbox was told to refuse this call."
    retry_after: int | None = None
    delay_seconds: float = 0.0

    def refusal(self) -> PlatformError | None:
        """The answer that takes the place of the handler's work; None when the handler is to work."""
        if self.kind is Kind.REFUSE:
            return PlatformError(self.status, self.error_code, self.message, headers=self._headers())
        if self.kind is Kind.THROTTLE:
            message = "Too many requests: the sandbox was told to throttle this call."
            return PlatformError(429, "REQUEST_LIMIT_EXCEEDED", message, headers=self._headers())
        return None

    def _headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class Faults:
    """The rules in force; of several that match a call, the first acts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """One more rule."""
        with self._lock:
            self._rules.append(fault)

    def clear(self) -> None:
        """No rule any more."""
        with self._lock:
            self._rules.clear()

    def take(self, workspace: str, method: str, path: str) -> Fault | None:
        """The rule that spoils this call; the call is counted in every rule that it matches."""
        taken: Fault | None = None
        with self._lock:
            for rule in self._rules:
                wanted = ((workspace, rule.workspace), (method, rule.method), (path, rule.path))
                if not all(fnmatch(value, pattern) for value, pattern in wanted):
                    continue
                if rule.offset > 0:
                    rule.offset -= 1
                elif rule.times > 0 and taken is None:
                    rule.times -= 1
                    taken = rule
        return taken
