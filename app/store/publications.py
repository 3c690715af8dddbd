"""Publications: which version of which model an audience was promised, and the vetted copy that keeps the promise."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlmodel import Field

from app.store.records import Record


class Publication(Record, table=True):
    """A model version for one audience; states PENDING, ACTIVE, FAILED, CANCELLED, WITHDRAWN."""

    __tablename__ = "publications"
    kind: ClassVar[str] = "publication"

    workspace: str
    model: str = Field(index=True)
    version: int
    audience: str
    share: str
    published_model: str
    published_version: int | None = None
    digest: str | None = None
    outcome: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)

    @property
    def is_whole_model(self) -> bool:
        """Whether the model itself is shared, with all of its versions, and nothing was copied."""
        return self.published_model == self.model

    @property
    def recipients(self) -> list[dict[str, Any]]:
        """Who sees it, each with sharing identifier and workspaces; nobody until it has been published."""
        found: list[dict[str, Any]] = self.outcome.get("recipients", [])
        return found

    @property
    def versions(self) -> list[int]:
        """The versions that came by it: the one, or of a model that is shared whole all that there were."""
        found: list[int] = self.outcome.get("versions", [self.published_version])
        return found
