"""`pilar serve`: the API and, beside it, the clock that publishes; one process, one stop."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import FrameType
from typing import Annotated, Any

import typer
import uvicorn
from fastapi import FastAPI

from app import house as composition
from app import logs
from app.cli_speech import command, out
from app.following import Hub
from app.house import Settings
from app.main import Lifespan, create_app
from planner.errors import PilarError
from schedulers.clock import Clock
from store import blobs, instance
from store.db import Store
from store.health import Duty


class CannotListen(PilarError):
    """The address cannot be listened on: another process does, or it is not this machine's."""


class Role(StrEnum):
    """What a process does: everything, or all but the publishing, which workers do."""

    ALL = "all"
    API = "api"


class Ticking:
    """A clock that stops once, whoever asks first."""

    def __init__(self, clock: Clock, *, alone: bool) -> None:
        self.clock = clock
        self._alone = alone
        self._stopping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to tick."""
        await self.clock.start(alone=self._alone)

    def stop(self) -> "asyncio.Task[None]":
        """Begin to stop; what is returned ends when nothing is under way any more."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self.clock.stop(), name="clock stops")
        return self._stopping


class Server(uvicorn.Server):
    """uvicorn; a signal ends requests and publications at the same time, within one grace."""

    def __init__(self, config: uvicorn.Config, ticking: Ticking, hub: Hub, greeting: str) -> None:
        super().__init__(config)
        self._ticking = ticking
        self._hub = hub
        self._greeting = greeting

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Ask to stop; a second Ctrl+C does not wait. Not raised again: a stop is no failure."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        out.print(self._greeting)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """Stop the clock and let followers go while the last requests are answered."""
        self._hub.stop()
        stopped = self._ticking.stop()
        await super().shutdown(sockets)
        await stopped


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")
    ] = None,
    role: Annotated[
        Role, typer.Option(help="`api` leaves publishing to workers (PostgreSQL only).")
    ] = Role.ALL,
) -> None:
    """Serve the API and publish what is due."""
    settings = composition.read_settings()
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = replace(settings, app=settings.app.model_copy(update=given))
    logs.configure(settings.app.log_level, settings.app.log_format)
    with asyncio.Runner(loop_factory=_config(settings).get_loop_factory()) as runner:
        runner.run(run(settings, role))


async def run(settings: Settings, role: Role) -> None:
    """Serve until a signal comes; raises what keeps it from starting."""
    async with composition.open_database(settings) as store:
        if role is Role.API and store.is_sqlite:
            raise typer.BadParameter("on SQLite one process serves and publishes.")
        store.own()
        await composition.give_tables(store)
        uploads = settings.store.data_dir / "incoming"
        await blobs.clear_abandoned(uploads, datetime.now(UTC) - timedelta(days=1))
        config = _config(settings)
        listening = _listen(config)
        at = settings.app.model_copy(update={"port": listening.getsockname()[1]})
        async with composition.furnish(settings, store, at.base_url, datetime.now(UTC)) as house:
            publisher = composition.publisher_of(house, settings)
            clock = composition.clock_of(house, publisher, settings, role.value)
            ticking = Ticking(clock, alone=store.is_sqlite)
            app = create_app(house, _lifespan(ticking))
            app.state.duty = Duty(role.value, datetime.now(UTC))
            app.openapi()  # builds the routes, for which the first request and the clock would wait
            config.app = app
            greeting = await _greeting(settings, store, at.base_url)
            await Server(config, ticking, house.hub, greeting).serve([listening])


def _config(settings: Settings) -> uvicorn.Config:
    proxies = settings.app.trusted_proxies
    return uvicorn.Config(
        app="",
        host=settings.app.host,
        port=settings.app.port,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies or [],
        timeout_graceful_shutdown=settings.schedulers.grace_seconds,
    )


def _listen(config: uvicorn.Config) -> Any:
    try:
        return config.bind_socket()
    except SystemExit:  # uvicorn has logged what the system says
        raise CannotListen(host=config.host, port=config.port) from None


def _lifespan(ticking: Ticking) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await ticking.start()
        try:
            yield
        finally:
            await ticking.stop()

    return lifespan


async def _greeting(settings: Settings, store: Store, url: str) -> str:
    lines = [f"Pilar listens on [bold]{url}[/]"]
    async with store.reading() as db:
        empty = await instance.is_empty(db)
    if empty:
        first = command(
            "init",
            *("--workspace", "Biro Humas", "--slug", "biro-humas"),
            *("--timezone", "Asia/Jakarta", "--email", "you@office.example"),
        )
        lines += [
            "",
            "There is no workspace yet. Create the first one, from another terminal:",
            f"  {first}",
            "or look around in one that is filled already:",
            f"  {command('demo')}",
            "",
        ]
        if store.is_sqlite:
            lines.append(f"Everything is kept in {settings.store.data_dir.resolve()}")
    return "\n".join(lines)
