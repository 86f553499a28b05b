"""People and machines: who may come in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field

from planner.access import Role
from store.tables.rows import OwnedRow, Row, one_of, owned
from store.types import Instant


class Person(Row, table=True):
    """Someone who can log in; belongs to workspaces by membership."""

    email: str = Field(max_length=254, unique=True)  # lower case
    name: str = Field(max_length=120)
    locale: str = Field(max_length=2)
    password_hash: str | None = Field(default=None, max_length=255)  # Argon2id, PHC string


class Membership(OwnedRow, table=True):
    """A person's role in a workspace."""

    __table_args__ = (
        owned(),
        UniqueConstraint("workspace_id", "person_id"),
        one_of("role", Role),
    )

    person_id: UUID = Field(foreign_key="person.id", index=True)
    role: str = Field(max_length=8)


class Invitation(OwnedRow, table=True):
    """A one-time link that makes someone a member; the token is kept as a digest only."""

    __table_args__ = (owned(), one_of("role", Role))

    email: str = Field(max_length=254)
    role: str = Field(max_length=8)
    token_digest: str = Field(max_length=64, unique=True)
    digest_key: str | None = Field(default=None, max_length=16)  # whose digest; null: not known
    invited_by: str = Field(max_length=64)
    expires_at: datetime = Field(sa_type=Instant)
    accepted_at: datetime | None = Field(default=None, sa_type=Instant)


class ApiKey(Row, table=True):
    """A machine's access; the key is kept as a keyed digest only."""

    __tablename__ = "api_key"

    name: str = Field(max_length=80)
    digest: str = Field(max_length=64, unique=True)  # HMAC-SHA-256, hex
    digest_key: str | None = Field(default=None, max_length=16)  # whose digest; null: not known
    hint: str = Field(max_length=12)  # its first characters, to tell keys apart
    scopes: list[str] = Field(sa_type=JSON)
    created_by: UUID = Field(foreign_key="person.id")
    expires_at: datetime | None = Field(default=None, sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)
    last_used_at: datetime | None = Field(default=None, sa_type=Instant)


class KeyWorkspace(OwnedRow, table=True):
    """A workspace that an API key reaches."""

    __tablename__ = "key_workspace"

    __table_args__ = (owned(), UniqueConstraint("workspace_id", "api_key_id"))

    api_key_id: UUID = Field(foreign_key="api_key.id", index=True)


class Session(Row, table=True):
    """A person who is logged in; the cookie's token is kept as a digest only."""

    __table_args__ = (Index(None, "expires_at"),)

    person_id: UUID = Field(foreign_key="person.id", index=True)
    token_digest: str = Field(max_length=64, unique=True)
    digest_key: str | None = Field(default=None, max_length=16)  # whose digest; null: not known
    expires_at: datetime = Field(sa_type=Instant)
    last_seen_at: datetime = Field(sa_type=Instant)
    user_agent: str = Field(default="", max_length=200)
