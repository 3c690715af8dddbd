"""As whom is Causeway known in a workspace? The name that appears as owner of what it makes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from app.errors import Problem, WorkspaceNotFound
from app.workspaces.clients import connected, get_connection

PROBE_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Reachability:
    """Whether the workspace answered just now, as whom it knows Causeway, and else why not."""

    reachable: bool
    identity: str | None
    milliseconds: int
    problem: Problem | None


def get_control(workspace: str) -> str:
    """Causeway's own name there: an application id or a user's name; asked once and kept [DOC: owners are named so]."""
    connection = get_connection(workspace)
    if connection.control is None:
        with connected(workspace, "asking who Causeway is") as client:
            connection.control = str(client.current_user.me().user_name)
    return connection.control


def is_own(workspace: str, created_by: str | None, owner: str | None) -> bool:
    """Whether Causeway made a thing there; who owns it counts only where the platform does not say who made it.

    What was made by somebody else and then given to Causeway may hold anything: an admin has to adopt it.
    """
    return get_control(workspace) == (created_by or owner)


def probe(workspace: str) -> Reachability:
    """One small request with a short time-out; raises nothing but `WorkspaceNotFound`."""
    started = time.monotonic()
    identity: str | None = None
    problem: Problem | None = None
    try:
        with connected(workspace, "asking who Causeway is", timeout_seconds=PROBE_TIMEOUT_SECONDS) as client:
            identity = client.current_user.me().user_name
    except WorkspaceNotFound:
        raise
    except Problem as raised:
        problem = raised
    return Reachability(problem is None, identity, round((time.monotonic() - started) * 1000), problem)
