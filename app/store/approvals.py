"""Approvals: who agreed to what, by the digest of exactly that. They are never changed and never removed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field

from app.store.records import Kept


class Approval(Kept, table=True):
    """One person's agreement to one subject; `subject` is what the digest stands for, as it was then.

    Its id is made of the person and the digest: the same is agreed to once.
    """

    __tablename__ = "approvals"

    principal: str
    action: str
    subject_digest: str = Field(index=True)
    subject: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
