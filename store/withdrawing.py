"""Withdrawing: that what was published is not on its platform any more, beside `published`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from planner.errors import Conflict
from planner.publications import Status
from store import audit, channels, publications, workspaces
from store.audit import Actor
from store.db import Db
from store.tables import Channel, Publication


class NothingToWithdraw(Conflict):
    """Only what is published can be withdrawn."""


async def of(db: Db, workspace_id: UUID, publication_id: UUID) -> tuple[Publication, Channel]:
    """Return a published publication and its channel.

    Raises `NoSuchPublication` and, where nothing of it is known to be live, `NothingToWithdraw`.
    """
    row = await publications.of(db, workspace_id, publication_id)
    if row.status != Status.PUBLISHED:
        raise NothingToWithdraw(status=row.status)
    return row, await channels.of(db, workspace_id, row.channel_id)


async def note(
    db: Db,
    workspace_id: UUID,
    actor: Actor,
    publication_id: UUID,
    evidence: dict[str, Any],
    now: datetime,
) -> Publication:
    """Write that a publication was withdrawn, once; it stays published, and counts as such."""
    workspace = await workspaces.lock_by_id(db, workspace_id)
    row, _ = await of(db, workspace_id, publication_id)
    if row.withdrawn_at is None:
        row.withdrawn_at = row.updated_at = now
        data = {"remote_id": row.remote_id, "permalink": row.permalink, "evidence": evidence}
        await audit.record(db, workspace, actor, "withdraw", "publication", row.id, now, data)
        await db.flush()
    return row
