"""How names of projects, workspaces and models look in requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Word = Annotated[str, Field(min_length=1, max_length=60)]
"""A name that the configuration declares."""

FullName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$", max_length=255)]
"""`catalog.schema.name`."""

PlanDigest = Annotated[str, Field(max_length=100)]
"""The digest of a plan that was agreed to."""
