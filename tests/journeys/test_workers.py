"""`pilar worker` and `pilar tick` as an operator knows them, beside `pilar serve --role api`."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import select

from store import workers
from store.db import Store
from store.tables import Attempt
from tests import postgres
from tests.app.commands import pilar
from tests.conftest import RING
from tests.journeys.serving import ran, start
from tests.journeys.test_serve import key_of, real_clock, silent, slow, until_connected, webhook
from tests.processes import KEYS, Service, Worker
from tests.schedulers.wires import says, wire
from tests.waiting import until
from tests.world import World

GRACE_SECONDS = 4
SLACK_SECONDS = 8
PRIVATE = {"PILAR_ALLOW_PRIVATE_HOSTS": "127.0.0.1"}

on_postgresql = pytest.mark.parametrize("database", ["postgresql"])

END_EVERY_SESSION = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
async def world(store: Store) -> World:
    return await World.found(store, real_clock)


@asynccontextmanager
async def working(*running: Worker) -> AsyncIterator[None]:
    """Let workers run until the end of the block."""
    try:
        await asyncio.gather(*(each.start() for each in running))
        yield
    finally:
        for each in running:
            if each.process is not None:
                await each.kill()


async def state(world: World, publication_id: UUID) -> str:
    return (await world.row(publication_id)).status


async def published(world: World, *ids: UUID) -> bool:
    return all([await state(world, each) == "published" for each in ids])


async def attempts(world: World) -> list[tuple[UUID, str]]:
    """Return every attempt: the publication, and who made it."""
    async with world.store.reading() as db:
        rows = (await db.exec(select(Attempt))).all()
        return [(row.publication_id, row.worker) for row in rows]


@pytest.fixture
def here(
    database_url: str,
    tmp_path: Path,
    logging_as_it_was: None,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Let commands in this process run on the test's database; give its URL."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PILAR_")]:
        if not name.startswith("PILAR_TEST_"):
            monkeypatch.delenv(name)
    settings = {"PILAR_DATABASE_URL": database_url, "PILAR_SECRET_KEYS": KEYS} | PRIVATE
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return database_url


@on_postgresql
async def test_a_worker_publishes_what_the_api_accepted(
    world: World, here: str, tmp_path: Path
) -> None:
    channel, post = await world.channel(), await world.post()
    key = await key_of(world, RING)
    service = Service(tmp_path, url=here, role="api")
    worker = Worker(tmp_path, url=here)

    async with working(worker):
        await service.start()
        async with httpx.AsyncClient(base_url=f"{service.address}/api/v1/workspaces/biro") as http:
            body = {
                "post": str(post.id),
                "channels": [str(channel.id)],
                "when": {"at": (real_clock() + timedelta(seconds=2)).isoformat()},
            }
            headers = {"Authorization": f"Bearer {key}"}
            answer = await http.post("/publications", json=body, headers=headers)
            placed = UUID(answer.json()["publications"][0]["id"])
            await until(lambda: published(world, placed))
        beside = await pilar("tick")
        async with world.store.reading() as db:
            there = sorted(each.role for each in await workers.alive(db, real_clock()))
        ended = [await service.stop(), await worker.stop()]
    async with world.store.reading() as db:
        left = [each.role for each in await workers.alive(db, real_clock())]

    row = await world.row(placed)
    assert (answer.status_code, ended, beside.out) == (201, [0, 0], "Nothing was due.\n")
    assert row.published_at is not None
    assert row.published_at - row.due_at < timedelta(seconds=2)
    assert there == ["api", "worker"]
    assert "worker" not in left
    names = [name for _, name in await attempts(world)]
    assert len(names) == 1
    assert f":{worker.process.pid}:" in names[0] if worker.process else False


@on_postgresql
async def test_a_stop_ends_within_the_grace_and_leaves_nothing_claimed(
    world: World, database_url: str, tmp_path: Path
) -> None:
    settings = PRIVATE | {"PILAR_GRACE_SECONDS": str(GRACE_SECONDS)}
    worker = Worker(tmp_path, url=database_url, settings=settings)
    async with wire(slow) as answers_late, wire(silent) as never_answers:
        due: dict[str, UUID] = {}
        for handle, receiver in (("late", answers_late), ("never", never_answers)):
            channel = await webhook(world, RING, handle, receiver.url())
            for name in (handle, f"{handle} next"):
                due[name] = await world.placed_now(await world.post(name), channel)

        async with working(worker):
            await until_connected(answers_late, never_answers)
            began = asyncio.get_running_loop().time()
            ended = await worker.stop()
            took = asyncio.get_running_loop().time() - began

    assert ended == 0
    assert took < GRACE_SECONDS + SLACK_SECONDS
    assert {name: await state(world, each) for name, each in due.items()} == {
        "late": "published",
        "late next": "scheduled",
        "never": "needs_review",
        "never next": "scheduled",
    }
    assert (answers_late.connections, never_answers.connections) == (1, 1)


@on_postgresql
async def test_several_workers_share_what_is_due_and_send_each_once(
    world: World, database_url: str, tmp_path: Path
) -> None:
    async def takes_a_while(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(says("200 OK"))
        await writer.drain()

    team = [
        Worker(tmp_path, url=database_url, settings=PRIVATE, name=f"worker-{number}")
        for number in range(3)
    ]
    async with wire(takes_a_while) as receiver:
        channels = [
            await webhook(world, RING, f"ch{number}", receiver.url()) for number in range(8)
        ]
        at = real_clock() + timedelta(seconds=6)
        due = [
            await world.placed(await world.post(f"{channel.handle} {number}"), channel, at)
            for channel in channels
            for number in range(3)
        ]
        async with working(*team):
            await until(lambda: published(world, *due), 60)
            ended = [await each.stop() for each in team]

    sent = Counter(seen.headers["webhook-id"] for seen in receiver.seen)
    made = await attempts(world)
    assert ended == [0, 0, 0]
    assert sorted(sent.values()) == [1] * len(due)
    assert sorted(each for each, _ in made) == sorted(due)
    assert len({name for _, name in made}) > 1


@on_postgresql
async def test_a_worker_whose_sessions_are_ended_goes_on_under_another_name(
    world: World, database_url: str, tmp_path: Path
) -> None:
    channel = await world.channel()
    worker = Worker(tmp_path, url=database_url)

    async with working(worker):
        before = await world.placed_now(await world.post("a"), channel)
        await until(lambda: published(world, before))
        async with world.store.transaction() as db:
            await (await db.connection()).execute(text(END_EVERY_SESSION))
        after = await world.placed_now(await world.post("b"), channel)
        await until(lambda: published(world, after), 40)
        ended = await worker.stop()

    names = dict(await attempts(world))
    assert ended == 0
    assert names[before] != names[after]


async def test_a_worker_outlives_a_restart_of_the_server(tmp_path: Path) -> None:
    server = postgres.start(binaries=postgres.installed()[0])
    url = server.url("postgres")
    store = Store(url)
    try:
        code, _, logged = await ran(
            tmp_path, "migrate", PILAR_DATABASE_URL=url, PILAR_SECRET_KEYS=KEYS
        )
        assert code == 0, logged
        world = await World.found(store, real_clock)
        channel = await world.channel()
        worker = Worker(tmp_path, url=url)
        async with working(worker):
            before = await world.placed_now(await world.post("a"), channel)
            await until(lambda: published(world, before))
            later = await world.placed(
                await world.post("b"), channel, real_clock() + timedelta(seconds=2)
            )
            await asyncio.to_thread(server.restart, 3)
            await until(lambda: published(world, later), 40)
            ended = await worker.stop()
    finally:
        await store.close()
        server.stop()

    assert ended == 0


async def test_a_tick_publishes_what_is_due_and_ends(world: World, here: str) -> None:
    async with wire(says("200 OK")) as receiver:
        channel = await webhook(world, RING, "berita", receiver.url())
        posts = [await world.post(f"nomor {number}") for number in range(3)]
        due = [await world.placed_now(post, channel) for post in posts]
        future = real_clock() + timedelta(hours=1)
        later = await world.placed(await world.post("nanti"), channel, future)

        told = [(await pilar("tick", "--json")).json() for _ in range(2)]

    assert told == [
        {"recovered": 0, "dispatched": 3, "states": {"published": 3}},
        {"recovered": 0, "dispatched": 0, "states": {}},
    ]
    assert [await state(world, each) for each in (*due, later)] == [
        *["published"] * 3,
        "scheduled",
    ]
    kinds = Counter(json.loads(each.body)["type"] for each in receiver.seen)
    # The channel was looked at as well, since it has something to come.
    assert kinds == {"post.published": 3, "pilar.ping": 1}


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_tick_leaves_the_file_to_its_server_and_recovers_what_that_left(
    world: World, here: str, tmp_path: Path
) -> None:
    service = Service(tmp_path, url=here, settings=PRIVATE)
    async with wire(silent, says("200 OK")) as receiver:
        channel = await webhook(world, RING, "berita", receiver.url(), receiver_deduplicates=True)
        due = await world.placed_now(await world.post(), channel)
        await service.start()
        await until_connected(receiver)
        refused = await pilar("tick")
        await service.kill()

        told = await pilar("tick")

    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("pilar: Another Pilar owns this database.")
    assert (told.code, told.out) == (0, "1 due: 1 published\n")
    assert await state(world, due) == "published"


async def test_a_stopped_tick_lets_what_is_under_way_end(
    world: World, database_url: str, tmp_path: Path
) -> None:
    settings = {"PILAR_DATABASE_URL": database_url, "PILAR_SECRET_KEYS": KEYS} | PRIVATE
    async with wire(slow) as receiver:
        channel = await webhook(world, RING, "berita", receiver.url())
        due = [await world.placed_now(await world.post(each), channel) for each in "ab"]

        process = await start(tmp_path, "tick", **settings)
        await until_connected(receiver)
        process.terminate()
        said, _ = await process.communicate()

    assert (process.returncode, said.decode()) == (0, "1 due: 1 published\n")
    assert [await state(world, each) for each in due] == ["published", "scheduled"]


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_worker_is_refused_on_sqlite(here: str) -> None:
    told = await pilar("worker")

    assert told.code == 2
    assert "one process serves and publishes" in told.err
