"""Sweeping: claims whose worker is gone, and what time does to the rest."""

from collections.abc import Sequence
from typing import Literal

import structlog

from planner.publications import Status
from schedulers.publisher import Publisher
from schedulers.settling import after_crash, standing_of
from store import claimed, claims, sweeps
from store.claimed import Claim, Settlement
from store.claims import SILENT_MAX

log = structlog.get_logger()


async def recover(publisher: Publisher, whose: Literal["expired", "others", "own"]) -> int:
    """Settle the claims of workers that are gone; return how many.

    `expired`: those whose lease has run out. `others`: all but this worker's, for a process that
    owns the database. `own`: this worker's, when it stops.
    """
    now, worker = publisher.now(), publisher.worker
    async with publisher.store.reading() as db:
        if whose == "expired":
            found: Sequence[Claim] = await claimed.abandoned(db, now)
        elif whose == "others":
            found = await claimed.held_by_others(db, worker)
        else:
            found = await claimed.held_by(db, worker)
    at_work = publisher.under_way
    settled = [
        await _recover_one(publisher, claim, stopping=whose == "own")
        for claim in found
        if claim.id not in at_work or whose == "own"
    ]
    return sum(settled)


async def _recover_one(publisher: Publisher, claim: Claim, *, stopping: bool) -> bool:
    now, row = publisher.now(), claim.publication
    before = Status(row.status)
    standing = standing_of(publisher, claim, before)
    settlement = after_crash(standing, row.crashes + (not stopping), now)
    # Of a claim nothing was sent yet, and the fence keeps it so. Of what this process does not
    # work on any more it knows so itself.
    certain = before is Status.CLAIMED or claim.worker == publisher.worker
    gone = None if certain else publisher.liveness
    settled = await claims.settle(publisher.store, claim, before, settlement, now, if_gone=gone)
    if not settled and row.lease_until is not None and now > row.lease_until + SILENT_MAX:
        settlement = Settlement(Status.NEEDS_REVIEW, "lock_held", {}, {"unproved": True})
        settled = await claims.settle(publisher.store, claim, before, settlement, now)
    log.warning(
        "claim recovered" if settled else "claim left to its worker",
        publication=str(row.id),
        worker=claim.worker,
        attempt=row.attempts,
        before=before.value,
        after=settlement.after.value,
    )
    return settled


async def sweep(publisher: Publisher) -> None:
    """Do what time asks for: missed, unconfirmed, seats."""
    now = publisher.now()
    await sweeps.miss_unapproved(publisher.store, now)
    await sweeps.review_unconfirmed(publisher.store, now)
    await sweeps.release_seats(publisher.store, now)
