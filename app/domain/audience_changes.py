"""Changing an audience: its share's readers become those that are declared, as planned and no more."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from app import configuration, durable
from app.configuration import share_name
from app.domain import access, audiences, contents, newcomers, ownership, standings
from app.domain.access import Caller, Name, check, check_active
from app.domain.audiences import Member
from app.domain.newcomers import Shown
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.plans import Change, Check, Plan, require
from app.domain.standings import Gains, Standing
from app.domain.workflows import Outcome, Work, register
from app.errors import PermissionDenied, Problem, ShareNotFound, WorkspaceRoleMismatch
from app.store.audience_changes import AudienceChange as AudienceChange
from app.workspaces import recipients, shares

ACTION = "change-audience"
NEXT = "what is published next"


@dataclass(frozen=True)
class Changing:
    """Whose share to bring to what is declared: who is let in and who is shut out, and what each gains or loses.

    Tables that are declared come in, and those that were and are not any more go out, for all who read the share.
    `joining` are the sharing identifiers of those who gain all of it; the others who gain read it already.
    """

    project: str
    workspace: str
    audience: str
    share: str
    gains: Gains = field(default_factory=list)
    losses: Gains = field(default_factory=list)
    tables_added: list[str] = field(default_factory=list)
    tables_removed: list[str] = field(default_factory=list)
    joining: list[str] = field(default_factory=list)

    @property
    def adds(self) -> bool:
        """Whether anybody would see more than before."""
        return bool(self.gains or self.tables_added)


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
    """Check as `plan` does, and that others have approved what is seen where they must; then accept the change.

    One of a share at a time.
    """
    made, changing, shown = _look(caller, project, workspace, audience)
    require(made, plan_digest)
    newcomers.require(shown, caller.principal)
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
    work = (change_audience, key, caller, project, asdict(changing), record, lock(workspace, changing.share))
    return start(*work, workspaces=_list_places(changing), begins=changing.adds, on_conflict=on_conflict)


@register(ACTION, AudienceChange)
async def change_audience(work: Work) -> Outcome:
    """Shut out first, then let in; each looks again when its turn has come, and does what was planned and no more."""
    changing = Changing(**work.request)
    gone = await durable.step("shut out who is not declared", _shut_out, changing)
    come = await durable.step("let in who is declared", _let_in, changing, work.principal)
    return Outcome({"state": "SUCCEEDED", "outcome": {**gone, **come}})


def _look(caller: Caller, project: str, workspace: str, audience: str) -> tuple[ChangePlan, Changing, Shown]:
    share = share_name(project, audience)
    check(caller, ACTION, project)
    audiences.get(project, audience)
    check(caller, ACTION, project, Name("share", workspace, share))
    members, standing, removed = _look_at_share(project, workspace, audience)
    added = _list_missing_tables(caller, project, workspace, audience, standing)
    silent = [member.label for member in standing.pending if not audiences.answers(member)]
    joining = [member for member in standing.pending if member.label not in silent]
    standing = replace(standing, pending=joining)
    losses, gains = standings.list_losses(standing), _list_gains(standing, members, added, removed)
    _check_role(caller, project, workspace, audience, losses)
    come = [member.sharing_identifier for member in joining]
    changing = Changing(project, workspace, audience, share, gains, losses, added, removed, come)
    checks = [
        Check("names are the project's", f"{audience}, {share}"),
        Check("share is there", f"holds {len(standing.objects)} object(s), readers {', '.join(standing.readers)}"),
    ]
    if silent:
        checks.append(Check("who does not answer now is let in another time", ", ".join(silent)))
    shown = _check_gains(caller, changing, standing) if changing.adds else []
    checks += newcomers.list_checks(shown)
    readers = sorted(member.name or member.label for member in members)
    made = ChangePlan(checks, _list_changes(changing, members), readers, gains=gains, losses=losses)
    return made, changing, shown


def _check_gains(caller: Caller, changing: Changing, standing: Standing) -> Shown:
    """What only a change that adds something is asked: nothing of it keeps anybody from shutting somebody out."""
    place = (changing.project, changing.workspace, changing.audience)
    audiences.check_links(changing.project, changing.audience, changing.workspace)
    check_active(*_list_places(changing))
    audiences.check_names(changing.workspace, standing.pending)
    if standing.foreign:
        standings.refuse_unexpected(standing, NEXT)
    standings.refuse_under_way(*place, set(changing.joining))
    return newcomers.look(caller, *place) if changing.joining else []


def _list_places(changing: Changing) -> list[str]:
    return [changing.workspace, *audiences.list_workspaces(changing.project, changing.audience)]


def _look_at_share(project: str, workspace: str, audience: str) -> tuple[list[Member], Standing, list[str]]:
    """Who is declared, how the share stands, and the tables in it that are declared no more: no reason to refuse.

    Who does not answer now is known by its identifier of before: nobody is a stranger because a workspace is silent.
    """
    share = share_name(project, audience)
    catalog = configuration.current().workspaces[workspace].shareable_catalog
    if catalog is None:
        raise WorkspaceRoleMismatch(workspace=workspace, setting="shareable_catalog")
    standings.refuse_second(project, workspace, audience)
    found = ownership.find_share(workspace, share)
    if found is None:
        raise ShareNotFound(workspace=workspace, kind="share", name=share)
    known = standings.list_known(project, workspace, audience)
    members = audiences.list_members(project, audience, workspace, known)
    expected = contents.list_expected(project, workspace, audience)
    dropped = contents.list_dropped(project, workspace, audience, found.objects or [])
    expected |= {table.lower() for table in dropped}
    return members, standings.look(workspace, audience, found, f"{catalog}.{share}", members, expected), dropped


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
    place = (project, workspace, audience)
    known = standings.list_let_in(*place) | standings.list_planned(*place)
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


def _shut_out(changing: Changing) -> dict[str, Any]:
    """Whom and what nothing has declared again since it was planned."""
    place = (changing.project, changing.workspace, changing.audience)
    if not changing.losses and not changing.tables_removed:
        return {"revoked": [], "tables_removed": []}
    members, _, _ = _look_at_share(*place)
    declared, expected = {member.name for member in members}, contents.list_expected(*place)
    revoked = [one for one in changing.losses if one["recipient"] not in declared]
    tables = [table for table in changing.tables_removed if table.lower() not in expected]
    for one in revoked:
        shares.remove_reader(changing.workspace, changing.share, one["recipient"])
    for table in tables:
        shares.remove_object(changing.workspace, changing.share, shares.TABLE, table)
    return {"revoked": revoked, "tables_removed": tables}


def _let_in(changing: Changing, principal: str) -> dict[str, Any]:
    """Nobody and nothing that the configuration has dropped again since.

    What is found between the writing and the reading back is taken for what was there before: all of it is undone.
    """
    if not changing.adds:
        return {"granted": [], "tables_added": []}
    place = (changing.project, changing.workspace, changing.audience)
    declared = contents.list_tables(*place)
    tables = [table for table in changing.tables_added if table.lower() in declared]
    try:
        if changing.joining:
            newcomers.require(newcomers.look(Caller(principal), *place), principal)
        members = _hold_to_plan(changing)
        for table in tables:
            contents.ensure(changing.workspace, changing.share, shares.TABLE, table)
        joining = [member for member in members if member.sharing_identifier in changing.joining]
        for member in joining:
            made = audiences.ensure_member(changing.workspace, member)
            shares.ensure_reader(changing.workspace, changing.share, str(made.name))
        members = _hold_to_plan(changing)
    except Problem as problem:
        if not problem.retryable:
            _take_back(changing)
        raise
    return {"granted": _list_granted(changing, members, tables), "tables_added": tables}


def _hold_to_plan(changing: Changing) -> list[Member]:
    """Who is declared now; raises when somebody would see what the plan did not say."""
    place = (changing.project, changing.workspace, changing.audience)
    members, standing, dropped = _look_at_share(*place)
    standings.refuse_unexpected(standing, NEXT)
    joining = [member for member in members if member.sharing_identifier in changing.joining]
    standings.refuse_under_way(*place, {member.sharing_identifier for member in joining})
    planned = {str(one["sharing_identifier"]): {name.lower() for name in one["gains"]} for one in changing.gains}
    seen = {name.lower() for name in standing.objects} - set(dropped)
    more = [member for member in joining if seen - planned[member.sharing_identifier]]
    standings.refuse_pending(replace(standing, pending=more))
    return members


def _take_back(changing: Changing) -> None:
    """Shut out again whom this change alone has let in, and take out what it alone has put there."""
    place = (changing.project, changing.workspace, changing.audience)
    others = contents.list_put_in(*place)
    with suppress(ShareNotFound):
        for identifier in set(changing.joining) - standings.list_let_in(*place):
            if (found := recipients.find_recipient(changing.workspace, identifier)) is not None:
                shares.remove_reader(changing.workspace, changing.share, found.name)
        for table in changing.tables_added:
            if table.lower() not in others:
                shares.remove_object(changing.workspace, changing.share, shares.TABLE, table)


def _list_granted(changing: Changing, members: list[Member], tables: list[str]) -> Gains:
    names = {member.sharing_identifier: member.name for member in members}
    dropped = set(changing.tables_added) - set(tables)
    granted = []
    for one in changing.gains:
        gains, name = [gain for gain in one["gains"] if gain not in dropped], names.get(one["sharing_identifier"])
        if name is not None and (gains or one["sharing_identifier"] in changing.joining):
            granted.append({**one, "recipient": name, "gains": gains})
    return granted
