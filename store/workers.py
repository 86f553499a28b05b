"""Workers: which processes were seen lately, and what they do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, delete, select

from store.db import Db, Store
from store.tables import Worker

ALIVE = timedelta(seconds=90)
"""How long after it was last seen a process counts as alive: it is seen with each sweep."""

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A process: its name, its role (`all`, `api`, `worker`, `tick`), and when it was seen.

    `keys` are the ids of those that it opens with; None where it does not say.
    """

    name: str
    role: str
    seen_at: datetime
    keys: tuple[str, ...] | None = None


async def note(
    store: Store, name: str, role: str, now: datetime, keys: Sequence[str] | None = None
) -> None:
    """Write that a process was seen, and forget those that were not for a day.

    `keys` are the ids of those that it opens with.
    """
    async with store.transaction() as db:
        row = (await db.exec(select(Worker).where(Worker.name == name))).first()
        if row is not None:
            row.seen_at = now
            return
        # Two processes that begin at once must not wait for each other's rows.
        old = (
            select(Worker.id)
            .where(col(Worker.seen_at) < now - KEPT)
            .with_for_update(skip_locked=True)
        )
        await db.exec(delete(Worker).where(col(Worker.id).in_(old)))
        known = list(keys) if keys else None
        stamps: dict[str, Any] = {"created_at": now, "updated_at": now}
        db.add(Worker(name=name, role=role, seen_at=now, keys=known, **stamps))


async def forget(store: Store, name: str) -> None:
    """Write that a process has ended."""
    async with store.transaction() as db:
        await db.exec(delete(Worker).where(col(Worker.name) == name))


async def seen(db: Db) -> Sequence[WorkerSeen]:
    """Return the processes of the last day, the one that was seen last first."""
    query = select(Worker).order_by(col(Worker.seen_at).desc(), col(Worker.name))
    return [
        WorkerSeen(row.name, row.role, row.seen_at, tuple(row.keys) if row.keys else None)
        for row in (await db.exec(query)).all()
    ]


async def alive(db: Db, now: datetime) -> list[WorkerSeen]:
    """Return the processes that were seen so lately that they are there, by name."""
    there = [each for each in await seen(db) if each.seen_at > now - ALIVE]
    return sorted(there, key=lambda each: each.name)
