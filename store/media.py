"""Media: files of a workspace, known by what their bytes say."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import String, cast
from sqlmodel import col, func, select

from planner.errors import NotFound
from store import audit
from store.audit import Actor
from store.blobs import Blobs, Received
from store.db import Db, Store
from store.lookup import InUse, one, page_of
from store.probing import Probed
from store.tables import Media, PostVersion, Publication, Workspace


class NoSuchMedia(NotFound):
    """There is no such file."""


async def of(db: Db, workspace_id: UUID, media_id: UUID) -> Media:
    """Return a file; raises `NoSuchMedia`."""
    return await one(db, Media, workspace_id, media_id, NoSuchMedia)


async def all_of(db: Db, workspace_id: UUID, after: UUID | None, limit: int) -> Sequence[Media]:
    """Return files by id, one more than `limit`."""
    return await page_of(db, Media, workspace_id, after, limit)


async def add(
    db: Db,
    blobs: Blobs,
    workspace: Workspace,
    actor: Actor,
    received: Received,
    probed: Probed,
    fields: dict[str, Any],
    now: datetime,
) -> tuple[Media, bool]:
    """Keep a received file and return its row, and whether it is new.

    The same bytes again give the row that the workspace has, as it is. The temporary file is
    taken over; the bytes are in their place before the row can be seen.
    """
    await _hold(db, received.sha256)
    await blobs.put(received.sha256, received.path)
    query = select(Media).where(Media.workspace_id == workspace.id, Media.sha256 == received.sha256)
    if known := (await db.exec(query)).first():
        return known, False
    media = Media(
        **fields,
        workspace_id=workspace.id,
        sha256=received.sha256,
        bytes=received.size,
        mime=probed.mime,
        width=probed.width,
        height=probed.height,
        duration_ms=probed.duration_ms,
        frame_rate=None if probed.frame_rate is None else str(probed.frame_rate),
        codec=probed.codec,
        created_at=now,
        updated_at=now,
    )
    db.add(media)
    await db.flush()
    data = fields | {"mime": media.mime, "bytes": media.bytes, "sha256": media.sha256}
    await audit.record(db, workspace, actor, "add", "media", media.id, now, data)
    return media, True


async def change(
    db: Db, workspace: Workspace, actor: Actor, media: Media, fields: dict[str, Any], now: datetime
) -> None:
    """Change a file's name or description."""
    await audit.change(db, workspace, actor, "media", media, fields, now)


async def remove(db: Db, workspace: Workspace, actor: Actor, media: Media, now: datetime) -> None:
    """Delete the row of a file that no version of a post and no publication shows.

    Raises `InUse`. The bytes stay until `forget` is called, after the commit.
    """
    if users := await _users(db, media):
        raise InUse(by=users)
    await db.delete(media)
    data = {"name": media.name, "sha256": media.sha256}
    await audit.record(db, workspace, actor, "delete", "media", media.id, now, data, deleted=True)


async def forget(store: Store, blobs: Blobs, sha256: str) -> None:
    """Delete bytes that no workspace has any more; in a transaction of its own."""
    async with store.transaction() as db:
        await _hold(db, sha256)
        if (await db.exec(select(Media.id).where(Media.sha256 == sha256))).first() is None:
            await blobs.delete(sha256)


async def _hold(db: Db, sha256: str) -> None:
    """Let nobody else keep or forget the same bytes until the transaction ends.

    SQLite has one writer at a time anyway.
    """
    if db.get_bind().dialect.name == "postgresql":
        key = int.from_bytes(bytes.fromhex(sha256)[:8], signed=True)
        await db.exec(select(func.pg_advisory_xact_lock(key)))


async def _users(db: Db, media: Media) -> dict[str, int]:
    """Count what shows a file, by noun."""
    # Contents are stored as canonical JSON without spaces, and quotes inside a text are escaped:
    # this can only be a reference.
    mark = f'"id":"{media.id}"'
    versions = select(func.count(func.distinct(col(PostVersion.post_id)))).where(
        PostVersion.workspace_id == media.workspace_id,
        cast(col(PostVersion.content), String).contains(mark),
    )
    snapshots = select(func.count()).where(
        Publication.workspace_id == media.workspace_id,
        cast(col(Publication.snapshot), String).contains(mark),
    )
    counts = {
        "posts": (await db.exec(versions)).one(),
        "publications": (await db.exec(snapshots)).one(),
    }
    return {noun: count for noun, count in counts.items() if count}
