"""Deployments: revisions of endpoints that Causeway was asked for, and what was verified of them."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlmodel import Field

from app.store.records import Record


class Deployment(Record, table=True):
    """One revision of one endpoint; states PENDING, ACTIVE, FAILED, CANCELLED, SUPERSEDED."""

    __tablename__ = "deployments"
    kind: ClassVar[str] = "deployment"

    workspace: str
    endpoint: str = Field(index=True)
    model: str
    version: int
    served_entity: str
    request: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    outcome: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
