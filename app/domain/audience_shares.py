"""The share of an audience: made, held against whom it is for, filled with vetted copies, and read back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from app.domain import audiences, contents, copies, ownership, standings, vetting
from app.domain.audiences import Member
from app.domain.publication_requests import Publishing
from app.domain.standings import Standing
from app.domain.workspaces import list_beside
from app.errors import Problem, ShareNotFound, WrittenNotVisible
from app.workspaces import catalogs, models, recipients, shares
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
    _hold_to_plan(publishing, publication_id)


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
    """The model in the share, after what it needs; answers the name by which consumers see it.

    What was there already when it was asked for may have gone since, with the publication that it came for.
    """
    for one in publishing.needs if publishing.include_dependencies else []:
        contents.ensure(publishing.workspace, publishing.share, one["kind"], one["name"])
    model, wanted = publishing.published_model, publishing.shared_as
    entry = shares.ensure_model(publishing.workspace, publishing.share, model, shared_as=wanted)
    return entry.shared_as or wanted


def ensure_members(publishing: Publishing) -> list[dict[str, Any]]:
    """Those whom the plan named, with all of the project's workspaces that see the share through each.

    Who was declared since then is let in by an audience change.
    """
    made = [audiences.ensure_member(publishing.workspace, member) for member in _list_planned(publishing)]
    return [asdict(replace(one, workspaces=_list_beside(publishing.project, one))) for one in made]


def ensure_readers(publishing: Publishing, publication_id: str) -> None:
    """SELECT on the share for those whom the plan named, and who are declared still.

    They are compared afresh before and after: whom this lets in sees nothing that was published for fewer, or is shut
    out again. Nobody is let in on the side once another publication has let the audience in.
    """
    try:
        members = _hold_to_plan(publishing, publication_id)
        for member in members if _lets_in(publishing) else []:
            made = member if member.name else audiences.ensure_member(publishing.workspace, member)
            shares.ensure_reader(publishing.workspace, publishing.share, str(made.name))
        _hold_to_plan(publishing, publication_id)
    except Problem as problem:
        if not problem.retryable:
            _shut_out(publishing, set(publishing.readers))
        raise


def read_back(publishing: Publishing, publication_id: str, version: int, principal: str) -> dict[str, list[Any]]:
    """A fresh look at all that was promised: the copy, its place in the share, who reads it, and that it may go out.

    Answers the `versions` that come by this: the one, or of a model that is shared whole all that there are; and the
    sharing identifiers of its `readers`: of the plan's, whoever is declared still. Raises `AudienceMismatch` when
    others read it, whoever let them in.
    """
    standings.refuse_second(publishing.project, publishing.workspace, publishing.audience, publication_id)
    share, members = shares.get_share(publishing.workspace, publishing.share), _list_planned(publishing)
    standing = stand(publishing, share, members)
    models.get_version(publishing.workspace, publishing.published_model, version)
    shown = {item.name.lower() for item in share.objects or [] if item.active}
    contents.check(publishing.share, publishing.model, publishing.version, publishing.needs, shown)
    if not _lets_in(publishing):
        standings.refuse_pending(standing, publishing.published_model)
    if publishing.published_model.lower() not in shown or standing.pending:
        action = f"sharing {publishing.published_model} in {publishing.share}"
        raise WrittenNotVisible(workspace=publishing.workspace, action=action)
    vetting.hold(publishing, principal)
    there = models.iterate_versions(publishing.workspace, publishing.model) if publishing.is_whole else []
    versions = sorted({version, *(one.version for one in there)})
    return {"versions": versions, "readers": [member.sharing_identifier for member in members]}


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
    shut_out_again(publishing)


def shut_out_again(publishing: Publishing) -> None:
    """Shut out whom this publication alone may have let in.

    While nothing is published, who is declared stays: another first publication may have let it in beside this one.
    """
    if publishing.is_first:
        is_shown = standings.is_shown(publishing.project, publishing.workspace, publishing.audience)
        declared = audiences.list_known_identifiers(publishing.project, publishing.audience)
        _shut_out(publishing, set(publishing.readers) - (set() if is_shown else declared.keys()))


def _list_planned(publishing: Publishing) -> list[Member]:
    members = audiences.list_members(publishing.project, publishing.audience, publishing.workspace)
    return [member for member in members if member.sharing_identifier in publishing.readers]


def _list_beside(project: str, member: Member) -> list[str]:
    beside = list_beside(project, member.workspace) if member.workspace else []
    return list(dict.fromkeys([*member.workspaces, *beside]))


def _hold_to_plan(publishing: Publishing, publication_id: str) -> list[Member]:
    """Whom the plan named, if nobody else reads the share, and those who join see nothing beside this publication.

    Raises `AudienceMismatch`; `AudienceChangePending` once others have been let in without them, and
    `OperationInProgress` while something is published for others.
    """
    place = (publishing.project, publishing.workspace, publishing.audience)
    standings.refuse_second(*place, publication_id)
    # In this order: who is let in by what is shown is told at once with it.
    is_shown, let_in = standings.is_shown(*place), standings.list_let_in(*place)
    members = _list_planned(publishing)
    standing = stand(publishing, shares.get_share(publishing.workspace, publishing.share), members)
    joining = [member for member in members if member.sharing_identifier not in let_in]
    if publishing.is_first and joining:
        standings.refuse_under_way(*place, {member.sharing_identifier for member in joining}, publication_id)
        if is_shown:
            standings.refuse_pending(replace(standing, pending=joining), publishing.published_model)
    return members


def _shut_out(publishing: Publishing, identifiers: set[str]) -> None:
    """Unless our records say that they were let in before."""
    let_in = standings.list_let_in(publishing.project, publishing.workspace, publishing.audience)
    with suppress(ShareNotFound):
        for identifier in sorted(identifiers - let_in):
            if (found := recipients.find_recipient(publishing.workspace, identifier)) is not None:
                shares.remove_reader(publishing.workspace, publishing.share, found.name)
