"""Whom does a project publish for? An audience's recipients as metastores, and the live share compared with them."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace

from app import configuration
from app.configuration import Audience, Recipient
from app.domain.access import check_link
from app.errors import AudienceMismatch, AudienceUnknown, UpstreamProblem
from app.workspaces import metastores, recipients, shares
from app.workspaces.shares import Share


@dataclass(frozen=True)
class Member:
    """One recipient of an audience; `name` is its name in the provider's workspace, None while it has none there.

    On the provider's own metastore (`same_metastore`) the platform's `self` takes its place.
    """

    workspace: str | None
    sharing_identifier: str
    name: str | None
    same_metastore: bool


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
            check_link(provider, recipient.workspace)


def list_members(project: str, audience: str, provider: str) -> list[Member]:
    """The audience's recipients as they are now, each metastore once: several workspaces may stand on one."""
    own = metastores.get_sharing_identifier(provider)
    members = []
    for identifier, workspace in list_identifiers(project, audience).items():
        found = recipients.find_recipient(provider, identifier)
        members.append(Member(workspace, identifier, found.name if found else None, same_metastore=identifier == own))
    return members


def list_identifiers(project: str, audience: str) -> dict[str, str | None]:
    """The sharing identifiers of the audience's metastores, each with the first workspace declared on it, if any."""
    identifiers: dict[str, str | None] = {}
    for declared in get(project, audience).recipients:
        identifiers.setdefault(_identify(declared), declared.workspace)
    return identifiers


def list_workspaces(project: str, audience: str) -> list[str]:
    """The workspaces among the audience's recipients."""
    return [one.workspace for one in get(project, audience).recipients if one.workspace is not None]


def list_known_identifiers(project: str, audience: str) -> dict[str, str | None]:
    """As `list_identifiers`, without the workspaces that cannot be asked for theirs now."""
    identifiers: dict[str, str | None] = {}
    for declared in get(project, audience).recipients:
        with suppress(UpstreamProblem):
            identifiers.setdefault(_identify(declared), declared.workspace)
    return identifiers


def ensure_member(provider: str, member: Member) -> Member:
    """The member with its recipient in the provider's workspace, made if its metastore has none."""
    comment = f"Made by Causeway for {member.workspace or member.sharing_identifier}."
    wanted = f"causeway_{member.workspace or re.sub('[^A-Za-z0-9]', '_', member.sharing_identifier)}"
    found = recipients.ensure_recipient(provider, member.sharing_identifier, name=wanted, comment=comment)
    return replace(member, name=found.name)


def compare(audience: str, provider: str, share: Share, schema: str, members: list[Member], model: str) -> list[str]:
    """The share's readers, when it reaches members only and holds nothing but models of `schema`.

    Raises `AudienceMismatch` that says who would gain what by publishing `model`: SELECT is on the share, so that
    whoever reads it sees all that is in it, and will be.
    """
    readers = shares.list_readers(provider, share.name)
    strangers = sorted(set(readers) - {member.name for member in members})
    prefix = f"{schema}.".lower()
    foreign = [item.name for item in share.objects or [] if not item.name.lower().startswith(prefix)]
    if strangers or foreign:
        gains = [f"{stranger} would gain {model}" for stranger in strangers]
        if foreign:
            gains.append(f"the audience would gain {', '.join(foreign)}")
        raise AudienceMismatch(
            workspace=provider,
            share=share.name,
            audience=audience,
            unexpected_recipients=strangers,
            unexpected_objects=foreign,
            difference="; ".join(gains),
        )
    return readers


def _identify(declared: Recipient) -> str:
    return declared.sharing_identifier or metastores.get_sharing_identifier(str(declared.workspace))
