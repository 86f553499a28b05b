"""A request that is sent again after `kill -9`, with its key, has had its effect once."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.chaos.conftest import Besieged
from tests.conftest import Client
from tests.processes import START_SECONDS

WRITERS = 4
LONGEST_SECONDS = 0.3


@dataclass
class Siege:
    """One life of the service: what was sent until it was killed, by key, and what was answered."""

    besieged: Besieged
    answered: dict[str, str | None] = field(default_factory=dict)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    keyed: bool = True
    """Whether requests carry their keys; without them a repeat has its effect again."""

    async def send(self, client: Client, key: str) -> str:
        headers = {"Idempotency-Key": key} if self.keyed else {}
        body = {"title": key, "type": "informative", "parts": [{"text": "Isi."}]}
        answer = await client("POST", self.besieged.path("/posts"), body, headers=headers)
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made

    async def write(self) -> None:
        client = self.besieged.client()
        async with client.http:
            try:
                while True:
                    key = uuid4().hex
                    self.answered[key] = None
                    self.answered[key] = await self.send(client, key)
                    self.begun.set()
            except httpx.TransportError:
                return

    async def run(self, seconds: float) -> None:
        writers = [asyncio.create_task(self.write()) for _ in range(WRITERS)]
        async with asyncio.timeout(START_SECONDS):  # a busy machine takes its time to begin
            await self.begun.wait()
        await asyncio.sleep(seconds)
        await self.besieged.service.kill()
        await asyncio.gather(*writers)

    async def wrong(self) -> list[tuple[str, Any]]:
        """Send everything again; return what was answered otherwise, lost, or done twice."""
        client = self.besieged.client()
        async with client.http:
            again = {key: await self.send(client, key) for key in self.answered}
            there = await titles(self.besieged, client)
        found: list[tuple[str, Any]] = [
            ("answered otherwise", key)
            for key, made in self.answered.items()
            if made not in {None, again[key]}
        ]
        found += [("not once", key) for key in self.answered if there.count(key) != 1]
        return found


async def titles(besieged: Besieged, client: Client) -> list[str]:
    """Return the title of every post, page by page."""
    found: list[str] = []
    path: str | None = besieged.path("/posts?limit=200")
    while path is not None:
        page = await client.ok("GET", path)
        found += [each["title"] for each in page["items"]]
        after = page["next"]
        path = besieged.path(f"/posts?limit=200&after={after}") if after else None
    return found


async def rounds(besieged: Besieged, number: int, *, keyed: bool = True) -> list[tuple[str, Any]]:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # pytest shows it where this fails
    dice = random.Random(seed)
    await besieged.service.start()
    found: list[tuple[str, Any]] = []
    for _ in range(number):
        siege = Siege(besieged, keyed=keyed)
        await siege.run(0.05 + dice.random() * LONGEST_SECONDS)
        await besieged.service.start()
        found += await siege.wrong()
    return found


async def test_a_repeat_after_a_kill_gets_the_one_thing_that_was_made(besieged: Besieged) -> None:
    assert await rounds(besieged, 3) == []


@pytest.mark.chaos
async def test_a_repeat_after_many_kills_gets_the_one_thing(besieged: Besieged) -> None:
    assert await rounds(besieged, 200) == []


@pytest.mark.parametrize("database", ["sqlite"])
async def test_repeats_without_keys_are_caught(besieged: Besieged) -> None:
    assert await rounds(besieged, 1, keyed=False) != []
