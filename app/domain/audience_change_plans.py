"""What would an audience change do? Who would gain and who would lose what; nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from app import configuration
from app.configuration import share_name
from app.domain import access, audiences, contents, newcomers, ownership, standings
from app.domain.access import Caller, Name, check, check_active
from app.domain.audiences import Member
from app.domain.newcomers import Shown
from app.domain.plans import Change, Check, Plan
from app.domain.standings import Gains, Standing
from app.errors import PermissionDenied, ShareNotFound, WorkspaceRoleMismatch

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


def look(caller: Caller, project: str, workspace: str, audience: str) -> tuple[ChangePlan, Changing, Shown]:
    """The plan, the change, and what those who join would see; raises the problem of whatever is not in order."""
    share = share_name(project, audience)
    check(caller, ACTION, project)
    audiences.get(project, audience)
    check(caller, ACTION, project, Name("share", workspace, share))
    members, standing, removed = look_at_share(project, workspace, audience)
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
    check_active(*list_places(changing))
    audiences.check_names(changing.workspace, standing.pending)
    if standing.foreign:
        standings.refuse_unexpected(standing, NEXT)
    standings.refuse_under_way(*place, set(changing.joining))
    return newcomers.look(caller, *place) if changing.joining else []


def list_places(changing: Changing) -> list[str]:
    """Where it works: where the share is, and for the identifiers of its recipients in their workspaces."""
    return [changing.workspace, *audiences.list_workspaces(changing.project, changing.audience)]


def look_at_share(project: str, workspace: str, audience: str) -> tuple[list[Member], Standing, list[str]]:
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
