"""Every commit and every request is a place to die; what is found afterwards is the crash table's.

Design note "publishing", section 4: live posts before and after recovery, by class.
"""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from planner.publications import Status
from schedulers import sweeping
from schedulers.settling import Standing
from store.blobs import FolderBlobs
from store.claimed import Settlement
from store.db import Store
from tests.chaos.mortal import Grave, Points
from tests.conftest import Clock
from tests.shore.running import Shore
from tests.world import World

KINDS = ("idem", "handle", "search", "blind")
Cell = tuple[str, int]
"""How a publication ended, and how many posts are live."""


@pytest.fixture
async def grave(store: Store, clock: Clock, database_url: str, tmp_path: Path) -> Grave:
    world = await World.found(store, clock)
    return Grave(world, database_url, FolderBlobs(tmp_path / "media"))


class Coast:
    """A channel of one class, and posts that are due on it one after the other."""

    def __init__(self, grave: Grave, shore: Shore, kind: str, parts: int) -> None:
        self.grave, self.shore, self.kind, self.parts = grave, shore, kind, parts
        self.count = 0

    async def dig(self) -> None:
        settings = {"url": self.shore.address, "account": "berita"}
        self.channel = await self.grave.world.channel(
            "berita", f"shore_{self.kind}", settings=settings
        )

    async def due(self) -> tuple[UUID, list[str]]:
        """Return a publication whose time has come, and what its parts say."""
        self.count += 1
        texts = [f"{self.kind} {self.count}.{part}" for part in range(self.parts)]
        world = self.grave.world
        words: dict[str, Any] = {
            "parts": [{"text": text, "media": []} for text in texts],
            "format": "thread" if self.parts > 1 else "post",
        }
        row = await world.placed(await world.post(**words), self.channel)
        world.clock.forward(minutes=1)
        return row, texts

    async def die(self, point: int) -> Cell:
        """Die at a point, let another worker finish, and return the cell."""
        row, texts = await self.due()
        await self.grave.live(row, Points(point))
        await self.grave.inherit(row)
        said = [post.text for post in self.shore.posts()]
        counts = [said.count(text) for text in texts]
        assert max(counts) <= 1, f"doubled at {point}: {counts}"
        return (await self.grave.world.row(row)).status, sum(counts)

    async def points(self) -> list[str]:
        """Return the points that a worker passes that lives."""
        points = Points()
        row, _ = await self.due()
        await self.grave.live(row, points)
        assert (await self.grave.world.row(row)).status == "published"
        return points.passed


def table(kind: str, points: list[str], parts: int) -> list[Cell]:
    """Return the crash table's cell for each point.

    Only what is AMBIGUOUS may end otherwise than published: with a person, if it died after an
    intent was committed and before its end was.
    """
    whole = ("published", parts)
    if kind != "blind":
        return [whole] * len(points)
    cells: list[Cell] = []
    commits = live = 0
    for point in points:
        # Commits are the claim's, then two for each part: its intent and its end.
        commits += point == "after commit"
        live += point.startswith("after POST")
        cells.append(("needs_review", live) if commits % 2 == 0 and commits else whole)
    return cells


@pytest.mark.parametrize(
    ("database", "parts"),
    [
        ("sqlite", 1),
        ("sqlite", 2),
        ("postgresql", 1),
        pytest.param("sqlite", 4, marks=pytest.mark.chaos),
        pytest.param("postgresql", 4, marks=pytest.mark.chaos),
    ],
    indirect=["database"],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_each_place_to_die_leads_to_its_cell_of_the_table(
    grave: Grave, shore: Shore, kind: str, parts: int
) -> None:
    coast = Coast(grave, shore, kind, parts)
    await coast.dig()
    points = await coast.points()

    cells = [await coast.die(number) for number in range(len(points))]

    assert dict(enumerate(zip(points, cells, strict=True))) == dict(
        enumerate(zip(points, table(kind, points, parts), strict=True))
    )


def naive(standing: Standing, crashes: int, now: datetime) -> Settlement:
    """Send again whatever a dead worker had claimed, as most queues do."""
    return Settlement(Status.SCHEDULED, "worker_crash", {}, {"crashes": crashes})


@pytest.mark.parametrize("kind", ["handle", "search", "blind"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_queue_that_sends_again_is_caught(
    grave: Grave, shore: Shore, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    coast = Coast(grave, shore, kind, 1)
    await coast.dig()
    points = await coast.points()
    sent = max(number for number, point in enumerate(points) if point.startswith("after P"))
    monkeypatch.setattr(sweeping, "after_crash", naive)

    if kind == "handle":  # a container publishes once, whoever asks: the platform keeps it safe
        assert await coast.die(sent) == ("published", 1)
    else:
        with pytest.raises(AssertionError, match="doubled"):
            await coast.die(sent)


def test_the_table_is_read_right() -> None:
    points = ["before commit", "after commit"] * 2
    points += ["before POST posts", "after POST posts", "before commit", "after commit"]

    assert table("blind", points, 1) == [
        ("published", 1),
        ("published", 1),
        ("published", 1),
        ("needs_review", 0),
        ("needs_review", 0),
        ("needs_review", 1),
        ("needs_review", 1),
        ("published", 1),
    ]
    assert table("search", points, 1) == [("published", 1)] * 8
