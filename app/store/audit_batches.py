"""The seal of the trail: batches of numbered events, each with the digest of the one before and a signature."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, bindparam, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, or_, select, update

from app.store.audit_events import AuditEvent
from app.store.database import UtcDateTime, now, reading, transaction

COLUMNS = AuditEvent.__table__.columns  # type: ignore[attr-defined]


class AuditBatch(SQLModel, table=True):
    """Some events in the order in which they were sealed; `manifest` has a line for each, its id and its digest."""

    __tablename__ = "audit_batches"

    number: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    first_event: int = Field(sa_type=BigInteger)
    last_event: int = Field(sa_type=BigInteger)
    manifest: str
    previous: str
    sealed_at: datetime = Field(sa_type=UtcDateTime)
    key_id: str | None = None
    digest: str
    signature: str | None = None
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


class _Overtaken(Exception):
    """Another sealer was first, or an event was counted further after it was read."""


def find_last() -> AuditBatch | None:
    """The newest batch."""
    with reading() as session:
        return session.exec(select(AuditBatch).order_by(col(AuditBatch.number).desc()).limit(1)).first()


def list_unsealed(refused_before: datetime, size: int) -> list[dict[str, Any]]:
    """Committed events that are not sealed, oldest first; refusals only from before that time."""
    is_final = or_(col(AuditEvent.refused_code).is_(None), col(AuditEvent.created_at) < refused_before)
    statement = select(*COLUMNS).where(col(AuditEvent.number).is_(None), is_final)
    with reading() as session:
        return _plain(session, statement.order_by(col(AuditEvent.created_at), col(AuditEvent.id)).limit(size))


def count_unsealed() -> int:
    """How many events no batch holds yet."""
    with reading() as session:
        return session.exec(select(func.count()).where(col(AuditEvent.number).is_(None))).one()


def insert(batch: AuditBatch, events: list[dict[str, Any]]) -> bool:
    """Seal these events as they were read; False when another sealer was first, or one of them has changed.

    Of two sealers at once the database lets one in, by the batch's number.
    """
    counted = [
        {"event": event["id"], "seen": event["count"], "place": place}
        for place, event in enumerate(events, batch.first_event)
    ]
    still_as_read = (
        COLUMNS.id == bindparam("event"),
        COLUMNS.number.is_(None),
        COLUMNS["count"] == bindparam("seen"),
    )
    numbering = update(AuditEvent).where(*still_as_read).values(number=bindparam("place"))
    try:
        with transaction() as session:
            session.add(batch)
            session.flush()
            if session.connection().execute(numbering, counted).rowcount != len(events):
                raise _Overtaken
    except (IntegrityError, _Overtaken):
        return False
    return True


def list_unpublished(size: int) -> list[AuditBatch]:
    """The oldest batches whose heads are not known to have left the database."""
    statement = select(AuditBatch).where(col(AuditBatch.published_at).is_(None))
    with reading() as session:
        return list(session.exec(statement.order_by(col(AuditBatch.number)).limit(size)))


def count_unpublished() -> int:
    """How many heads are not known to have left."""
    with reading() as session:
        return session.exec(select(func.count()).where(col(AuditBatch.published_at).is_(None))).one()


def mark_published(numbers: Iterable[int]) -> None:
    """Note that the heads of these batches have left the database."""
    marked = col(AuditBatch.number).in_(list(numbers))
    with transaction() as session:
        # One after the other: of two who mark the same batches at once, neither has what the other waits for.
        session.exec(select(AuditBatch.number).where(marked).order_by(col(AuditBatch.number)).with_for_update()).all()
        session.exec(update(AuditBatch).where(marked).values(published_at=now()))


def list_batches(after: int, until: int, size: int) -> list[AuditBatch]:
    """The next batches behind number `after`, up to number `until`."""
    statement = select(AuditBatch).where(col(AuditBatch.number) > after, col(AuditBatch.number) <= until)
    with reading() as session:
        return list(session.exec(statement.order_by(col(AuditBatch.number)).limit(size)))


def list_sealed(after: int, until: int, size: int) -> list[dict[str, Any]]:
    """The next events behind number `after`, up to number `until`, in the order of their numbers."""
    statement = select(*COLUMNS).where(col(AuditEvent.number) > after, col(AuditEvent.number) <= until)
    with reading() as session:
        return _plain(session, statement.order_by(col(AuditEvent.number)).limit(size))


def list_beyond(size: int) -> list[dict[str, Any]]:
    """Events with numbers behind those of the newest batch; one statement, so that no sealer comes between."""
    last = select(func.coalesce(func.max(AuditBatch.last_event), 0)).scalar_subquery()
    with reading() as session:
        return _plain(session, select(*COLUMNS).where(col(AuditEvent.number) > last).limit(size))


def list_by_id(ids: Iterable[str]) -> list[dict[str, Any]]:
    """The events of these ids, wherever they stand."""
    with reading() as session:
        return _plain(session, select(*COLUMNS).where(col(AuditEvent.id).in_(ids)))


def find_digests(numbers: Iterable[int]) -> tuple[dict[int, str], int]:
    """The digest of each of these batches that is there, and the number of the newest batch."""
    wanted = select(AuditBatch.number, AuditBatch.digest).where(col(AuditBatch.number).in_(numbers))
    with reading() as session:
        found = dict(session.exec(wanted).all())
        return found, session.exec(select(func.coalesce(func.max(AuditBatch.number), 0))).one()


def _plain(session: Session, statement: Any) -> list[dict[str, Any]]:
    """Rows as plain values: objects of the mapper would take most of the time of verifying."""
    rows = session.connection().execute(statement)
    names = tuple(rows.keys())
    return [dict(zip(names, row, strict=True)) for row in rows]
