"""What is one prerequisite, and what came of looking? Each is looked at by itself: a refusal there stops no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.domain.preflight.sight import NoTimeLeft, Sight
from app.errors import Problem, UpstreamNotFound

GREEN, RED, WARNING, UNKNOWN = "GREEN", "RED", "WARNING", "UNKNOWN"
WORST_FIRST = (RED, WARNING, UNKNOWN, GREEN)


@dataclass(frozen=True)
class Finding:
    """What was seen; `commands` None leaves those of the prerequisite."""

    state: str
    seen: str
    commands: list[str] | None = None


@dataclass(frozen=True)
class Prerequisite:
    """Something that must be so, how it is looked at, and the commands by which an admin makes it so.

    `look` may raise any `Problem`; the commands are then told all the same.
    """

    name: str
    subject: str
    needed: str
    look: Callable[[Sight], Finding]
    project: str | None = None
    commands: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Check:
    """A prerequisite that was looked at; without `commands` there is nothing to do, or nothing that one could do."""

    name: str
    project: str | None
    subject: str
    state: str
    seen: str
    needed: str
    commands: list[str]


def check(prerequisite: Prerequisite, sight: Sight) -> Check:
    """Look at it; UNKNOWN where the workspace did not answer, or refuses to tell, and RED for what is not there."""
    try:
        found = prerequisite.look(sight)
    except UpstreamNotFound as problem:
        found = Finding(RED, tell_missing(problem))
    except NoTimeLeft:
        found = Finding(UNKNOWN, "not asked: there was no time left; ask about one project, or by causeway check")
    except Problem as problem:
        found = Finding(UNKNOWN, tell(problem))
    commands = prerequisite.commands if found.commands is None else found.commands
    return Check(
        name=prerequisite.name,
        project=prerequisite.project,
        subject=prerequisite.subject,
        state=found.state,
        seen=found.seen,
        needed=prerequisite.needed,
        commands=[] if found.state == GREEN else commands,
    )


def get_worst(checks: list[Check]) -> str:
    """The state of all of them together."""
    return min((one.state for one in checks), key=WORST_FIRST.index, default=GREEN)


def tell_missing(problem: UpstreamNotFound) -> str:
    """What is not there, in a few words."""
    return f"there is no {problem.fields['kind']} {problem.fields['name']}"


def tell(problem: Problem) -> str:
    """The problem in a sentence or two, with the workspace's own words where it gave some."""
    upstream = problem.fields.get("upstream") or {}
    words = upstream.get("message") or upstream.get("error_code")
    return problem.detail if not words else f"{problem.detail} ({words})"
