"""Calendar links: secret addresses of the calendar as a feed; the token is kept as a digest."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlmodel import col, or_, select, update

from planner.content import Content
from planner.errors import NotFound
from planner.publications import Status
from store import audit
from store.audit import Actor
from store.db import Db
from store.lookup import one, page_of
from store.tables import (
    CalendarLink,
    Change,
    Channel,
    Post,
    PostVersion,
    Publication,
    Workspace,
)
from store.vault import Digests, KeyRing

PURPOSE = "calendar-link"

TOUCH_AFTER = timedelta(minutes=10)
"""How old a `last_used_at` may get before it is written again."""


class NoSuchCalendarLink(NotFound):
    """There is no such calendar link."""


class NoSuchCalendar(NotFound):
    """No calendar is behind this address; whether one ever was is not told."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The calendar behind a link, and the channel it is cut down to, if it is."""

    link: CalendarLink
    workspace: Workspace
    channel: Channel | None
    known: Digests


@dataclass(frozen=True, slots=True)
class Shown:
    """A publication with what the calendar shows beside it; `content` is the post's newest."""

    publication: Publication
    post: Post
    channel: Channel
    content: Content


async def of(db: Db, workspace_id: UUID, link_id: UUID) -> CalendarLink:
    """Return a link, revoked or not; raises `NoSuchCalendarLink`."""
    return await one(db, CalendarLink, workspace_id, link_id, NoSuchCalendarLink)


async def all_of(
    db: Db, workspace_id: UUID, after: UUID | None, limit: int
) -> Sequence[CalendarLink]:
    """Return links by id, revoked ones too, one more than `limit`."""
    return await page_of(db, CalendarLink, workspace_id, after, limit)


async def add(
    db: Db,
    ring: KeyRing,
    workspace: Workspace,
    actor: Actor,
    *,
    name: str,
    channel: Channel | None,
    now: datetime,
) -> tuple[CalendarLink, str]:
    """Make a link to the calendar or to one channel's; return it and its token, kept nowhere."""
    token = secrets.token_urlsafe(32)
    known = ring.digests_of(PURPOSE, token)
    link = CalendarLink(
        workspace_id=workspace.id,
        name=name,
        channel_id=channel.id if channel else None,
        token_digest=known.newest,
        digest_key=known.key,
        created_by=str(actor),
        created_at=now,
        updated_at=now,
    )
    db.add(link)
    await db.flush()
    data = {"name": name, "channel": str(channel.id) if channel else None}
    await audit.record(db, workspace, actor, "add", "calendar_link", link.id, now, data)
    return link, token


async def rename(
    db: Db, workspace: Workspace, actor: Actor, link: CalendarLink, name: str, now: datetime
) -> None:
    """Give a link another name."""
    await audit.change(db, workspace, actor, "calendar_link", link, {"name": name}, now)


async def revoke(
    db: Db, workspace: Workspace, actor: Actor, link: CalendarLink, now: datetime
) -> None:
    """Make a link useless at once; it stays on the list."""
    if link.revoked_at:
        return
    link.revoked_at = link.updated_at = now
    data = {"name": link.name}
    await audit.record(db, workspace, actor, "revoke", "calendar_link", link.id, now, data)


async def opened_by(db: Db, ring: KeyRing, slug: str, token: str) -> Opened:
    """Return the calendar that a token opens; raises `NoSuchCalendar` for every other case."""
    known = ring.digests_of(PURPOSE, token)
    query = (
        select(CalendarLink, Workspace)
        .join(Workspace, col(Workspace.id) == col(CalendarLink.workspace_id))
        .where(
            col(CalendarLink.token_digest).in_(known.all),
            col(CalendarLink.revoked_at).is_(None),
            Workspace.slug == slug,
        )
    )
    found = (await db.exec(query)).first()
    if found is None:
        raise NoSuchCalendar
    link, workspace = found
    channel = await db.get(Channel, link.channel_id) if link.channel_id else None
    return Opened(link, workspace, channel, known)


def is_stale(opened: Opened, now: datetime) -> bool:
    """Say whether the last use of a link should be written, or an older key made its digest."""
    link = opened.link
    if not opened.known.are_of(link.token_digest, link.digest_key):
        return True
    return link.last_used_at is None or link.last_used_at < now - TOUCH_AFTER


async def touch(db: Db, opened: Opened, now: datetime) -> None:
    """Write when a link was used last, and its digest; this is no change of the link itself."""
    known = opened.known
    await db.exec(
        update(CalendarLink)
        .where(col(CalendarLink.id) == opened.link.id)
        .values(last_used_at=now, token_digest=known.newest, digest_key=known.key)
    )


async def changed_at(db: Db, workspace: Workspace) -> datetime:
    """Return when anything of a workspace changed last."""
    query = select(Change.at).where(
        Change.workspace_id == workspace.id, Change.seq == workspace.change_seq
    )
    return (await db.exec(query)).first() or workspace.updated_at


async def shown(
    db: Db, opened: Opened, first: date, until: date, cancelled_since: datetime
) -> list[Shown]:
    """Return the publications whose local day lies in [first, until), by time.

    Those that were taken off the calendar are among them if that was at `cancelled_since` or
    later.
    """
    query = (
        select(Publication, Post, Channel, PostVersion.content)
        .join(Post, col(Post.id) == col(Publication.post_id))
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .join(
            PostVersion,
            (col(PostVersion.post_id) == col(Post.id))
            & (col(PostVersion.number) == col(Post.current)),
        )
        .where(
            Publication.workspace_id == opened.workspace.id,
            Publication.day >= first,
            Publication.day < until,
            or_(
                col(Publication.status) != Status.CANCELLED,
                col(Publication.updated_at) >= cancelled_since,
            ),
        )
        .order_by(col(Publication.due_at), col(Publication.id))
    )
    if opened.link.channel_id is not None:
        query = query.where(Publication.channel_id == opened.link.channel_id)
    return [Shown(*row) for row in await db.exec(query)]
