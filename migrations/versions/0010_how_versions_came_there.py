"""How versions in the inventory came to where they are, and what travels with them

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("inventory_versions", schema=None) as batch_op:
        for name in ("came_by", "acceptance_id", "provider_identifier"):
            batch_op.add_column(sa.Column(name, sa.String(), nullable=True))
        batch_op.add_column(sa.Column("travels_with", sa.JSON(), nullable=False, server_default="[]"))
