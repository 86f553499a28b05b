"""The contract of a delivery; a lost or doubled delivery is harmless."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from uuid import UUID

from store.db import Db

Handler = Callable[[UUID], Awaitable[None]]


class Delivery(Protocol):
    """Carries publications that are due to a handler."""

    async def enqueue(self, db: Db, ids: Sequence[UUID]) -> None:
        """Take publications over, inside the transaction that says so."""

    async def committed(self, ids: Sequence[UUID]) -> None:
        """Hear that this transaction has committed."""

    async def run(self, handler: Handler) -> None:
        """Handle what comes, until `stop`."""

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing new, wait for what is under way, then cut it off."""
