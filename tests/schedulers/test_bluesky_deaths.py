"""Bluesky, and a worker that dies at every point: between commits, and around each request."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schedulers.connectors.bluesky import BlueskyConnector
from schedulers.connectors.bluesky_keys import tid
from store.blobs import FolderBlobs
from tests.chaos.mortal import Grave, Points
from tests.schedulers.pds import Quay, deaths, logged_in, quay
from tests.world import World

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


@pytest.fixture
async def there(world: World, blobs: FolderBlobs, tmp_path: Path) -> AsyncIterator[Quay]:
    async with quay(world, blobs, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("texts", "images"),
    [(("Satu",), 1), pytest.param(("Satu", "Dua"), 0, marks=pytest.mark.chaos)],
)
async def test_each_place_to_die_leads_to_one_post(
    there: Quay, database_url: str, texts: tuple[str, ...], images: int
) -> None:
    await logged_in(there)

    ends = await deaths(there, database_url, *texts, images=images)

    wanted = [f"{each} {point}" for point in range(len(ends)) for each in texts]
    assert ends == ["published"] * len(ends)
    assert sorted(there.pds.texts()) == sorted([*texts, *wanted])


async def test_each_place_to_die_while_a_session_is_opened_leads_to_one_post(
    there: Quay, database_url: str
) -> None:
    grave, passed = Grave(there.world, database_url, there.files), Points()
    await there.entered()
    first = await there.due("Pertama")
    await grave.live(first, passed)
    await grave.inherit(first)

    ends = []
    for point in range(len(passed.passed) + 1):
        await there.entered()
        row = await there.due(f"Naskah {point}")
        await grave.live(row, Points(point))
        await grave.inherit(row)
        ends.append((await there.world.row(row)).status)

    assert ends == ["published"] * len(ends)
    assert sorted(there.pds.texts()) == sorted(
        ["Pertama", *(f"Naskah {point}" for point in range(len(ends)))]
    )


async def test_one_that_makes_a_new_key_for_each_try_is_caught(
    there: Quay, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await logged_in(there)
    published = BlueskyConnector.publish

    async def anew(self: BlueskyConnector, outgoing: Any, now: Any) -> Any:
        key = tid(int(now.timestamp()) * 1_000_000 - secrets.randbelow(10**6), 0)
        return await published(self, replace(outgoing, handle=key), now)

    monkeypatch.setattr(BlueskyConnector, "publish", anew)

    await deaths(there, database_url, "Satu")

    assert len(there.pds.texts()) > len(set(there.pds.texts()))
