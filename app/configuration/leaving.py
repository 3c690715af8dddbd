"""What a new file leaves out that is in force now, and which operations cannot do without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from app.configuration.schema import RETIRING, Configuration

SHOWN = 5


@dataclass(frozen=True)
class Need:
    """An operation under way, and what has to stay in the file until it has ended."""

    operation: str
    project: str
    workspaces: list[str]


ListNeeds = Callable[[], list[Need]]


def is_leaving(old: Configuration, new: Configuration) -> bool:
    """Whether `new` leaves out a workspace or a project of `old`."""
    return not (old.workspaces.keys() <= new.workspaces.keys() and old.projects.keys() <= new.projects.keys())


def retire(old: Configuration, new: Configuration) -> Configuration:
    """`old`, where nothing new begins in the workspaces that `new` leaves out: what needs them comes to an end."""
    leaving = old.workspaces.keys() - new.workspaces.keys()
    retiring = {name: old.workspaces[name].model_copy(update={"state": RETIRING}) for name in leaving}
    return old.model_copy(update={"workspaces": {**old.workspaces, **retiring}})


def list_unmet(new: Configuration, needs: list[Need]) -> list[str]:
    """A sentence for each workspace and each project that operations need and `new` does not declare."""
    workspaces = [(workspace, need.operation) for need in needs for workspace in need.workspaces]
    projects = [(need.project, need.operation) for need in needs]
    return [
        *_sentences("workspace", workspaces, new.workspaces.keys()),
        *_sentences("project", projects, new.projects.keys()),
    ]


def _sentences(kind: str, needed: list[tuple[str, str]], declared: Iterable[str]) -> Iterator[str]:
    for name in sorted({name for name, _ in needed} - set(declared)):
        operations = [operation for one, operation in needed if one == name]
        more = f" and {len(operations) - SHOWN} more" if len(operations) > SHOWN else ""
        named = f"{', '.join(operations[:SHOWN])}{more}"
        yield f"{kind}s: {name} is needed by {named}; declare it until they have ended, or cancel them"
