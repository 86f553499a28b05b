"""Health: whether the database answers and has the tables that the code expects."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, func, select, text

from planner.errors import Unavailable
from planner.publications import Status
from store import instance, migrating
from store.db import Store
from store.tables import Publication

PATIENCE_SECONDS = 2
RETRY_SECONDS = 5


class NotReady(Unavailable):
    """The service cannot do its work; `facts["reasons"]` are kebab-case keys."""


@dataclass(frozen=True, slots=True)
class Health:
    """The schema's revision, and when the clock last ticked (to the minute) if it ever did."""

    revision: str
    clock_at: datetime | None


async def check(store: Store) -> Health:
    """Return how the store is; raises `NotReady` where it does not answer or is outdated."""
    reason = "database-unreachable"
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), store.reading() as db:
            await db.exec(select(1))
            reason = "schema-outdated"  # an empty database has not even the table
            query = text("SELECT version_num FROM alembic_version")
            revision = (await db.exec(query)).scalar_one()  # type: ignore[call-overload]
            clock_at = await instance.clock_at(db) if revision == _expected_revision() else None
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise NotReady(reasons=reason, retry_after_seconds=RETRY_SECONDS) from error
    if revision != _expected_revision():
        raise NotReady(reasons=reason, retry_after_seconds=RETRY_SECONDS)
    return Health(revision, clock_at)


@dataclass(frozen=True, slots=True)
class Figures:
    """How the queue of all workspaces stands, and when the clock last ticked (to the minute)."""

    by_status: dict[Status, int]
    oldest_due_at: datetime | None
    clock_at: datetime | None


async def figures(store: Store) -> Figures:
    """Return how the queue stands; statuses that no publication has count 0."""
    counted = select(Publication.status, func.count()).group_by(col(Publication.status))
    due = select(func.min(Publication.due_at)).where(Publication.status == Status.SCHEDULED)
    async with store.reading() as db:
        found = {Status(status): number for status, number in (await db.exec(counted)).all()}
        return Figures(
            by_status={status: found.get(status, 0) for status in Status},
            oldest_due_at=(await db.exec(due)).one(),
            clock_at=await instance.clock_at(db),
        )


@cache
def _expected_revision() -> str | None:
    return migrating.expected_revision()
