"""Training runs: what was asked for and what came of it."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlmodel import Field

from app.store.records import Record


class TrainingRun(Record, table=True):
    """One AutoML search that registers its best model."""

    __tablename__ = "training_runs"
    kind: ClassVar[str] = "training_run"

    workspace: str
    model: str = Field(index=True)
    request: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    version: int | None = None
    outcome: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
