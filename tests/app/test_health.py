"""Whether the process is alive, and whether it can do its work."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from asgi_lifespan import LifespanManager

from app.deps import House
from app.main import create_app
from store import instance, migrating, workers
from store.db import Store
from store.health import Duty, Health, missing_for
from store.tables import Instance
from tests.app.conftest import Office
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Clock, app_of

MINUTE = timedelta(minutes=1)


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
            "oldest_due_at": None,
            "workers": {"all": 0, "api": 0, "worker": 0, "tick": 0},
            "held_at": None,
            "restored_at": None,
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


@pytest.fixture
def duty(house: House, clock: Clock) -> Iterator[Any]:
    """Say that the process serves in a role since now; its application is shared by tests."""
    app = app_of(house)

    def serve(role: Literal["all", "api"]) -> None:
        app.state.duty = Duty(role, clock())

    yield serve
    app.state.duty = None


async def readiness(http: httpx.AsyncClient) -> tuple[int, str]:
    answer = await http.get("/readyz")
    return answer.status_code, answer.json().get("detail", "")


async def test_a_server_whose_clock_stopped_is_not_ready(
    http: httpx.AsyncClient, house: House, clock: Clock, duty: Any
) -> None:
    await instance.check_keys(house.store, house.ring, clock())
    duty("all")

    new = await readiness(http)
    clock.forward(minutes=3, seconds=1)
    never_ticked = await readiness(http)
    await instance.note_tick(house.store, clock())
    ticking = await readiness(http)
    clock.forward(minutes=3, seconds=1)
    stopped = await readiness(http)
    alive = await http.get("/healthz")

    assert [each[0] for each in (new, never_ticked, ticking, stopped)] == [200, 503, 200, 503]
    assert [each[1] for each in (never_ticked, stopped)] == [
        "The service cannot work yet: clock-stopped."
    ] * 2
    assert alive.status_code == 200


async def test_an_api_that_nobody_publishes_beside_is_not_ready(
    http: httpx.AsyncClient, house: House, clock: Clock, duty: Any
) -> None:
    await instance.check_keys(house.store, house.ring, clock())
    duty("api")
    clock.forward(minutes=4)
    await instance.note_tick(house.store, clock())
    await workers.note(house.store, "host:1", "api", clock())

    alone = await readiness(http)
    await workers.note(house.store, "host:2", "worker", clock())
    beside = await readiness(http)
    clock.forward(minutes=2)
    gone = await readiness(http)

    assert [alone, beside[0], gone] == [
        (503, "The service cannot work yet: no-worker."),
        200,
        (503, "The service cannot work yet: no-worker."),
    ]


async def test_readiness_tells_how_the_engine_stands(
    office: Office, http: httpx.AsyncClient, house: House, clock: Clock
) -> None:
    channel, post = await add_channel(office), await write_post(office)
    await approve_post(office, post)
    await place(office, post, channel, when=at(clock() + MINUTE))
    await instance.check_keys(house.store, house.ring, clock())
    await workers.note(house.store, "host:1", "worker", clock())
    async with house.store.transaction() as db:
        row = await db.get(Instance, instance.THE_INSTANCE)
        assert row is not None
        row.held_at = row.restored_at = clock()
    before = (await http.get("/readyz")).json()
    clock.forward(minutes=1)

    told = (await http.get("/readyz")).json()

    assert before["oldest_due_at"] is None
    assert told == {
        "status": "ready",
        "schema_revision": migrating.expected_revision(),
        "clock_at": None,
        "oldest_due_at": "2026-03-02T01:01:00Z",
        "workers": {"all": 0, "api": 0, "worker": 1, "tick": 0},
        "held_at": "2026-03-02T01:00:00Z",
        "restored_at": "2026-03-02T01:00:00Z",
    }


@pytest.mark.parametrize("role", ["all", "api"])
@pytest.mark.parametrize("age", [None, 0, 2, 4])
@pytest.mark.parametrize("up", [0, 3, 5])
@pytest.mark.parametrize("present", [(), ("api",), ("worker",), ("all", "api"), ("tick",)])
def test_what_is_missing_is_what_the_duty_needs(
    clock: Clock, role: Literal["all", "api"], age: int | None, up: int, present: tuple[str, ...]
) -> None:
    ticked: datetime | None = None if age is None else clock() - age * MINUTE
    found = Health("r", ticked, None, dict.fromkeys(present, 1), None, None)

    missing = missing_for(Duty(role, clock() - up * MINUTE), found, clock())

    stopped = age is None or age > 3
    nobody = role == "api" and not {"all", "worker", "tick"} & {*present}
    wanted = [key for key, so in (("clock-stopped", stopped), ("no-worker", nobody)) if so]
    assert missing == (wanted if up > 3 else [])
