"""A full disk: nothing is sent of which no intent is written, and room is all that it takes."""

import asyncio
import random
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, asynccontextmanager
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from app import cli_doctor
from planner.publications import Status
from store.tables import Attempt
from tests.chaos.brim import Disk, Limited, Quiet, small
from tests.chaos.conftest import now
from tests.chaos.sieges import LEASE_SECONDS, Siege, laid
from tests.processes import KEYS
from tests.shore.install import SHORE, installed
from tests.waiting import until

FULL_FOR = timedelta(seconds=2)
"""How long something is due while nothing can be written: some ticks."""


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with installed():
        yield


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
        async with self.siege.besieged.store.reading() as db:
            return len((await db.exec(select(Attempt))).all())

    async def all_is_out(self) -> bool:
        return {end.status for end in await self.siege.ends()} == {Status.PUBLISHED}


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


async def test_where_nothing_can_be_written_nothing_is_sent(brim: Brim) -> None:
    await brim.siege.open(1, well=1.0)
    full = brim.disk
    if isinstance(full, Limited):
        brim.fill()
    await brim.siege.place(1, 1)
    if not isinstance(full, Limited):  # it is full for us, too
        brim.fill()

    await until(brim.waits)
    sent, meant, written = len(brim.siege.shore.posts()), await brim.attempts(), await brim.write()
    waiting = {end.status for end in await brim.siege.ends()}
    brim.free()
    await until(brim.all_is_out, 60)

    assert (sent, meant, waiting) == (0, 0, {Status.SCHEDULED})
    assert written >= httpx.codes.INTERNAL_SERVER_ERROR
    assert await brim.write() == httpx.codes.CREATED
    assert [end.attempts for end in await brim.siege.judge()] == [1] * len(SHORE)
