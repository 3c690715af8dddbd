"""Acceptances of partners' shares, with named readers and what was granted to them

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("acceptances", schema=None) as batch_op:
        batch_op.alter_column("provider_workspace", existing_type=sa.String(), nullable=True)
        batch_op.alter_column("audience", existing_type=sa.String(), nullable=True)
        batch_op.add_column(sa.Column("readers", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("granted", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True))
