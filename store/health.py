"""Health: whether the database answers and has the tables that the code expects."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select, text

from planner.errors import Unavailable
from store import instance, migrating
from store.db import Store

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


@cache
def _expected_revision() -> str | None:
    return migrating.expected_revision()
