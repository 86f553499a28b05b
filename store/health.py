"""Health: whether the database answers, has the right tables, and somebody publishes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Literal

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select, text

from planner.errors import Unavailable
from store import figures, instance, migrating
from store.db import DatabaseUnavailable, Db, Store
from store.tables import Instance

PATIENCE_SECONDS = 2
RETRY_SECONDS = 5

CLOCK_STOPPED_AFTER = timedelta(minutes=3)
"""How old the clock's last tick may be; a process that began later is given as long."""

SENDERS = frozenset({"all", "worker", "tick"})
"""Roles of the processes that publish; `api` leaves it to them."""


class NotReady(Unavailable):
    """The service cannot do its work; `facts["reasons"]` are kebab-case keys."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What a process that serves is there for, and since when.

    `all` ticks and publishes; `api` ticks and needs a worker elsewhere that publishes.
    """

    role: Literal["all", "api"]
    since: datetime


@dataclass(frozen=True, slots=True)
class Health:
    """The schema's revision, and how the engine stands; `workers` counts the live ones by role.

    `clock_at` is when the clock last ticked (to the minute) if it ever did; `oldest_due_at` when
    what is due first was due, if anything is.
    """

    revision: str
    clock_at: datetime | None
    oldest_due_at: datetime | None
    workers: Mapping[str, int]
    held_at: datetime | None
    restored_at: datetime | None


async def check(store: Store, now: datetime, duty: Duty | None = None) -> Health:
    """Return how the service is; raises `NotReady` where it cannot do what it is there for.

    The reasons: `database-unreachable`, `schema-outdated`, and for a process with a duty
    `clock-stopped` and `no-worker`.
    """
    reason = "database-unreachable"
    found: Health | None = None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), store.reading() as db:
            await db.exec(select(1))
            reason = "schema-outdated"  # an empty database has not even the table
            query = text("SELECT version_num FROM alembic_version")
            revision = (await db.exec(query)).scalar_one()  # type: ignore[call-overload]
            if revision == _expected_revision():
                found = await _engine(db, revision, now)
    except (DatabaseUnavailable, SQLAlchemyError, OSError, TimeoutError) as error:
        raise NotReady(reasons=reason, retry_after_seconds=RETRY_SECONDS) from error
    if found is None:
        raise NotReady(reasons=reason, retry_after_seconds=RETRY_SECONDS)
    if duty is not None and (missing := missing_for(duty, found, now)):
        raise NotReady(reasons=", ".join(missing), retry_after_seconds=RETRY_SECONDS)
    return found


def missing_for(duty: Duty, found: Health, now: datetime) -> list[str]:
    """Return what keeps a process from its duty, as keys; nothing within its first minutes."""
    if now - duty.since <= CLOCK_STOPPED_AFTER:
        return []
    missing = []
    if found.clock_at is None or now - found.clock_at > CLOCK_STOPPED_AFTER:
        missing.append("clock-stopped")
    if duty.role == "api" and not SENDERS & found.workers.keys():
        missing.append("no-worker")
    return missing


async def _engine(db: Db, revision: str, now: datetime) -> Health:
    here = await db.get(Instance, instance.THE_INSTANCE)
    due_at = await figures.oldest_due_at(db)
    return Health(
        revision=revision,
        clock_at=here.clock_at if here else None,
        oldest_due_at=due_at if due_at and due_at <= now else None,
        workers=await figures.live(db, now),
        held_at=here.held_at if here else None,
        restored_at=here.restored_at if here else None,
    )


@cache
def _expected_revision() -> str | None:
    return migrating.expected_revision()
