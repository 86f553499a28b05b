"""Figures: how the queue and the engine stand, and what attempts came to since the last look.

Workers may be on other hosts, so nothing is counted in memory: attempts are read from the
transitions that ended them, each once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import case, col, func, select

from planner.pace import TRIPS_AFTER
from planner.publications import Status
from store import instance, workers
from store.db import Db
from store.tables import (
    AlertDelivery,
    Attempt,
    Channel,
    Hold,
    Instance,
    Publication,
    Transition,
)

DELIVERIES_OF = timedelta(days=7)
"""Of how long failed alert deliveries are counted: older ones are nobody's business any more."""

WINDOW = 2000
"""Transitions behind the newest that are looked at again: on PostgreSQL a number may be taken
long before its transaction ends, and another with a higher one be seen first."""

AT_ONCE = 5000
"""Ends of attempts that are read in one look; what is left comes with the next one."""

SENT = (Status.SCHEDULED, Status.CLAIMED, Status.SUBMITTING, Status.PROCESSING)


@dataclass(frozen=True, slots=True)
class Figures:
    """How the queue and the engine of all workspaces stand.

    `unknown` counts what may be live and is not known to be; `breakers` channels by platform and
    state (closed, open, half_open); `holds` those that stand by scope; `workers` those that live
    by role; `deliveries` alerts on their way (waiting) and given up in the last days (failed).
    """

    by_status: Mapping[Status, int]
    oldest_due_at: datetime | None
    clock_at: datetime | None
    unknown: int
    breakers: Mapping[str, Mapping[str, int]]
    holds: Mapping[str, int]
    held_at: datetime | None
    restored_at: datetime | None
    workers: Mapping[str, int]
    deliveries: Mapping[str, int]


async def of(db: Db, now: datetime) -> Figures:
    """Return how everything stands; what there is none of counts 0, or is left out by its name."""
    counted = select(Publication.status, func.count()).group_by(col(Publication.status))
    found = {Status(status): number for status, number in (await db.exec(counted)).all()}
    by_status = {status: found.get(status, 0) for status in Status}
    here = await db.get(Instance, instance.THE_INSTANCE)
    return Figures(
        by_status=by_status,
        oldest_due_at=await oldest_due_at(db),
        clock_at=await instance.clock_at(db),
        unknown=by_status[Status.NEEDS_REVIEW] + await unproved(db, now),
        breakers=await breakers(db, now),
        holds=await holds(db),
        held_at=here.held_at if here else None,
        restored_at=here.restored_at if here else None,
        workers=await live(db, now),
        deliveries=await deliveries(db, now),
    )


async def oldest_due_at(db: Db) -> datetime | None:
    """Return when the scheduled publication that is due first was, or will be, due."""
    query = select(func.min(Publication.due_at)).where(Publication.status == Status.SCHEDULED)
    return (await db.exec(query)).one()


async def unproved(db: Db, now: datetime) -> int:
    """Count what an attempt may have made public, and what is asked after or sent again."""
    query = select(func.count()).where(
        col(Publication.status).in_(SENT),
        Publication.due_at <= now,
        col(Publication.unproved).is_(True),
    )
    return (await db.exec(query)).one()


async def breakers(db: Db, now: datetime) -> dict[str, dict[str, int]]:
    """Count the channels of each platform by how their breaker stands.

    Open: the channel rests. Half open: it has rested, and one attempt shows whether it is served.
    """
    tripped = col(Channel.failures) >= TRIPS_AFTER
    rests = tripped & (col(Channel.rests_until) > now)
    state = case((rests, "open"), (tripped, "half_open"), else_="closed").label("state")
    query = select(Channel.platform, state, func.count()).group_by(col(Channel.platform), state)
    found: dict[str, dict[str, int]] = {}
    for platform, name, count in (await db.exec(query)).all():
        found.setdefault(platform, {"closed": 0, "open": 0, "half_open": 0})[name] = count
    return found


async def holds(db: Db) -> dict[str, int]:
    """Count the holds that stand, by scope."""
    standing = select(Hold.scope, func.count()).where(col(Hold.released_at).is_(None))
    return dict((await db.exec(standing.group_by(col(Hold.scope)))).all())


async def live(db: Db, now: datetime) -> dict[str, int]:
    """Count the processes that were seen so lately that they are there, by role."""
    return dict(Counter(each.role for each in await workers.alive(db, now)))


async def deliveries(db: Db, now: datetime) -> dict[str, int]:
    """Count alerts that wait for their delivery, and those given up in the last seven days."""
    waiting = select(func.count()).where(AlertDelivery.status == "waiting")
    # Ids sort by age, so the key finds the last days.
    failed = select(func.count()).where(
        AlertDelivery.id >= _first_id(now - DELIVERIES_OF), AlertDelivery.status == "failed"
    )
    return {
        "waiting": (await db.exec(waiting)).one(),
        "failed": (await db.exec(failed)).one(),
    }


def _first_id(at: datetime) -> UUID:
    """Return the lowest id that is made at an instant (RFC 9562, section 5.7)."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the ends of attempts were read, and which of the last ones were seen.

    `began_at` is when this process began: what ended before it is not counted.
    """

    began_at: datetime
    last: int | None = None
    seen: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempts that ended since the last look, and where the next look begins.

    `late_seconds` says of each that was the first of its publication how late it began.
    """

    cursor: Cursor
    attempts: Sequence[tuple[str, Status, str | None]]  # platform, after, reason
    late_seconds: Sequence[float]


async def ended(db: Db, cursor: Cursor) -> Ended:
    """Return the attempts that ended since the last look.

    Reads the key of the transitions from a window behind the newest, whatever their number. A
    database that was put back to an earlier state is begun anew.
    """
    newest = (await db.exec(select(func.max(Transition.id)))).one() or 0
    last, seen = cursor.last, cursor.seen
    if last is None or newest < last:
        last = await _last_before(db, cursor.began_at) if last is None else newest
        seen = await _ids(db, last - WINDOW, last)
    found = await _ids(db, last - WINDOW, newest)
    fresh = sorted(found - seen)
    last = fresh[-1] if len(found) == AT_ONCE else newest
    kept = frozenset(each for each in found | seen if each > last - WINDOW)
    told: list[tuple[str, Status, str | None]] = []
    late: list[float] = []
    for first in range(0, len(fresh), 500):
        some = fresh[first : first + 500]
        told += await _told(db, some)
        late += await _late(db, some)
    return Ended(Cursor(cursor.began_at, last, kept), told, late)


async def _last_before(db: Db, at: datetime) -> int:
    # From the newest back: what is younger than this process is all that is looked at.
    query = select(Transition.id).where(Transition.at <= at).order_by(col(Transition.id).desc())
    return (await db.exec(query.limit(1))).first() or 0


async def _ids(db: Db, after: int, until: int) -> frozenset[int]:
    query = select(Transition.id).where(
        col(Transition.id) > after,
        col(Transition.id) <= until,
        Transition.before == Status.SUBMITTING,
    )
    rows = await db.exec(query.order_by(col(Transition.id)).limit(AT_ONCE))
    return frozenset(each for each in rows.all() if each is not None)


async def _told(db: Db, ids: Sequence[int]) -> list[tuple[str, Status, str | None]]:
    query = (
        select(Channel.platform, Transition.after, Transition.reason)
        .select_from(Transition)
        .join(Publication, col(Publication.id) == col(Transition.publication_id))
        .join(Channel, col(Channel.id) == col(Publication.channel_id))
        .where(col(Transition.id).in_(ids))
    )
    rows = (await db.exec(query)).all()
    return [(platform, Status(after), reason) for platform, after, reason in rows]


async def _late(db: Db, ids: Sequence[int]) -> list[float]:
    query = (
        select(Attempt.started_at, Publication.due_at, Publication.resumed_at)
        .select_from(Transition)
        .join(Publication, col(Publication.id) == col(Transition.publication_id))
        .join(
            Attempt,
            (col(Attempt.publication_id) == col(Transition.publication_id))
            & (col(Attempt.number) == col(Transition.attempt)),
        )
        .where(col(Transition.id).in_(ids), Attempt.number == 1)
    )
    return [_late_seconds(*row) for row in (await db.exec(query)).all()]


def _late_seconds(started_at: datetime, due_at: datetime, resumed_at: datetime | None) -> float:
    # What a person had sent late on purpose is late from then on.
    on_purpose = resumed_at is not None and due_at < resumed_at <= started_at
    meant = resumed_at if on_purpose and resumed_at else due_at
    return max(0.0, (started_at - meant).total_seconds())
