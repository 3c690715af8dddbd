"""What is a kind of drift? How it is found, how severe it is, and which remedies heal it: the table of all of them."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from app.domain.access import Caller
from app.domain.drifts.looks import Look
from app.domain.operations import Key, Operation
from app.domain.workflows import Work
from app.store.drifts import Drift

# Worst first: what left the house, or may; what stopped working; what will; what only looks untidy.
CRITICAL, HIGH, MEDIUM, LOW = "CRITICAL", "HIGH", "MEDIUM", "LOW"
PUT_BACK, ACCEPT = "put-back", "accept"
# To remove what Causeway did not make, and to take something critical for right, is not the requester's own to decide.
JUDGE = "judge-drift"
PlainChange = tuple[str, str, dict[str, Any], dict[str, Any] | None]
"""A record to change when the remedy has worked: kind of record, id, values, and what joins its outcome.

That is None for a record that is new. Any other is changed only if it is still active then.
"""
PlainChanges = list[PlainChange]


@dataclass(frozen=True)
class Finding:
    """One difference, told for people; `object_name` and `detail` make it the same whenever it is found.

    `marks` are what it rests on, as `Promises` has them: while an operation changes one of them, it is no drift.
    `remedies` None offers all that the kind has. `target` is what the remedies need to know, as plain values.
    """

    object_name: str
    wanted: str
    found: str
    detail: str = ""
    record: tuple[str, str] | None = None
    marks: frozenset[str] = frozenset()
    remedies: frozenset[str] | None = None
    target: dict[str, Any] = field(default_factory=dict)
    advice: str = "Apply one of the remedies."


@dataclass(frozen=True)
class Remedy:
    """A way to heal it: `effect` says what it would do, `action` what a caller must be allowed to do.

    `begin` starts the operation that does slow work, `apply` does quick work after it; both converge. They are given
    the drift as it is found now. `lock` names what the quick work changes, as the operations do that change it, too;
    without one, nothing is done while an operation changes what the finding rests on.
    """

    effect: str
    action: str
    apply: Callable[[Drift, Work], PlainChanges | None] | None = None
    begin: Callable[[Caller, Key, Drift], Operation] | None = None
    lock: Callable[[Drift], str | None] | None = None


Find = Callable[[Look], Iterator[Finding]]


@dataclass(frozen=True)
class Kind:
    """A kind of drift by its code, which is stored and never changes.

    Some need all bytes to be read first; some ask our own records alone, also where a project has nothing.
    """

    code: str
    severity: str
    object_kind: str
    find: Find
    remedies: dict[str, Remedy]
    needs_bytes: bool
    asks_nobody: bool


KINDS: dict[str, Kind] = {}


def drift(
    code: str,
    severity: str,
    object_kind: str,
    *,
    put_back: Remedy | None = None,
    accept: Remedy | None = None,
    needs_bytes: bool = False,
    asks_nobody: bool = False,
) -> Callable[[Find], Find]:
    """Make the function the way to find drift of this kind."""

    def add(find: Find) -> Find:
        remedies = {PUT_BACK: put_back, ACCEPT: accept}
        offered = {name: remedy for name, remedy in remedies.items() if remedy is not None}
        KINDS[code] = Kind(code, severity, object_kind, find, offered, needs_bytes, asks_nobody)
        return find

    return add


def ended_by(drift: Drift) -> dict[str, Any]:
    """What the outcome of a record says that ended by a drift: who asks reads why."""
    return {"ended_by": {"drift": drift.id, "cause": drift.found}}


def make_id(project: str, workspace: str, code: str, finding: Finding) -> str:
    """The drift's id: the same difference has the same id, whoever finds it and when."""
    seed = "\0".join([project, workspace, code, finding.object_name.lower(), finding.detail])
    return f"drf_{b32encode(hashlib.sha256(seed.encode()).digest()).decode().lower()[:26]}"
