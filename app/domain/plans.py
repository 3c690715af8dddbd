"""What a request would do, before it does anything: the answer of every `:plan`, and what a start checks first."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from app.errors import PlanStale


@dataclass(frozen=True)
class Check:
    """Something that was looked at and found in order; a failed check raises its problem instead."""

    name: str
    found: str


@dataclass(frozen=True)
class Change:
    """Something that would come to be or change: `action` is create, change, remove, run or none."""

    action: str
    workspace: str
    kind: str
    name: str
    detail: str = ""


@dataclass(frozen=True)
class Plan:
    """Checks passed, changes to come, and who would see what; `digest` stands for exactly that.

    `subject_digest` is what others have to approve first, where they have to.
    """

    checks: list[Check]
    changes: list[Change]
    readers: list[str] = field(default_factory=list)
    subject_digest: str | None = None

    @property
    def digest(self) -> str:
        """Equal for equal plans, across processes and releases."""
        return f"sha256:{hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()}"


def require(plan: Plan, plan_digest: str | None) -> None:
    """Raise `PlanStale` when the caller agreed to another plan than this."""
    if plan_digest is not None and plan_digest != plan.digest:
        raise PlanStale(plan_digest=plan_digest)
