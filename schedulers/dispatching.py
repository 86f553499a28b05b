"""Dispatching: what is due goes to the delivery."""

from datetime import datetime

from schedulers.deliveries.delivery import Delivery
from store import claims
from store.db import Store

BATCH = 500


async def dispatch_due(store: Store, delivery: Delivery, now: datetime) -> int:
    """Hand everything that is due to the delivery; return how many were due.

    Whoever runs this, and however often, does no harm: a claim decides.
    """
    async with store.reading() as db:
        due = await claims.due(db, now, BATCH)
    await delivery.enqueue(due)
    return len(due)
