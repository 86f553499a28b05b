"""Channels: accounts on platforms, their sealed secrets and their weekly slots."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import String, cast, col, func, select

from planner.channels import reason_not_connected
from planner.errors import Conflict, NotFound
from planner.posts import PostStatus
from planner.publications import WAITING
from planner.slots import WeeklySlot
from planner.timing import at_local
from store import alerts, audit, publications
from store.audit import Actor
from store.db import Db
from store.lookup import InUse, one, page_of
from store.tables import (
    Authorization,
    CalendarLink,
    Channel,
    Hold,
    MixVersion,
    Post,
    PostVersion,
    Publication,
    Slot,
    Workspace,
)
from store.vault import KeyRing

EVERY = 1_000_000
"""More channels than a workspace has."""


class NoSuchChannel(NotFound):
    """There is no such channel."""


class HandleTaken(Conflict):
    """Another channel of the workspace is this account."""


async def of(db: Db, workspace_id: UUID, channel_id: UUID) -> Channel:
    """Return a channel; raises `NoSuchChannel`."""
    return await one(db, Channel, workspace_id, channel_id, NoSuchChannel)


async def all_of(
    db: Db, workspace_id: UUID, after: UUID | None = None, limit: int = EVERY
) -> Sequence[Channel]:
    """Return channels by id, one more than `limit`; without one, all of them."""
    return await page_of(db, Channel, workspace_id, after, limit)


def zone_of(channel: Channel, workspace: Workspace) -> ZoneInfo:
    """Return the zone of a channel's wall clock."""
    return ZoneInfo(channel.timezone or workspace.timezone)


async def add(
    db: Db, workspace: Workspace, actor: Actor, fields: dict[str, Any], now: datetime
) -> Channel:
    """Add a channel; raises `HandleTaken`."""
    channel = Channel(
        **fields, secrets={}, workspace_id=workspace.id, created_at=now, updated_at=now
    )
    await _check_handle(db, channel, channel.handle)
    db.add(channel)
    await db.flush()
    await audit.record(db, workspace, actor, "add", "channel", channel.id, now, fields)
    return channel


async def change(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    channel: Channel,
    fields: dict[str, Any],
    now: datetime,
) -> None:
    """Change a channel; another zone keeps the wall clock of what waits on it.

    Raises `HandleTaken`.
    """
    await _check_handle(db, channel, fields.get("handle", channel.handle))
    before = zone_of(channel, workspace)
    await audit.change(db, workspace, actor, "channel", channel, fields, now)
    after = zone_of(channel, workspace)
    if after != before:
        await keep_wall_clock(db, workspace, actor, channel, after, now)


async def _check_handle(db: Db, channel: Channel, handle: str) -> None:
    # Platforms do not tell accounts apart by case.
    query = select(Channel.id).where(
        Channel.workspace_id == channel.workspace_id,
        Channel.platform == channel.platform,
        func.lower(Channel.handle) == handle.lower(),
        col(Channel.id) != channel.id,
    )
    if (await db.exec(query)).first():
        raise HandleTaken(handle=handle, platform=channel.platform)


async def keep_wall_clock(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    channel: Channel,
    zone: ZoneInfo,
    now: datetime,
) -> None:
    """Re-read the wall-clock times of waiting publications in a zone."""
    query = select(Publication).where(
        Publication.channel_id == channel.id, col(Publication.status).in_(WAITING)
    )
    for publication in (await db.exec(query)).all():
        timing = at_local(datetime.fromisoformat(publication.local), zone)
        fields = {"due_at": timing.due_at, "timezone": timing.timezone, "day": timing.day}
        await publications.move(db, workspace, actor, publication, fields, now)


async def remove(
    db: Db, workspace: Workspace, actor: Actor, channel: Channel, now: datetime
) -> None:
    """Delete a channel that nothing was ever put on, with its slots, mix and calendar links.

    Raises `InUse`.
    """
    if users := await _users(db, channel):
        raise InUse(by=users)
    for table in (Slot, MixVersion, CalendarLink, Authorization):
        for row in (await db.exec(select(table).where(table.channel_id == channel.id))).all():
            await db.delete(row)
    await db.flush()
    await db.delete(channel)
    data = {"platform": channel.platform, "handle": channel.handle}
    await audit.record(
        db, workspace, actor, "delete", "channel", channel.id, now, data, deleted=True
    )


async def _users(db: Db, channel: Channel) -> dict[str, int]:
    """Count what refers to a channel, by noun; posts are those that say something else there."""
    on_it = select(func.count()).select_from(Publication)
    holding = select(func.count()).select_from(Hold)
    named = (
        select(func.count())
        .select_from(Post)
        .join(
            PostVersion,
            (col(PostVersion.post_id) == col(Post.id))
            & (col(PostVersion.number) == col(Post.current)),
        )
        .where(
            Post.workspace_id == channel.workspace_id,
            Post.status != PostStatus.ARCHIVED,
            cast(col(PostVersion.content), String).contains(str(channel.id)),
        )
    )
    counts = {
        "publications": (await db.exec(on_it.where(Publication.channel_id == channel.id))).one(),
        "posts": (await db.exec(named)).one(),
        "holds": (await db.exec(holding.where(Hold.channel_id == channel.id))).one(),
    }
    return {noun: count for noun, count in counts.items() if count}


async def set_secrets(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    channel: Channel,
    secrets: Mapping[str, str],
    ring: KeyRing,
    now: datetime,
    *,
    expires_at: datetime | None = None,
    action: str = "credentials",
    about: Mapping[str, Any] | None = None,
) -> None:
    """Seal and keep a channel's secrets: it is connected if none is missing.

    The audit names the fields only, and what else there is to say of them, which is no secret.
    """
    channel.secrets = {
        field: ring.seal(value, workspace=workspace.id, channel=channel.id, field=field)
        for field, value in secrets.items()
    }
    reason = reason_not_connected(channel.platform, secrets)
    channel.connection = "connected" if reason is None else "disconnected"
    channel.connection_reason = reason
    channel.token_expires_at = expires_at
    channel.refresh_worker = channel.refresh_at = None  # who asks for new ones asks for others
    channel.failures, channel.rests_until = 0, None
    channel.updated_at = now
    data = {"fields": sorted(secrets), **(about or {})}
    await audit.record(db, workspace, actor, action, "channel", channel.id, now, data)


async def disconnect(
    db: Db, workspace: Workspace, actor: Actor, channel: Channel, now: datetime
) -> None:
    """Let nothing use a channel's credentials any more, since a person wants it so."""
    channel.refresh_worker = channel.refresh_at = None  # what is being renewed is not kept
    await note_check(
        db, workspace, actor, channel, "disconnected", reason="disconnected_by_person", now=now
    )


async def forget(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    channel: Channel,
    names: Collection[str],
    about: Mapping[str, Any],
    now: datetime,
) -> None:
    """Delete some of a channel's secrets; the audit names them, and what else there is to say."""
    gone = sorted(name for name in channel.secrets if name in names)
    channel.secrets = {name: text for name, text in channel.secrets.items() if name not in names}
    channel.token_expires_at, channel.updated_at = None, now
    data = {"fields": gone, **about}
    await audit.record(db, workspace, actor, "disconnect", "channel", channel.id, now, data)


async def note_check(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    channel: Channel,
    connection: str,
    reason: str | None,
    now: datetime,
) -> None:
    """Keep what a check found, if it is news: the connection, and why it does not answer."""
    if (channel.connection, channel.connection_reason) != (connection, reason):
        fields = {"connection": connection, "connection_reason": reason}
        await audit.change(db, workspace, actor, "channel", channel, fields, now)
        if connection == "needs_reauth":
            await alerts.for_reauth(db, workspace, channel, reason, now)


def open_secrets(channel: Channel, ring: KeyRing) -> dict[str, str]:
    """Return a channel's secrets in clear; raises `CannotOpen`."""
    return {
        field: ring.open(sealed, workspace=channel.workspace_id, channel=channel.id, field=field)
        for field, sealed in channel.secrets.items()
    }


async def slots(
    db: Db,
    workspace_id: UUID,
    first: date,
    until: date,
    channel_id: UUID | None = None,
) -> list[WeeklySlot]:
    """Return the weekly slots that are valid on any day of [first, until)."""
    query = select(Slot).where(
        Slot.workspace_id == workspace_id,
        Slot.valid_from < until,
        (col(Slot.valid_until).is_(None)) | (col(Slot.valid_until) > first),
    )
    if channel_id is not None:
        query = query.where(Slot.channel_id == channel_id)
    rows = (await db.exec(query.order_by(col(Slot.weekday), col(Slot.time)))).all()
    return [weekly(row) for row in rows]


def weekly(row: Slot) -> WeeklySlot:
    """Return a row as the planner reckons with it."""
    return WeeklySlot(
        id=row.id,
        channel_id=row.channel_id,
        weekday=row.weekday,
        time=datetime.strptime(row.time, "%H:%M").time(),  # noqa: DTZ007  # a wall clock has no zone
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )


async def slot_rows(db: Db, channel: Channel, first: date) -> Sequence[Slot]:
    """Return the slots of a channel that are valid on a day or later, by time of the week."""
    query = select(Slot).where(
        Slot.channel_id == channel.id,
        (col(Slot.valid_until).is_(None)) | (col(Slot.valid_until) > first),
    )
    order = (col(Slot.weekday), col(Slot.time), col(Slot.valid_from))
    return (await db.exec(query.order_by(*order))).all()


async def set_slots(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    channel: Channel,
    wanted: Collection[tuple[int, str]],
    effective_from: date,
    now: datetime,
) -> None:
    """Replace a channel's weekly slots from a day on; the past does not change.

    `wanted` holds (weekday, "HH:MM"). Slots that are wanted stay, without end and from that day
    at the latest; the others end, and those that would begin later go.
    """
    missing = set(wanted)
    for row in await slot_rows(db, channel, effective_from):
        if (row.weekday, row.time) in missing:
            missing.remove((row.weekday, row.time))
            row.valid_from, row.valid_until = min(row.valid_from, effective_from), None
            row.updated_at = now
        elif row.valid_from >= effective_from:
            await db.delete(row)
        else:
            row.valid_until, row.updated_at = effective_from, now
    for weekday, time in sorted(missing):
        db.add(
            Slot(
                workspace_id=workspace.id,
                channel_id=channel.id,
                weekday=weekday,
                time=time,
                valid_from=effective_from,
                created_at=now,
                updated_at=now,
            )
        )
    channel.updated_at = now
    data = {"from": effective_from.isoformat(), "slots": [list(each) for each in sorted(wanted)]}
    await audit.record(db, workspace, actor, "slots", "channel", channel.id, now, data)
