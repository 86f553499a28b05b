"""The composition: from settings to a house that serves, and to the clock that publishes."""

import asyncio
import os
import platform
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from app import alert_speech
from app.deps import House
from app.limits import Limits
from app.settings import AppSettings
from planner.errors import PilarError
from schedulers import alerting
from schedulers.alerting import Alerter
from schedulers.clock import Chore, Clock, read_clock
from schedulers.connectors import connectors
from schedulers.deliveries.delivery import Delivery
from schedulers.deliveries.in_process import InProcessDelivery
from schedulers.deliveries.procrastinate import ProcrastinateDelivery
from schedulers.mail import mailer_of
from schedulers.outbound import Outbound
from schedulers.publisher import Publisher
from schedulers.settings import SchedulerSettings
from store import instance, migrating, reminders
from store.blobs import FolderBlobs
from store.db import DatabaseInUse, Store
from store.liveness import Alone, SessionLock
from store.settings import StoreSettings
from store.vault import KeyRing

KEY_FILE = "keys"
ALERT_SECONDS = 5
REMIND_SECONDS = 60
PREFLIGHT_SECONDS = 120
BEGIN_TRIES = 50
BEGIN_WAIT_SECONDS = 0.1


class BadSettings(PilarError):
    """A setting cannot be what it is; `facts` name it and say why, never its value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that Pilar must be told, by floor."""

    app: AppSettings
    store: StoreSettings
    schedulers: SchedulerSettings

    @property
    def key_file(self) -> Path:
        """Where the keys are when PILAR_SECRET_KEYS is empty."""
        return self.store.data_dir / KEY_FILE


def read_settings() -> Settings:
    """Read the environment and `.env`; raises `BadSettings`."""
    try:
        return Settings(AppSettings(), StoreSettings(), SchedulerSettings())
    except ValidationError as error:
        first = error.errors()[0]
        name = f"PILAR_{first['loc'][0]}".upper() if first["loc"] else "PILAR_…"
        raise BadSettings(name=name, why=first["msg"]) from None


def prepare_folder(folder: Path) -> None:
    """Make the data directory, mode 0700, if it is not there yet."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def key_ring(settings: Settings) -> KeyRing:
    """Return the instance's keys, made at the first start; raises `BadKeys`."""
    if settings.store.secret_keys:
        return KeyRing.parse(settings.store.secret_keys)
    return KeyRing.load_or_create(settings.key_file)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Store]:
    """Open the database, and close it at the end.

    Raises `BadDatabaseUrl`, `DatabaseUnreachable`, `DatabaseTooOld`.
    """
    prepare_folder(settings.store.data_dir)
    store = instance.open_store(settings.store.url)
    try:
        await instance.reach(store)
        await store.check()
        yield store
    finally:
        await store.close()


async def give_tables(store: Store) -> None:
    """Give a SQLite file that is empty its tables; the caller owns the file."""
    if store.is_sqlite and await migrating.revision_of(store) is None:
        await migrating.upgrade(store)


@asynccontextmanager
async def furnish(
    settings: Settings, store: Store, base_url: str, now: datetime
) -> AsyncIterator[House]:
    """Build the house around a database, and close what talks to the world at the end.

    Raises `SchemaOutdated` for a database at another revision, `WrongKeys`, `BadKeys`.
    """
    await migrating.check(store)
    ring = key_ring(settings)
    await instance.check_keys(store, ring, now)
    told = settings.schedulers
    outbound = Outbound(allow_private_hosts=told.private_hosts)
    mailer = mailer_of(told.smtp_url.get_secret_value(), told.mail_from, told.private_hosts)
    worker = f"{_process()}:alerts"
    render = alert_speech.render
    alerter = Alerter(store, ring, outbound, mailer, base_url, worker, render, read_clock)
    try:
        yield House(
            store=store,
            ring=ring,
            blobs=FolderBlobs(settings.store.data_dir / "media"),
            connectors=connectors(outbound),
            settings=settings.store,
            base_url=base_url,
            limits=Limits(settings.app.rate_limit),
            metrics_token=settings.app.metrics_token.get_secret_value(),
            alerter=alerter,
        )
    finally:
        await outbound.aclose()


@asynccontextmanager
async def visit(settings: Settings, now: datetime) -> AsyncIterator[House]:
    """Open the house for one short command, beside a running server or without one.

    It does not own the SQLite file: each of its writes begins with BEGIN IMMEDIATE and waits
    for the server's, as `docs/decisions/0003-one-process-owns-the-file.md` says.
    """
    async with open_database(settings) as store:
        await _give_tables_beside(settings, store)
        async with furnish(settings, store, settings.app.base_url, now) as house:
            yield house


async def _give_tables_beside(settings: Settings, store: Store) -> None:
    """Give an empty SQLite file its tables, or wait while another process does."""
    for _ in range(BEGIN_TRIES):
        if not store.is_sqlite or await migrating.revision_of(store) is not None:
            return
        beginner = instance.open_store(settings.store.url)
        try:
            beginner.own()
            await give_tables(beginner)
        except DatabaseInUse:
            await asyncio.sleep(BEGIN_WAIT_SECONDS)
        finally:
            await beginner.close()


def publisher_of(house: House, settings: Settings) -> Publisher:
    """Return what publishes for a house, as a worker whose name no other process has."""
    process = _process()
    alone = Alone(f"{process}:{secrets.token_hex(4)}")
    return Publisher(
        store=house.store,
        ring=house.ring,
        blobs=house.blobs,
        connectors=house.connectors,
        base_url=house.base_url,
        liveness=alone if house.store.is_sqlite else SessionLock(house.store, process),
        lease_seconds=settings.schedulers.lease_seconds,
        now=read_clock,
    )


@asynccontextmanager
async def alive(publisher: Publisher) -> AsyncIterator[None]:
    """Let a publisher claim without a clock, for a command that ends."""
    await publisher.liveness.start()
    try:
        yield
    finally:
        await publisher.liveness.stop()


def clock_of(house: House, publisher: Publisher, settings: Settings, role: str = "all") -> Clock:
    """Return the clock that wakes a publisher: `all`, or for PostgreSQL `api` or `worker`."""
    return Clock(
        publisher,
        delivery_of(publisher.store, settings, role),
        role=role,
        tick_seconds=settings.schedulers.tick_seconds,
        grace_seconds=settings.schedulers.grace_seconds,
        chores=chores_of(house, publisher),
    )


def chores_of(house: House, publisher: Publisher) -> list[Chore]:
    """Return what one of all processes does once in a while, beside publishing."""
    store = house.store

    async def alert() -> None:
        if house.alerter is not None:
            await alerting.deliver(house.alerter)

    async def remind() -> None:
        await reminders.find(store, publisher.now())

    async def look_ahead() -> None:
        await alerting.preflight(publisher, publisher.now())

    return [
        Chore("alerts", ALERT_SECONDS, alert),
        Chore("reminders", REMIND_SECONDS, remind),
        Chore("preflight", PREFLIGHT_SECONDS, look_ahead),
    ]


def _process() -> str:
    return f"{platform.node()[:40]}:{os.getpid()}"


def delivery_of(store: Store, settings: Settings, role: str) -> Delivery:
    """Return what carries to workers what is due: within this process, or to all of them."""
    concurrency = settings.schedulers.concurrency
    if role in {"api", "worker"}:
        return ProcrastinateDelivery(store, concurrency)
    return InProcessDelivery(concurrency)
