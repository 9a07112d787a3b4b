"""Which saved plans were applied: each is applied once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "applied_plans",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("serial", sa.Integer, nullable=False),
        sa.Column("applied_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("scope", "digest", "serial", name="pk_applied_plans"),
        sa.ForeignKeyConstraint(["scope"], ["scopes.name"], name="fk_applied_plans_scope_scopes", ondelete="CASCADE"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("applied_plans")
