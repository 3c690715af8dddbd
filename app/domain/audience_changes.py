"""Changing an audience: its share's readers become those that are declared, as planned and no more."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from app import configuration, durable
from app.configuration import share_name
from app.domain import access, audiences, contents, ownership, standings
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
    """Whose share to bring to what is declared: who is let in and who is shut out, and what each gains or loses.

    Tables that are declared come in, and those that were and are not any more go out, for all who read the share.
    """

    project: str
    workspace: str
    audience: str
    share: str
    gains: Gains = field(default_factory=list)
    losses: Gains = field(default_factory=list)
    tables_added: list[str] = field(default_factory=list)
    tables_removed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ChangePlan(Plan):
    """The plan of an audience change, with who would gain and who would lose what."""

    gains: Gains = field(default_factory=list)
    losses: Gains = field(default_factory=list)


def lock(workspace: str, share: str) -> str:
    """What changing who reads the share locks."""
    return f"{workspace}/audiences/{share}"


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
        outcome={"tables_added": changing.tables_added},
    )
    place = lock(workspace, changing.share)
    work = (change_audience, key, caller, project, asdict(changing), record, place)
    places = [workspace, *audiences.list_workspaces(project, audience)]
    return start(*work, workspaces=places, on_conflict=on_conflict)


@register(ACTION, AudienceChange)
async def change_audience(work: Work) -> Outcome:
    """Shut out first, then let in. Nobody is let in whom the configuration has dropped again since."""
    changing = Changing(**work.request)
    await durable.step("shut out who is not declared", _shut_out, changing)
    granted = await durable.step("let in who is declared", _let_in, changing)
    tables = {"tables_added": changing.tables_added, "tables_removed": changing.tables_removed}
    return Outcome({"state": "SUCCEEDED", "outcome": {"granted": granted, "revoked": changing.losses, **tables}})


def _look(caller: Caller, project: str, workspace: str, audience: str) -> tuple[ChangePlan, Changing]:
    share = share_name(project, audience)
    check(caller, ACTION, project)
    audiences.get(project, audience)
    check(caller, ACTION, project, Name("share", workspace, share))
    audiences.check_links(project, audience, workspace)
    members = audiences.list_members(project, audience, workspace)
    audiences.check_names(workspace, members)
    standing, removed = _look_at_share(project, workspace, audience, members)
    added = _list_missing_tables(caller, project, workspace, audience, standing)
    losses, gains = standings.list_losses(standing), _list_gains(standing, members, added, removed)
    _check_role(caller, project, workspace, audience, losses)
    if gains and standing.foreign:
        standings.refuse_unexpected(standing, "what is published next")
    changing = Changing(project, workspace, audience, share, gains, losses, added, removed)
    checks = [
        Check("names are the project's", f"{audience}, {share}"),
        Check("share is there", f"holds {len(standing.objects)} object(s), readers {', '.join(standing.readers)}"),
    ]
    readers = sorted(member.name or member.label for member in members)
    made = ChangePlan(checks, _list_changes(changing, members), readers, gains=gains, losses=losses)
    return made, changing


def _look_at_share(project: str, workspace: str, audience: str, members: list[Member]) -> tuple[Standing, list[str]]:
    """How the share stands, and the tables in it that are declared no more: those are no reason to refuse."""
    share = share_name(project, audience)
    catalog = configuration.current().workspaces[workspace].shareable_catalog
    if catalog is None:
        raise WorkspaceRoleMismatch(workspace=workspace, setting="shareable_catalog")
    found = ownership.find_share(workspace, share)
    if found is None:
        raise ShareNotFound(workspace=workspace, kind="share", name=share)
    expected = contents.list_expected(project, workspace, audience)
    dropped = contents.list_dropped(project, workspace, audience, found.objects or [])
    expected |= {table.lower() for table in dropped}
    return standings.look(workspace, audience, found, f"{catalog}.{share}", members, expected), dropped


def _list_missing_tables(caller: Caller, project: str, workspace: str, audience: str, standing: Standing) -> list[str]:
    """The declared tables that are not in the share, each known to be the project's."""
    there = {name.lower() for name in standing.objects}
    declared = audiences.get(project, audience).tables.get(workspace, [])
    missing = [table for table in declared if table.lower() not in there]
    check(caller, ACTION, project, *(Name("table", workspace, table) for table in missing))
    return missing


def _list_gains(standing: Standing, members: list[Member], added: list[str], removed: list[str]) -> Gains:
    """All of the share for those who are let in, and the added tables for those who read it already."""
    kept = [name for name in standing.objects if name not in removed]
    readers = [member for member in members if member.name in standing.readers]
    return [
        *standings.list_gains(standing, [*kept, *added]),
        *(standings.list_gains(standing, added, readers) if added else []),
    ]


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
    gone += [Change("remove", place, "share", share, f"table {table}") for table in changing.tables_removed]
    made += [Change("change", place, "share", share, f"holds table {table}") for table in changing.tables_added]
    come = [Change("change", place, "share", share, f"SELECT for {one['recipient']}") for one in changing.gains]
    return [*gone, *made, *come] or [Change("none", place, "share", share, "readers and tables are the declared ones")]


def _shut_out(changing: Changing) -> None:
    for one in changing.losses:
        shares.remove_reader(changing.workspace, changing.share, one["recipient"])
    for table in changing.tables_removed:
        shares.remove_object(changing.workspace, changing.share, shares.TABLE, table)


def _let_in(changing: Changing) -> list[dict[str, Any]]:
    for table in changing.tables_added:
        contents.ensure(changing.workspace, changing.share, shares.TABLE, table)
    wanted = {one["sharing_identifier"]: one for one in changing.gains}
    granted = []
    for member in audiences.list_members(changing.project, changing.audience, changing.workspace):
        if member.sharing_identifier in wanted:
            made = audiences.ensure_member(changing.workspace, member)
            shares.ensure_reader(changing.workspace, changing.share, str(made.name))
            granted.append({**wanted[member.sharing_identifier], "recipient": made.name})
    return granted
