"""A delivery hands over what was committed, once at a time, and stops within its grace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from schedulers.deliveries.delivery import Delivery
from schedulers.deliveries.in_process import InProcessDelivery
from schedulers.deliveries.procrastinate import ProcrastinateDelivery
from store.db import Store
from tests.waiting import until

GRACE_SECONDS = 20.0
EACH = [("sqlite", "in process"), ("postgresql", "in process"), ("postgresql", "procrastinate")]

on_each = pytest.mark.parametrize(("database", "kind"), EACH)


@dataclass
class Hand:
    """A handler that remembers, and waits where it is told to."""

    begun: list[UUID] = field(default_factory=list)
    ended: list[UUID] = field(default_factory=list)
    cut_off: list[UUID] = field(default_factory=list)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    bad: set[UUID] = field(default_factory=set)
    at_once: int = 0
    most: int = 0

    async def __call__(self, publication_id: UUID) -> None:
        self.begun.append(publication_id)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self.goes_on.wait()
            if publication_id in self.bad:
                raise ZeroDivisionError
        except asyncio.CancelledError:
            self.cut_off.append(publication_id)
            raise
        finally:
            self.at_once -= 1
        self.ended.append(publication_id)

    async def until(self, *, begun: int | None = None, ended: int | None = None) -> None:
        """Wait until so many have begun, or ended."""
        await until(lambda: len(self.begun) >= (begun or 0) and len(self.ended) >= (ended or 0))


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def idle_hand(hand: Hand) -> Hand:
    hand.goes_on.set()
    return hand


def made(kind: str, store: Store, concurrency: int = 2) -> Delivery:
    if kind == "in process":
        return InProcessDelivery(concurrency)
    return ProcrastinateDelivery(store, concurrency)


@asynccontextmanager
async def running(delivery: Delivery, hand: Hand) -> AsyncIterator[None]:
    task = asyncio.create_task(delivery.run(hand))
    await asyncio.sleep(0)
    try:
        yield
    finally:
        hand.goes_on.set()
        await delivery.stop(GRACE_SECONDS)
        await task


async def deliver(store: Store, delivery: Delivery, *ids: UUID) -> None:
    async with store.transaction() as db:
        await delivery.enqueue(db, ids)
    await delivery.committed(ids)


@on_each
async def test_what_is_committed_is_handled(kind: str, store: Store, idle_hand: Hand) -> None:
    delivery, ids = made(kind, store), [uuid7() for _ in range(5)]

    async with running(delivery, idle_hand):
        await deliver(store, delivery, *ids)
        await deliver(store, delivery)
        await idle_hand.until(ended=5)

    assert sorted(idle_hand.ended) == ids


@on_each
async def test_what_is_rolled_back_is_not_handled(kind: str, store: Store, idle_hand: Hand) -> None:
    delivery, kept = made(kind, store), uuid7()

    async def fail() -> None:
        async with store.transaction() as db:
            await delivery.enqueue(db, [uuid7()])
            raise ZeroDivisionError

    async with running(delivery, idle_hand):
        with pytest.raises(ZeroDivisionError):
            await fail()
        await deliver(store, delivery, kept)
        await idle_hand.until(ended=1)
        await asyncio.sleep(0.1)

    assert idle_hand.begun == [kept]


@on_each
async def test_no_more_than_so_many_are_handled_at_once(
    kind: str, store: Store, hand: Hand
) -> None:
    delivery = made(kind, store, concurrency=2)

    async with running(delivery, hand):
        await deliver(store, delivery, *(uuid7() for _ in range(5)))
        await hand.until(begun=2)
        await asyncio.sleep(0.1)
        begun = len(hand.begun)
        hand.goes_on.set()
        await hand.until(ended=5)

    assert (begun, hand.most) == (2, 2)


@on_each
async def test_what_is_under_way_is_not_handled_twice_at_once(
    kind: str, store: Store, hand: Hand
) -> None:
    delivery, one, other = made(kind, store, concurrency=4), uuid7(), uuid7()

    async with running(delivery, hand):
        await deliver(store, delivery, one)
        await hand.until(begun=1)
        await deliver(store, delivery, one, other)
        await hand.until(begun=2)
        await asyncio.sleep(0.1)
        begun = sorted(hand.begun)
        hand.goes_on.set()
        await hand.until(ended=2)
        await deliver(store, delivery, one)  # a later turn of the same publication
        await hand.until(ended=3)

    assert begun == sorted([one, other])
    assert sorted(hand.ended) == sorted([one, one, other])


@on_each
async def test_a_handler_that_fails_does_not_stop_the_others(
    kind: str, store: Store, idle_hand: Hand
) -> None:
    delivery, bad, good = made(kind, store), uuid7(), uuid7()
    idle_hand.bad.add(bad)

    async with running(delivery, idle_hand):
        await deliver(store, delivery, bad)
        await deliver(store, delivery, good)
        await idle_hand.until(begun=2, ended=1)
        await asyncio.sleep(0.1)

    assert (idle_hand.begun, idle_hand.ended) == ([bad, good], [good])


@on_each
async def test_a_stop_waits_for_what_is_under_way_and_takes_nothing_new(
    kind: str, store: Store, hand: Hand
) -> None:
    delivery, ids = made(kind, store, concurrency=1), [uuid7(), uuid7()]
    task = asyncio.create_task(delivery.run(hand))
    await deliver(store, delivery, *ids)
    await hand.until(begun=1)

    stopping = asyncio.create_task(delivery.stop(GRACE_SECONDS))
    await asyncio.sleep(0.2)
    waits = not stopping.done()
    hand.goes_on.set()
    async with asyncio.timeout(5):
        await stopping
        await task

    assert waits
    assert (len(hand.begun), len(hand.ended), hand.cut_off) == (1, 1, [])


@on_each
async def test_a_stop_cuts_off_what_outlives_its_grace(kind: str, store: Store, hand: Hand) -> None:
    delivery, one = made(kind, store), uuid7()
    task = asyncio.create_task(delivery.run(hand))
    await deliver(store, delivery, one)
    await hand.until(begun=1)

    async with asyncio.timeout(5):
        await delivery.stop(0.3)
        await task

    assert (hand.cut_off, hand.ended) == ([one], [])


@on_each
async def test_what_never_ran_stops_at_once(kind: str, store: Store) -> None:
    delivery = made(kind, store)
    await deliver(store, delivery, uuid7())

    async with asyncio.timeout(1):
        await delivery.stop(GRACE_SECONDS)


@pytest.mark.parametrize("database", ["sqlite"])
async def test_in_one_process_it_is_known_when_nothing_is_under_way(
    store: Store, hand: Hand
) -> None:
    delivery = InProcessDelivery(2)

    async with running(delivery, hand):
        await deliver(store, delivery, *(uuid7() for _ in range(5)))
        idle = asyncio.create_task(delivery.idle())
        await hand.until(begun=2)
        before = idle.done()
        hand.goes_on.set()
        async with asyncio.timeout(5):
            await idle

    assert (before, len(hand.ended)) == (False, 5)
