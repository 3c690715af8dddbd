"""Whether the platform's own lineage was told where a version came from

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("inventory_versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("external_lineage", sa.String(), nullable=True))
