"""How does a live share stand to the audience that it is for: who reads it, what lies in it, who would gain what?"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from app.domain.audiences import Member
from app.domain.workspaces import is_beside
from app.errors import AudienceChangePending, AudienceMismatch, OperationInProgress, ProviderTaken
from app.store import records
from app.store.audience_changes import AudienceChange
from app.store.publications import Publication
from app.workspaces import recipients, shares
from app.workspaces.shares import Share

Gains = list[dict[str, Any]]
"""Who would gain what: `{recipient, sharing_identifier, gains: [objects]}`; `loses` instead for who would lose it."""


@dataclass(frozen=True)
class Standing:
    """A share beside its audience: SELECT is on the share, so whoever reads it sees all of it.

    `pending` are declared and do not read it, `strangers` read it and are not declared, `foreign` are the objects that
    are neither declared nor published for the audience.
    """

    workspace: str
    share: str
    audience: str
    objects: list[str]
    readers: list[str]
    pending: list[Member]
    strangers: list[str]
    foreign: list[str]

    @property
    def unexpected(self) -> bool:
        """Whether somebody sees what the configuration lets nobody see."""
        return bool(self.strangers or self.foreign)


def look(
    workspace: str, audience: str, share: Share, schema: str, members: list[Member], expected: set[str]
) -> Standing:
    """Read who reads the share, and hold that and its objects against the audience.

    Its own are the models of its schema, and what is `expected` beside them, in lower case.
    """
    readers = shares.list_readers(workspace, share.name)
    objects = [item.name for item in share.objects or []]
    return Standing(
        workspace=workspace,
        share=share.name,
        audience=audience,
        objects=objects,
        readers=readers,
        pending=[member for member in members if member.name not in readers],
        strangers=sorted(set(readers) - {member.name for member in members}),
        foreign=[
            name
            for name in objects
            if not name.lower().startswith(f"{schema}.".lower()) and name.lower() not in expected
        ],
    )


def refuse_unexpected(standing: Standing, model: str) -> None:
    """Raise `AudienceMismatch` that says who would gain what if `model` came into the share."""
    if not standing.unexpected:
        return
    gains = [_gain(standing, name, None, [model]) for name in standing.strangers]
    gains += list_gains(standing, standing.foreign) if standing.foreign else []
    raise AudienceMismatch(
        workspace=standing.workspace,
        share=standing.share,
        audience=standing.audience,
        unexpected_recipients=standing.strangers,
        unexpected_objects=standing.foreign,
        gains=gains,
        difference="; ".join([*_sentences(gains), *_held(standing)]),
    )


def refuse_pending(standing: Standing, model: str | None = None) -> None:
    """Raise `AudienceChangePending` when a declared recipient does not read the share: nobody is let in on the side.

    It says what they would gain with `model` in it.
    """
    if not standing.pending:
        return
    gains = list_gains(standing, [*standing.objects, *([] if model in {None, *standing.objects} else [str(model)])])
    raise AudienceChangePending(
        workspace=standing.workspace,
        share=standing.share,
        audience=standing.audience,
        gains=gains,
        difference="; ".join(_sentences(gains)),
    )


def refuse_under_way(
    project: str, workspace: str, audience: str, joining: set[str], publication_id: str | None = None
) -> None:
    """Raise `OperationInProgress` while a publication is under way that was planned for others than those who join.

    What it shows was looked at, and approved, for the readers of its plan alone. `publication_id` is who asks.
    """
    for one in records.list_all(Publication, state="PENDING", project=project, workspace=workspace, audience=audience):
        if one.id != publication_id and joining - set(one.outcome.get("readers", [])):
            raise OperationInProgress(operation=one.operation_id, resource=f"what share {one.share} holds")


def refuse_second(project: str, workspace: str, audience: str, publication_id: str | None = None) -> None:
    """Raise `ProviderTaken` when the audience is published from another workspace on the same metastore.

    Of two publications under way at once, the one that was accepted first wins; `publication_id` is who asks.
    """
    place: dict[str, Any] = {"project": project, "audience": audience}
    under_way = records.list_all(Publication, state="PENDING", **place)
    ids = [one.id for one in under_way]
    earlier = under_way[: ids.index(publication_id)] if publication_id in ids else under_way
    for one in [*records.list_all(Publication, state="ACTIVE", **place), *earlier]:
        if one.workspace != workspace and is_beside(workspace, one.workspace):
            raise ProviderTaken(audience=audience, workspace=workspace, taken_by=one.workspace)


def list_gains(standing: Standing, objects: list[str], members: list[Member] | None = None) -> Gains:
    """What those who are declared and do not read yet, or these members, would gain by reading these objects."""
    gaining = standing.pending if members is None else members
    return [_gain(standing, one.name or one.wanted_name, one.sharing_identifier, objects) for one in gaining]


def list_losses(standing: Standing) -> Gains:
    """What those who read and are not declared would lose."""
    return [_gain(standing, name, None, standing.objects, "loses") for name in standing.strangers]


def is_settled(project: str, workspace: str, audience: str) -> bool:
    """Whether the audience was ever let in whole: until then each publication lets in whoever is missing.

    By our records, and not by the share: a first publication may have died between two grants, or run beside another.
    """
    place = {"project": project, "workspace": workspace, "audience": audience}
    published = records.is_any(Publication, state=["ACTIVE", "WITHDRAWN"], **place)
    return published or records.is_any(AudienceChange, state="SUCCEEDED", **place)


def is_shown(project: str, workspace: str, audience: str) -> bool:
    """Whether something is published for the audience now."""
    return records.is_any(Publication, state="ACTIVE", project=project, workspace=workspace, audience=audience)


def list_let_in(project: str, workspace: str, audience: str) -> set[str]:
    """The sharing identifiers that Causeway has let read the audience's share, by its records, and not shut out since.

    Publications count as well as changes: the first ones let the audience in.
    """
    place = {"project": project, "workspace": workspace, "audience": audience}
    told = [(one.created_at, one.recipients, list[dict[str, Any]]()) for one in records.list_all(Publication, **place)]
    for change in records.list_all(AudienceChange, **place):
        told.append((change.created_at, change.outcome.get("granted", []), change.outcome.get("revoked", [])))
    known: set[str] = set()
    for _, come, gone in sorted(told, key=itemgetter(0)):
        known = (known | _list_identifiers(come)) - _list_identifiers(gone)
    return known


def list_joined_since(record: AudienceChange) -> set[str]:
    """The sharing identifiers that other audience changes and publications let in since this one was accepted."""
    place = {"project": record.project, "workspace": record.workspace, "audience": record.audience}
    others = records.list_all(AudienceChange, state="SUCCEEDED", **place)
    since = [one.outcome.get("granted", []) for one in others if one.updated_at >= record.created_at]
    published = records.list_all(Publication, state="ACTIVE", **place)
    since += [one.recipients for one in published if one.updated_at >= record.created_at]
    return _list_identifiers([member for some in since for member in some])


def list_planned(project: str, workspace: str, audience: str) -> set[str]:
    """The sharing identifiers that a publication might have let in, though it came to nothing."""
    published = records.list_all(Publication, project=project, workspace=workspace, audience=audience)
    return {str(identifier) for one in published for identifier in one.outcome.get("readers", [])}


def list_known(project: str, workspace: str, audience: str) -> dict[str, str]:
    """The sharing identifier of each workspace for which something was published to the audience, by its records."""
    published = records.list_all(Publication, project=project, workspace=workspace, audience=audience)
    told = [member for one in published for member in one.recipients]
    return {place: str(one["sharing_identifier"]) for one in told for place in one.get("workspaces", [])}


def _list_identifiers(members: list[dict[str, Any]]) -> set[str]:
    return {str(member["sharing_identifier"]) for member in members}


def _gain(
    standing: Standing, recipient: str, sharing_identifier: str | None, objects: list[str], what: str = "gains"
) -> dict[str, Any]:
    if sharing_identifier is None:
        found = recipients.find_named(standing.workspace, recipient)
        sharing_identifier = found.sharing_identifier if found else None
    return {"recipient": recipient, "sharing_identifier": sharing_identifier, what: objects}


def _sentences(gains: Gains) -> list[str]:
    return [f"{one['recipient']} would gain {', '.join(one['gains'])}" for one in gains]


def _held(standing: Standing) -> list[str]:
    readers = sorted(set(standing.readers) - set(standing.strangers))
    return [f"{', '.join(readers)} see {', '.join(standing.foreign)}"] if standing.foreign and readers else []
