"""Pillars: what the office talks about."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select

from planner.errors import Conflict, NotFound
from planner.pillars import check_shares
from store import audit
from store.audit import Actor
from store.db import Db
from store.lookup import InUse, one, page_of
from store.tables import Pillar, Post, Publication, Workspace


class NoSuchPillar(NotFound):
    """There is no such pillar."""


class PillarNameTaken(Conflict):
    """Another pillar of the workspace has this name."""


async def of(db: Db, workspace_id: UUID, pillar_id: UUID) -> Pillar:
    """Return a pillar; raises `NoSuchPillar`."""
    return await one(db, Pillar, workspace_id, pillar_id, NoSuchPillar)


async def all_of(db: Db, workspace_id: UUID, after: UUID | None, limit: int) -> Sequence[Pillar]:
    """Return pillars by id, one more than `limit`."""
    return await page_of(db, Pillar, workspace_id, after, limit)


async def add(
    db: Db, workspace: Workspace, actor: Actor, fields: dict[str, Any], now: datetime
) -> Pillar:
    """Add a pillar; raises `PillarNameTaken` and `SharesOverflow`."""
    pillar = Pillar(**fields, workspace_id=workspace.id, created_at=now, updated_at=now)
    await _check(db, pillar, pillar.name, pillar.share_bp)
    db.add(pillar)
    await db.flush()
    await audit.record(db, workspace, actor, "add", "pillar", pillar.id, now, fields)
    return pillar


async def change(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    pillar: Pillar,
    fields: dict[str, Any],
    now: datetime,
) -> None:
    """Change a pillar; raises `PillarNameTaken` and `SharesOverflow`."""
    await _check(
        db, pillar, fields.get("name", pillar.name), fields.get("share_bp", pillar.share_bp)
    )
    await audit.change(db, workspace, actor, "pillar", pillar, fields, now)


async def remove(db: Db, workspace: Workspace, actor: Actor, pillar: Pillar, now: datetime) -> None:
    """Delete a pillar that nothing refers to; raises `InUse`."""
    for table in (Post, Publication):
        query = select(func.count()).select_from(table).where(table.pillar_id == pillar.id)
        if count := (await db.exec(query)).one():
            raise InUse(by={f"{table.__name__.lower()}s": count})
    await db.delete(pillar)
    data = {"name": pillar.name}
    await audit.record(db, workspace, actor, "delete", "pillar", pillar.id, now, data, deleted=True)


async def _check(db: Db, pillar: Pillar, name: str, share_bp: int | None) -> None:
    query = select(Pillar).where(
        Pillar.workspace_id == pillar.workspace_id, col(Pillar.id) != pillar.id
    )
    others = (await db.exec(query)).all()
    if any(other.name == name for other in others):
        raise PillarNameTaken(name=name)
    check_shares([other.share_bp or 0 for other in others] + [share_bp or 0])
