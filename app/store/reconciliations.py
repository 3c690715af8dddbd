"""Reconciliations: when a project's records and configuration were held against its workspaces, and what came of it."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlmodel import Field

from app.store.records import Record


class Reconciliation(Record, table=True):
    """One comparison of one project with `workspaces`; states PENDING, SUCCEEDED, FAILED, CANCELLED."""

    __tablename__ = "reconciliations"
    kind: ClassVar[str] = "reconciliation"

    workspaces: list[str] = Field(default_factory=list, sa_type=JSON)
    outcome: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
