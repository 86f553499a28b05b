"""`pilar serve`: the API and, beside it, the clock that publishes; one process, one stop."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from types import FrameType
from typing import Annotated, Any

import typer
import uvicorn
from fastapi import FastAPI

from app import house as composition
from app import logs
from app.cli_speech import command, err, out
from app.house import Settings
from app.main import create_app
from planner.errors import PilarError
from schedulers.clock import Clock
from store import instance
from store.db import Store


class CannotListen(PilarError):
    """The address cannot be listened on: another process does, or it is not this machine's."""


class Role(StrEnum):
    """What a process does: everything, or the API alone beside workers."""

    ALL = "all"
    API = "api"


class Ticking:
    """A clock that starts once and stops once, whoever asks first."""

    def __init__(self, clock: Clock | None, *, alone: bool) -> None:
        self._clock = clock
        self._alone = alone
        self._stop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to tick; without a clock there is nothing to do."""
        if self._clock is not None:
            await self._clock.start(alone=self._alone)

    def stop(self) -> "asyncio.Task[None]":
        """Begin to stop; return what ends when nothing is under way any more."""
        if self._stop is None:
            self._stop = asyncio.create_task(self._wait(), name="clock stops")
        return self._stop

    async def _wait(self) -> None:
        if self._clock is not None:
            await self._clock.stop()


class Server(uvicorn.Server):
    """uvicorn; a signal ends requests and publications at the same time, within one grace."""

    def __init__(self, config: uvicorn.Config, ticking: Ticking, url: str) -> None:
        super().__init__(config)
        self._ticking = ticking
        self._url = url

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Ask to stop; a second signal does not wait. Not raised again: this is no failure."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Start, and say where."""
        await super().startup(sockets)
        out.print(f"Pilar listens on [bold]{self._url}[/]")

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """Stop the clock while the last requests are answered."""
        stopped = self._ticking.stop()
        await super().shutdown(sockets)
        await stopped


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")
    ] = None,
    role: Annotated[
        Role, typer.Option(help="`api` leaves publishing to workers (PostgreSQL).")
    ] = Role.ALL,
) -> None:
    """Serve the API, and publish what is due."""
    settings = composition.read_settings()
    given = {"host": host, "port": port}
    app = settings.app.model_copy(update={k: v for k, v in given.items() if v is not None})
    settings = Settings(app, settings.store, settings.schedulers)
    logs.configure(app.log_level, app.log_format)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(run(settings, role))


async def run(settings: Settings, role: Role) -> None:
    """Serve until a signal comes; raises what keeps it from starting."""
    async with composition.open_database(settings) as store:
        if role is Role.API and store.is_sqlite:
            raise typer.BadParameter("on SQLite one process serves and publishes", param_hint="role")
        store.own()
        await composition.begin(store)
        config = _listening(settings)
        listening = config.bind_socket()
        app_settings = settings.app.model_copy(update={"port": listening.getsockname()[1]})
        url = app_settings.base_url
        async with composition.furnish(settings, store, url, datetime.now(UTC)) as house:
            clock = None
            if role is Role.ALL:
                clock = composition.clock_of(composition.publisher_of(house, settings), settings)
            ticking = Ticking(clock, alone=store.is_sqlite)
            config.app = create_app(house, _lifespan(ticking))
            await _greet(store, url)
            await Server(config, ticking, url).serve([listening])
