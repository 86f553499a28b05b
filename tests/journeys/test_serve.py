"""`pilar serve` as an operator knows it: it starts, refuses, publishes, and stops."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from planner.access import SCOPES
from store import channels, keys, people, workspaces
from store.audit import CLI
from store.db import Store
from store.tables import Channel
from store.vault import KeyRing
from tests.journeys.serving import Service, ran, serving, start
from tests.schedulers.wires import SECRET, Wire, says, wire
from tests.world import World

GRACE_SECONDS = 4
SLACK_SECONDS = 8
INIT = ("init", "--workspace", "Biro", "--slug", "biro", "--timezone", "Asia/Jakarta", "--json")
OWNER = ("--email", "ayu@biro.example")


def real_clock() -> datetime:
    return datetime.now(UTC)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def health(service: Service) -> int:
    async with httpx.AsyncClient() as http:
        return (await http.get(f"{service.url}/healthz")).status_code


async def until_connected(*wires: Wire) -> None:
    async with asyncio.timeout(30):
        while not all(each.connections for each in wires):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def webhook(world: World, ring: KeyRing, handle: str, url: str, **settings: bool) -> Channel:
    channel = await world.channel(handle, "webhook", settings={"url": url} | settings)
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await channels.of(db, workspace.id, channel.id)
        await channels.set_secrets(db, workspace, CLI, row, {"secret": SECRET}, ring, real_clock())
    return channel


async def key_of(world: World, ring: KeyRing) -> str:
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        owner = await people.by_email(db, f"owner@{world.slug}.example")
        assert owner is not None
        _, key = await keys.add(
            db,
            ring,
            [workspace],
            CLI,
            name="tests",
            scopes=SCOPES,
            created_by=owner.id,
            expires_at=None,
            now=real_clock(),
        )
    return key


@asynccontextmanager
async def half_a_request(service: Service, key: str) -> AsyncIterator["Half"]:
    """Begin a request that writes a post, and wait until the server has begun to read it."""
    address = urlsplit(service.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    body = b'{"title": "Lambat", "type": "informative", "parts": [{"text": "Isi."}]}'
    head = (
        "POST /api/v1/workspaces/biro/posts HTTP/1.1\r\nHost: pilar\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    writer.write(head.encode() + body[:20])
    try:
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        yield Half(reader, writer, body[20:])
    finally:
        writer.close()


class Half:
    """A request whose second half has not been sent yet."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rest: bytes
    ) -> None:
        self._reader, self._writer, self._rest = reader, writer, rest

    async def finish(self) -> bytes:
        """Send the rest, and return the first line of the answer."""
        self._writer.write(self._rest)
        await self._writer.drain()
        return (await self._reader.readline()).strip()


async def slow(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(1.5)
    writer.write(says("200 OK"))
    await writer.drain()


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def test_the_first_start_needs_no_setting_and_says_what_to_do_next(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        first = await health(service)
        code, said, _ = await ran(tmp_path, *INIT, *OWNER)
        ended = await service.stop()
    async with serving(tmp_path) as again:
        second = await health(again)

    assert (first, code, ended, second) == (200, 0, 0, 200)
    assert "There is no workspace yet" in service.greeting
    assert "init --workspace" in service.greeting
    assert '"api_key"' in said
    assert again.greeting.splitlines() == [f"Pilar listens on {again.url}"]
    kept = {name: mode_of(tmp_path / "data" / name) for name in (".", "keys")}
    assert kept == {".": 0o700, "keys": 0o600}


async def test_an_answer_does_not_name_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as service, httpx.AsyncClient() as http:
        answer = await http.get(f"{service.url}/healthz")

    assert "server" not in answer.headers


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_with_success(tmp_path: Path, sent: signal.Signals) -> None:
    async with serving(tmp_path) as service:
        ended = await service.stop(sent)

    assert ended == 0


async def test_a_second_server_on_the_same_file_refuses(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        code, said, logged = await ran(tmp_path, "serve", "--port", "0")
        still = await health(service)

    assert (code, said, still) == (1, "", 200)
    assert logged.startswith("pilar: Another Pilar owns this database.")


async def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with serving(tmp_path) as service:
        port = str(urlsplit(service.url).port)
        code, _, logged = await ran(other, "serve", "--port", port)

    assert code == 1
    assert f"127.0.0.1 port {port}" in logged
    assert "Traceback" not in logged


async def test_wrong_keys_refuse_to_start(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await service.stop()

    code, said, logged = await ran(tmp_path, "serve", PILAR_SECRET_KEYS="k1:" + "B" * 43)

    assert (code, said) == (1, "")
    assert logged.startswith("pilar: These are not the keys of this database.")


async def test_the_api_alone_is_refused_on_sqlite(tmp_path: Path) -> None:
    code, _, logged = await ran(tmp_path, "serve", "--role", "api")

    assert code == 2
    assert "one process serves and publishes" in logged


async def test_a_stop_ends_within_the_grace_and_leaves_nothing_claimed(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    ring = KeyRing.load_or_create(tmp_path / "data" / "keys")
    world = await World.found(store, real_clock)
    key = await key_of(world, ring)
    settings = {
        "PILAR_DATABASE_URL": database_url,
        "PILAR_ALLOW_PRIVATE_HOSTS": "127.0.0.1",
        "PILAR_GRACE_SECONDS": str(GRACE_SECONDS),
    }

    async with wire(slow) as answers_late, wire(silent) as never_answers:
        due: dict[str, UUID] = {}
        for handle, receiver in (("late", answers_late), ("never", never_answers)):
            channel = await webhook(world, ring, handle, receiver.url())
            due[handle] = await world.placed_now(await world.post(handle), channel)
            due[f"{handle} next"] = await world.placed_now(
                await world.post(f"{handle} next"), channel
            )
        async with serving(tmp_path, **settings) as service:
            async with half_a_request(service, key) as request:
                await until_connected(answers_late, never_answers)
                began = asyncio.get_running_loop().time()
                stopping = asyncio.create_task(service.stop())
                await asyncio.sleep(1)
                answer = await request.finish()
            ended = await stopping
            took = asyncio.get_running_loop().time() - began

    assert (ended, answer) == (0, b"HTTP/1.1 201 Created")
    assert took < GRACE_SECONDS + SLACK_SECONDS
    states = {name: (await world.row(each)).status for name, each in due.items()}
    assert states == {
        "late": "published",
        "late next": "scheduled",
        "never": "needs_review",
        "never next": "scheduled",
    }
    assert (answers_late.connections, never_answers.connections) == (1, 1)


async def test_a_stop_does_not_wait_when_nothing_is_under_way(tmp_path: Path) -> None:
    async with serving(tmp_path, PILAR_GRACE_SECONDS="60") as service:
        began = asyncio.get_running_loop().time()
        ended = await service.stop()
        took = asyncio.get_running_loop().time() - began

    assert ended == 0
    assert took < 10


@pytest.mark.parametrize("database", ["postgresql"])  # on SQLite one process does both
async def test_the_api_alone_leaves_publishing_to_workers(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    world = await World.found(store, real_clock)
    due = await world.placed_now(await world.post(), await world.channel())

    async with serving(tmp_path, "--role", "api", PILAR_DATABASE_URL=database_url) as service:
        await asyncio.sleep(2)
        alive = await health(service)
        alone = (await world.row(due)).status
        worker = await start(tmp_path, "worker", PILAR_DATABASE_URL=database_url)
        async with asyncio.timeout(20):
            while (both := (await world.row(due)).status) != "published":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        worker.terminate()
        ended = await worker.wait(), await service.stop()

    assert (alive, alone, both, ended) == (200, "scheduled", "published", (0, 0))
