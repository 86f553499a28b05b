"""Dispatching: what is due goes to the delivery."""

from datetime import datetime

from schedulers.deliveries.delivery import Delivery
from store import dispatch
from store.db import Store

BATCH = 500


async def dispatch_due(store: Store, delivery: Delivery, now: datetime) -> int:
    """Hand everything that is due to the delivery; return how many were handed over.

    Any process may run this at any time: what is handed over is marked in the same transaction,
    and a claim decides who sends.
    """
    async with store.reading() as db:
        due = await dispatch.due(db, now, BATCH)
    if not due:
        return 0
    async with store.transaction() as db:
        taken = await dispatch.hand_over(db, due, now)
        await delivery.enqueue(db, taken)
    await delivery.committed(taken)
    return len(taken)
