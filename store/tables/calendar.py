"""The office and its calendar: workspaces, mix, pillars, campaigns, channels, slots, days."""

import datetime as dt
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field

from planner.mix import MixMode, MixSource
from planner.posts import Policy
from store.tables.rows import OwnedRow, Row, belongs_to, one_of, owned
from store.types import Instant


class Workspace(Row, table=True):
    """An office or brand; its row is locked first by every write to what it owns."""

    __table_args__ = (
        one_of("approval_policy", Policy),
        one_of("locale", ("en", "id")),
        one_of("missed_policy", ("send_late", "skip", "ask")),
        CheckConstraint("week_start BETWEEN 0 AND 6", name="week_start"),
    )

    BOOKKEEPING: ClassVar[frozenset[str]] = frozenset(
        {"change_seq", "audit_seq", "audit_hash", "passage_at"}
    )

    slug: str = Field(max_length=40, unique=True)
    name: str = Field(max_length=120)
    timezone: str = Field(max_length=64)  # IANA
    locale: str = Field(max_length=2)
    week_start: int = 0  # 0 is Monday
    country: str | None = Field(default=None, max_length=2)  # ISO 3166-1, for holidays
    approval_policy: str = Field(default=Policy.ONE, max_length=4)
    keys_may_approve: bool = False
    count_stories: bool = False
    missed_policy: str = Field(default="ask", max_length=9)
    change_seq: int = 0  # incremented with every change, in commit order
    passage_at: dt.datetime | None = Field(default=None, sa_type=Instant)  # null: not known
    audit_seq: int = 0
    audit_hash: str = Field(default="", max_length=64)  # of the newest audit row


class MixVersion(OwnedRow, table=True):
    """The wanted shares of the types from a local day on: of the workspace or of a channel."""

    __tablename__ = "mix_version"
    __table_args__ = (
        owned(),
        belongs_to("channel", "channel_id"),
        one_of("mode", MixMode),
        one_of("source", MixSource),
        Index(None, "workspace_id", "channel_id", "effective_from"),
    )

    channel_id: UUID | None = None  # null: the workspace's own
    source: str = Field(max_length=7)
    types: list[dict[str, Any]] = Field(sa_type=JSON)  # [{key, name, share_bp}] in display order
    tolerance_bp: int = 500  # basis points of the whole
    mode: str = Field(max_length=7)
    effective_from: dt.date
    effective_until: dt.date | None = None  # exclusive


class Pillar(OwnedRow, table=True):
    """A theme that a workspace talks about."""

    __table_args__ = (
        owned(),
        UniqueConstraint("workspace_id", "name"),
        CheckConstraint("share_bp BETWEEN 0 AND 10000", name="share_bp"),
    )

    name: str = Field(max_length=80)
    description: str = Field(default="", max_length=2000)
    audience: str = Field(default="", max_length=500)
    includes: str = Field(default="", max_length=2000)  # what belongs to it
    excludes: str = Field(default="", max_length=2000)  # what belongs to somebody else
    colour: str = Field(default="#5b6770", max_length=7)
    share_bp: int | None = None  # basis points of all posts


class Campaign(OwnedRow, table=True):
    """A named push with dates and hashtags."""

    __table_args__ = (
        owned(),
        UniqueConstraint("workspace_id", "name"),
        CheckConstraint("ends_on >= starts_on", name="dates"),
    )

    name: str = Field(max_length=80)
    description: str = Field(default="", max_length=2000)
    starts_on: dt.date
    ends_on: dt.date  # inclusive
    hashtags: list[str] = Field(sa_type=JSON)


class Channel(OwnedRow, table=True):
    """One account on one platform."""

    __table_args__ = (
        owned(),
        UniqueConstraint("workspace_id", "platform", "handle"),
        one_of("connection", ("connected", "disconnected", "needs_reauth", "disabled")),
    )

    BOOKKEEPING: ClassVar[frozenset[str]] = frozenset(
        {
            "pace_at",
            "rests_until",
            "failures",
            "refresh_worker",
            "refresh_at",
            "preflight_at",
        }
    )

    platform: str = Field(max_length=20)
    handle: str = Field(max_length=60)
    name: str = Field(max_length=120)
    timezone: str | None = Field(default=None, max_length=64)  # null: the workspace's
    connection: str = Field(default="connected", max_length=12)
    connection_reason: str | None = Field(default=None, max_length=60)
    settings: dict[str, Any] = Field(sa_type=JSON)  # the platform's, not secret
    secrets: dict[str, str] = Field(sa_type=JSON)  # field → sealed text
    pace_at: dt.datetime | None = Field(default=None, sa_type=Instant)  # when its bucket is full
    # attempts in a row that the platform did not serve
    failures: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    rests_until: dt.datetime | None = Field(default=None, sa_type=Instant)  # nothing goes before
    token_expires_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    refresh_worker: str | None = Field(default=None, max_length=80)  # who asks for a new token
    refresh_at: dt.datetime | None = Field(default=None, sa_type=Instant)  # since when
    preflight_at: dt.datetime | None = Field(default=None, sa_type=Instant)  # looked at ahead


class Slot(OwnedRow, table=True):
    """A weekly posting time of a channel, in its wall-clock time."""

    __table_args__ = (
        owned(),
        belongs_to("channel", "channel_id"),
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="validity"),
        Index(None, "workspace_id", "channel_id", "valid_from"),
    )

    channel_id: UUID
    weekday: int  # 0 is Monday
    time: str = Field(max_length=5)  # HH:MM
    valid_from: dt.date
    valid_until: dt.date | None = None  # exclusive


class Day(OwnedRow, table=True):
    """A calendar day's exception."""

    __table_args__ = (
        owned(),
        UniqueConstraint("workspace_id", "date"),
        one_of("kind", ("holiday", "blackout", "note")),
        one_of("slots", ("kept", "none", "extra")),
    )

    date: dt.date
    kind: str = Field(max_length=8)
    title: str = Field(max_length=120)
    slots: str = Field(default="kept", max_length=5)
    extra_times: list[str] = Field(sa_type=JSON)  # HH:MM, with slots = extra


class CalendarLink(OwnedRow, table=True):
    """A secret address of the calendar, for programs that subscribe to it."""

    __tablename__ = "calendar_link"
    __table_args__ = (owned(), belongs_to("channel", "channel_id"))

    BOOKKEEPING: ClassVar[frozenset[str]] = frozenset({"last_used_at"})

    name: str = Field(max_length=80)
    channel_id: UUID | None = None  # null: every channel
    token_digest: str = Field(max_length=64, unique=True)
    digest_key: str | None = Field(default=None, max_length=16)  # whose digest; null: not known
    created_by: str = Field(max_length=64)  # actor: person:<id>, key:<id>
    revoked_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    last_used_at: dt.datetime | None = Field(default=None, sa_type=Instant)
