"""Pulls: files that a platform fetches by itself, for one attempt, until that is called off.

Where the call that publishes names links, its answer may be lost while the platform goes on to
fetch. So each attempt has links of its own: as long as nobody has fetched one, they can be called
off, and then that attempt has no effect any more.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from planner.publications import Status
from store.db import Db, Store
from store.links import NoSuchLink
from store.tables import Media, Publication, Pull
from store.vault import KeyRing

PURPOSE = "pull-link"
ALIVE = (Status.SUBMITTING, Status.PROCESSING)


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says of itself."""

    publication_id: UUID
    handle: str
    media_id: UUID
    until: int

    @property
    def message(self) -> bytes:
        """What is signed of it."""
        return f"{self.publication_id}/{self.handle}/{self.media_id}/{self.until}".encode()


def pull_path(
    ring: KeyRing, publication_id: UUID, handle: str, media_id: UUID, expires: datetime
) -> str:
    """Return the path by which a platform fetches a file for the attempt of this handle."""
    link = Link(publication_id, handle, media_id, int(expires.timestamp()))
    return f"/pull/{link.message.decode()}/{ring.sign(PURPOSE, link.message)}"


async def fetch(db: Db, ring: KeyRing, link: Link, signature: str, now: datetime) -> Media:
    """Note that a file is fetched, and return it; once this has committed it can be no secret.

    Raises `NoSuchLink` where the link was not signed here, is over or was called off, and where
    its publication is not on its way any more.
    """
    good = ring.verify(PURPOSE, link.message, signature)
    if not good or datetime.fromtimestamp(link.until, UTC) < now:
        raise NoSuchLink
    query = (
        select(Publication, Media)
        .join(Media, col(Media.workspace_id) == col(Publication.workspace_id))
        .where(Publication.id == link.publication_id, Media.id == link.media_id)
    )
    found = (await db.exec(query)).first()
    if found is None or not (found[0].status in ALIVE or found[0].unproved):
        raise NoSuchLink
    row = await _noted(db, found[0], link.handle, fetched_at=now)
    if row.revoked_at is not None:
        raise NoSuchLink
    return found[1]


async def recall(
    store: Store, publication: Publication, handle: str, now: datetime
) -> datetime | None:
    """Call off the links of a handle; return since when that is too late, None: it was not."""
    async with store.transaction() as db:
        return (await _noted(db, publication, handle, revoked_at=now)).fetched_at


async def _noted(db: Db, publication: Publication, handle: str, **when: datetime) -> Pull:
    """Note the first of both that happens; return what has happened by now."""
    insert = (sqlite if db.get_bind().dialect.name == "sqlite" else postgresql).insert
    new: dict[str, Any] = {
        "publication_id": publication.id,
        "handle": handle,
        "workspace_id": publication.workspace_id,
    }
    await db.exec(insert(Pull).values(**new, **when).on_conflict_do_nothing())
    query = select(Pull).where(Pull.publication_id == publication.id, Pull.handle == handle)
    return (await db.exec(query)).one()
