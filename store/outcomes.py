"""Outcomes: where publications that somebody remembers are now."""

from collections.abc import Collection
from uuid import UUID

from sqlmodel import col, func, select

from planner.publications import Status
from store.db import Db
from store.tables import Publication


async def per_state(db: Db, ids: Collection[UUID]) -> dict[str, int]:
    """Return how many of these publications are in each state; empty states are left out."""
    query = (
        select(Publication.status, func.count())
        .where(col(Publication.id).in_(ids))
        .group_by(col(Publication.status))
    )
    counted = dict((await db.exec(query)).all())
    return {state.value: counted[state] for state in Status if state in counted}
