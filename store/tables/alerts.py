"""Alerts: what somebody should hear of, who hears it, and whether they did."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field

from planner.alerts import AlertKind, Medium
from store.tables.rows import OwnedRow, belongs_to, one_of, owned
from store.types import Instant


class Alert(OwnedRow, table=True):
    """Something that a person should know; `key` keeps it from being said twice."""

    __table_args__ = (
        owned(),
        UniqueConstraint("workspace_id", "key"),
        one_of("kind", AlertKind),
        Index(
            "ix_alert_unspread",
            "id",
            sqlite_where=text("spread_at IS NULL"),
            postgresql_where=text("spread_at IS NULL"),
        ),
    )

    kind: str = Field(max_length=16)
    noun: str = Field(max_length=20)  # publication, channel or post
    row_id: UUID
    key: str = Field(max_length=160)
    data: dict[str, Any] = Field(sa_type=JSON)  # facts for its sentence; no secret
    spread_at: datetime | None = Field(default=None, sa_type=Instant)  # null: no deliveries yet


class AlertTarget(OwnedRow, table=True):
    """Where a workspace's alerts go: a signed webhook or an e-mail address."""

    __tablename__ = "alert_target"
    __table_args__ = (owned(), one_of("medium", Medium))

    name: str = Field(max_length=80)
    medium: str = Field(max_length=7)
    address: str = Field(max_length=2000)  # a URL or an e-mail address
    secrets: dict[str, str] = Field(sa_type=JSON)  # field → sealed text
    kinds: list[str] | None = Field(default=None, sa_type=JSON(none_as_null=True))  # null: all
    enabled: bool = True


class AlertDelivery(OwnedRow, table=True):
    """One alert on its way to one target, with the log of every try."""

    __tablename__ = "alert_delivery"
    __table_args__ = (
        owned(),
        belongs_to("alert", "alert_id"),
        belongs_to("alert_target", "target_id"),
        one_of("status", ("waiting", "delivered", "failed")),
        UniqueConstraint("alert_id", "target_id"),
        Index(
            "ix_alert_delivery_waiting",
            "next_at",
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
    )

    BOOKKEEPING: ClassVar[frozenset[str]] = frozenset({"next_at"})

    alert_id: UUID
    target_id: UUID
    status: str = Field(default="waiting", max_length=9)
    next_at: datetime = Field(sa_type=Instant)
    tries: list[dict[str, Any]] = Field(sa_type=JSON)  # [{at, worker, outcome, detail}]
    delivered_at: datetime | None = Field(default=None, sa_type=Instant)
