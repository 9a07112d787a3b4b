"""The inbox: deliveries, the keys that tell a repeated one, and their dispatches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_IN_TIME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    _deliveries()
    op.create_table(
        "delivery_keys",
        sa.Column("serial", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("delivery_id", _IN_TIME, nullable=False),
        sa.Column("at", sa.Double),
        sa.PrimaryKeyConstraint("serial", name="pk_delivery_keys"),
        sa.UniqueConstraint("digest", "scope", name="uq_delivery_keys_digest_scope"),
    )
    _dispatches()


def downgrade() -> None:
    """Drop the tables."""
    for name in ("dispatches", "delivery_keys", "deliveries"):
        op.drop_table(name)


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", _IN_TIME, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("webhook_id", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("provider_delivery_id", sa.Text, nullable=False),
        sa.Column("received_at", sa.Double, nullable=False),
        sa.Column("provenance", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("events", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("replayed_as", _IN_TIME),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.ForeignKeyConstraint(["scope"], ["scopes.name"], name="fk_deliveries_scope_scopes"),
    )
    op.create_index("ix_deliveries_scope_id", "deliveries", ["scope", "id", "received_at", "size"])
    op.create_index("ix_deliveries_scope_webhook_id", "deliveries", ["scope", "webhook_id", "id"])


def _dispatches() -> None:
    op.create_table(
        "dispatches",
        sa.Column("delivery_id", _IN_TIME, nullable=False),
        sa.Column("id", _IN_TIME, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subscriber", sa.Text, nullable=False),
        sa.Column("node_id", sa.Text, nullable=False),
        sa.Column("events", sa.Text, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.PrimaryKeyConstraint("delivery_id", "id", name="pk_dispatches"),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name="fk_dispatches_delivery_id_deliveries", ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    _of_some("ix_dispatches_due", ["scope", "due_at", "delivery_id", "part"], "state = 'pending' AND line = ''")
    _of_some("ix_dispatches_line", ["scope", "line", "delivery_id", "part"], "state = 'pending' AND line <> ''")
    _of_some("ix_dispatches_held", ["scope", "line", "due_at"], "state = 'pending' AND line <> '' AND holder <> ''")
    _of_some("ix_dispatches_dead", ["scope", "delivery_id"], "state = 'dead'")


def _of_some(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "dispatches", columns, sqlite_where=condition, postgresql_where=condition)
