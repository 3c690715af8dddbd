"""Acceptances: the catalogs that consumers made from shares."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlmodel import Field

from app.store.database import UtcDateTime
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
