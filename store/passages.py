"""Passages: slots and local midnights that pass change what is open, without any write.

The clock writes each down as a change of the calendar, so that whoever follows changes hears it.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, func, select

from planner.slots import local_day, next_midnight, slot_times, with_exceptions
from store import audit, channels, days, workspaces
from store.db import Db, Store
from store.tables import Workspace

NOUN = "calendar"


async def note(store: Store, now: datetime) -> datetime | None:
    """Note the passages up to `now`; return when the next one is, None without workspaces."""
    waiting = col(Workspace.passage_at).is_(None) | (col(Workspace.passage_at) <= now)
    coming = select(func.min(Workspace.passage_at))
    async with store.reading() as db:
        found: list[UUID] = list((await db.exec(select(Workspace.id).where(waiting))).all())
        if not found:
            return (await db.exec(coming)).one()
    for workspace_id in found:
        async with store.transaction() as db:
            workspace = await workspaces.lock_by_id(db, workspace_id)
            await _note_one(db, workspace, now)
    async with store.reading() as db:
        return (await db.exec(coming)).one()


async def _note_one(db: Db, workspace: Workspace, now: datetime) -> None:
    passed = workspace.passage_at is not None and workspace.passage_at <= now
    if passed:
        await audit.note(db, workspace, NOUN, workspace.id, now)
    if passed or workspace.passage_at is None:
        workspace.passage_at = await _next(db, workspace, now)


async def _next(db: Db, workspace: Workspace, now: datetime) -> datetime:
    """Return the next instant at which a slot or a local midnight of any channel passes."""
    coming = []
    for channel in await channels.all_of(db, workspace.id):
        zone = channels.zone_of(channel, workspace)
        coming.append(next_midnight(now, zone))
        today = local_day(now, zone)
        until = today + timedelta(days=2)
        weekly = await channels.slots(db, workspace.id, today, until, channel.id)
        exceptions = await days.exceptions(db, workspace.id, today, until)
        times = slot_times(weekly, zone, today, until)
        times = with_exceptions(times, exceptions, channel.id, zone)
        coming += [each.at for each in times if each.at > now]
    return min(coming, default=now + timedelta(days=1))
