"""The inventory: every model version as the last look at its workspace found it, to be filtered and paged by us.

A workspace's rows are replaced together, and `as_of` is theirs together: one that does not answer keeps its old ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Index, delete, insert, literal, or_, tuple_
from sqlmodel import Field, Session, SQLModel, col, select, update

from app.errors import PageTokenInvalid
from app.store.database import UtcDateTime, now, reading, repeatable, transaction
from app.store.pages import Page

ALIAS, ENDPOINT, TABLE = "alias", "endpoint", "table"
Key = tuple[str, str, str, int]


class InventorySnapshot(SQLModel, table=True):
    """When a workspace was last looked at from end to end, when its next turn is, and what stopped the last one."""

    __tablename__ = "inventory_snapshots"

    workspace: str = Field(primary_key=True)
    as_of: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    problem: str | None = None


class InventoryVersion(SQLModel, table=True):
    """A model version in a workspace, of the project that declares it; the primary key is also the order of pages."""

    __tablename__ = "inventory_versions"
    # The primary key is the order within a project; this is the one within a workspace.
    __table_args__ = (Index("ix_inventory_versions_workspace", "workspace", "project", "model", "version"),)

    project: str = Field(primary_key=True)
    workspace: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    state: str | None = Field(default=None, index=True)
    digest: str | None = Field(default=None, index=True)
    came_by: str | None = None
    publication_id: str | None = None
    acceptance_id: str | None = None
    provider_identifier: str | None = None
    aliases: list[str] | None = Field(default=None, sa_type=JSON)
    endpoints: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    travels_with: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON)
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    external_lineage: str | None = None

    @property
    def key(self) -> Key:
        """Which version it is."""
        return (self.project, self.workspace, self.model, self.version)


class InventoryMark(SQLModel, table=True):
    """An alias or an endpoint of a version, or a table that travels with it, by which it can be found."""

    __tablename__ = "inventory_marks"

    project: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    workspace: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    version: int = Field(primary_key=True)


@dataclass(frozen=True)
class Seen:
    """A row, and when its workspace was looked at; None: a look has never come to its end."""

    version: InventoryVersion
    as_of: datetime | None


PLACE = ("project", "workspace", "model", "version")
# A statement takes so many values.
CHUNK = 1000


def list_page(
    projects: list[str], equal: dict[str, Any], marks: dict[str, str], after: str | None, size: int
) -> Page[Seen]:
    """One page by one statement, in the order of the primary key; raises `PageTokenInvalid`.

    The columns `equal` what is given, and each of the `marks` (name by kind) is on the version.
    """
    # Not a join: next to a handful of workspaces, SQLite gives the index's order away for it.
    as_of = select(InventorySnapshot.as_of).where(InventorySnapshot.workspace == InventoryVersion.workspace)
    statement = select(InventoryVersion, as_of.scalar_subquery())
    fixed = {**equal, **({"project": projects[0]} if len(projects) == 1 else {})}
    for column, value in fixed.items():
        statement = statement.where(getattr(InventoryVersion, column) == value)
    if "project" not in fixed:
        statement = statement.where(col(InventoryVersion.project).in_(projects))
    for kind, name in marks.items():
        statement = statement.where(_is_marked(projects, kind, name))
    # What is the same in every row is left out of the order: with it, SQLite sorts what an index has in order.
    order = [name for name in PLACE if name not in fixed]
    if after is not None and order:
        last = dict(zip(PLACE, _parse(after), strict=True))
        statement = statement.where(
            _columns(InventoryVersion, order) > tuple_(*(literal(last[name]) for name in order))
        )
    with reading() as session:
        ordered = statement.order_by(*(getattr(InventoryVersion, name) for name in order))
        rows = session.exec(ordered.limit(size + 1)).all()
    found = [Seen(*row) for row in rows]
    return Page(found[:size], json.dumps(found[size - 1].version.key) if len(found) > size else None)


@repeatable
def claim(workspaces: Iterable[str], every_seconds: float) -> str | None:
    """Take the turn of the workspace that has been due longest, for whoever asks first; None when none is due.

    A worker that dies with it only leaves the workspace to its next turn. What was known of workspaces that are not
    configured any more goes.
    """
    wanted, moment = set(workspaces), now()
    with reading() as session:
        known = session.exec(select(InventorySnapshot)).all()
    if {one.workspace for one in known} == wanted and all(one.due_at > moment for one in known):
        return None
    with transaction() as session:
        for gone in {one.workspace for one in known} - wanted:
            _forget(session, gone)
        for new in wanted - {one.workspace for one in known}:
            session.add(InventorySnapshot(workspace=new, due_at=moment))
        session.flush()
        due = select(InventorySnapshot).where(col(InventorySnapshot.due_at) <= moment)
        due = due.order_by(col(InventorySnapshot.due_at), col(InventorySnapshot.workspace))
        taken = session.exec(due.limit(1).with_for_update(skip_locked=True)).first()
        if taken is None:
            return None
        taken.due_at = moment + timedelta(seconds=every_seconds)
        return taken.workspace


def hasten(workspaces: list[str], within_seconds: float) -> None:
    """Have the workspaces looked at again soon: something was changed in them."""
    soon = now() + timedelta(seconds=within_seconds)
    changed = col(InventorySnapshot.workspace).in_(workspaces), col(InventorySnapshot.due_at) > soon
    with transaction() as session:
        session.exec(update(InventorySnapshot).where(*changed).values({"due_at": soon}))


@repeatable
def replace(workspace: str, found: list[InventoryVersion], as_of: datetime) -> None:
    """Put what a look found in the place of what was known of the workspace; an older look changes nothing."""
    with transaction() as session:
        snapshot = session.get(InventorySnapshot, workspace, with_for_update=True)
        if snapshot is None or (snapshot.as_of is not None and snapshot.as_of > as_of):
            return
        snapshot.as_of, snapshot.problem = as_of, None
        mine = col(InventoryVersion.workspace) == workspace
        known = {row.key: row.model_dump() for row in session.exec(select(InventoryVersion).where(mine))}
        wanted = {row.key: row.model_dump() for row in found}
        for key in set(known) & set(wanted):
            # What was told of the same bytes stays told.
            if known[key]["digest"] == wanted[key]["digest"]:
                wanted[key]["external_lineage"] = known[key]["external_lineage"]
        changed = {key for key in {*known, *wanted} if known.get(key) != wanted.get(key)}
        _write(session, sorted(changed & set(known)), [wanted[key] for key in sorted(changed & set(wanted))])


def note_failure(workspace: str, problem: str) -> None:
    """Remember what stopped a look; the rows of the last one that came to its end stay."""
    with transaction() as session:
        mine = col(InventorySnapshot.workspace) == workspace
        session.exec(update(InventorySnapshot).where(mine).values({"problem": problem}))


def list_unlinked(workspace: str, linked: str) -> list[InventoryVersion]:
    """The versions in the workspace that an acceptance let in and whose `external_lineage` is not `linked`."""
    lineage = col(InventoryVersion.external_lineage)
    mine = InventoryVersion.workspace == workspace, col(InventoryVersion.acceptance_id).is_not(None)
    with reading() as session:
        return list(session.exec(select(InventoryVersion).where(*mine, or_(lineage.is_(None), lineage != linked))))


def note_link(key: Key, external_lineage: str) -> None:
    """Remember what became of linking the version."""
    same = _columns(InventoryVersion, PLACE) == tuple_(*(literal(part) for part in key))
    with transaction() as session:
        session.exec(update(InventoryVersion).where(same).values({"external_lineage": external_lineage}))


def _is_marked(projects: list[str], kind: str, name: str) -> Any:
    """Whether the version is among those with the mark, which are few and found by an index."""
    marked = select(InventoryMark.project, InventoryMark.workspace, InventoryMark.model, InventoryMark.version)
    marked = marked.where(InventoryMark.kind == kind, InventoryMark.name == name)
    return _columns(InventoryVersion, PLACE).in_(marked.where(col(InventoryMark.project).in_(projects)))


def _columns(table: Any, names: Iterable[str]) -> Any:
    return tuple_(*(getattr(table, name) for name in names))


def _write(session: Session, gone: list[Key], rows: list[dict[str, Any]]) -> None:
    for first in range(0, len(gone), CHUNK):
        for table in (InventoryVersion, InventoryMark):
            some = _columns(table, PLACE).in_(gone[first : first + CHUNK])
            session.execute(delete(table).where(some))
    if rows:
        session.execute(insert(InventoryVersion), rows)
    marks = [
        {"kind": kind, "name": name, **{part: row[part] for part in PLACE}}
        for row in rows
        for kind, name in sorted(_list_marks(row))
    ]
    if marks:
        session.execute(insert(InventoryMark), marks)


def _list_marks(row: dict[str, Any]) -> set[tuple[str, str]]:
    named = {ENDPOINT: row["endpoints"], TABLE: row["travels_with"]}
    return {(ALIAS, alias) for alias in row["aliases"] or []} | {
        (kind, one["name"]) for kind, found in named.items() for one in found
    }


def _forget(session: Session, workspace: str) -> None:
    tables: tuple[Any, ...] = (InventoryVersion, InventoryMark, InventorySnapshot)
    for table in tables:
        session.execute(delete(table).where(table.workspace == workspace))


def _parse(after: str) -> Key:
    try:
        project, workspace, model, version = json.loads(after)
    except ValueError as error:
        raise PageTokenInvalid from error
    texts = (project, workspace, model)
    # PostgreSQL takes no NUL in a text, nothing that is not Unicode, and no number beyond its own.
    if not all(isinstance(text, str) and text.isprintable() for text in texts) or type(version) is not int:
        raise PageTokenInvalid
    if not 0 <= version < 2**31:
        raise PageTokenInvalid
    return project, workspace, model, version
