"""Exporting: posts and publications as flat rows, a page at a time."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from planner.content import Content
from planner.publications import WAITING, Status
from store import campaigns, channels, pillars, posts
from store.db import Db
from store.tables import Channel, Post, Publication

AT_ONCE = 200

PUBLICATION_COLUMNS = (
    "id",
    "post",
    "external_id",
    "title",
    "type",
    "pillar",
    "channel",
    "status",
    "reason",
    "due_at",
    "local",
    "timezone",
    "day",
    "holds_seat",
    "exempt",
    "exempt_note",
    "override",
    "recorded",
    "attempts",
    "published_at",
    "permalink",
    "remote_id",
)

Rows = list[dict[str, Any]]


async def post_rows(db: Db, workspace_id: UUID, after: UUID | None) -> tuple[Rows, UUID | None]:
    """Return some posts, newest first, as an import reads them, and where the next ones begin.

    A post that went out says when and where it did first; one that waits, when it is due first.
    """
    found = await posts.page_of(
        db, workspace_id, {}, channel_id=None, q=None, after=after, limit=AT_ONCE
    )
    some = found[:AT_ONCE]
    contents = await posts.contents_of(db, some)
    names = await _names(db, workspace_id)
    on: dict[UUID, list[Publication]] = {}
    query = select(Publication).where(
        Publication.workspace_id == workspace_id,
        Publication.status != Status.CANCELLED,
        col(Publication.post_id).in_([post.id for post in some]),
    )
    query = query.order_by(col(Publication.due_at), col(Publication.id))
    for row in (await db.exec(query)).all():
        on.setdefault(row.post_id, []).append(row)
    rows = [_post(post, contents[post.id], on.get(post.id, []), names) for post in some]
    return rows, some[-1].id if len(found) > AT_ONCE else None


async def publication_rows(
    db: Db,
    workspace_id: UUID,
    first: date | None,
    until: date | None,
    after: tuple[datetime, UUID] | None,
) -> tuple[Rows, tuple[datetime, UUID] | None]:
    """Return some publications by time, of the local days [first, until), and where the next begin.

    What was taken off the calendar is left out.
    """
    query = (
        select(Publication, Post.title, Post.external_id)
        .join(Post, col(Post.id) == col(Publication.post_id))
        .where(Publication.workspace_id == workspace_id, Publication.status != Status.CANCELLED)
    )
    if first is not None:
        query = query.where(Publication.day >= first)
    if until is not None:
        query = query.where(Publication.day < until)
    if after is not None:
        at, last = after
        later = (col(Publication.due_at) == at) & (col(Publication.id) > last)
        query = query.where((col(Publication.due_at) > at) | later)
    query = query.order_by(col(Publication.due_at), col(Publication.id)).limit(AT_ONCE + 1)
    found = (await db.exec(query)).all()
    names = await _names(db, workspace_id)
    rows = [
        _publication(row, title, external_id, names) for row, title, external_id in found[:AT_ONCE]
    ]
    if len(found) <= AT_ONCE:
        return rows, None
    newest = found[AT_ONCE - 1][0]
    return rows, (newest.due_at, newest.id)


async def _names(db: Db, workspace_id: UUID) -> dict[UUID, str]:
    """Return what channels, pillars and campaigns are called, by id."""
    every = channels.EVERY
    names = {row.id: _handle(row) for row in await channels.all_of(db, workspace_id)}
    names |= {row.id: row.name for row in await pillars.all_of(db, workspace_id, None, every)}
    return names | {
        row.id: row.name for row in await campaigns.all_of(db, workspace_id, None, every)
    }


def _handle(channel: Channel) -> str:
    return f"{channel.platform}:{channel.handle}"


def _post(
    post: Post, content: Content, on: Sequence[Publication], names: Mapping[UUID, str]
) -> dict[str, Any]:
    out = [row for row in on if row.status == Status.PUBLISHED]
    waiting = [row for row in on if row.status in WAITING]
    shown = out or waiting
    return {
        "id": str(post.id),
        "external_id": post.external_id,
        "title": post.title,
        "text": "\n\n".join(part["text"] for part in content["parts"] if part["text"]),
        "type": post.type,
        "pillar": names[post.pillar_id] if post.pillar_id else None,
        "campaign": names[post.campaign_id] if post.campaign_id else None,
        "channels": [names[row.channel_id] for row in shown],
        "date": None,
        "time": None,
        "at": _instant(shown[0].due_at) if shown and not out else None,
        "published_at": _instant(out[0].published_at or out[0].due_at) if out else None,
        "permalink": next((row.permalink for row in out if row.permalink), None),
        "status": post.status,
        "format": post.format,
    }


def _publication(
    row: Publication, title: str, external_id: str | None, names: Mapping[UUID, str]
) -> dict[str, Any]:
    known: dict[str, Any] = {
        "id": str(row.id),
        "post": str(row.post_id),
        "external_id": external_id,
        "title": title,
        "pillar": names[row.pillar_id] if row.pillar_id else None,
        "channel": names[row.channel_id],
        "due_at": _instant(row.due_at),
        "day": row.day.isoformat(),
        "published_at": _instant(row.published_at) if row.published_at else None,
    }
    return {
        name: known[name] if name in known else getattr(row, name) for name in PUBLICATION_COLUMNS
    }


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
