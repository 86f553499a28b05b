"""Dispatch: what is due, and what was handed to a delivery a moment ago."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, func, or_, select, text, union_all, update

from planner.publications import Status
from store.db import Db
from store.tables import Channel, Publication

ON_ITS_WAY = timedelta(seconds=30)
"""How long a publication that was handed to a delivery is not handed over again."""

SENDING = (Status.CLAIMED, Status.SUBMITTING)

# SQLite takes a partial index only for the very words of a query.
_SENDS = text("status IN ('claimed', 'submitting')")
_WORKS = text("status = 'processing'")


async def due(db: Db, now: datetime, limit: int) -> Sequence[UUID]:
    """Return what is to be handed to a delivery, earliest first.

    Of each channel that sends nothing and does not rest the earliest that is due, and what a
    platform works on and may be asked about again.
    """
    at, waits = _passed(Publication.due_at, now), _free(Publication.not_before, now)
    turn = func.row_number().over(
        partition_by=col(Publication.channel_id),
        order_by=(col(Publication.due_at), col(Publication.id)),
    )
    waiting = (
        select(
            col(Publication.id),
            col(Publication.due_at).label("at"),
            col(Publication.dispatched_until),
            turn.label("turn"),
        )
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .where(
            Publication.status == Status.SCHEDULED,
            at,
            waits,
            _free(Channel.rests_until, now),
            col(Publication.channel_id).not_in(select(Publication.channel_id).where(_SENDS)),
        )
        .subquery()
    )
    to_send = select(waiting.c.id, waiting.c.at).where(
        waiting.c.turn == 1, _free(waiting.c.dispatched_until, now)
    )
    to_ask: Any = select(col(Publication.id), col(Publication.poll_at).label("at")).where(
        _WORKS,
        _passed(Publication.poll_at, now),
        _free(Publication.lease_until, now),
        _free(Publication.dispatched_until, now),
    )
    both = union_all(to_send, to_ask).subquery()
    found = await db.exec(select(both.c.id).order_by(both.c.at).limit(limit))
    return found.all()


async def hand_over(db: Db, ids: Sequence[UUID], now: datetime) -> list[UUID]:
    """Mark publications as on their way; return those that nobody else has marked meanwhile."""
    free = (
        select(Publication.id)
        .where(col(Publication.id).in_(ids), _free(Publication.dispatched_until, now))
        .with_for_update(skip_locked=True)
    )
    marked = (
        update(Publication)
        .where(col(Publication.id).in_(free))
        .values(dispatched_until=now + ON_ITS_WAY)
        .returning(col(Publication.id))
        .execution_options(synchronize_session=False)
    )
    taken = set((await db.exec(marked)).scalars().all())
    return [each for each in ids if each in taken]


async def forget(db: Db, ids: Sequence[UUID] | None = None) -> None:
    """Unmark publications that a delivery has lost (None: all of them), so that they go again."""
    change = update(Publication).where(col(Publication.dispatched_until).is_not(None))
    if ids is not None:
        change = change.where(col(Publication.id).in_(ids))
    await db.exec(change.values(dispatched_until=None))


async def next_due(db: Db, now: datetime) -> datetime | None:
    """Return the next instant after `now` at which something becomes due."""
    scheduled = Publication.status == Status.SCHEDULED
    coming: Sequence[tuple[Any, tuple[Any, ...]]] = (
        (Publication.due_at, (scheduled, Publication.due_at > now)),
        (
            Publication.not_before,
            (scheduled, Publication.due_at <= now, col(Publication.not_before) > now),
        ),
        (Publication.poll_at, (_WORKS, col(Publication.poll_at) > now)),
        (Channel.rests_until, (col(Channel.rests_until) > now,)),
    )
    earliest = [
        select(func.min(column)).where(*where).scalar_subquery() for column, where in coming
    ]
    moments = (await db.exec(select(*earliest))).one()
    return min((moment for moment in moments if moment is not None), default=None)


def _passed(column: Any, now: datetime) -> Any:
    return col(column) <= now


def _free(column: Any, now: datetime) -> Any:
    return or_(col(column).is_(None), col(column) <= now)
