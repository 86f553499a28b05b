"""Changes: what followers of a workspace ask for, in commit order; kept for 30 days."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, func, select

from store.db import Db
from store.tables import Change, Publication, Workspace


async def after(db: Db, workspace_id: UUID, seq: int, limit: int) -> Sequence[Change]:
    """Return the changes after a sequence number, oldest first, at most `limit`."""
    query = select(Change).where(Change.workspace_id == workspace_id, Change.seq > seq)
    return (await db.exec(query.order_by(col(Change.seq)).limit(limit))).all()


async def are_kept(db: Db, workspace: Workspace, seq: int) -> bool:
    """Say whether every change after a sequence number is still known.

    They are not where some were pruned, or where the number is one that never was (of another
    workspace, or of a database that was restored).
    """
    if not 0 <= seq <= workspace.change_seq:
        return False
    if seq == workspace.change_seq:
        return True
    query = select(func.min(Change.seq)).where(Change.workspace_id == workspace.id)
    oldest: int | None = (await db.exec(query)).one()  # none is kept
    return oldest is not None and oldest <= seq + 1


async def sequence(db: Db, workspace_id: UUID) -> int:
    """Return the workspace's sequence number."""
    query = select(Workspace.change_seq).where(Workspace.id == workspace_id)
    return (await db.exec(query)).one()


async def publications_after(db: Db, workspace_id: UUID, seq: int) -> set[UUID]:
    """Return the ids of publications that changed after a number, or whose post did."""
    changed = select(Change.row_id).where(Change.workspace_id == workspace_id, Change.seq > seq)
    own = (await db.exec(changed.where(Change.noun == "publication"))).all()
    of_posts = select(Publication.id).where(
        Publication.workspace_id == workspace_id,
        col(Publication.post_id).in_(changed.where(Change.noun == "post")),
    )
    return set(own) | set((await db.exec(of_posts)).all())
