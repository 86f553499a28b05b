"""Pacing: buckets that all processes share, and turns at chores that one of them is to do."""

from datetime import datetime, timedelta

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import select

from planner.pace import Pace, take
from store.db import Db, Store
from store.tables import Pace as Bucket


async def wait(db: Db, key: str, pace: Pace, now: datetime) -> timedelta:
    """Take one from a shared bucket; return how long to wait first, zero if it was taken."""
    insert = (sqlite if db.get_bind().dialect.name == "sqlite" else postgresql).insert
    begun = insert(Bucket).values(key=key, at=now).on_conflict_do_nothing()
    await db.exec(begun)
    row = (await db.exec(select(Bucket).where(Bucket.key == key).with_for_update())).one()
    row.at, needed = take(pace, row.at, now)
    return needed


async def is_turn(store: Store, chore: str, every: timedelta, now: datetime) -> bool:
    """Say whether this process is to do a chore that one of all does once in a while."""
    async with store.transaction() as db:
        pace = Pace(1, every.total_seconds())
        return await wait(db, f"chore:{chore}", pace, now) <= timedelta(0)
