"""An office whose service is killed, and the test platform, which every process here knows."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from planner.access import SCOPES
from store import channels, keys, people, workspaces
from store.audit import CLI
from store.db import Db, Store
from tests.conftest import RING, Client
from tests.shore.forked import Pilar
from tests.shore.install import installed
from tests.shore.running import Shore
from tests.world import let_be

SLUG = "biro"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Besieged:
    """An office of the approval policy `none`, its service, and a key with every scope."""

    service: Pilar
    store: Store
    secret: str

    def path(self, rest: str = "") -> str:
        return f"/workspaces/{SLUG}{rest}"

    def client(self) -> Client:
        http = httpx.AsyncClient(base_url=self.service.address, timeout=20)
        return Client(http, {"Authorization": f"Bearer {self.secret}"})


async def found(db: Db) -> str:
    """Found an office; return a key's secret."""
    person = await people.add(db, "ayu@biro.example", "Ayu", "id", now())
    fields = {"slug": SLUG, "name": "Biro", "timezone": "Asia/Jakarta", "locale": "id"}
    fields |= {"approval_policy": "none"}
    workspace = await workspaces.add(db, CLI, person.id, fields, now())
    await let_be(db, workspace, now())
    _, secret = await keys.add(
        db,
        RING,
        [workspace],
        CLI,
        name="tests",
        scopes=SCOPES,
        created_by=person.id,
        expires_at=None,
        now=now(),
    )
    return secret


async def add_channel(
    besieged: Besieged, platform: str, handle: str, secret: str = "", **settings: Any
) -> UUID:
    fields = {"platform": platform, "handle": handle, "name": handle, "settings": settings}
    async with besieged.store.transaction() as db:
        workspace = await workspaces.lock(db, SLUG)
        channel = await channels.add(db, workspace, CLI, fields, now())
        if secret:
            secrets = {"secret": secret}
            await channels.set_secrets(db, workspace, CLI, channel, secrets, RING, now())
        return channel.id


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with installed():
        yield


@pytest.fixture
async def shore(tmp_path: Path) -> AsyncIterator[Shore]:
    shore = Shore(tmp_path)
    await shore.start()
    yield shore
    await shore.kill()


@pytest.fixture
async def besieged(store: Store, database_url: str, tmp_path: Path) -> AsyncIterator[Besieged]:
    async with store.transaction() as db:
        secret = await found(db)
    service = Pilar(tmp_path, database_url)
    yield Besieged(service, store, secret)
    await service.kill()
