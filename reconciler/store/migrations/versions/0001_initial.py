"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_LIVE = "phase NOT IN ('retiring', 'tombstone')"


def upgrade() -> None:
    """Create all tables."""
    _scopes()
    _webhooks()
    _parts_of_webhooks()
    _orphans()


def downgrade() -> None:
    """Drop all tables."""
    for name in ("orphans", "secrets", "relations", "webhooks", "base_urls", "scopes", "meta"):
        op.drop_table(name)


def _scopes() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )
    op.create_table(
        "scopes",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("binding", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_scopes"),
    )
    op.create_table(
        "base_urls",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("scope", "url", name="pk_base_urls"),
        sa.ForeignKeyConstraint(["scope"], ["scopes.name"], name="fk_base_urls_scope_scopes", ondelete="CASCADE"),
    )


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("manual", sa.Boolean, nullable=False),
        sa.Column("key_resource", sa.Text, nullable=False),
        sa.Column("credentials", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("subscriber", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", sa.Text, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("remote_id", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("protect", sa.Boolean, nullable=False),
        sa.Column("replaced", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.Column("lease_expires_at", sa.Double),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.ForeignKeyConstraint(["scope"], ["scopes.name"], name="fk_webhooks_scope_scopes"),
    )
    op.create_index("ix_webhooks_scope", "webhooks", ["scope"])
    _unique("uq_webhooks_slot", ["slot"], f"slot <> '' AND {_LIVE}")
    key = ["user", "provider", "type", "manual", "key_resource", "credentials", "identity", "subscriber", "name"]
    _unique("uq_webhooks_address", ["scope", *key], _LIVE)


def _parts_of_webhooks() -> None:
    op.create_table(
        "relations",
        sa.Column("webhook_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subscriber", sa.Text, nullable=False),
        sa.Column("node_id", sa.Text, nullable=False),
        sa.Column("events", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "position", name="pk_relations"),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_relations_webhook_id_webhooks", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "secrets",
        sa.Column("webhook_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "version", name="pk_secrets"),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_secrets_webhook_id_webhooks", ondelete="CASCADE"
        ),
    )


def _orphans() -> None:
    op.create_table(
        "orphans",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("webhook_id", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("credentials", sa.Text, nullable=False),
        sa.Column("remote_id", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_orphans"),
        sa.ForeignKeyConstraint(["scope"], ["scopes.name"], name="fk_orphans_scope_scopes"),
    )
    op.create_index("ix_orphans_scope", "orphans", ["scope"])


def _unique(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "webhooks", columns, unique=True, sqlite_where=condition, postgresql_where=condition)
