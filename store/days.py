"""Days: holidays, blackouts and notes, and what they do to the slots."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from planner.errors import NotFound
from planner.slots import DayException
from store import audit
from store.audit import Actor
from store.db import Db
from store.tables import Day, Workspace


class NoSuchDay(NotFound):
    """Nothing is said about this day."""


async def at(db: Db, workspace_id: UUID, day: date) -> Day | None:
    """Return what is said about a day, if anything is."""
    query = select(Day).where(Day.workspace_id == workspace_id, Day.date == day)
    return (await db.exec(query)).first()


async def of(db: Db, workspace_id: UUID, day: date) -> Day:
    """Return what is said about a day; raises `NoSuchDay`."""
    row = await at(db, workspace_id, day)
    if row is None:
        raise NoSuchDay(date=day.isoformat())
    return row


async def in_days(db: Db, workspace_id: UUID, first: date, until: date) -> Sequence[Day]:
    """Return what is said about the days of [first, until), in order."""
    query = select(Day).where(Day.workspace_id == workspace_id, Day.date >= first, Day.date < until)
    return (await db.exec(query.order_by(col(Day.date)))).all()


async def exceptions(db: Db, workspace_id: UUID, first: date, until: date) -> list[DayException]:
    """Return the days of [first, until) that change the slots, as the planner reckons with them."""
    return [
        DayException(row.date, row.slots != "none", tuple(map(time.fromisoformat, row.extra_times)))
        for row in await in_days(db, workspace_id, first, until)
        if row.slots != "kept"
    ]


async def put(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    day: date,
    row: Day | None,
    fields: dict[str, Any],
    now: datetime,
) -> Day:
    """Say something about a day, or something else than `row` says."""
    if row is not None:
        await audit.change(db, workspace, actor, "day", row, fields, now)
        return row
    row = Day(date=day, workspace_id=workspace.id, created_at=now, updated_at=now, **fields)
    db.add(row)
    await db.flush()
    data = {"date": day.isoformat()} | fields
    await audit.record(db, workspace, actor, "add", "day", row.id, now, data)
    return row


async def remove(db: Db, workspace: Workspace, actor: Actor, row: Day, now: datetime) -> None:
    """Say nothing about a day any more."""
    await db.delete(row)
    data = {"date": row.date.isoformat(), "title": row.title}
    await audit.record(db, workspace, actor, "delete", "day", row.id, now, data, deleted=True)
