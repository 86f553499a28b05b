"""Whether the process is alive, and whether it can do its work."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from asgi_lifespan import LifespanManager

from app.deps import House
from app.main import create_app
from store import migrating
from store.db import Store


@pytest.fixture
async def broken(house: House, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A service whose database is an empty file."""
    store = Store(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")
    app = create_app(replace(house, store=store))
    async with LifespanManager(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://pilar.test") as http:
            yield http
    await store.close()


async def test_a_service_at_the_right_schema_is_alive_and_ready(http: httpx.AsyncClient) -> None:
    alive, ready = await http.get("/healthz"), await http.get("/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (
        200,
        {
            "status": "ready",
            "schema_revision": migrating.expected_revision(),
            "clock_at": None,
        },
    )
    assert [each.headers["Cache-Control"] for each in (alive, ready)] == ["no-store"] * 2


async def test_head_is_enough_to_ask(http: httpx.AsyncClient) -> None:
    answers = [await http.head("/healthz"), await http.head("/readyz")]

    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"")] * 2


async def test_a_service_without_its_tables_is_alive_but_not_ready(
    broken: httpx.AsyncClient,
) -> None:
    alive, ready = await broken.get("/healthz"), await broken.get("/readyz")

    assert alive.status_code == 200
    assert (ready.status_code, ready.json()["type"]) == (503, "/problems/not-ready")
    assert "schema-outdated" in ready.json()["detail"]
    assert ready.headers["Retry-After"] == "5"


@pytest.mark.own_database
async def test_a_service_at_an_older_schema_is_not_ready(
    http: httpx.AsyncClient, house: House
) -> None:
    await migrating.downgrade(house.store, "-1")

    ready = await http.get("/readyz")

    assert (ready.status_code, ready.json()["type"]) == (503, "/problems/not-ready")
    assert "schema-outdated" in ready.json()["detail"]


async def test_a_service_without_a_database_is_not_ready(
    house: House, unused_tcp_port: int
) -> None:
    store = Store(f"postgresql+psycopg://nobody@127.0.0.1:{unused_tcp_port}/none")
    app = create_app(replace(house, store=store))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pilar.test") as http:
        alive, ready = await http.get("/healthz"), await http.get("/readyz")
    await store.close()

    assert (alive.status_code, ready.status_code) == (200, 503)
    assert "database-unreachable" in ready.json()["detail"]
    assert str(unused_tcp_port) not in ready.text
