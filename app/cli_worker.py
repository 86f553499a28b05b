"""`pilar worker` and `pilar tick`: publishing without HTTP, for as long as it may or just once."""

import asyncio
import json
import signal
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
import uvicorn

from app import house as composition
from app import logs
from app.cli_speech import out, say
from app.deps import House
from app.house import Settings
from schedulers.deliveries.in_process import InProcessDelivery
from schedulers.dispatching import dispatch_due
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from schedulers.refreshing import refresh_expiring
from schedulers.sweeping import recover, sweep
from store import dispatch, instance, outcomes, sweeps, workers

STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick did: claims it settled of processes that ended, what was due, where it is."""

    recovered: int
    dispatched: int
    states: dict[str, int]


def worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=1000, help="How many to send at once.")
    ] = None,
) -> None:
    """Publish what is due, beside `serve --role api` and any number of others (PostgreSQL)."""
    settings = composition.read_settings()
    if concurrency is not None:
        given = {"concurrency": concurrency}
        settings = replace(settings, schedulers=settings.schedulers.model_copy(update=given))
    logs.configure(settings.app.log_level, settings.app.log_format)
    with asyncio.Runner(loop_factory=uvicorn.Config("").get_loop_factory()) as runner:
        runner.run(work(settings))


def tick(
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Publish what is due now, and end: for cron, where nothing may run for long."""
    settings = composition.read_settings()
    ticked = asyncio.run(tick_once(settings))
    if as_json:
        typer.echo(json.dumps(asdict(ticked), ensure_ascii=False, indent=2))
        return
    states = ", ".join(f"{count} {state}" for state, count in ticked.states.items())
    say(f"{ticked.dispatched} due: {states}" if ticked.dispatched else "Nothing was due.")


async def work(settings: Settings) -> None:
    """Publish until a signal comes; raises what keeps it from starting."""
    with _told_to_stop() as stop:
        async with composition.open_database(settings) as store:
            if store.is_sqlite:
                raise typer.BadParameter("on SQLite one process serves and publishes.")
            now = datetime.now(UTC)
            async with composition.furnish(settings, store, settings.app.base_url, now) as house:
                publisher = composition.publisher_of(house, settings)
                clock = composition.clock_of(house, publisher, settings, "worker")
                if await _unless(stop, clock.start(alone=False)):
                    await publisher.liveness.stop()
                    return
                out.print(f"Pilar publishes as {publisher.worker}", markup=False)
                await stop.wait()
                await clock.stop()


async def tick_once(settings: Settings) -> Ticked:
    """Publish until nothing is due any more, or a signal comes; raises `DatabaseInUse`."""
    with _told_to_stop() as stop:
        async with composition.open_database(settings) as store:
            store.own()
            await composition.give_tables(store)
            now = datetime.now(UTC)
            async with composition.furnish(settings, store, settings.app.base_url, now) as house:
                publisher = composition.publisher_of(house, settings)
                async with composition.alive(publisher):
                    return await _tick(house, publisher, settings, stop)


async def _tick(
    house: House, publisher: Publisher, settings: Settings, stop: asyncio.Event
) -> Ticked:
    store = publisher.store
    await workers.note(store, publisher.worker, "tick", publisher.now(), publisher.ring.ids)
    recovered = await _recover(publisher)
    await sweep(publisher)
    await refresh_expiring(publisher)
    dispatched, handled = await _deliver(publisher, settings, stop)
    await recover(publisher, "own")
    for chore in composition.chores_of(house, publisher):
        await chore.deed()
    await sweeps.prune(store, publisher.now())
    await instance.note_tick(store, publisher.now())
    await workers.forget(store, publisher.worker)
    async with store.reading() as db:
        return Ticked(recovered, dispatched, await outcomes.per_state(db, handled))


async def _recover(publisher: Publisher) -> int:
    """Settle what ended processes left; on SQLite nobody else can be there."""
    if not publisher.store.is_sqlite:
        return await recover(publisher, "expired")
    recovered = await recover(publisher, "others")
    async with publisher.store.transaction() as db:
        await dispatch.forget(db)
    return recovered


async def _deliver(
    publisher: Publisher, settings: Settings, stop: asyncio.Event
) -> tuple[int, set[UUID]]:
    """Publish what is due, again and again until nothing is; return how many, and which."""
    delivery = InProcessDelivery(settings.schedulers.concurrency)
    dispatched, handled = 0, set[UUID]()

    async def handle(publication_id: UUID) -> None:
        handled.add(publication_id)
        await publish(publisher, publication_id)

    running = asyncio.create_task(delivery.run(handle))
    await asyncio.sleep(0)
    while not stop.is_set():
        count = await dispatch_due(publisher.store, delivery, publisher.now())
        if not count:
            break
        dispatched += count
        await _unless(stop, delivery.idle())
    await delivery.stop(settings.schedulers.grace_seconds)
    await running
    return dispatched, handled


@contextmanager
def _told_to_stop() -> Iterator[asyncio.Event]:
    """Give what is set when somebody asks this process to stop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    signals = STOPS if threading.current_thread() is threading.main_thread() else ()
    for each in signals:  # the kernel tells the main thread only
        loop.add_signal_handler(each, stop.set)
    try:
        yield stop
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


async def _unless(stop: asyncio.Event, deed: Awaitable[None]) -> bool:
    """Await something, but no longer than until somebody asks to stop; say whether they did."""
    doing = asyncio.ensure_future(deed)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if doing.done():
        doing.result()
        return False
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)
    return True
