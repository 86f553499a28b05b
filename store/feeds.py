"""Feeds: what a channel of the built-in platform has published, as it was sent."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import String, cast
from sqlmodel import col, func, select

from planner.content import Words, words_from_json
from planner.errors import NotFound
from planner.publications import Status
from store.db import Db
from store.tables import Channel, Media, Publication, Workspace

NEWEST = 50
"""How many entries a feed shows."""


class NoSuchFeed(NotFound):
    """There is no such feed."""


class NoSuchEntry(NotFound):
    """Nothing that was published there has this address."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A channel that is a feed, and when an entry last left it."""

    workspace: Workspace
    channel: Channel
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A published publication with the words that were sent."""

    publication: Publication
    words: Words
    published_at: datetime


async def of(db: Db, slug: str, handle: str) -> Feed:
    """Return a feed by what stands in its address; raises `NoSuchFeed`."""
    query = (
        select(Workspace, Channel)
        .join(Channel, col(Channel.workspace_id) == col(Workspace.id))
        .where(Workspace.slug == slug, Channel.platform == "feed", Channel.handle == handle)
    )
    found = (await db.exec(query)).first() if _is_text(slug) and _is_text(handle) else None
    if found is None:
        raise NoSuchFeed
    workspace, channel = found
    left = select(func.max(Publication.withdrawn_at)).where(Publication.channel_id == channel.id)
    return Feed(workspace, channel, (await db.exec(left)).one())


async def newest(db: Db, feed: Feed, limit: int = NEWEST) -> Sequence[Entry]:
    """Return what was published last and not withdrawn, the newest first."""
    newest_first = (col(Publication.published_at).desc(), col(Publication.id).desc())
    query = _published(feed).order_by(*newest_first).limit(limit)
    return _entries((await db.exec(query)).all())


async def entry_of(db: Db, feed: Feed, publication_id: UUID) -> Entry:
    """Return one published entry, however old; raises `NoSuchEntry`."""
    query = _published(feed).where(col(Publication.id) == publication_id)
    entries = _entries((await db.exec(query)).all())
    if not entries:
        raise NoSuchEntry
    return entries[0]


async def files_of(db: Db, feed: Feed, entries: Iterable[Entry]) -> Mapping[str, Media]:
    """Return the files that entries show, by id."""
    ids = {UUID(ref.id) for entry in entries for ref in entry.words.media}
    query = select(Media).where(
        Media.workspace_id == feed.workspace.id, col(Media.id).in_(sorted(ids))
    )
    return {str(row.id): row for row in (await db.exec(query)).all()} if ids else {}


async def file_of(db: Db, feed: Feed, media_id: UUID) -> Media:
    """Return a file that something published there shows; raises `NoSuchEntry`.

    A file that only drafts, planned or withdrawn posts show is not public.
    """
    mentions = cast(col(Publication.snapshot), String).contains(str(media_id))
    entries = _entries((await db.exec(_published(feed).where(mentions))).all())
    shown = [entry for entry in entries if str(media_id) in {ref.id for ref in entry.words.media}]
    files = await files_of(db, feed, shown[:1])
    if str(media_id) not in files:
        raise NoSuchEntry
    return files[str(media_id)]


def _published(feed: Feed) -> Any:
    return select(Publication).where(
        Publication.channel_id == feed.channel.id,
        Publication.status == Status.PUBLISHED,
        col(Publication.withdrawn_at).is_(None),
        col(Publication.published_at).is_not(None),
        # History that was entered went out elsewhere; entering it publishes nothing.
        col(Publication.recorded).is_(False),
        col(Publication.snapshot).is_not(None),
    )


def _entries(rows: Iterable[Publication]) -> list[Entry]:
    return [
        Entry(row, words_from_json(row.snapshot), row.published_at)
        for row in rows
        if row.snapshot is not None and row.published_at is not None
    ]


def _is_text(name: str) -> bool:
    """Say whether a name can be one at all: PostgreSQL takes no NUL, nothing takes surrogates."""
    return all(unicodedata.category(character) not in {"Cc", "Cs"} for character in name)
