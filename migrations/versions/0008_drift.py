"""Reconciliations, and the drift that they find

Revision ID: 0008
Revises: 0007
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reconciliations",
        *_record_columns(),
        sa.Column("workspaces", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "drifts",
        *_record_columns(),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("drift_kind", "severity", "workspace")),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("object_kind", "object_name")),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("wanted", "found", "advice", "reconciliation_id")),
        *(sa.Column(name, sa.String(), nullable=True) for name in ("record_kind", "record_id")),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("remedies", "target")),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("known_since", "seen_at")),
        sa.PrimaryKeyConstraint("id"),
    )
    for table in ("reconciliations", "drifts"):
        for column in ("project", "created_at"):
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    op.create_index(op.f("ix_drifts_severity"), "drifts", ["severity"])


def _record_columns() -> list[Any]:
    texts = [sa.Column(name, sa.String(), nullable=False) for name in ("id", "project", "operation_id", "state")]
    times = [sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("created_at", "updated_at")]
    return [*texts, sa.Column("created_by", sa.String(), nullable=False), *times]
