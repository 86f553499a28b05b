"""Sweeping: claims whose worker is gone, and what time does to the rest."""

from typing import Literal

import structlog

from planner.platforms import idempotency_of, platform
from planner.publications import Status
from schedulers.publishing import Publisher
from schedulers.settling import Standing, after_crash
from store import claims, sweeps
from store.claims import Claim

log = structlog.get_logger()


async def recover(publisher: Publisher, whose: Literal["expired", "others", "own"]) -> int:
    """Settle the claims of workers that are gone; return how many.

    `expired`: those whose lease has run out. `others`: all but this worker's, for a process that
    owns the database. `own`: this worker's too, when it stops.
    """
    now, worker = publisher.now(), publisher.worker
    async with publisher.store.reading() as db:
        found = await claims.abandoned(
            db,
            now,
            but=worker if whose == "others" else None,
            of=worker if whose == "own" else None,
        )
    for row, channel in found:
        standing = Standing(
            idempotency_of(platform(channel.platform), channel.settings), row.failures
        )
        status = Status(row.status)
        crashes = row.crashes + (whose != "own")
        settlement = after_crash(status, crashes, standing, now)
        held = Claim(row.id, row.workspace_id, row.worker or "", row.fence, channel.platform, ())
        settled = await claims.settle(publisher.store, held, status, settlement, now)
        log.warning(
            "claim recovered",
            publication=str(row.id),
            worker=row.worker,
            before=status.value,
            after=settlement.after.value,
            settled=settled,
        )
    return len(found)


async def sweep(publisher: Publisher) -> None:
    """Do what time asks for: missed, unconfirmed, seats."""
    now = publisher.now()
    await sweeps.miss_unapproved(publisher.store, now)
    await sweeps.review_unconfirmed(publisher.store, now)
    await sweeps.release_seats(publisher.store, now)
