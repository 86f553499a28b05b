"""Publications: the rows that are the schedule and the queue, and what was done with them."""

import datetime as dt
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

from planner.publications import Exemption, Status
from store.tables.rows import OwnedRow, belongs_to, one_of, owned
from store.types import Instant

MARKED = "exempt IS NOT NULL OR override IS NOT NULL OR retyped_at IS NOT NULL"


class Publication(OwnedRow, table=True):
    """A post on a channel at an instant."""

    __table_args__ = (
        owned(),
        belongs_to("post", "post_id"),
        belongs_to("channel", "channel_id"),
        belongs_to("pillar", "pillar_id"),
        one_of("status", Status),
        one_of("exempt", Exemption),
        # A post is on a channel once, unless it was taken off.
        Index(
            "uq_publication_once",
            "post_id",
            "channel_id",
            "occurrence",
            unique=True,
            sqlite_where=text("status <> 'cancelled'"),
            postgresql_where=text("status <> 'cancelled'"),
        ),
        # A channel sends one at a time.
        Index(
            "uq_publication_in_flight",
            "channel_id",
            unique=True,
            sqlite_where=text("status IN ('claimed', 'submitting')"),
            postgresql_where=text("status IN ('claimed', 'submitting')"),
        ),
        # What counts in the mix, read without touching the table.
        Index(
            "ix_publication_mix",
            "workspace_id",
            "day",
            "channel_id",
            "due_at",
            "id",
            "type",
            "pillar_id",
            "holds_seat",  # or SQLite would look at the row for it
            sqlite_where=text("holds_seat = 1"),  # as queries say it there
            postgresql_where=text("holds_seat"),
        ),
        # The same of one channel, so that admission reads its month and nothing else.
        Index(
            "ix_publication_standing",
            "channel_id",
            "day",
            "due_at",
            "id",
            "type",
            "holds_seat",
            sqlite_where=text("holds_seat = 1"),  # as queries say it there
            postgresql_where=text("holds_seat"),
        ),
        # What compliance names one by one; few rows.
        Index(
            "ix_publication_marked",
            "workspace_id",
            "day",
            "channel_id",
            sqlite_where=text(MARKED),
            postgresql_where=text(MARKED),
        ),
        # What a platform works on, to be asked about again; few rows.
        Index(
            "ix_publication_polling",
            "poll_at",
            sqlite_where=text("status = 'processing'"),
            postgresql_where=text("status = 'processing'"),
        ),
        Index(None, "status", "due_at"),
        Index(None, "workspace_id", "due_at"),
        Index(None, "channel_id", "due_at"),
        Index(None, "channel_id", "said"),
    )

    BOOKKEEPING: ClassVar[frozenset[str]] = frozenset({"not_before", "said", "dispatched_until"})

    post_id: UUID
    channel_id: UUID
    occurrence: int = 1
    type: str = Field(max_length=40)
    pillar_id: UUID | None = None
    status: str = Field(max_length=12)
    due_at: dt.datetime = Field(sa_type=Instant)
    local: str = Field(max_length=19)  # the wall-clock time that was meant
    timezone: str = Field(max_length=64)
    day: dt.date  # the channel-local date that was meant
    holds_seat: bool
    exempt: str | None = Field(default=None, max_length=18)
    exempt_note: str | None = Field(default=None, max_length=2000)
    override: str | None = Field(default=None, max_length=2000)  # why it may breach the mix
    retyped_at: dt.datetime | None = Field(default=None, sa_type=Instant)  # as its post's
    recorded: bool = False  # it went out before or beside Pilar
    publish_until: dt.datetime | None = Field(default=None, sa_type=Instant)
    content_hash: str | None = Field(default=None, max_length=64)  # of the armed words
    said: str | None = Field(default=None, max_length=64)  # hash of captions and media alone
    said_again: str | None = Field(default=None, max_length=2000)  # why it may be a duplicate
    # the claim
    worker: str | None = Field(default=None, max_length=80)
    fence: int = 0
    lease_until: dt.datetime | None = Field(default=None, sa_type=Instant)
    not_before: dt.datetime | None = Field(default=None, sa_type=Instant)
    resumed_at: dt.datetime | None = Field(default=None, sa_type=Instant)  # sent late on purpose
    attempts: int = 0
    failures: int = 0  # attempts that are proved to have had no effect
    crashes: int = 0  # workers that ended while they held it
    dispatched_until: dt.datetime | None = Field(default=None, sa_type=Instant)  # on its way
    through_hold: str | None = Field(default=None, max_length=2000)  # why it goes all the same
    unproved: bool = False  # an attempt may have had its effect: it can be live already
    # the effect
    step: int = 0  # the one that is next, or under way; those before it are live
    steps_done: list[dict[str, Any]] | None = Field(
        default=None, sa_type=JSON(none_as_null=True)
    )  # [{step, remote_id, permalink, at}]
    handle: str | None = Field(default=None, max_length=500)
    ticket: str | None = Field(default=None, max_length=4000)  # sealed; goes with the handle
    # the handle came back from a backup: there may have been a later one
    restored: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    intent_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    poll_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    # how often the platform was asked in vain
    polls: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    remote_id: str | None = Field(default=None, max_length=500)
    permalink: str | None = Field(default=None, max_length=2000)
    published_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    withdrawn_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    dismissed_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    reason: str | None = Field(default=None, max_length=60)
    snapshot: dict[str, Any] | None = Field(
        default=None, sa_type=JSON(none_as_null=True)
    )  # the words that were sent


class Attempt(SQLModel, table=True):
    """An intent: committed before the publishing call; never changed."""

    __table_args__ = (
        owned(),
        belongs_to("publication", "publication_id"),
        UniqueConstraint("publication_id", "number"),
    )

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    publication_id: UUID
    number: int
    step: int
    worker: str = Field(max_length=80)
    fence: int
    key: str = Field(max_length=100)  # idempotency key towards the platform
    content_hash: str = Field(max_length=64)
    started_at: dt.datetime = Field(sa_type=Instant)


class Pull(SQLModel, table=True):
    """The links of one attempt whose files a platform fetches by itself: used, or called off."""

    __table_args__ = (belongs_to("publication", "publication_id"),)

    publication_id: UUID = Field(primary_key=True)
    handle: str = Field(max_length=60, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    fetched_at: dt.datetime | None = Field(default=None, sa_type=Instant)
    revoked_at: dt.datetime | None = Field(default=None, sa_type=Instant)


class Transition(SQLModel, table=True):
    """One step in a publication's life, with the evidence; never changed."""

    __table_args__ = (
        belongs_to("publication", "publication_id"),
        Index(None, "publication_id", "id"),
    )

    id: int | None = Field(
        default=None,
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
    )
    workspace_id: UUID = Field(foreign_key="workspace.id")
    publication_id: UUID
    before: str | None = Field(default=None, max_length=12)
    after: str = Field(max_length=12)
    reason: str | None = Field(default=None, max_length=60)
    actor: str = Field(max_length=64)
    attempt: int | None = None  # number of the attempt that this ended
    detail: dict[str, Any] = Field(sa_type=JSON)
    at: dt.datetime = Field(sa_type=Instant)
