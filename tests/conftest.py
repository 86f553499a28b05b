"""What every test may ask for: both databases, a house, a client, and a clock that it moves."""

import asyncio
import faulthandler
import gc
import logging
import os
import ssl
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
from fastapi import FastAPI

from app.deps import House
from app.main import create_app
from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from store import migrating
from store.blobs import FolderBlobs
from store.db import Store
from store.settings import StoreSettings
from store.vault import KeyRing
from tests import postgres
from tests.grounds import Database, File, Ground, store_at

DATABASES = ("sqlite", "postgresql")
RING = KeyRing.parse("k1:" + "A" * 43)
ENDING_SECONDS = 150
"""What may follow the end of the session: a test that is under way, and what is stopped."""

# A traceback with every local variable, as structlog draws it unasked, takes seconds and megabytes.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "untraced: adds nothing to the coverage, and takes long")
    # The session's end is looked at between tests; what hangs outside of them ends here.
    if seconds := config.getoption("session_timeout"):
        faulthandler.dump_traceback_later(seconds + ENDING_SECONDS, exit=True)
    postgres.start_for_run(config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Trace no lines where it says nothing new: it doubles what Python takes.

    Above the store, both databases take the same lines; and what is `untraced` goes over the
    same few, a million times. (pytest-cov's own marker does nothing in the workers of a run.)
    """
    above = item.path.parent.name in {"app", "schedulers"}
    if item.get_closest_marker("untraced") is None and not (above and _on_postgres(item)):
        return (yield)
    tracers = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        threading.settrace(tracers[1])
        sys.settrace(tracers[0])


def _on_postgres(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "postgresql" in item.name


def pytest_collection_finish() -> None:
    # What is imported stays: looking through it again and again takes a fifth of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_unconfigure(config: pytest.Config) -> None:
    postgres.stop_for_run(config)


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: datetime = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # Monday 08:00 in Jakarta

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **parts: float) -> datetime:
        self.now += timedelta(**parts)
        return self.now


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Put logging back: commands that run in this process set it up anew."""
    structlog_before = structlog.get_config()
    root = logging.getLogger()
    handlers_before, level_before = root.handlers[:], root.level
    yield
    structlog.configure(**structlog_before)
    root.handlers[:] = handlers_before
    root.setLevel(level_before)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def _migrate(url: str) -> None:
    store = Store(url)
    await migrating.upgrade(store)
    await store.close()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "pilar.db"
    asyncio.run(_migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def file_of_turns(migrated_file: Path) -> Iterator[File]:
    # In memory where there is such a folder: a disk takes milliseconds for every commit.
    memory = Path("/dev/shm")  # noqa: S108
    folder = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="pilar-turns-", dir=folder) as place:
        yield File(Path(place) / "pilar.db", migrated_file)


@pytest.fixture(scope="session")
def database_of_turns() -> Iterator[Database]:
    server = postgres.running()
    name = f"turns_{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}_{uuid4().hex[:8]}"
    server.create(name)
    asyncio.run(_migrate(server.url(name)))
    ground = Database(server, name)
    yield ground
    ground.close()
    server.drop(name)


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def ground(database: str, request: pytest.FixtureRequest) -> Ground:
    """A migrated and empty database, which the tests of this process take turns in."""
    name = "file_of_turns" if database == "sqlite" else "database_of_turns"
    ground: Ground = request.getfixturevalue(name)
    ground.clear()
    return ground


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated and empty database, on SQLite and on PostgreSQL.

    The tests of a process take turns in it; on PostgreSQL, `own_database` is for those that
    change its tables.
    """
    if database == "sqlite" or request.node.get_closest_marker("own_database") is None:
        ground: Ground = request.getfixturevalue("ground")
        yield ground.url
        return
    server = postgres.running()
    name = f"t_{uuid4().hex[:12]}"
    server.create(name)
    asyncio.run(_migrate(server.url(name)))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = store_at(database_url)
    yield store
    await store.close()


@pytest.fixture(scope="session")
def authorities() -> ssl.SSLContext:
    """The public authorities, which take longer to read than most tests take."""
    return httpx.create_ssl_context(trust_env=False)


@pytest.fixture
async def outbound(authorities: ssl.SSLContext) -> AsyncIterator[Outbound]:
    outbound = Outbound(allow_private_hosts={"127.0.0.1", "localhost"}, trust=authorities)
    yield outbound
    await outbound.aclose()


@pytest.fixture
def house(store: Store, tmp_path: Path, clock: Clock, outbound: Outbound) -> House:
    return House(
        store=store,
        ring=RING,
        blobs=FolderBlobs(tmp_path / "media"),
        connectors=connectors(outbound),
        settings=StoreSettings(data_dir=tmp_path, _env_file=None),  # type: ignore[call-arg]
        base_url="http://pilar.test",
        clock=clock,
    )


@dataclass
class Client:
    """A caller over HTTP; paths are below the API unless they begin with a double slash."""

    http: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        match: int | str | None = None,
        **more: Any,
    ) -> httpx.Response:
        headers = self.headers | more.pop("headers", {})
        if match is not None:
            headers["If-Match"] = match if isinstance(match, str) else f'"{match}"'
        url = path[1:] if path.startswith("//") else f"/api/v1{path}"
        if body is not None:
            more["json"] = body
        return await self.http.request(method, url, headers=headers, **more)

    async def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Ask, insist on success, and return the body."""
        answer = await self(method, path, body, **more)
        assert answer.is_success, (answer.status_code, answer.text)
        return answer.json() if answer.content else None


@cache
def _routes(base_url: str) -> FastAPI:
    # FastAPI works its routes out at the first request: once a process, not once a test.
    house: Any = SimpleNamespace(settings=StoreSettings(), base_url=base_url)
    return create_app(house)


def app_of(house: House) -> FastAPI:
    """Return the application around a house; its limits are those of the default settings."""
    app = _routes(house.base_url)
    app.state.house = house
    return app


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app_of(house), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pilar.test") as http:
        yield http
