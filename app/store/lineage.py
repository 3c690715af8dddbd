"""What lineage and inventory read of our records: narrow columns of many, and no outcome that they do not show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from app.store.database import reading
from app.store.publications import Publication


@dataclass(frozen=True)
class Published:
    """A publication without its manifest, which may be long."""

    id: str
    project: str
    state: str
    workspace: str
    model: str
    version: int
    audience: str
    share: str
    published_model: str
    published_version: int | None
    digest: str | None
    shared_as: str | None
    created_at: datetime
    updated_at: datetime


def list_published(projects: Iterable[str], states: Iterable[str]) -> list[Published]:
    """The publications of the projects in one of the states, oldest first."""
    plain = ("id", "project", "state", "workspace", "model", "version", "audience", "share")
    copied = ("published_model", "published_version", "digest")
    columns = [getattr(Publication, name) for name in (*plain, *copied)]
    shared_as = Publication.outcome["shared_as"].as_string()
    times = (Publication.created_at, Publication.updated_at)
    statement = select(*columns, shared_as, *times)  # type: ignore[call-overload]
    statement = statement.where(col(Publication.project).in_(list(projects)), col(Publication.state).in_(list(states)))
    with reading() as session:
        return [Published(*row) for row in session.exec(statement.order_by(Publication.created_at, Publication.id))]
