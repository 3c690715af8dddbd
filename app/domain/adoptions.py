"""Adopting: an admin says that a share or a recipient that somebody else made under our name is Causeway's now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app import configuration
from app.domain import audiences, audit, ownership
from app.domain.access import Caller, Name, check, list_places, list_projects
from app.errors import NotInProject, RecordNotFound, UpstreamNotFound, WorkspaceNotFound
from app.store import records as store
from app.store.adoptions import Adoption as Adoption
from app.store.pages import Page
from app.workspaces import recipients, shares
from app.workspaces.recipients import Recipient
from app.workspaces.shares import Share

SHARE = "share"
RECIPIENT = "recipient"


@dataclass(frozen=True)
class Adopting:
    """What to adopt, for which project, and why; `kind` is SHARE or RECIPIENT."""

    project: str
    workspace: str
    kind: str
    name: str
    reason: str


def adopt(caller: Caller, adopting: Adopting) -> Adoption:
    """Look at the object and keep the adoption; the same object again is the same adoption.

    Raises `PermissionDenied` for anybody but an admin, `NotInProject` when it is of no audience of the project,
    `ShareNotFound` or `UpstreamNotFound` when there is none that Causeway can see.
    """
    look = _look_at_share if adopting.kind == SHARE else _look_at_recipient
    found = look(caller, adopting)
    adoption = Adoption(
        id=ownership.adoption_id(adopting.workspace, adopting.kind, adopting.name, found.created_at),
        project=adopting.project,
        workspace=adopting.workspace,
        object_kind=adopting.kind,
        name=adopting.name.lower(),
        reason=adopting.reason,
        created_by=caller.principal,
    )
    told = {"workspace": adopting.workspace, "kind": adopting.kind, "name": adoption.name, "reason": adopting.reason}
    event = audit.event(
        caller.principal, "adopted", adopting.project, adoption.id, None, caller.request_id, adopted=told
    )
    return store.say_once(adoption, event)


def get(caller: Caller, adoption_id: str) -> Adoption:
    """The adoption; raises `RecordNotFound` for one of a project that the caller cannot see."""
    found = store.find(Adoption, adoption_id)
    if found is None or found.project not in list_projects(caller):
        raise RecordNotFound(kind="adoption", id=adoption_id)
    return found


def list_page(caller: Caller, equal: dict[str, Any], after: str | None, size: int) -> Page[Adoption]:
    """Newest first: the adoptions of the caller's projects."""
    return store.list_page(Adoption, set(list_projects(caller)), equal, after, size)


def _look_at_share(caller: Caller, adopting: Adopting) -> Share | Recipient:
    check(caller, "adopt", adopting.project, Name(SHARE, adopting.workspace, adopting.name))
    return shares.get_share(adopting.workspace, adopting.name)


def _look_at_recipient(caller: Caller, adopting: Adopting) -> Share | Recipient:
    check(caller, "adopt", adopting.project)
    place, name = adopting.workspace, adopting.name
    if place not in list_places(adopting.project):
        raise WorkspaceNotFound(workspace=place)
    known = {
        identifier
        for audience in configuration.current().projects[adopting.project].audiences
        for identifier in audiences.list_known_identifiers(adopting.project, audience)
    }
    found = recipients.find_named(place, name)
    # The platform's own is nobody's to adopt.
    if found is not None and (found.name == recipients.SELF or found.sharing_identifier not in known):
        raise NotInProject(project=adopting.project, kind=RECIPIENT, name=name, workspace=place)
    if found is None:
        raise UpstreamNotFound(workspace=place, kind=RECIPIENT, name=name)
    return found
