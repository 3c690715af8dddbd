"""Which calls does a workflow make upstream, step by step, and how are they spoiled, each in its turn?"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from tests.crashing import BEFORE, HAND_OVER
from tests.journeys.stories import PATTERNS, Passage

# A step is tried ten times, and the last must be let through.
SPOILED_A_STEP = 8
ACCEPTANCE = "before it is accepted"
LOST: dict[str, Any] = {"kind": "lose-answer"}
REFUSED: dict[str, Any] = {"kind": "refuse", "status": 503, "error_code": "TEMPORARILY_UNAVAILABLE", "retry_after": 0}
THROTTLED: dict[str, Any] = {"kind": "throttle", "retry_after": 1}


@dataclass(frozen=True)
class Call:
    """One call as any passage makes it; of a path that differs from passage to passage, a pattern."""

    workspace: str
    method: str
    path: str

    def of(self, passage: Passage) -> Call:
        path = self.path.replace("<tag>", passage.tag).replace("<audience>", passage.audience)
        return Call(self.workspace, self.method, path)

    def covers(self, other: Call) -> bool:
        return (self.workspace, self.method) == (other.workspace, other.method) and fnmatch(other.path, self.path)


Calls = dict[str, list[Call]]
Spoiled = list[tuple[int, dict[str, Any]]]


def list_seen(passage: Passage, since: int = 0) -> list[dict[str, Any]]:
    """The requests that the sandbox has seen since that millisecond, but for those for tokens and the test's own."""
    seen = passage.world.sandbox.call("dev", "GET", "/__sandbox/requests").json()["requests"]
    others = [one for one in seen if one["path"].startswith("/api/") and not one["principal"].startswith("admin")]
    return [one for one in others if one["at"] >= since]


def list_calls(passage: Passage, stage: str, since: int) -> Calls:
    """The calls of each step of an undisturbed stage that was asked for at `since`, in order.

    Of a wait, which asks the same over and over, each call once; what a job asks while it is waited for is its own.
    """
    times = passage.service.crashes.list_times(passage.operations[stage]["id"])
    begins = [(ACCEPTANCE, since), *((step, at) for (step, moment), at in times if moment == BEFORE)]
    begins = [(step, at) for step, at in begins if not step.startswith(HAND_OVER)]
    ended = max(at for _, at in times)
    calls: Calls = {}
    for one in list_seen(passage, since):
        step = [step for step, at in begins if at <= one["at"]][-1]
        call = Call(one["workspace"], one["method"], _as_pattern(passage, one["path"]))
        is_wait = any(name == f"note the start of: {step}" for name, _ in begins)
        others = step.endswith(" job") and is_wait and not call.path.endswith("/jobs/runs/get")
        if one["at"] <= ended and not others and not (is_wait and call in calls.get(step, [])):
            calls.setdefault(step, []).append(call)
    return calls


def list_rounds(calls: Calls, ways: list[dict[str, Any]]) -> list[dict[str, Spoiled]]:
    """What to spoil in each passage, so that together they spoil each call in each of the ways."""
    everything = {step: [(turn, way) for turn in range(len(some)) for way in ways] for step, some in calls.items()}
    # Whoever asks goes on asking until the operation is accepted.
    sizes = {step: len(some) if step == ACCEPTANCE else SPOILED_A_STEP for step, some in everything.items()}
    rounds = max(math.ceil(len(some) / sizes[step]) for step, some in everything.items())
    return [
        {step: chunk for step, some in everything.items() if (chunk := some[n * sizes[step] : (n + 1) * sizes[step]])}
        for n in range(rounds)
    ]


def make_rules(passage: Passage, calls: list[Call], spoiled: Spoiled) -> list[dict[str, Any]]:
    """The sandbox's rules that spoil these calls of one step: a try for each, in which those before it come through.

    How many calls a rule lets pass follows from that: those that match it, in the tries before and earlier in its own.
    """
    own = [call.of(passage) for call in calls]
    rules, passed = [], list[Call]()
    for turn, way in spoiled:
        passed += own[:turn]
        call = own[turn]
        offset = sum(call.covers(before) for before in passed)
        rules.append({"workspace": call.workspace, "method": call.method, "path": call.path, "offset": offset, **way})
        passed.append(call)
    return rules


def _as_pattern(passage: Passage, path: str) -> str:
    text = path.replace(passage.tag, "<tag>").replace(passage.audience, "<audience>")
    for pattern, _ in PATTERNS:
        text = re.sub(pattern, "*", text)
    return text
