"""Acceptances: the catalogs that consumers made from shares."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlmodel import Field

from app.store.records import Record


class Acceptance(Record, table=True):
    """A provider's share as a catalog of the consumer; states PENDING, ACTIVE, FAILED, CANCELLED, GIVEN_BACK."""

    __tablename__ = "acceptances"
    kind: ClassVar[str] = "acceptance"

    workspace: str
    provider_workspace: str
    audience: str
    share: str
    catalog: str = Field(index=True)
    outcome: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
