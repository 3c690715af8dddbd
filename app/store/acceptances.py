"""Acceptances: the catalogs that consumers made from shares."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlmodel import Field, col, or_, select

from app.store.audit_events import AuditEvent, append
from app.store.database import UtcDateTime, now, reading, repeatable, transaction
from app.store.records import Record


class Acceptance(Record, table=True):
    """A provider's share as a catalog of the consumer; states PENDING, ACTIVE, FAILED, CANCELLED, GIVEN_BACK.

    A partner's share has neither `provider_workspace` nor `audience`: its provider is `outcome["provider_identifier"]`.
    `readers` may use the catalog beside the runner; `granted` is what Causeway gave and takes back with it. The
    catalog was last looked into at `looked_at`.
    """

    __tablename__ = "acceptances"
    kind: ClassVar[str] = "acceptance"

    workspace: str
    provider_workspace: str | None = None
    audience: str | None = None
    share: str
    catalog: str = Field(index=True)
    readers: list[str] = Field(default_factory=list, sa_type=JSON)
    granted: dict[str, list[str]] = Field(default_factory=dict, sa_type=JSON)
    looked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


def list_due(before: datetime) -> list[tuple[str, str]]:
    """The catalogs (workspace, name) of active acceptances that nobody has looked into since `before`."""
    never_or_long_ago = or_(col(Acceptance.looked_at).is_(None), col(Acceptance.looked_at) < before)
    active = select(Acceptance.workspace, Acceptance.catalog).where(Acceptance.state == "ACTIVE", never_or_long_ago)
    with reading() as session:
        return sorted(set(session.exec(active)))


@repeatable
def claim(workspace: str, catalog: str, before: datetime) -> list[Acceptance]:
    """The active acceptances of the catalog, oldest first, marked as looked at now; of several who ask, one gets them.

    Nothing when somebody has looked into the catalog since `before`.
    """
    place = (Acceptance.workspace == workspace, Acceptance.catalog == catalog, Acceptance.state == "ACTIVE")
    statement = select(Acceptance).where(*place).order_by(col(Acceptance.created_at), col(Acceptance.id))
    with transaction() as session:
        resting = list(session.exec(statement.with_for_update()))
        if all(one.looked_at is not None and one.looked_at >= before for one in resting):
            return []
        for one in resting:
            one.looked_at = now()
        return resting


@repeatable
def note_granted(acceptance_id: str, granted: dict[str, list[str]]) -> None:
    """Keep what Causeway is about to grant, or has taken back: whatever happens next, somebody knows of it."""
    with transaction() as session:
        session.get_one(Acceptance, acceptance_id, with_for_update=True).granted = granted


@repeatable
def note_look(acceptance_ids: list[str], found: dict[str, Any], events: list[AuditEvent]) -> None:
    """Write what a look found into the outcomes of those that are still active, and the events when there are any."""
    with transaction() as session:
        held = [session.get_one(Acceptance, one, with_for_update=True) for one in sorted(acceptance_ids)]
        active = [one for one in held if one.state == "ACTIVE"]
        for one in active:
            one.outcome = {**one.outcome, **found}
            one.updated_at = now() if events else one.updated_at
        for event in events if active else []:
            append(session, event)
