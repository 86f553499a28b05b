"""Feeds over HTTP: what a channel published, for everybody."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app import problems
from app.deps import Here, House, Reads
from app.serving import FILE_ANSWERS, PUBLIC, document_answer, documented, file_answer
from planner.feeds import (
    PAGE_STYLE,
    FeedEntry,
    FeedHead,
    FeedMedia,
    atom,
    entry_html,
    json_feed,
)
from store import feeds
from store.db import Db
from store.feeds import Entry, Feed, NoSuchEntry
from store.tables import Media

router = APIRouter(prefix="/feeds/{ws}", tags=["public"], responses=problems.DOCUMENTED)

CACHED = PUBLIC | {"Cache-Control": "public, max-age=60"}
# A page shows the feed's own files and nothing else; its style is known by its hash.
_STYLE_HASH = base64.b64encode(hashlib.sha256(PAGE_STYLE.encode()).digest()).decode()
PAGE_POLICY = (
    f"default-src 'none'; img-src 'self'; media-src 'self'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@router.head("/{handle}.atom", include_in_schema=False)
@router.get(
    "/{handle}.atom",
    response_class=Response,
    responses=documented("application/atom+xml", "Atom 1.0, the newest entry first."),
)
async def read_atom_feed(
    ws: str, handle: str, request: Request, house: Here, db: Reads
) -> Response:
    """Read a feed as Atom."""
    head, entries, changed = await _whole(house, db, await feeds.of(db, ws, handle))
    kind = "application/atom+xml; charset=utf-8"
    return document_answer(request, atom(head, entries), kind, CACHED, changed)


@router.head("/{handle}.json", include_in_schema=False)
@router.get(
    "/{handle}.json",
    response_class=Response,
    responses=documented("application/feed+json", "JSON Feed 1.1, the newest entry first."),
)
async def read_json_feed(
    ws: str, handle: str, request: Request, house: Here, db: Reads
) -> Response:
    """Read a feed as JSON Feed."""
    head, entries, changed = await _whole(house, db, await feeds.of(db, ws, handle))
    return document_answer(
        request, json_feed(head, entries), "application/feed+json", CACHED, changed
    )


@router.head("/{handle}/{publication_id}", include_in_schema=False)
@router.get(
    "/{handle}/{publication_id}",
    response_class=Response,
    responses=documented("text/html", "The page of one entry."),
)
async def read_feed_entry(
    ws: str, handle: str, publication_id: str, request: Request, house: Here, db: Reads
) -> Response:
    """Read the page of one entry: where its permalink leads."""
    feed = await feeds.of(db, ws, handle)
    found = await feeds.entry_of(db, feed, _id(publication_id))
    files = await feeds.files_of(db, feed, [found])
    entry, head = _entry(house, feed, found, files), _head(house, feed)
    headers = CACHED | {"Content-Security-Policy": PAGE_POLICY}
    changed = _changed(head, [entry], feed, files)
    return document_answer(
        request, entry_html(entry, head), "text/html; charset=utf-8", headers, changed
    )


@router.head("/{handle}/media/{media_id}", include_in_schema=False)
@router.get("/{handle}/media/{media_id}", response_class=Response, responses=FILE_ANSWERS)
async def read_feed_media(
    ws: str, handle: str, media_id: str, request: Request, house: Here, db: Reads
) -> Response:
    """Fetch a file that a published entry shows; any other is not public."""
    feed = await feeds.of(db, ws, handle)
    row = await feeds.file_of(db, feed, _id(media_id))
    return await file_answer(request, house.blobs, row, "inline", CACHED)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NoSuchEntry from None


async def _whole(house: House, db: Db, feed: Feed) -> tuple[FeedHead, list[FeedEntry], datetime]:
    found = await feeds.newest(db, feed)
    files = await feeds.files_of(db, feed, found)
    head = _head(house, feed)
    entries = [_entry(house, feed, each, files) for each in found]
    return head, entries, _changed(head, entries, feed, files)


def _changed(
    head: FeedHead, entries: Sequence[FeedEntry], feed: Feed, files: Mapping[str, Media]
) -> datetime:
    """Return when the bytes last became others: names and descriptions stand in them too."""
    return max(
        head.updated_at,
        feed.channel.updated_at,
        feed.workspace.updated_at,
        *(entry.updated_at for entry in entries),
        *(media.updated_at for media in files.values()),
    )


def _place(house: House, feed: Feed) -> str:
    slug, handle = (quote(name, safe="") for name in (feed.workspace.slug, feed.channel.handle))
    return f"{house.base_url}/feeds/{slug}/{handle}"


def _tag(house: House, day: datetime, name: UUID) -> str:
    return f"tag:{urlsplit(house.base_url).hostname},{day.astimezone(UTC).date()}:{name}"


def _head(house: House, feed: Feed) -> FeedHead:
    place, channel = _place(house, feed), feed.channel
    return FeedHead(
        title=channel.name,
        subtitle=feed.workspace.name,
        atom_url=f"{place}.atom",
        json_url=f"{place}.json",
        home_url=f"{house.base_url}/",
        tag=_tag(house, channel.created_at, channel.id),
        updated_at=max(channel.created_at, feed.withdrawn_at or channel.created_at),
        language=feed.workspace.locale,
        author=feed.workspace.name,
    )


def _entry(house: House, feed: Feed, entry: Entry, files: Mapping[str, Media]) -> FeedEntry:
    publication, words, place = entry.publication, entry.words, _place(house, feed)
    shown = [(ref, files[ref.id]) for ref in words.media if ref.id in files]
    return FeedEntry(
        id=publication.id,
        tag=publication.remote_id or _tag(house, publication.due_at, publication.id),
        title=words.title,
        text="\n\n".join(words.caption(part) for part in range(len(words.parts))),
        published_at=entry.published_at,
        updated_at=entry.published_at,
        permalink=publication.permalink or f"{place}/{publication.id}",
        media=tuple(
            FeedMedia(
                url=f"{place}/media/{media.id}",
                mime=media.mime,
                bytes=media.bytes,
                alt=ref.alt or media.alt,
                duration_ms=media.duration_ms,
            )
            for ref, media in shown
        ),
        tags=words.hashtags,
    )
