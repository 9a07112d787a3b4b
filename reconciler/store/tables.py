"""The tables. Portable types only: JSON is text in its canonical spelling, times are UNIX seconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
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
    UniqueConstraint,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex
from sqlalchemy.sql.compiler import DDLCompiler

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

_WHERE = "where"


@compiles(CreateIndex)
def _create_index(element: CreateIndex, compiler: DDLCompiler, **options: Any) -> str:
    """`CREATE INDEX`, partial where its `info` says so: the keyword of a dialect would load it, used or not."""
    statement: str = compiler.visit_create_index(element, **options)  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    where = element.element.info.get(_WHERE)
    return f"{statement} WHERE {where}" if where else statement


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
        info={_WHERE: LIVE},
    ),
    Index(
        "uq_webhooks_slot",
        "slot",
        unique=True,
        info={_WHERE: f"slot <> '' AND {LIVE}"},
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

history = Table(
    "history",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("scope", Text, ForeignKey("scopes.name"), nullable=False),
    Column("at", Double, nullable=False),
    Column("user", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("commit", Text, nullable=False),
    Column("webhook_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changes", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("message", Text, nullable=False),
    Index("ix_history_scope_at", "scope", "at"),
    Index("ix_history_webhook_id", "webhook_id"),
)

responses = Table(
    "responses",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("etag", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("used_at", Double, nullable=False),
    Index("ix_responses_used_at", "used_at"),
)

IN_TIME = Text().with_variant(Text(collation="C"), "postgresql")
"""Ids that sort by time: byte by byte, whatever the language of the server."""

SERIAL = BigInteger().with_variant(Integer, "sqlite")

deliveries = Table(
    "deliveries",
    METADATA,
    Column("id", IN_TIME, primary_key=True),
    Column("scope", Text, ForeignKey("scopes.name"), nullable=False),
    Column("webhook_id", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("provider_delivery_id", Text, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("provenance", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("replayed_as", IN_TIME),
    Index("ix_deliveries_scope_id", "scope", "id", "received_at", "size"),
    Index("ix_deliveries_scope_webhook_id", "scope", "webhook_id", "id"),
)

delivery_keys = Table(
    "delivery_keys",
    METADATA,
    Column("serial", SERIAL, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("scope", Text, nullable=False),
    Column("delivery_id", IN_TIME, nullable=False),
    Column("at", Double),  # null where it is a dispatch that is known, not a delivery: kept as long as that is
    UniqueConstraint("digest", "scope"),
)
"""A log, and an index of it whose entries are small: digests come in no order, so that each touches a page of its own,
and those pages are most of what it costs to keep a delivery."""

WAITING = "state = 'pending' AND line = ''"
IN_LINE = "state = 'pending' AND line <> ''"
HELD_IN_LINE = f"{IN_LINE} AND holder <> ''"
DEAD = "state = 'dead'"
"""What the partial indexes hold. A statement uses one only if it says the same words, with the values in them."""

dispatches = Table(
    "dispatches",
    METADATA,
    Column("delivery_id", IN_TIME, ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("id", IN_TIME, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("part", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subscriber", Text, nullable=False),
    Column("node_id", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("line", Text, nullable=False),  # where ordered ones queue: one for each subscriber; empty for all others
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Double, nullable=False),  # while one is claimed: when its lease ends
    Column("holder", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("ended_at", Double),
    *(
        Index(name, *columns, info={_WHERE: where})
        for name, columns, where in (
            ("ix_dispatches_due", ("scope", "due_at", "delivery_id", "part"), WAITING),
            ("ix_dispatches_line", ("scope", "line", "delivery_id", "part"), IN_LINE),
            ("ix_dispatches_held", ("scope", "line", "due_at"), HELD_IN_LINE),
            ("ix_dispatches_dead", ("scope", "delivery_id"), DEAD),
        )
    ),
    sqlite_with_rowid=False,  # in time, as deliveries are: one comes behind the other
)

alembic_version = Table(
    "alembic_version",
    MetaData(),  # Alembic's own table, in its own shape: no part of what migrations describe
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
