"""A worker for Telegram that dies at every commit and every request: never two posts."""

from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

from planner.platforms import PLATFORMS, TELEGRAM, Idempotency
from store.blobs import FolderBlobs
from tests.chaos.mortal import Grave, Points
from tests.schedulers.newsroom import PHOTO, Newsroom, newsroom
from tests.world import World

pytestmark = pytest.mark.parametrize("database", ["sqlite"])
NUMBERS = count()


@pytest.fixture
async def there(world: World, blobs: FolderBlobs, tmp_path: Path) -> AsyncIterator[Newsroom]:
    async with newsroom(world, blobs, tmp_path / "files") as opened:
        yield opened


async def a_text(there: Newsroom) -> UUID:
    return await there.due((f"Satu {next(NUMBERS)}", ()))


async def an_album(there: Newsroom) -> UUID:
    number = next(NUMBERS)
    files = [await there.file(PHOTO, f"{number} {each}".encode()) for each in "ab"]
    return await there.due((f"Album {number}", files), form="carousel")


async def a_thread(there: Newsroom) -> UUID:
    number = next(NUMBERS)
    return await there.due(*((f"{number}, {each}", ()) for each in "abc"), form="thread")


def in_doubt(passed: list[str]) -> list[bool]:
    """Say for each point whether a worker that dies there may have sent what nobody knows of.

    That is from the commit of the intent, just before a request, to the commit of its outcome.
    """
    doubt, found = False, []
    for place, name in enumerate(passed):
        if passed[place + 1 : place + 2] == ["before POST "]:
            doubt = True
        elif name == "after commit":
            doubt = False
        found.append(doubt)
    return found


@pytest.mark.parametrize(
    ("make", "requests"),
    [(a_text, 1), (an_album, 1), pytest.param(a_thread, 3, marks=pytest.mark.chaos)],
)
async def test_each_place_to_die_leads_to_one_post_or_to_a_person(
    there: Newsroom, database_url: str, make: object, requests: int
) -> None:
    assert callable(make)
    grave, passed = Grave(there.world, database_url, there.blobs), Points()
    await grave.live(await make(there), passed)
    whole = len(there.texts())

    ends, posts = [], []
    for point in range(len(passed.passed)):
        row, before = await make(there), len(there.texts())
        await grave.live(row, Points(point))
        await grave.inherit(row)
        ends.append((await there.world.row(row)).status)
        posts.append(len(there.texts()) - before)

    doubts = in_doubt(passed.passed)
    assert passed.passed.count("before POST ") == requests
    assert doubts.count(True) == 4 * requests
    assert ends == ["needs_review" if doubt else "published" for doubt in doubts]
    assert all(sent == whole for sent, end in zip(posts, ends, strict=True) if end == "published")
    assert max(posts) == whole
    told = [each.text for each in there.bot.messages if each.text]
    assert len(told) == len(set(told))


async def test_one_that_tries_again_what_may_be_live_is_caught(
    there: Newsroom, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grave, passed = Grave(there.world, database_url, there.blobs), Points()
    await grave.live(await a_text(there), passed)
    monkeypatch.setitem(
        PLATFORMS, "telegram", replace(TELEGRAM, idempotency=Idempotency.IDEMPOTENT)
    )

    row = await a_text(there)
    await grave.live(row, Points(passed.passed.index("after POST ")))
    await grave.inherit(row)

    told = there.texts()
    assert (len(told), len(set(told))) == (3, 2)
