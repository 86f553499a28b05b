"""Held: what holds keep back and what they came too late for, for those who look."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import case, col, func, select

from planner.holds import Held
from planner.publications import Status
from store import audit, holds
from store.db import Db
from store.instance import THE_INSTANCE
from store.tables import Hold, Instance, Post, Publication


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many scheduled publications something reaches: due, due later, and let through."""

    due: int
    later: int
    through_hold: int


@dataclass(frozen=True, slots=True)
class InstanceStop:
    """The stop of the whole instance, with what was on the wire in one workspace."""

    reason: str | None
    since: datetime
    on_the_wire: list[Publication]


async def holders(
    db: Db, workspace_id: UUID, rows: Sequence[Publication]
) -> dict[UUID, Held | None]:
    """Return what holds each of some publications, by their ids."""
    found = await holds.stops(db, workspace_id)
    posts = {row.post_id for row in rows}
    query = select(Post.id, Post.campaign_id).where(col(Post.id).in_(posts))
    campaign = dict((await db.exec(query)).all()) if posts else {}
    return {row.id: holds.over(found, row, campaign[row.post_id]) for row in rows}


async def wired(db: Db, workspace_id: UUID, those: Sequence[Hold]) -> dict[UUID, list[Publication]]:
    """Return what was on the wire when each of some holds came, as it is now, by their ids."""
    ids = {UUID(each) for hold in those for each in hold.on_the_wire}
    rows = await _by_ids(db, workspace_id, ids)
    return {hold.id: [rows[UUID(each)] for each in hold.on_the_wire] for hold in those}


async def backlog(db: Db, hold: Hold, now: datetime) -> Backlog:
    """Count what a hold keeps back, and what it lets through; a released one holds nothing."""
    if hold.released_at is not None:
        return Backlog(0, 0, 0)
    return await count(db, now, *holds.scheduled(hold.workspace_id, holds.reach_of(hold)))


async def count(db: Db, now: datetime, *which: Any) -> Backlog:
    """Count scheduled publications: those due, those later, and those let through."""
    kept = col(Publication.through_hold).is_(None)
    due = col(Publication.due_at) <= now
    sums = [func.sum(case((each, 1), else_=0)) for each in (kept & due, kept & ~due, ~kept)]
    row = (await db.exec(select(*sums).where(Publication.status == Status.SCHEDULED, *which))).one()
    return Backlog(*(int(each or 0) for each in row))


async def instance_stop(db: Db, workspace_id: UUID) -> InstanceStop | None:
    """Return the stop of the whole instance as a workspace sees it; None: it is not stopped."""
    row = await db.get(Instance, THE_INSTANCE)
    since = (row.held_at or row.restored_at) if row else None
    if row is None or since is None:
        return None
    told = await audit.entries(db, workspace_id, noun="instance", action="hold", limit=1)
    ids = [UUID(each) for entry in told if entry.at >= since for each in entry.data["on_the_wire"]]
    rows = await _by_ids(db, workspace_id, set(ids))
    return InstanceStop(row.held_why, since, [rows[each] for each in ids])


async def _by_ids(db: Db, workspace_id: UUID, ids: set[UUID]) -> dict[UUID, Publication]:
    query = select(Publication).where(
        Publication.workspace_id == workspace_id, col(Publication.id).in_(ids)
    )
    return {row.id: row for row in (await db.exec(query)).all()} if ids else {}
