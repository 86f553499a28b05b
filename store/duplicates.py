"""Duplicates: what a channel gets twice within two weeks is refused, unless a reason is given."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, select

from planner.content import Content, said, words_for
from planner.errors import Conflict
from planner.publications import UNSENT, WAITING, Status
from store import audit, publications
from store.audit import Actor
from store.db import Db
from store.tables import Channel, Post, Publication, Workspace

WITHIN = timedelta(days=14)
"""How far apart the same may be due and still be a duplicate, the last instant included."""


class DuplicateContent(Conflict):
    """The channel gets the same captions and media within two weeks; `earlier` is that one."""


def stood_at(publication: Publication) -> datetime | None:
    """Return when a publication is due; None for one that was given up."""
    return publication.due_at if publication.dismissed_at is None else None


async def check(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    now: datetime,
    *,
    allow: str | None = None,
    stood_at: datetime | None = None,
) -> None:
    """Refuse a publication that says what another one says; raises `DuplicateContent`.

    `allow` is the reason to let it be; it is kept and not asked for again. `stood_at` is when a
    publication was due before it was moved: what was allowed beside it there stays allowed.
    """
    if publication.said is None or publication.dismissed_at is not None:
        return
    if publication.said_again is not None and allow is None:
        return
    for other, title, channel in await _same(db, publication):
        if other.said_again is not None and _near(other.due_at, stood_at):
            continue
        if allow is None:
            raise DuplicateContent(
                earlier=str(other.id),
                post=str(other.post_id),
                title=title,
                channel=channel,
                when=other.local.replace("T", " ")[:16],
            )
        publication.said_again = allow
        data = {"reason": allow, "earlier": str(other.id)}
        await audit.record(
            db, workspace, actor, "allow_duplicate", "publication", publication.id, now, data
        )
        return


async def follow(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    post: Post,
    before: Content,
    after: Content,
    now: datetime,
    *,
    allow: str | None = None,
) -> None:
    """Keep what a post now says with its publications that have not gone out.

    Where that became other words or files they are judged; raises `DuplicateContent`.
    """
    rows = [row for row in await publications.of_post(db, post) if row.status in WAITING | UNSENT]
    for row in rows:
        row.said = said(words_for(after, str(row.channel_id)))
    for row in rows:
        if row.said != said(words_for(before, str(row.channel_id))):
            await check(db, workspace, actor, row, now, allow=allow)


async def said_near(db: Db, channel_id: UUID, digest: str, at: datetime, post_id: UUID) -> bool:
    """Say whether another post says the same on a channel within reach of a time."""
    query = select(Publication.id).where(
        Publication.channel_id == channel_id,
        Publication.said == digest,
        Publication.post_id != post_id,
        Publication.status != Status.CANCELLED,
        col(Publication.dismissed_at).is_(None),
        Publication.due_at >= at - WITHIN,
        Publication.due_at <= at + WITHIN,
    )
    return (await db.exec(query.limit(1))).first() is not None


async def _same(db: Db, publication: Publication) -> list[tuple[Publication, str, str]]:
    """Return what says the same on the channel within reach, by time, with title and channel."""
    query = (
        select(Publication, Post.title, Channel.name)
        .join(Post, col(Post.id) == col(Publication.post_id))
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .where(
            Publication.channel_id == publication.channel_id,
            Publication.said == publication.said,
            Publication.id != publication.id,
            Publication.status != Status.CANCELLED,
            col(Publication.dismissed_at).is_(None),
            Publication.due_at >= publication.due_at - WITHIN,
            Publication.due_at <= publication.due_at + WITHIN,
        )
        .order_by(col(Publication.due_at), col(Publication.id))
    )
    return list((await db.exec(query)).all())


def _near(one: datetime, other: datetime | None) -> bool:
    return other is not None and abs(one - other) <= WITHIN
