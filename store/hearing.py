"""Hearing: whom a platform speaks of, and what follows for their publications and channels."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from planner.publications import Status
from store import audit, channels, publications
from store.audit import CLOCK
from store.db import Db
from store.tables import AuditEntry, Channel, Publication, Workspace


async def addressed(
    db: Db, platform: str, settings: Mapping[str, str]
) -> Sequence[tuple[Workspace, Channel]]:
    """Return a platform's channels, of all workspaces, that have these settings."""
    query = (
        select(Workspace, Channel)
        .join(Channel, col(Channel.workspace_id) == col(Workspace.id))
        .where(Channel.platform == platform)
        .order_by(col(Channel.id))
    )
    for name, value in settings.items():
        query = query.where(col(Channel.settings)[name].as_string() == value)
    return (await db.exec(query)).all()


async def ask(
    db: Db, workspace: Workspace, channel_id: UUID, handle: str | None, now: datetime
) -> bool:
    """Let a post that the platform works on be asked after at once; False where none waits."""
    row = await _of_handle(db, workspace, channel_id, handle)
    if row is None or row.status != Status.PROCESSING:
        return False
    if row.poll_at is None or row.poll_at <= now:
        return False
    row.poll_at = row.updated_at = now
    await audit.note(db, workspace, "publication", row.id, now)
    return True


async def finish(
    db: Db,
    workspace: Workspace,
    channel_id: UUID,
    handle: str | None,
    remote_id: str | None,
    permalink: str | None,
    evidence: dict[str, Any],
    now: datetime,
) -> bool:
    """Note that what was handed over is live, or where, if that is news; False if it is not.

    Also of what a person was asked about, because nobody had confirmed it by the next day.
    """
    row = await _of_handle(db, workspace, channel_id, handle)
    if row is None:
        return False
    news = remote_id is not None and row.permalink is None
    if row.status == Status.PUBLISHED and news:
        row.remote_id, row.permalink, row.updated_at = remote_id, permalink, now
        await audit.note(db, workspace, "publication", row.id, now)
        return True
    unconfirmed = row.status == Status.NEEDS_REVIEW and row.reason == "unconfirmed"
    if row.status != Status.HANDED_OVER and not unconfirmed:
        return False
    row.remote_id, row.permalink = remote_id or row.remote_id, permalink or row.permalink
    row.published_at, row.unproved = now, False
    await publications.step(
        db, workspace, CLOCK, row, Status.PUBLISHED, now, reason="finished", detail=evidence
    )
    return True


async def revoke(
    db: Db,
    workspace: Workspace,
    channel_id: UUID,
    reason: str | None,
    at: datetime | None,
    now: datetime,
) -> bool:
    """Note that an account's consent ended; False where it was given anew since, or is known."""
    channel = await channels.of(db, workspace.id, channel_id)
    if channel.connection != "connected" or await _connected_since(db, channel, at):
        return False
    await channels.note_check(db, workspace, CLOCK, channel, "needs_reauth", reason, now)
    return True


async def _of_handle(
    db: Db, workspace: Workspace, channel_id: UUID, handle: str | None
) -> Publication | None:
    if handle is None:
        return None
    query = select(Publication).where(
        Publication.workspace_id == workspace.id,
        Publication.channel_id == channel_id,
        Publication.handle == handle,
    )
    return (await db.exec(query.with_for_update())).first()


async def _connected_since(db: Db, channel: Channel, at: datetime | None) -> bool:
    """Say whether somebody entered or got credentials after an instant: what was told is old."""
    if at is None:
        return False
    query = select(AuditEntry.id).where(
        AuditEntry.workspace_id == channel.workspace_id,
        AuditEntry.noun == "channel",
        AuditEntry.row_id == channel.id,
        col(AuditEntry.action).in_(("credentials", "connect")),
        AuditEntry.at > at,
    )
    return (await db.exec(query)).first() is not None
