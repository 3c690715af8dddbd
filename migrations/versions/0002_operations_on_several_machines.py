"""Operations on several machines: leases, lines for locks, retries, and keys that outlive their operations

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "executor_leases",
        sa.Column("executor_id", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("executor_id"),
    )
    op.create_table(
        "expired_keys",
        sa.Column("operation_id", sa.String(), nullable=False),
        sa.Column("expired_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("operation_id"),
    )
    with op.batch_alter_table("operations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lock", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("workspaces", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("rewind_to", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
        batch_op.create_index(batch_op.f("ix_operations_lock"), ["lock"], unique=False)
