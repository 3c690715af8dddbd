"""Whom does a project publish for? An audience's recipients as metastores, in the provider's workspace."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace

from app import configuration
from app.configuration import Audience, Recipient
from app.domain import ownership
from app.domain.access import check_link
from app.errors import AudienceUnknown, RecipientNameTaken, UpstreamProblem
from app.workspaces import metastores, recipients


@dataclass(frozen=True)
class Member:
    """One recipient of an audience; `name` is its name in the provider's workspace, None while it has none there.

    All `workspaces` that the audience declares on its metastore see the share together; `workspace` is the first. On
    the provider's own metastore (`same_metastore`) the platform's `self` takes its place. One that is not `is_ours`,
    because somebody else made it under a name of theirs, is used and never deleted.
    """

    workspace: str | None
    workspaces: list[str]
    sharing_identifier: str
    name: str | None
    same_metastore: bool
    is_ours: bool

    @property
    def label(self) -> str:
        """What people call it."""
        return self.workspace or self.sharing_identifier

    @property
    def wanted_name(self) -> str:
        """The name under which Causeway would make it."""
        return f"causeway_{self.workspace or re.sub('[^A-Za-z0-9]', '_', self.sharing_identifier)}"


def get(project: str, audience: str) -> Audience:
    """The audience as declared; raises `AudienceUnknown`."""
    declared = configuration.current().projects[project].audiences
    if audience not in declared:
        raise AudienceUnknown(project=project, audience=audience)
    return declared[audience]


def check_links(project: str, audience: str, provider: str) -> None:
    """Every workspace of the audience is linked from the provider; raises `LinkNotDeclared`."""
    for recipient in get(project, audience).recipients:
        if recipient.workspace is not None and recipient.workspace != provider:
            check_link(project, provider, recipient.workspace)


def list_members(project: str, audience: str, provider: str, known: dict[str, str] | None = None) -> list[Member]:
    """The audience's recipients as they are now, each metastore once: several workspaces may stand on one.

    With what is `known`, as `list_declared` tells them.

    Raises `RecipientNameTaken` for one under Causeway's name that somebody else made and no admin has adopted.
    """
    own = metastores.get_sharing_identifier(provider)
    declared = list_identifiers(project, audience) if known is None else list_declared(project, audience, known)
    members = []
    for identifier, places in declared.items():
        workspace = places[0] if places else None
        member = Member(workspace, places, identifier, None, same_metastore=identifier == own, is_ours=True)
        found = recipients.find_recipient(provider, identifier)
        members.append(member if found is None else _checked(provider, member, found))
    return members


def answers(member: Member) -> bool:
    """Whether its workspace says now that it stands on this metastore; a partner's word is the configuration."""
    try:
        check_answers(member)
    except UpstreamProblem:
        return False
    return True


def check_answers(member: Member) -> None:
    """As `answers`; raises the problem of a workspace that does not: what was known of it lets nobody in."""
    if member.workspace is not None:
        metastores.get_sharing_identifier(member.workspace)


def check_names(provider: str, members: list[Member]) -> None:
    """The recipients that are to be made have names that nobody else has; raises `RecipientNameTaken`."""
    for member in members:
        if member.name is None and (found := recipients.find_named(provider, member.wanted_name)) is not None:
            difference = f"it stands for {found.sharing_identifier}, not for {member.sharing_identifier}"
            raise RecipientNameTaken(workspace=provider, recipient=found.name, difference=difference)


def list_identifiers(project: str, audience: str) -> dict[str, list[str]]:
    """The sharing identifiers of the audience's metastores, each with the workspaces declared on it."""
    identifiers: dict[str, list[str]] = {}
    for declared in get(project, audience).recipients:
        places = identifiers.setdefault(_identify(declared), [])
        places += [declared.workspace] if declared.workspace else []
    return identifiers


def list_workspaces(project: str, audience: str) -> list[str]:
    """The workspaces among the audience's recipients."""
    return [one.workspace for one in get(project, audience).recipients if one.workspace is not None]


def list_known_identifiers(project: str, audience: str) -> dict[str, str | None]:
    """As `list_identifiers`, with the first workspace alone, without those that cannot be asked for theirs now."""
    identifiers: dict[str, str | None] = {}
    for declared in get(project, audience).recipients:
        with suppress(UpstreamProblem):
            identifiers.setdefault(_identify(declared), declared.workspace)
    return identifiers


def list_declared(project: str, audience: str | None, known: dict[str, str]) -> dict[str, list[str]]:
    """As `list_identifiers`, and empty for an audience that is not declared.

    A workspace that does not answer now has the identifier that is `known` of it, or its problem is raised: nobody is
    taken for a stranger because a workspace is silent.
    """
    identifiers: dict[str, list[str]] = {}
    declared = configuration.current().projects[project].audiences.get(audience or "")
    for one in declared.recipients if declared else []:
        places = identifiers.setdefault(_identify_known(one, known), [])
        places += [one.workspace] if one.workspace else []
    return identifiers


def ensure_member(provider: str, member: Member) -> Member:
    """The member with its recipient in the provider's workspace, made if its metastore has none.

    Raises `RecipientNameTaken`.
    """
    comment = f"Made by Causeway for {member.label}."
    name = member.wanted_name
    found = recipients.ensure_recipient(provider, member.sharing_identifier, name=name, comment=comment)
    return _checked(provider, member, found)


def _checked(provider: str, member: Member, found: recipients.Recipient) -> Member:
    is_ours = ownership.is_ours(provider, found)
    # Names are case-insensitive [DOC].
    if not is_ours and found.name.lower() == member.wanted_name.lower():
        difference = f"{found.created_by or found.owner or 'somebody else'} made it"
        raise RecipientNameTaken(workspace=provider, recipient=found.name, difference=difference)
    return replace(member, name=found.name, is_ours=is_ours)


def _identify(declared: Recipient) -> str:
    return declared.sharing_identifier or metastores.get_sharing_identifier(str(declared.workspace))


def _identify_known(declared: Recipient, known: dict[str, str]) -> str:
    try:
        return _identify(declared)
    except UpstreamProblem:
        if declared.workspace in known:
            return known[declared.workspace]
        raise
