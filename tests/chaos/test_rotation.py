"""Keys are rotated while credentials change, beside a server, and by processes that are killed."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from uuid import UUID

import pytest
from sqlmodel import select, update

from schedulers.clock import read_clock
from store import channels, instance, rotation, tokens, workers, workspaces
from store.audit import CLI
from store.db import Store
from store.instance import WrongKeys
from store.liveness import Alone
from store.tables import Channel
from store.vault import KeyRing
from tests.backing import hush
from tests.conftest import Clock
from tests.processes import KEYS
from tests.sealing import (
    BOTH,
    BOTH_KEYS,
    NEW,
    NEW_KEYS,
    Known,
    Safe,
    furnished,
    keys_in_use,
    opened,
)
from tests.shore import forked
from tests.shore.forked import Pilar
from tests.waiting import until
from tests.world import World

TWENTY = 20
OLD_FIRST = KeyRing.parse(f"{KEYS},{NEW_KEYS}")
"""The ring of a process that knows the new key and does not seal with it yet."""

SOON = timedelta(minutes=1)
FEW, MANY = 60, 400
"""Channels whose secrets are sealed anew: three transactions, or twenty."""


@dataclass
class Storm:
    """Tasks that change the credentials of a channel each, and look whether they are still there.

    Half of them seal with the old key; all change them as people do and as a refresh does.
    """

    safe: Safe
    blowing: bool = True
    changes: Counter[UUID] = field(default_factory=Counter)
    lost: list[UUID] = field(default_factory=list)

    @property
    def rows(self) -> list[UUID]:
        return self.safe.rows[:TWENTY]

    async def blow(self, row: UUID, ring: KeyRing) -> None:
        """Change a channel's credentials until the storm is over."""
        while self.blowing:
            number = self.changes[row] + 1
            plain = {"access": f"akses {row} {number}", "refresh": f"segar {number}"}
            await (self.enter if number % 2 else self.refresh)(row, plain, ring)
            self.safe.known[row] = plain
            self.changes[row] = number
            await asyncio.sleep(0)
        async with self.safe.world.store.reading() as db:
            channel = await db.get(Channel, row)
            assert channel is not None
            self.look(channel)

    def look(self, channel: Channel) -> None:
        """Note a channel that does not have what it was given last."""
        if channels.open_secrets(channel, BOTH) != self.safe.known[channel.id]:
            self.lost.append(channel.id)

    async def enter(self, row: UUID, plain: dict[str, str], ring: KeyRing) -> None:
        world, now = self.safe.world, self.safe.world.clock()
        async with world.store.transaction() as db:
            workspace = await workspaces.lock(db, world.slug)
            channel = await channels.of(db, workspace.id, row)
            self.look(channel)
            expires = now + SOON
            await channels.set_secrets(
                db, workspace, CLI, channel, plain, ring, now, expires_at=expires
            )

    async def refresh(self, row: UUID, plain: dict[str, str], ring: KeyRing) -> None:
        world, now = self.safe.world, self.safe.world.clock()
        workspace = await world.workspace()
        at = (world.store, workspace.id, row, Alone("w1"), now + 2 * SOON, now)
        turn = await tokens.take_turn(*at, mine_is_over=False)
        assert turn.mine
        self.look(turn.channel)
        await tokens.store_new(world.store, ring, turn, plain, None, now)

    async def all_changed(self) -> None:
        """Wait until every channel has other credentials than now."""
        before = Counter(self.changes)
        await until(lambda: all(self.changes[row] > before[row] for row in self.rows))


Rotate = Callable[[Storm, Store], Awaitable[None]]


async def with_care(_storm: Storm, store: Store) -> None:
    await rotation.rotate(store, BOTH, read_clock(), hush, batch=3)


async def carelessly(storm: Storm, store: Store) -> None:
    """Write under the lock what was read before: the canary."""
    async with store.reading() as db:
        rows = (await db.exec(select(Channel))).all()
    await storm.all_changed()
    for row in rows:
        _, anew = rotation._looked_at(BOTH, row)
        async with store.transaction() as db:
            await workspaces.lock_by_id(db, row.workspace_id)
            at = update(Channel).where(Channel.id == row.id)  # type: ignore[arg-type]
            await db.exec(at.values(secrets=row.secrets | anew))


async def weathered(world: World, url: str, rotate: Rotate, rounds: int) -> Storm:
    """Rotate so many times while twenty tasks change credentials; return what came of it."""
    storm, beside = Storm(await furnished(world, TWENTY)), Store(url)
    try:
        async with asyncio.TaskGroup() as tasks:
            for number, row in enumerate(storm.rows):
                tasks.create_task(storm.blow(row, OLD_FIRST if number % 2 else BOTH))
            for _ in range(rounds):
                await storm.all_changed()
                await rotate(storm, beside)
            storm.blowing = False
    finally:
        await beside.close()
    return storm


@pytest.mark.parametrize("rounds", [2, pytest.param(60, marks=pytest.mark.chaos)])
async def test_nothing_is_lost_while_twenty_tasks_change_credentials(
    store: Store, database_url: str, clock: Clock, rounds: int
) -> None:
    world = await World.found(store, clock)

    storm = await weathered(world, database_url, with_care, rounds)
    done = await rotation.rotate(store, BOTH, clock(), hush)

    assert storm.lost == []
    assert min(storm.changes[row] for row in storm.rows) >= rounds
    assert (done.settled, done.closed) == (True, [])
    assert await opened(store, NEW) == storm.safe.known


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_rotation_that_does_not_look_again_under_the_lock_is_caught(
    store: Store, database_url: str, clock: Clock
) -> None:
    world = await World.found(store, clock)

    # What it undoes between a refresh and its answer nobody misses: so more than one try.
    storm = await weathered(world, database_url, carelessly, 4)

    assert storm.lost != []


@dataclass
class Rotating:
    """`pilar rotate-keys` in a process of its own."""

    folder: Path
    url: str
    keys: str = BOTH_KEYS
    process: ForkServerProcess | None = None
    said: int = 0

    @property
    def log(self) -> Path:
        return self.folder / "rotate.log"

    async def start(self) -> None:
        settings = {
            "PILAR_DATABASE_URL": self.url,
            "PILAR_DATA_DIR": str(self.folder / "data"),
            "PILAR_SECRET_KEYS": self.keys,
        }
        self.said = self.log.stat().st_size if self.log.exists() else 0
        self.process = forked._CONTEXT.Process(
            target=forked.run,
            args=(["rotate-keys", "--json"], self.log, settings),
            kwargs={"naive": False, "module": "app.cli"},
            daemon=True,
        )
        await asyncio.to_thread(self.process.start)

    async def ended(self, *, kill: bool = False) -> int | None:
        """Wait for its end, or bring it about; return its exit code."""
        assert self.process is not None
        if kill:
            self.process.kill()
        await asyncio.to_thread(self.process.join, 60)
        code = self.process.exitcode
        self.process.close()
        return code

    def text(self) -> str:
        """Return what the last one said."""
        return self.log.read_bytes()[self.said :].decode()


async def sealed_anew(store: Store) -> int:
    return (await keys_in_use(store))["k2"]


async def killed_over_and_over(store: Store, rotating: Rotating, known: Known) -> int:
    """Kill a rotation as soon as it has done something, until one is done; return how many."""
    for deaths in range(1000):
        before = await sealed_anew(store)
        await rotating.start()
        process = rotating.process
        assert process is not None
        while process.is_alive() and await sealed_anew(store) == before:
            pass
        code = await rotating.ended(kill=True)
        if code == 0:
            return deaths
        assert code == -9, rotating.text()
        assert await opened(store, BOTH) == known
        if (await keys_in_use(store))["k1"] > 1:
            with pytest.raises(WrongKeys):
                await instance.check_keys(store, NEW, read_clock())
    raise AssertionError(rotating.text())


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.chaos)])
async def test_a_rotation_that_is_killed_over_and_over_ends_complete(
    store: Store, database_url: str, clock: Clock, tmp_path: Path, count: int
) -> None:
    safe = await furnished(await World.found(store, clock), count)
    rotating = Rotating(tmp_path, database_url)

    deaths = await killed_over_and_over(store, rotating, safe.known)

    answer = json.loads(rotating.text())
    assert deaths >= 1
    assert (answer["settled"], answer["does_not_open"], answer["over"]) == (True, [], True)
    assert await keys_in_use(store) == {"k2": 2 * count + 2}
    assert await opened(store, NEW) == safe.known


async def test_beside_a_server_it_waits_until_that_knows_the_new_key(
    store: Store, database_url: str, clock: Clock, tmp_path: Path
) -> None:
    safe = await furnished(await World.found(store, clock), 3)
    served, rotating = Pilar(tmp_path, database_url), Rotating(tmp_path, database_url)
    codes = []
    try:
        for keys in (KEYS, BOTH_KEYS):
            served.settings["PILAR_SECRET_KEYS"] = keys
            await served.start()
            await until(lambda: is_seen(store))
            await rotating.start()
            codes.append((await rotating.ended(), await sealed_anew(store), rotating.text()[:40]))
            await served.stop()
    finally:
        await served.kill()

    assert codes[0] == (1, 0, "pilar: A process does not know the new k")
    assert (codes[1][0], codes[1][1]) == (0, 8), codes[1][2]
    assert await opened(store, NEW) == safe.known


async def is_seen(store: Store) -> bool:
    async with store.reading() as db:
        return bool(await workers.alive(db, read_clock()))
