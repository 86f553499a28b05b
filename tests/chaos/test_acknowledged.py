"""What was acknowledged is there after `kill -9`, whole; what was not is there whole or not."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import col, func, select

from store import audit, workspaces
from store.db import Db
from store.tables import AuditEntry, Change, Post, PostVersion, Publication, Transition
from tests.chaos.conftest import SLUG, Besieged, add_channel, now
from tests.conftest import Client

WRITERS = 4
LONGEST_SECONDS = 0.5


@dataclass
class Siege:
    """One life of the service: what it acknowledged until it was killed."""

    besieged: Besieged
    channel: UUID
    kill_after: int | None  # acknowledgements; None is at any moment
    posts: list[str] = field(default_factory=list)
    publications: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> list[str]:
        return [f"/posts/{each}" for each in self.posts] + [
            f"/publications/{each}" for each in self.publications
        ]

    def note(self, ids: list[str], answer: httpx.Response, new: str) -> None:
        assert answer.status_code == 201, answer.text
        ids.append(new)
        if self.kill_after is not None and len(self.acknowledged) >= self.kill_after:
            self._shoot()

    def _shoot(self) -> None:
        self.besieged.service.shoot()  # at once: what follows the answer does not happen

    async def write(self) -> None:
        """Write posts and put them on a channel until nobody answers any more."""
        client = self.besieged.client()
        async with client.http:
            try:
                while True:
                    await self._write_one(client)
            except httpx.TransportError:
                return

    async def _write_one(self, client: Client) -> None:
        body = {"title": "Naskah", "type": "informative", "parts": [{"text": uuid4().hex}]}
        answer = await client("POST", self.besieged.path("/posts"), body)
        post = answer.json()["id"]
        self.note(self.posts, answer, post)
        placing: dict[str, Any] = {
            "post": post,
            "channels": [str(self.channel)],
            "when": {"at": (now() + timedelta(days=1)).isoformat()},
        }
        answer = await client("POST", self.besieged.path("/publications"), placing)
        self.note(self.publications, answer, answer.json()["publications"][0]["id"])

    async def run(self, seconds: float) -> None:
        writers = [asyncio.create_task(self.write()) for _ in range(WRITERS)]
        if self.kill_after is None:
            await asyncio.sleep(seconds)
            self._shoot()
        await asyncio.gather(*writers)
        await self.besieged.service.kill()


async def lost(siege: Siege) -> list[str]:
    """Return what was acknowledged and cannot be read."""
    client = siege.besieged.client()
    async with client.http:
        paths = [siege.besieged.path(each) for each in siege.acknowledged]
        return [path for path in paths if (await client("GET", path)).status_code != 200]


async def halves(db: Db) -> dict[str, Any]:
    """Return what is written in part, by what is missing; empty where all is whole."""
    workspace = await workspaces.by_slug(db, SLUG)
    recorded = select(AuditEntry.row_id).where(AuditEntry.action == "add")
    noted = select(Change.row_id)
    current = (col(PostVersion.post_id) == Post.id) & (PostVersion.number == Post.current)
    begun = col(Transition.publication_id) == Publication.id
    posts_without = select(Post.id).where(~select(PostVersion.id).where(current).exists())
    publications_without = select(Publication.id).where(
        ~select(Transition.id).where(begun).exists()
    )
    found: dict[str, Any] = {
        "version": (await db.exec(posts_without)).all(),
        "transition": (await db.exec(publications_without)).all(),
        "audit": await audit.verify(db, workspace.id) or [],
    }
    for table in (Post, Publication):
        for name, known in (("record", recorded), ("change", noted)):
            missing = select(table.id).where(col(table.id).not_in(known))
            found[f"{name} of {table.__name__}"] = (await db.exec(missing)).all()
    numbers = select(func.count(), func.max(Change.seq)).select_from(Change)
    if tuple((await db.exec(numbers)).one()) != (workspace.change_seq,) * 2:
        found["changes"] = workspace.change_seq
    return {name: each for name, each in found.items() if each}


async def rounds(besieged: Besieged, number: int, seed: int) -> list[tuple[list[str], Any]]:
    """Kill the service again and again; return what was lost and what is half, per round."""
    print(f"seed {seed}")  # pytest shows it where this fails
    dice = random.Random(seed)
    channel = await add_channel(besieged, "feed", "berita")
    await besieged.service.start()
    found = []
    acknowledged = 0
    for each in range(number):
        # By turns right after an acknowledgement, where a promise may be broken, and anywhere.
        siege = Siege(besieged, channel, dice.randint(1, 40) if each % 2 else None)
        await siege.run(dice.random() * LONGEST_SECONDS)
        await besieged.service.start()
        async with besieged.store.reading() as db:
            found.append((await lost(siege), await halves(db)))
        acknowledged += len(siege.acknowledged)
    print(f"{acknowledged} acknowledged in {number} rounds")
    return found


async def test_what_was_acknowledged_survives_a_kill(besieged: Besieged) -> None:
    found = await rounds(besieged, 3, seed=random.randrange(1 << 32))

    assert found == [([], {})] * 3


@pytest.mark.chaos
async def test_what_was_acknowledged_survives_many_kills(besieged: Besieged) -> None:
    found = await rounds(besieged, 200, seed=random.randrange(1 << 32))

    assert found == [([], {})] * 200


@pytest.mark.parametrize("database", ["sqlite"])
async def test_an_answer_before_the_commit_is_caught(besieged: Besieged) -> None:
    besieged.service.module = "tests.chaos.early"

    found = await rounds(besieged, 4, seed=1)

    assert any(lost for lost, _ in found)
