"""The clock's work, done when a test says so: what is due is published, until nothing is."""

import asyncio
from collections.abc import Mapping

from app.deps import House
from schedulers.connector import Connector
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from store import dispatch
from store.liveness import Alone

LEASE_SECONDS = 120
ROUNDS = 50


async def publish_due(house: House, connectors: Mapping[str, Connector] | None = None) -> None:
    """Publish what is due, each channel's in order; insists that it comes to an end."""
    publisher = Publisher(
        house.store,
        house.ring,
        house.blobs,
        house.connectors if connectors is None else connectors,
        house.base_url,
        Alone("w1"),
        LEASE_SECONDS,
        house.clock,
    )
    for _ in range(ROUNDS):
        async with house.store.reading() as db:
            due = await dispatch.due(db, house.clock(), 500)
        if not due:
            return
        await asyncio.gather(*(publish(publisher, each) for each in due))
    raise AssertionError(due)
