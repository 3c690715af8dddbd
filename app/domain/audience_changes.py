"""Changing an audience: its share's readers become those that are declared, as planned and no more."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from app import configuration, durable
from app.configuration import share_name
from app.domain import access, audiences, ownership, standings
from app.domain.access import Caller, Name, check
from app.domain.audiences import Member
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.plans import Change, Check, Plan, require
from app.domain.standings import Gains, Standing
from app.domain.workflows import Outcome, Work, register
from app.errors import PermissionDenied, ShareNotFound, WorkspaceRoleMismatch
from app.store.audience_changes import AudienceChange as AudienceChange
from app.workspaces import shares

ACTION = "change-audience"


@dataclass(frozen=True)
class Changing:
    """Whose share to bring to what is declared: who is let in and who is shut out, and what each gains or loses."""

    project: str
    workspace: str
    audience: str
    share: str
    gains: Gains = field(default_factory=list)
    losses: Gains = field(default_factory=list)


@dataclass(frozen=True)
class ChangePlan(Plan):
    """The plan of an audience change, with who would gain and who would lose what."""

    gains: Gains = field(default_factory=list)
    losses: Gains = field(default_factory=list)


def plan(caller: Caller, project: str, workspace: str, audience: str) -> ChangePlan:
    """Look at the share and its audience; raises the problem of whatever is not in order."""
    return _look(caller, project, workspace, audience)[0]


def begin(
    caller: Caller,
    key: Key,
    project: str,
    workspace: str,
    audience: str,
    plan_digest: str | None,
    on_conflict: str = REJECT,
) -> Operation:
    """Check as `plan` does, then accept the change; one of a share at a time."""
    made, changing = _look(caller, project, workspace, audience)
    require(made, plan_digest)
    record = AudienceChange(
        id=key.record_id("auc"),
        project=project,
        operation_id=key.operation_id,
        created_by=caller.principal,
        workspace=workspace,
        audience=audience,
        share=changing.share,
    )
    work = (change_audience, key, caller, project, asdict(changing), record, f"{workspace}/audiences/{changing.share}")
    places = [workspace, *audiences.list_workspaces(project, audience)]
    return start(*work, workspaces=places, on_conflict=on_conflict)


@register(ACTION, AudienceChange)
async def change_audience(work: Work) -> Outcome:
    """Shut out first, then let in. Nobody is let in whom the configuration has dropped again since."""
    changing = Changing(**work.request)
    await durable.step("shut out who is not declared", _shut_out, changing)
    granted = await durable.step("let in who is declared", _let_in, changing)
    return Outcome({"state": "SUCCEEDED", "outcome": {"granted": granted, "revoked": changing.losses}})


def _look(caller: Caller, project: str, workspace: str, audience: str) -> tuple[ChangePlan, Changing]:
    share = share_name(project, audience)
    check(caller, ACTION, project)
    audiences.get(project, audience)
    check(caller, ACTION, project, Name("share", workspace, share))
    audiences.check_links(project, audience, workspace)
    members = audiences.list_members(project, audience, workspace)
    audiences.check_names(workspace, members)
    standing = _look_at_share(project, workspace, audience, members)
    losses, gains = standings.list_losses(standing), standings.list_gains(standing, standing.objects)
    _check_role(caller, project, workspace, audience, losses)
    if gains and standing.foreign:
        standings.refuse_unexpected(standing, "what is published next")
    changing = Changing(project, workspace, audience, share, gains, losses)
    checks = [
        Check("names are the project's", f"{audience}, {share}"),
        Check("share is there", f"holds {len(standing.objects)} object(s), readers {', '.join(standing.readers)}"),
    ]
    readers = sorted(member.name or member.label for member in members)
    made = ChangePlan(checks, _list_changes(changing, members), readers, gains=gains, losses=losses)
    return made, changing


def _look_at_share(project: str, workspace: str, audience: str, members: list[Member]) -> Standing:
    share = share_name(project, audience)
    catalog = configuration.current().workspaces[workspace].shareable_catalog
    if catalog is None:
        raise WorkspaceRoleMismatch(workspace=workspace, setting="shareable_catalog")
    found = ownership.find_share(workspace, share)
    if found is None:
        raise ShareNotFound(workspace=workspace, kind="share", name=share)
    return standings.look(workspace, audience, found, f"{catalog}.{share}", members)


def _check_role(caller: Caller, project: str, workspace: str, audience: str, losses: Gains) -> None:
    """What nobody declared came from outside Causeway, and is an admin's to take away."""
    if access.is_admin(caller):
        return
    known = standings.list_let_in(project, workspace, audience)
    if strangers := [str(one["recipient"]) for one in losses if one["sharing_identifier"] not in known]:
        action = f"shut {', '.join(strangers)} out, whom Causeway never let in,"
        raise PermissionDenied(principal=caller.principal, action=action, project=project, role=access.ADMIN)


def _list_changes(changing: Changing, members: list[Member]) -> list[Change]:
    place, share = changing.workspace, changing.share
    made = [
        Change("create", place, "recipient", member.wanted_name, member.label)
        for member in members
        if member.name is None
    ]
    gone = [Change("remove", place, "share", share, f"SELECT of {one['recipient']}") for one in changing.losses]
    come = [Change("change", place, "share", share, f"SELECT for {one['recipient']}") for one in changing.gains]
    return [*gone, *made, *come] or [Change("none", place, "share", share, "its readers are the declared ones")]


def _shut_out(changing: Changing) -> None:
    for one in changing.losses:
        shares.remove_reader(changing.workspace, changing.share, one["recipient"])


def _let_in(changing: Changing) -> list[dict[str, Any]]:
    wanted = {one["sharing_identifier"]: one for one in changing.gains}
    granted = []
    for member in audiences.list_members(changing.project, changing.audience, changing.workspace):
        if member.sharing_identifier in wanted:
            made = audiences.ensure_member(changing.workspace, member)
            shares.ensure_reader(changing.workspace, changing.share, str(made.name))
            granted.append({**wanted[member.sharing_identifier], "recipient": made.name})
    return granted
