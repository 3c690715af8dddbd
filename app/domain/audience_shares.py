"""The share of an audience: made, held against whom it is for, filled with vetted copies, and read back."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from app.domain import audiences, contents, copies, ownership, standings
from app.domain.audiences import Member
from app.domain.publication_requests import Publishing
from app.domain.standings import Standing
from app.domain.workspaces import list_beside
from app.errors import WrittenNotVisible
from app.workspaces import catalogs, models, shares
from app.workspaces.shares import Share


def ensure(publishing: Publishing) -> None:
    """The audience's share, made if there is none; raises `ShareNameTaken`."""
    comment = f"Made by Causeway for audience {publishing.audience} of project {publishing.project}."
    ownership.ensure_share(publishing.workspace, publishing.share, comment=comment)


def check(publishing: Publishing, publication_id: str) -> None:
    """Look again, once it is this publication's turn; raises `PublishedNameTaken` or `AudienceMismatch`."""
    copies.check_staying(publishing.workspace, publishing.published_model)
    names = (publishing.share, publishing.workspace, publishing.published_model, publishing.model)
    copies.check_name(*names, before=publication_id)
    members = audiences.list_members(publishing.project, publishing.audience, publishing.workspace)
    stand(publishing, shares.get_share(publishing.workspace, publishing.share), members)


def stand(publishing: Publishing, share: Share, members: list[Member]) -> Standing:
    """How the share stands; raises `AudienceMismatch` when it reaches or holds more than the audience declares."""
    place = (publishing.project, publishing.workspace, publishing.audience)
    expected = {*contents.list_expected(*place), *(one["name"].lower() for one in publishing.included)}
    standing = standings.look(publishing.workspace, publishing.audience, share, publishing.schema, members, expected)
    standings.refuse_unexpected(standing, publishing.published_model)
    return standing


def ensure_schema(publishing: Publishing) -> None:
    """The schema of the audience's shareable models, made if there is none."""
    catalog, _, schema = publishing.schema.partition(".")
    comment = f"Vetted copies for audience {publishing.audience} of project {publishing.project}; by Causeway alone."
    catalogs.ensure_schema(publishing.workspace, catalog, schema, comment=comment)


def ensure_model(publishing: Publishing) -> str:
    """The model in the share, after what it needs; answers the name by which consumers see it."""
    for one in publishing.included:
        contents.ensure(publishing.workspace, publishing.share, one["kind"], one["name"])
    model, wanted = publishing.published_model, publishing.shared_as
    entry = shares.ensure_model(publishing.workspace, publishing.share, model, shared_as=wanted)
    return entry.shared_as or wanted


def ensure_members(publishing: Publishing) -> list[dict[str, Any]]:
    """Those whom the plan named, with all of the project's workspaces that see the share through each.

    Who was declared since then is let in by an audience change.
    """
    members = audiences.list_members(publishing.project, publishing.audience, publishing.workspace)
    known = [member for member in members if member.sharing_identifier in publishing.readers]
    made = [audiences.ensure_member(publishing.workspace, member) for member in known]
    return [asdict(replace(one, workspaces=_list_beside(publishing.project, one))) for one in made]


def _list_beside(project: str, member: Member) -> list[str]:
    beside = list_beside(project, member.workspace) if member.workspace else []
    return list(dict.fromkeys([*member.workspaces, *beside]))


def ensure_readers(publishing: Publishing, members: list[dict[str, Any]]) -> None:
    """SELECT on the share for each of the members, if this publication still lets the audience in."""
    for member in members if _lets_in(publishing) else []:
        shares.ensure_reader(publishing.workspace, publishing.share, member["name"])


def read_back(publishing: Publishing, version: int) -> list[int]:
    """A fresh look at all that was promised: the copy, its place in the share, and who reads it.

    Answers the versions that come by this: the one, or of a model that is shared whole all that there are.
    """
    members = audiences.list_members(publishing.project, publishing.audience, publishing.workspace)
    share = shares.get_share(publishing.workspace, publishing.share)
    standing = stand(publishing, share, members)
    models.get_version(publishing.workspace, publishing.published_model, version)
    shown = {item.name.lower() for item in share.objects or [] if item.active}
    missing = [one for one in standing.pending if one.sharing_identifier in publishing.readers]
    contents.check(publishing.share, publishing.model, publishing.version, publishing.needs, shown)
    if not _lets_in(publishing):
        standings.refuse_pending(replace(standing, pending=missing), publishing.published_model)
    if publishing.published_model not in shown or missing:
        action = f"sharing {publishing.published_model} in {publishing.share}"
        raise WrittenNotVisible(workspace=publishing.workspace, action=action)
    there = models.iterate_versions(publishing.workspace, publishing.model) if publishing.is_whole else []
    return sorted({version, *(one.version for one in there)})


def _lets_in(publishing: Publishing) -> bool:
    """Whether it is the audience's first still: what failed for long may be tried again after another has let it in."""
    place = (publishing.project, publishing.workspace, publishing.audience)
    return publishing.is_first and not standings.is_settled(*place)


def take_back(publishing: Publishing, publication_id: str, version: int) -> None:
    """Delete a copy that no active publication rests on, and what came into the share for it alone."""
    names = (publishing.workspace, publishing.share, publishing.published_model)
    if publishing.is_whole:
        contents.remove_whole(*names, leaving=[publication_id])
    else:
        copies.remove_unpromised(*names, publishing.shared_as, version)
    contents.clear([publication_id])
