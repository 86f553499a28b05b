"""Posts, their versions and approvals, and the files they show."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

from planner.posts import PostStatus
from store.tables.rows import OwnedRow, belongs_to, one_of, owned
from store.types import Instant

FORMATS = ("post", "carousel", "thread", "story", "reel")


class Post(OwnedRow, table=True):
    """One piece of content; what it says stands in its versions."""

    __table_args__ = (
        owned(),
        belongs_to("pillar", "pillar_id"),
        belongs_to("campaign", "campaign_id"),
        UniqueConstraint("workspace_id", "external_id"),
        one_of("status", PostStatus),
        one_of("format", FORMATS),
        Index(None, "workspace_id", "status", "id"),
        Index(
            "ix_post_waiting",
            "workspace_id",
            "type",
            "status",
            sqlite_where=text("placed_at IS NULL"),
            postgresql_where=text("placed_at IS NULL"),
        ),
    )

    BOOKKEEPING: ClassVar[frozenset[str]] = frozenset({"refused_as", "placed_at"})

    title: str = Field(max_length=200)
    type: str = Field(max_length=40)
    pillar_id: UUID | None = None
    campaign_id: UUID | None = None
    owner_id: UUID | None = Field(default=None, foreign_key="person.id")
    assignees: list[dict[str, Any]] = Field(sa_type=JSON)  # [{member, task}]
    format: str = Field(max_length=8)
    status: str = Field(max_length=9)
    external_id: str | None = Field(default=None, max_length=120)
    current: int = 1  # number of the newest version
    approved: int | None = None  # number of the version that was approved last
    submitted_at: datetime | None = Field(default=None, sa_type=Instant)
    rejection: str | None = Field(default=None, max_length=2000)
    second_approval_due: bool = False  # after break-glass
    placed_at: datetime | None = Field(default=None, sa_type=Instant)  # null: on no channel
    refused_as: str | None = Field(default=None, max_length=40)  # type, when the mix refused it
    retyped_at: datetime | None = Field(default=None, sa_type=Instant)  # after such a refusal


class PostVersion(SQLModel, table=True):
    """What a post said at one moment; never changed."""

    __tablename__ = "post_version"
    __table_args__ = (
        owned(),
        belongs_to("post", "post_id"),
        UniqueConstraint("post_id", "number"),
    )

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    post_id: UUID
    number: int
    content: dict[str, Any] = Field(sa_type=JSON)
    sha256: str = Field(max_length=64)
    author: str = Field(max_length=64)  # actor: person:<id>, key:<id>
    created_at: datetime = Field(sa_type=Instant)


class Approval(SQLModel, table=True):
    """Someone's yes to one version: for all channels (null) and for each that differs."""

    __table_args__ = (
        owned(),
        belongs_to("post", "post_id"),
        belongs_to("channel", "channel_id"),
        Index(None, "post_id", "number"),
    )

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    post_id: UUID
    number: int  # of the version
    channel_id: UUID | None = None
    hash: str = Field(max_length=64)
    actor: str = Field(max_length=64)
    break_glass: str | None = Field(default=None, max_length=2000)  # the reason
    created_at: datetime = Field(sa_type=Instant)


class Comment(OwnedRow, table=True):
    """A remark on a post."""

    __table_args__ = (owned(), belongs_to("post", "post_id"), Index(None, "post_id", "id"))

    post_id: UUID
    author: str = Field(max_length=64)
    text: str = Field(max_length=5000)


class Media(OwnedRow, table=True):
    """A file, known by what its bytes say."""

    __table_args__ = (owned(), UniqueConstraint("workspace_id", "sha256"))

    sha256: str = Field(max_length=64)
    mime: str = Field(max_length=40)
    bytes: int = Field(sa_type=BigInteger)
    width: int | None = None  # pixels, as shown
    height: int | None = None
    duration_ms: int | None = None
    frame_rate: str | None = Field(default=None, max_length=20)
    codec: str | None = Field(default=None, max_length=40)
    name: str = Field(default="", max_length=200)  # the client's, for people
    alt: str = Field(default="", max_length=2000)
