"""Scoring runs: ad-hoc predictions; the rows and the answers lie in the project's volume, never here."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlmodel import Field

from app.store.records import Record


class ScoringRun(Record, table=True):
    """One job that loaded a model version and scored an input with it."""

    __tablename__ = "scoring_runs"
    kind: ClassVar[str] = "scoring_run"

    workspace: str
    model: str = Field(index=True)
    version: int
    input_path: str
    output_path: str
    outcome: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
