"""What keeps publications from going out, and who is there to send them."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import JSON, Index, text
from sqlmodel import Field

from planner.holds import Scope
from store.tables.rows import OwnedRow, Row, belongs_to, one_of, owned
from store.types import Instant


class Hold(OwnedRow, table=True):
    """Nothing in its scope goes out until it is released."""

    __table_args__ = (
        owned(),
        belongs_to("channel", "channel_id"),
        belongs_to("campaign", "campaign_id"),
        one_of("scope", Scope),
        Index(
            "ix_hold_standing",
            "workspace_id",
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
    )

    scope: str = Field(max_length=9)
    channel_id: UUID | None = None  # with scope = channel
    campaign_id: UUID | None = None  # with scope = campaign
    type: str | None = Field(default=None, max_length=40)  # with scope = type
    reason: str = Field(max_length=2000)
    placed_by: str = Field(max_length=64)  # actor
    on_the_wire: list[str] = Field(sa_type=JSON)  # publications that it came too late for
    released_at: datetime | None = Field(default=None, sa_type=Instant)
    released_by: str | None = Field(default=None, max_length=64)


class Worker(Row, table=True):
    """A process that publishes, or only dispatches; kept for a day after it was last seen."""

    BOOKKEEPING: ClassVar[frozenset[str]] = frozenset({"seen_at"})

    name: str = Field(max_length=80, unique=True)
    role: str = Field(max_length=6)  # all, api, worker, tick
    seen_at: datetime = Field(sa_type=Instant, index=True)
    # the ids of the keys that it opens with; null: it does not say
    keys: list[str] | None = Field(default=None, sa_type=JSON(none_as_null=True))
