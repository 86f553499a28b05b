"""Accounts that are being connected: between the wish of a person and the platform's answer."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from store.tables.rows import OwnedRow, belongs_to, owned
from store.types import Instant


class Authorization(OwnedRow, table=True):
    """A person on the way to a platform and back; what they carry is kept as digests only.

    Until it is started, nothing but the ticket is known.
    """

    __tablename__ = "oauth_authorization"
    __table_args__ = (owned(), belongs_to("channel", "channel_id"))

    channel_id: UUID
    actor: str = Field(max_length=64)  # person:<id>, key:<id>
    session_id: UUID | None = None  # whose browser has to come; null: a key asked
    ticket_digest: str = Field(max_length=64, unique=True)
    state_digest: str | None = Field(default=None, max_length=64, unique=True)
    browser_digest: str | None = Field(default=None, max_length=64)
    sealed_verifier: str | None = Field(default=None, max_length=255)
    expires_at: datetime = Field(sa_type=Instant)
