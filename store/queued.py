"""Queued: what waits in Procrastinate's own tables, which are no tables of ours."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from store.db import Db

SCHEMA = "procrastinate"

WAITING = text("""
SELECT DISTINCT args->>'publication_id' FROM procrastinate.procrastinate_jobs
WHERE status = 'todo' AND task_name = :task AND args->>'publication_id' = ANY(:ids)
""")

DEPTH = text("SELECT count(*) FROM procrastinate.procrastinate_jobs WHERE status = 'todo'")


async def waiting(db: Db, task: str, ids: Sequence[UUID]) -> set[UUID]:
    """Return those publications for which a job waits that no worker has taken yet."""
    asked = {"task": task, "ids": [str(each) for each in ids]}
    found = await (await db.connection()).execute(WAITING, asked)
    return {UUID(each) for each in found.scalars()}


async def depth(db: Db) -> int:
    """Return how many jobs wait; more than a few, for long, says that workers are missing."""
    return int((await (await db.connection()).execute(DEPTH)).scalar_one())
