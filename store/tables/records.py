"""Records: what changed, who did it, what was answered, and the instance itself."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

from store.tables.rows import Row, owned
from store.types import Instant


class Change(SQLModel, table=True):
    """That a row changed or went, in commit order; kept for 30 days."""

    workspace_id: UUID = Field(foreign_key="workspace.id", primary_key=True)
    seq: int = Field(primary_key=True)
    noun: str = Field(max_length=20)
    row_id: UUID
    deleted: bool = False
    at: datetime = Field(sa_type=Instant, index=True)


class AuditEntry(SQLModel, table=True):
    """Who did what; each row holds the hash of the one before it. Never changed."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        owned(),
        UniqueConstraint("workspace_id", "seq"),
        Index(None, "workspace_id", "noun", "row_id"),
    )

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    seq: int
    at: datetime = Field(sa_type=Instant)
    actor: str = Field(max_length=64)
    action: str = Field(max_length=40)
    noun: str = Field(max_length=20)
    row_id: UUID
    data: dict[str, Any] = Field(sa_type=JSON)
    request_id: str | None = Field(default=None, max_length=64)
    previous: str = Field(max_length=64)
    hash: str = Field(max_length=64)


class IdempotencyKey(SQLModel, table=True):
    """The answer to a request, written with its effect; a repeat gets the same. Kept for 24 h."""

    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("scope", "key"),)

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    scope: str = Field(max_length=64)  # digest of workspace, credential, method and path
    key: str = Field(max_length=255)
    fingerprint: str = Field(max_length=64)  # of the body
    status: int
    location: str | None = Field(default=None, max_length=500)
    etag: str | None = Field(default=None, max_length=80)
    body: str
    created_at: datetime = Field(sa_type=Instant, index=True)


class Instance(Row, table=True):
    """This installation: one row."""

    sealed_check: str = Field(max_length=200)  # opens only with the right key
    clock_at: datetime | None = Field(default=None, sa_type=Instant)  # when the clock last ticked
    held_at: datetime | None = Field(default=None, sa_type=Instant)  # nothing goes out anywhere
    held_why: str | None = Field(default=None, max_length=2000)
    restored_at: datetime | None = Field(default=None, sa_type=Instant)  # it came from a backup


class Pace(SQLModel, table=True):
    """How far a bucket that all processes share is used up: a platform's, or a chore's turns."""

    key: str = Field(max_length=40, primary_key=True)
    at: datetime = Field(sa_type=Instant)  # when it is full again
