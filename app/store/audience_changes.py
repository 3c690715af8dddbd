"""Audience changes: when the readers of an audience's share were brought to what the configuration declares."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlmodel import Field

from app.store.records import Record


class AudienceChange(Record, table=True):
    """One change of who sees a share; states PENDING, SUCCEEDED, FAILED, CANCELLED."""

    __tablename__ = "audience_changes"
    kind: ClassVar[str] = "audience_change"

    workspace: str
    audience: str = Field(index=True)
    share: str
    outcome: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
