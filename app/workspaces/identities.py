"""As whom is Causeway known in a workspace, and who else is there? Names are those that appear as owners."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from app.errors import Problem, WorkspaceNotFound
from app.workspaces.clients import HTTP_TIMEOUT_SECONDS, connected, get_connection

PROBE_TIMEOUT_SECONDS = 5.0
SCIM = "/api/2.0/preview/scim/v2"


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


@dataclass(frozen=True)
class Identity:
    """A principal as the workspace tells of it: a person, or a service principal (known by its application id).

    `groups` and `entitlements` are its own; the platform leaves them out for those who may not see them [INF].
    """

    id: str
    name: str
    is_person: bool
    is_active: bool
    groups: list[str]
    entitlements: list[str]


@dataclass(frozen=True)
class Self:
    """Who asks, and by how many seconds the workspace's clock is ahead of ours, if it tells the time."""

    identity: Identity
    ahead_seconds: float | None


def get_self(workspace: str, *, timeout_seconds: float = HTTP_TIMEOUT_SECONDS) -> Self:
    """Causeway itself, in full, by one request."""
    with connected(workspace, "asking who Causeway is", timeout_seconds=timeout_seconds) as client:
        asked_at = datetime.now(UTC)
        told: Any = client.api_client.do("GET", f"{SCIM}/Me", response_headers=["date"])
        middle = asked_at + (datetime.now(UTC) - asked_at) / 2
        identity = _as_identity(told)
    return Self(identity, _ahead(told.get("date"), middle))


def find_service_principal(
    workspace: str, application_id: str, *, timeout_seconds: float = HTTP_TIMEOUT_SECONDS
) -> Identity | None:
    """The service principal of this application id in the workspace, or None."""
    quoted = application_id.replace('"', "")
    query = {"filter": f'applicationId eq "{quoted}"', "count": 1}
    action = f"looking for service principal {application_id}"
    with connected(workspace, action, timeout_seconds=timeout_seconds) as client:
        told: Any = client.api_client.do("GET", f"{SCIM}/ServicePrincipals", query=query)
        found = told.get("Resources") or []
        return _as_identity(found[0]) if found else None


def _as_identity(told: dict[str, Any]) -> Identity:
    name = str(told.get("applicationId") or told["userName"])
    return Identity(
        id=str(told["id"]),
        name=name,
        # A person's user name is a mail address, a service principal's its application id [DOC].
        is_person="@" in name,
        is_active=told.get("active", True) is not False,
        groups=[str(one.get("display")) for one in told.get("groups") or []],
        entitlements=[str(one.get("value")) for one in told.get("entitlements") or []],
    )


def _ahead(date: str | None, at: datetime) -> float | None:
    try:
        # The header is cut to whole seconds: on average half of one is lost.
        return (parsedate_to_datetime(date or "") - at).total_seconds() + 0.5
    except (TypeError, ValueError):
        return None
