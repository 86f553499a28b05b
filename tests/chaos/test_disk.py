"""A full disk: nothing is sent of which no intent is written, and room is all that it takes."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from app.cli_doctor import Verdict, examine
from planner.publications import Status
from schedulers.publishing import publish
from store import claims
from store.blobs import FolderBlobs
from store.claimed import Claim, Intent, of_rows
from store.db import DatabaseUnavailable, Db, Store
from store.tables import Attempt, Channel, Publication, Workspace
from tests.chaos.brim import Disk, Limited, Quiet, Small, small
from tests.chaos.conftest import now
from tests.chaos.sieges import Siege, laid
from tests.conftest import Clock
from tests.processes import KEYS
from tests.shore.install import SHORE
from tests.waiting import until
from tests.world import Scripted, World

PATIENCE_SECONDS = 60
ANSWER_SECONDS = 1.5
"""How long the platform takes to answer; a call ends after two seconds."""
FULL_FOR = timedelta(seconds=2)
"""How long something is due while nothing can be written: some ticks."""


@pytest.fixture(params=["limited", pytest.param("small", marks=pytest.mark.chaos)])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with ExitStack() as stack:
        if request.param == "limited":
            yield Limited(tmp_path)
            return
        mounted = stack.enter_context(small(tmp_path / "small"))
        if mounted is None:
            pytest.skip("nothing may be mounted here")
        yield mounted


@dataclass
class Brim:
    """An office whose database is on a disk that gets full, and its service."""

    siege: Siege
    disk: Disk
    service: Quiet

    def fill(self) -> None:
        self.disk.fill(self.service)

    def free(self) -> None:
        self.disk.free(self.service)

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.siege.besieged.secret}"}
        address = f"http://127.0.0.1:{self.service.port}"
        async with httpx.AsyncClient(base_url=address, timeout=20) as http:
            return await http.request(method, path, json=body, headers=headers)

    async def write(self) -> int:
        """Try to write a post; return the status."""
        words = {"title": "Naskah", "type": "informative", "parts": [{"text": "Isi."}]}
        path = f"/api/v1{self.siege.besieged.path('/posts')}"
        return (await self.ask("POST", path, words)).status_code

    async def waits(self) -> bool:
        """Say whether the service tells that something was due for some ticks."""
        told = (await self.ask("GET", "/readyz")).json()["oldest_due_at"]
        return told is not None and now() - datetime.fromisoformat(told) > FULL_FOR

    async def attempts(self) -> int:
        return await attempts(self.siege.besieged.store)

    async def doctor(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Verdict]:
        """Return what `pilar doctor` says of each thing."""
        for name, value in (self.service.settings | {"PILAR_SECRET_KEYS": KEYS}).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PILAR_DATABASE_URL", self.service.url)
        return {each.name: each.verdict for each in await examine(now())}

    async def all_is_out(self) -> bool:
        return {end.status for end in await self.siege.ends()} == {Status.PUBLISHED}


async def attempts(store: Store) -> int:
    """Return how many intents were ever written."""
    async with store.reading() as db:
        return len((await db.exec(select(Attempt))).all())


@pytest.fixture
async def brim(disk: Disk, migrated_file: Path, tmp_path: Path) -> AsyncIterator[Brim]:
    shutil.copy(migrated_file, disk.folder / "pilar.db")
    async with laid(f"sqlite+aiosqlite:///{disk.folder}/pilar.db", tmp_path) as siege:
        siege.dice = random.Random(1)  # which makes no thread of it
        settings = siege.settings | {"PILAR_DATA_DIR": str(disk.folder / "data")}
        service = Quiet(tmp_path, siege.besieged.service.url, ("serve",), settings)
        await service.start()
        yield Brim(siege, disk, service)
        await service.kill()


async def test_where_nothing_can_be_written_nothing_is_sent(
    brim: Brim, monkeypatch: pytest.MonkeyPatch
) -> None:
    siege, is_ours = brim.siege, isinstance(brim.disk, Small)
    await siege.open(1, well=1.0)
    if not is_ours:
        brim.fill()
    await siege.place(1, 1)
    if is_ours:  # it is full for whoever places posts, too
        brim.fill()

    await until(brim.waits)
    sent, meant, written = len(siege.shore.posts()), await brim.attempts(), await brim.write()
    waiting = {end.status for end in await siege.ends()}
    said = await brim.doctor(monkeypatch)
    brim.free()
    await until(brim.all_is_out, PATIENCE_SECONDS)

    assert (sent, meant, waiting) == (0, 0, {Status.SCHEDULED})
    assert written == httpx.codes.SERVICE_UNAVAILABLE
    assert (said["disk"] == Verdict.WRONG) is is_ours
    assert await brim.write() == httpx.codes.CREATED
    assert [end.attempts for end in await siege.judge()] == [1] * len(SHORE)


@pytest.mark.chaos
async def test_where_an_answer_cannot_be_written_nothing_is_sent_again(brim: Brim) -> None:
    siege = brim.siege
    await siege.open(1, ["search", "blind"], well=1.0)
    seconds = {"delay": ANSWER_SECONDS}
    await siege.shore.tell(place="*", on="publish", chances={"delay": 1.0}, seconds=seconds)
    await siege.place(1, 0)

    await until(lambda: len(siege.shore.posts()) == len(siege.placed))
    brim.fill()
    await asyncio.sleep(2 * ANSWER_SECONDS)
    before = {end.status for end in await siege.ends()}
    brim.free()
    await siege.settle_down()

    assert before == {Status.SUBMITTING}
    assert {end.placed.kind: (end.status, end.live) for end in await siege.judge()} == {
        "search": ("published", (1,)),
        "blind": ("published", (1,)),  # it waited with the answer in its hands
    }


class Full(Store):
    """A store that cannot write."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Db]:
        async with super().transaction() as db:
            yield db
            raise OperationalError("COMMIT", None, Exception("database or disk is full"))


async def never_written(store: Store, publication_id: UUID, *_: Any) -> Claim:
    """Claim a publication, and tell nobody."""
    async with store.reading() as db:
        row = await db.get(Publication, publication_id)
        assert row is not None
        channel = await db.get(Channel, row.channel_id)
        workspace = await db.get(Workspace, row.workspace_id)
        assert channel is not None
        assert workspace is not None
        return await of_rows(db, (workspace, channel, row))


async def never_meant(_store: Store, claim: Claim, *_: Any, **__: Any) -> Intent:
    """Go on without an intent."""
    return Intent(claim, 1, again=False)


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("careful", [True, False])
async def test_an_engine_that_writes_no_intent_is_caught(
    store: Store,
    clock: Clock,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    careful: bool,
) -> None:
    world, there, full = await World.found(store, clock), Scripted(), Full(database_url)
    row = await world.due(await world.channel())
    publisher = world.publisher({"feed": there}, FolderBlobs(tmp_path / "media"))
    if not careful:
        monkeypatch.setattr(claims, "claim", never_written)
        monkeypatch.setattr(claims, "intend", never_meant)

    with pytest.raises((DatabaseUnavailable, TimeoutError)):  # it tries to write what came of it
        await asyncio.wait_for(publish(replace(publisher, store=full), row), timeout=1)
    await full.close()

    assert (len(there.sent), await attempts(store)) == (0 if careful else 1, 0)
