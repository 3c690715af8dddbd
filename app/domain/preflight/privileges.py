"""Has each identity the rights that it needs, and the runner no others? Does nobody else write where only we may?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from app import configuration
from app.configuration import share_name
from app.domain import shareable_catalogs
from app.domain.preflight.checks import GREEN, RED, UNKNOWN, WARNING, Finding, Prerequisite, tell_missing
from app.domain.preflight.rights import (
    BOTH,
    CONSUMER,
    CONTROL,
    METASTORE_RIGHTS,
    PROVIDER,
    RIGHTS,
    Place,
    Right,
    list_places,
)
from app.domain.preflight.sight import Sight
from app.domain.shareable_catalogs import OWNER, READING, Writer
from app.errors import UpstreamNotFound
from app.workspaces import admin_commands

EVERYBODY = "account users"
ALL = "ALL_PRIVILEGES"
_UNTOLD = (
    "not told: the platform tells the grants of others on {place} to its owner, to whoever holds MANAGE there, and to"
    " admins alone, and control is none of them; causeway check --admin asks as an admin"
)


def list_of_rights(workspace: str, roles: list[str], project: str | None) -> list[Prerequisite]:
    """Each right that control, or the project's runner, must hold for the parts that the workspace plays."""
    return [
        _right(workspace, right, place, project)
        for right in RIGHTS
        if right.role == BOTH or right.role in roles
        for place in list_places(right, workspace, project)
    ]


def list_of_harmlessness(workspace: str, roles: list[str], project: str, runner: str) -> list[Prerequisite]:
    """What the project's runner must not hold: control's rights on the metastore, and anything of control's places."""
    configured = configuration.current().workspaces[workspace]
    forbidden: list[tuple[str, Place, set[str] | None, str]] = [
        (
            "runner-reaches-nobody",
            Place("metastore", ""),
            METASTORE_RIGHTS,
            "none of control's rights on the metastore",
        ),
        (
            "runner-leaves-our-files",
            Place("volume", configured.volume),
            None,
            f"nothing but reading {configured.volume}",
        ),
    ]
    if PROVIDER in roles and configured.shareable_catalog:
        catalog = Place("catalog", configured.shareable_catalog)
        forbidden.append(("runner-makes-no-copies", catalog, None, f"nothing but reading in {catalog.name}"))
    return [
        Prerequisite(
            *(name, str(place), f"{needed}, for {runner}"),
            partial(_look_for_excess, runner=runner, place=place, which=which),
            project,
        )
        for name, place, which, needed in forbidden
    ]


def list_of_writers(workspace: str, roles: list[str], project: str | None, known: list[str]) -> list[Prerequisite]:
    """Nobody but control may write in control's volume and in the shareable catalog, or among a project's copies there.

    Of projects that are not `known` to whoever asks, neither runners nor audiences are told.
    """
    configured = configuration.current().workspaces[workspace]
    looks: list[tuple[str, Callable[[Sight], Finding]]] = []
    if project is None:
        volume = Place("volume", configured.volume)
        looks.append((str(volume), partial(_look_for_hands, place=volume, known=known)))
    if PROVIDER in roles and configured.shareable_catalog:
        audiences = configuration.current().projects[project].audiences if project else {}
        own = [f"{configured.shareable_catalog}.{share_name(str(project), audience)}" for audience in audiences]
        for schema in own if project else [None]:
            subject = f"schema {schema}" if schema else f"catalog {configured.shareable_catalog}"
            looks.append((subject, partial(_look_for_writers, schema=schema, known=known)))
    needed = "nobody but control may change anything there: it would run, or be shared, unseen"
    return [Prerequisite("only-control-writes", subject, needed, look, project) for subject, look in looks]


def list_of_catalogs(workspace: str, roles: list[str], project: str) -> list[Prerequisite]:
    """What was accepted of the project's audiences, under its usual name, belongs to control."""
    declared = configuration.current().projects[project].audiences if CONSUMER in roles else {}
    names = [
        share_name(project, audience)
        for audience, of in declared.items()
        if any(recipient.workspace == workspace for recipient in of.recipients)
    ]
    control = Sight(workspace).configured_control
    needed = "control as its owner: nobody else lets the runner read what is shared, and gives it back"
    return [
        Prerequisite(
            *("control-accepted-catalog", f"catalog {name}", needed),
            partial(_look_for_the_owner, place=Place("catalog", name)),
            project,
            [admin_commands.own_if_there(workspace, "catalog", name, control)] if control else [],
        )
        for name in names
    ]


def _right(workspace: str, right: Right, place: Place, project: str | None) -> Prerequisite:
    is_control = right.holder == CONTROL
    holder = Sight(workspace).configured_control if is_control else _get_runner(workspace, project)
    wanted = ", ".join([*(["ownership"] if right.owns else []), *right.privileges])
    way = "".join(f", {privilege} on {parent}" for parent, privilege in place.way)
    return Prerequisite(
        *(right.name, str(place), f"{wanted} on {place}{way}, for {holder or right.holder}: {right.why}"),
        lambda sight: _look_at_right(sight, right, place, holder or sight.get_control().name),
        project,
        _list_commands(workspace, right, place, holder, {*right.privileges, *(way for _, way in place.way)}),
    )


def _get_runner(workspace: str, project: str | None) -> str:
    return configuration.current().projects[str(project)].runners[workspace]


def _look_at_right(sight: Sight, right: Right, place: Place, holder: str) -> Finding:
    try:
        found = _judge_right(sight, right, place, holder)
    except UpstreamNotFound as problem:
        if right.fails is None:
            raise
        found = Finding(RED, tell_missing(problem))
    if right.fails is None or found.state != RED:
        return found
    return replace(found, state=WARNING, seen=f"{found.seen}: {right.fails} would fail")


def _judge_right(sight: Sight, right: Right, place: Place, holder: str) -> Finding:
    needed = {*right.privileges, *(privilege for _, privilege in place.way)}
    names = _list_names(sight, holder, is_control=right.holder == CONTROL)
    held = _spell_out(_get_held(sight, place, names))
    is_owner = (right.owns or not needed <= held) and place.kind != "metastore" and sight.get_owner(place) in names
    if is_owner:
        # Ownership gives what is granted on the object, and not the way there.
        held = held | set(right.privileges)
    lacking = needed - held
    if lacking and right.holder != CONTROL and not sight.is_told_all(place):
        return Finding(UNKNOWN, _UNTOLD.format(place=place))
    commands = _list_commands(sight.workspace, right, place, holder, lacking)
    if right.owns and not is_owner:
        return Finding(RED, f"{place} belongs to {sight.get_owner(place)}", commands)
    if lacking:
        return Finding(RED, f"it lacks {', '.join(sorted(lacking))}", commands)
    return Finding(GREEN, f"it owns {place}" if right.owns else f"it holds {', '.join(sorted(needed))}")


def _look_for_the_owner(sight: Sight, place: Place) -> Finding:
    try:
        owner = sight.get_owner(place)
    except UpstreamNotFound:
        return Finding(GREEN, "nothing of this name was accepted yet", [])
    is_owner = owner in _list_names(sight, sight.get_control().name, is_control=True)
    return Finding(GREEN if is_owner else RED, f"it belongs to {owner}")


def _list_commands(workspace: str, right: Right, place: Place, holder: str | None, lacking: set[str]) -> list[str]:
    """What makes the place, if it is missing, and gives the holder what it lacks there and on the way."""
    if holder is None:
        return []
    lines = admin_commands.ensure(workspace, place.kind, place.name) if place.name else []
    for parent, privilege in place.way:
        if privilege in lacking:
            lines += admin_commands.grant(workspace, parent.kind, parent.name, holder, [privilege])
    if right.owns:
        lines.append(admin_commands.own(workspace, place.kind, place.name, holder))
        if place.kind == "catalog":
            # It came with the catalog, and belongs to whoever made that.
            lines.append(admin_commands.own_if_there(workspace, "schema", f"{place.name}.default", holder))
    if granted := [privilege for privilege in right.privileges if privilege in lacking]:
        lines += admin_commands.grant(workspace, place.kind, place.name, holder, granted)
    return lines


def _look_for_excess(sight: Sight, runner: str, place: Place, which: set[str] | None) -> Finding:
    """Whether the runner holds any of the privileges; with None, any by which something is changed."""
    try:
        names = _list_names(sight, runner, is_control=False)
        held, owner = _get_held(sight, place, names), sight.get_owner(place)
    except UpstreamNotFound as problem:
        return Finding(GREEN, f"{tell_missing(problem)} yet")
    excess = sorted(held - READING if which is None else held & {*which, "MANAGE", ALL})
    if owner in names:
        return Finding(RED, f"it owns {place}")
    if excess:
        commands = _list_revocations(sight.workspace, place, runner, excess)
        return Finding(RED, f"it holds {', '.join(excess)} on {place}", commands)
    if not sight.is_told_all(place):
        return Finding(UNKNOWN, _UNTOLD.format(place=place))
    return Finding(GREEN, f"it holds {', '.join(sorted(held)) or 'nothing'} on {place}")


def _look_for_hands(sight: Sight, place: Place, known: list[str]) -> Finding:
    belongs, held = {place.name: sight.get_owner(place)}, sight.get_held(place)
    return _judge_writers(sight, belongs, place.name, held, known)


def _look_for_writers(sight: Sight, schema: str | None, known: list[str]) -> Finding:
    catalog = Place("catalog", shareable_catalogs.get(sight.workspace))
    if schema is None:
        belongs = {catalog.name: sight.get_owner(catalog)}
        belongs |= sight.ask(shareable_catalogs.list_schemas, catalog.name)
        return _judge_writers(sight, belongs, catalog.name, sight.get_held(catalog), known)
    if not sight.is_told_all(catalog):
        return Finding(UNKNOWN, _UNTOLD.format(place=catalog))
    schemas = sight.ask(shareable_catalogs.list_schemas, catalog.name)
    if schema not in schemas:
        return Finding(GREEN, f"there is no schema {schema} yet")
    held = sight.get_held(Place("schema", schema))
    return _judge_writers(sight, {schema: schemas[schema]}, schema, held, known)


def _judge_writers(
    sight: Sight, belongs: dict[str, str | None], place: str, held: dict[str, set[str]], known: list[str]
) -> Finding:
    control = sight.get_control().name
    found = shareable_catalogs.list_writers(control, belongs, place, held)
    if not found:
        return Finding(GREEN, "nobody else owns or may change anything there")
    shown = [one for one in found if not _is_hidden(one, known)]
    told = [f"{one.principal}: {', '.join(one.rights)} on {one.place}" for one in shown]
    if len(shown) < len(found):
        told.append("and what is another project's to see")
    return Finding(RED, "; ".join(told), [line for one in shown for line in _take_away(sight.workspace, one, control)])


def _is_hidden(writer: Writer, known: list[str]) -> bool:
    """Whether it would tell of a project that whoever asks may not see: of its runner, or of its audiences' schemas."""
    others = {name: project for name, project in configuration.current().projects.items() if name not in known}
    runners = {runner for project in others.values() for runner in project.runners.values()}
    schemas = {share_name(name, audience) for name, project in others.items() for audience in project.audiences}
    return writer.principal in runners or not schemas.isdisjoint(writer.place.split(".")[1:2])


def _take_away(workspace: str, writer: Writer, control: str) -> list[str]:
    kind = ("catalog", "schema", "volume")[writer.place.count(".")]
    if OWNER in writer.rights:
        return [admin_commands.own(workspace, kind, writer.place, control)]
    return _list_revocations(workspace, Place(kind, writer.place), writer.principal, writer.rights)


def _list_revocations(workspace: str, place: Place, principal: str, privileges: list[str]) -> list[str]:
    """At the place, and at its parents, from which it may be inherited; what is not granted there is not missed."""
    parents = [parent for parent, _ in place.way if parent != place]
    return [
        line
        for one in [place, *parents]
        for line in admin_commands.revoke(workspace, one.kind, one.name, principal, privileges)
    ]


def _list_names(sight: Sight, principal: str, *, is_control: bool) -> set[str]:
    """Under which names it may hold something: its own, its groups' where they are told, everybody's."""
    identity = sight.get_control() if is_control else sight.get_service_principal(principal)
    return {principal, EVERYBODY, *identity.groups}


def _get_held(sight: Sight, place: Place, names: set[str]) -> set[str]:
    told = sight.get_held(place)
    return set().union(*(told.get(name, set()) for name in names))


def _spell_out(held: set[str]) -> set[str]:
    every = {"USE_CATALOG", "USE_SCHEMA", *(one for right in RIGHTS for one in right.privileges)}
    return held | every if ALL in held else held
