"""The tables. Portable types only: JSON is text in its canonical spelling, times are UNIX seconds."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LIVE = "phase NOT IN ('retiring', 'tombstone')"
"""A record that stands for a webhook of now; only one of them has an address, or a slot."""

meta = Table(
    "meta",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

scopes = Table(
    "scopes",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("binding", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("expires_at", Double, nullable=False),
)

base_urls = Table(
    "base_urls",
    METADATA,
    Column("scope", Text, ForeignKey("scopes.name", ondelete="CASCADE"), primary_key=True),
    Column("url", Text, primary_key=True),
)

webhooks = Table(
    "webhooks",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("scope", Text, ForeignKey("scopes.name"), nullable=False),
    Column("user", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("manual", Boolean, nullable=False),
    Column("key_resource", Text, nullable=False),
    Column("credentials", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("subscriber", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("slot", Text, nullable=False),
    Column("protect", Boolean, nullable=False),
    Column("replaced", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("lease_expires_at", Double),
    Index("ix_webhooks_scope", "scope"),
    Index(
        "uq_webhooks_address",
        *("scope", "user", "provider", "type", "manual"),
        *("key_resource", "credentials", "identity", "subscriber", "name"),
        unique=True,
        sqlite_where=text(LIVE),
        postgresql_where=text(LIVE),
    ),
    Index(
        "uq_webhooks_slot",
        "slot",
        unique=True,
        sqlite_where=text(f"slot <> '' AND {LIVE}"),
        postgresql_where=text(f"slot <> '' AND {LIVE}"),
    ),
)

relations = Table(
    "relations",
    METADATA,
    Column("webhook_id", Text, ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subscriber", Text, nullable=False),
    Column("node_id", Text, nullable=False),
    Column("events", Text, nullable=False),
)

secrets = Table(
    "secrets",
    METADATA,
    Column("webhook_id", Text, ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
)

orphans = Table(
    "orphans",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("scope", Text, ForeignKey("scopes.name"), nullable=False),
    Column("webhook_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("credentials", Text, nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Index("ix_orphans_scope", "scope"),
)

applied_plans = Table(
    "applied_plans",
    METADATA,
    Column("scope", Text, ForeignKey("scopes.name", ondelete="CASCADE"), primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("serial", Integer, primary_key=True),
    Column("applied_at", Double, nullable=False),
)

alembic_version = Table(
    "alembic_version",
    MetaData(),  # Alembic's own table, in its own shape: no part of what migrations describe
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
