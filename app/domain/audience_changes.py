"""Changing an audience: its share's readers become those that are declared, as planned and no more."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from app import durable
from app.domain import audiences, contents, newcomers, standings
from app.domain.access import Caller
from app.domain.audience_change_plans import ACTION, NEXT, ChangePlan, Changing, list_places, look, look_at_share
from app.domain.audiences import Member
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.plans import require
from app.domain.standings import Gains
from app.domain.workflows import Outcome, Work, register
from app.errors import Problem, ShareNotFound, WrittenNotVisible, from_dict
from app.store import records, steps
from app.store.audience_changes import AudienceChange as AudienceChange
from app.workspaces import recipients, shares

LET_IN = "let in who is declared"


def lock(workspace: str, share: str) -> str:
    """What changing who reads the share locks."""
    return f"{workspace}/audiences/{share}"


def plan(caller: Caller, project: str, workspace: str, audience: str) -> ChangePlan:
    """Look at the share and its audience; raises the problem of whatever is not in order."""
    return look(caller, project, workspace, audience)[0]


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
    made, changing, shown = look(caller, project, workspace, audience)
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
    return start(*work, workspaces=list_places(changing), begins=changing.adds, on_conflict=on_conflict)


def _undo(operation: Operation) -> None:
    """What the step that adds has come to by then; before it nobody else's doing is taken for this change's."""
    if LET_IN in {step.name for step in steps.list_steps([operation.id])[operation.id]}:
        _take_back(Changing(**operation.request), operation.resource_id)


@register(ACTION, AudienceChange, undo=_undo)
async def change_audience(work: Work) -> Outcome:
    """Shut out first, then let in; each looks again when its turn has come, and does what was planned and no more."""
    changing = Changing(**work.request)
    gone = await durable.step("shut out who is not declared", _shut_out, changing)
    try:
        come = await durable.step(LET_IN, _let_in, changing, work.principal)
    except Problem as problem:
        raise await _taken_back(work, changing, problem) from problem
    return Outcome({"state": "SUCCEEDED", "outcome": {**gone, **come}})


async def _taken_back(work: Work, changing: Changing, problem: Problem) -> Problem:
    """`problem`, after nobody sees more than before; says so when that could not be done."""
    try:
        await durable.step("shut out again who was let in", _take_back, changing, work.resource_id)
    except Problem:
        left_behind = [f"what share {changing.share} may show to {one['recipient']}" for one in changing.gains]
        return from_dict({**problem.as_dict(), "left_behind": left_behind})
    return problem


def _shut_out(changing: Changing) -> dict[str, Any]:
    """Whom and what nothing has declared again since it was planned."""
    place = (changing.project, changing.workspace, changing.audience)
    if not changing.losses and not changing.tables_removed:
        return {"revoked": [], "tables_removed": []}
    members, _, _ = look_at_share(*place)
    declared, expected = {member.name for member in members}, contents.list_expected(*place)
    revoked = [one for one in changing.losses if one["recipient"] not in declared]
    tables = [table for table in changing.tables_removed if table.lower() not in expected]
    for one in revoked:
        shares.remove_reader(changing.workspace, changing.share, one["recipient"])
    for table in tables:
        shares.remove_object(changing.workspace, changing.share, shares.TABLE, table)
    return {"revoked": revoked, "tables_removed": tables}


def _let_in(changing: Changing, principal: str) -> dict[str, Any]:
    """Nobody and nothing that the configuration has dropped again since; what is read back is judged once more."""
    if not changing.adds:
        return {"granted": [], "tables_added": []}
    declared = contents.list_tables(changing.project, changing.workspace, changing.audience)
    tables = [table for table in changing.tables_added if table.lower() in declared]
    members, _ = _hold_to_plan(changing, principal)
    for table in tables:
        contents.ensure(changing.workspace, changing.share, shares.TABLE, table)
    for member in members:
        if member.sharing_identifier in changing.joining:
            made = audiences.ensure_member(changing.workspace, member)
            shares.ensure_reader(changing.workspace, changing.share, str(made.name))
    members, pending = _hold_to_plan(changing, principal)
    if pending:
        # A first publication that failed meanwhile has shut out whom it had let in.
        action = f"letting {', '.join(str(member.name) for member in pending)} read share {changing.share}"
        raise WrittenNotVisible(workspace=changing.workspace, action=action)
    return {"granted": _list_granted(changing, members, tables), "tables_added": tables}


def _hold_to_plan(changing: Changing, principal: str) -> tuple[list[Member], list[Member]]:
    """Who is declared now, and who of those that the change lets in may not read yet.

    Raises when somebody would see what the plan did not say, or others have not approved.
    """
    place = (changing.project, changing.workspace, changing.audience)
    members, standing, dropped = look_at_share(*place)
    standings.refuse_unexpected(standing, NEXT)
    joining = [member for member in members if member.sharing_identifier in changing.joining]
    for member in joining:
        audiences.check_answers(member)
    standings.refuse_under_way(*place, {member.sharing_identifier for member in joining})
    planned = {str(one["sharing_identifier"]): {name.lower() for name in one["gains"]} for one in changing.gains}
    seen = {name.lower() for name in standing.objects} - set(dropped)
    more = [member for member in joining if seen - planned[member.sharing_identifier]]
    standings.refuse_pending(replace(standing, pending=more))
    if joining:
        newcomers.require(newcomers.look(Caller(principal), *place), principal)
    return members, [member for member in standing.pending if member in joining]


def _take_back(changing: Changing, change_id: str) -> None:
    """Shut out again whom this change alone has let in, and take out what it alone has put there."""
    place = (changing.project, changing.workspace, changing.audience)
    with suppress(ShareNotFound):
        others = standings.list_joined_since(records.get(AudienceChange, change_id))
        for identifier in sorted(set(changing.joining) - others):
            if (found := recipients.find_recipient(changing.workspace, identifier)) is not None:
                shares.remove_reader(changing.workspace, changing.share, found.name)
        kept = contents.list_put_in(*place) | contents.list_needed(*place)
        for table in changing.tables_added:
            if table.lower() not in kept:
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
