"""Mix versions: which shares are in force on which local day."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from planner.errors import Fault, Invalid
from planner.mix import MixSource
from store import audit
from store.audit import Actor
from store.db import Db
from store.tables import MixVersion, Workspace


class NoSuchType(Invalid):
    """The workspace's mix has no such type."""


async def history(db: Db, workspace_id: UUID, channel_id: UUID | None) -> Sequence[MixVersion]:
    """Return all versions of the workspace's mix or of a channel's, newest first."""
    query = select(MixVersion).where(MixVersion.workspace_id == workspace_id)
    if channel_id is None:
        query = query.where(col(MixVersion.channel_id).is_(None))
    else:
        query = query.where(MixVersion.channel_id == channel_id)
    order = (col(MixVersion.effective_from).desc(), col(MixVersion.id).desc())
    return (await db.exec(query.order_by(*order))).all()


def in_force(versions: Sequence[MixVersion], day: date) -> MixVersion | None:
    """Return the version that governs a local day: of those that cover it, the newest.

    `versions` come newest first by their first day, then by when they were made. A version with
    an end gives way to the one before it when it is over.
    """
    for version in versions:
        begun = version.effective_from <= day
        over = version.effective_until is not None and version.effective_until <= day
        if begun and not over:
            return version
    return None


async def add(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    channel_id: UUID | None,
    fields: dict[str, Any],
    now: datetime,
) -> MixVersion:
    """Put a new version into force from its first day on."""
    version = MixVersion(
        **fields,
        workspace_id=workspace.id,
        channel_id=channel_id,
        created_at=now,
        updated_at=now,
    )
    db.add(version)
    await db.flush()
    data = {name: audit.plain(value) for name, value in fields.items()}
    data["channel"] = str(channel_id) if channel_id else None
    await audit.record(db, workspace, actor, "add", "mix", version.id, now, data)
    return version


async def check_type(db: Db, workspace_id: UUID, key: str) -> None:
    """Refuse a type that no version of the workspace's mixes knows; raises `NoSuchType`."""
    query = select(MixVersion).where(
        MixVersion.workspace_id == workspace_id, MixVersion.source == MixSource.OWN
    )
    versions = (await db.exec(query)).all()
    known = {each["key"]: None for version in versions for each in version.types}
    if key not in known:
        raise NoSuchType(Fault("/type", "no-such-type", {"type": key, "known": ", ".join(known)}))
