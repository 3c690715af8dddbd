"""The inventory: what the last look at each workspace found

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inventory_snapshots",
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("workspace"),
    )
    op.create_table(
        "inventory_versions",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("publication_id", sa.String(), nullable=True),
        sa.Column("aliases", sa.JSON(), nullable=True),
        sa.Column("endpoints", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("project", "workspace", "model", "version"),
    )
    with op.batch_alter_table("inventory_versions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inventory_versions_digest"), ["digest"], unique=False)
        batch_op.create_index(batch_op.f("ix_inventory_versions_state"), ["state"], unique=False)
        place = ["workspace", "project", "model", "version"]
        batch_op.create_index("ix_inventory_versions_workspace", place, unique=False)
    op.create_table(
        "inventory_marks",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project", "kind", "name", "workspace", "model", "version"),
    )
