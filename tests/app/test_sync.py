"""A client that mirrors the calendar by sync tokens has what the server has, always."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import delete

from app import syncing
from app.deps import House
from store import passages
from store.blobs import FolderBlobs
from store.db import Store
from store.settings import StoreSettings
from store.tables import Change
from tests.app.conftest import Office, found_office
from tests.app.writing import add_channel, write_post
from tests.conftest import RING, Clock, app_of

STRETCH = "/calendar?from=2026-03-01&to=2026-03-15"
SLUGS = (f"kantor-{number}" for number in count())
LISTS = ("open_slots", "days", "holidays", "totals")


@dataclass
class Mirror:
    """What a client keeps of a stretch of the calendar."""

    token: str = ""
    publications: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, Any] = field(default_factory=dict)
    forgets: bool = True
    """Whether it drops what it is told to drop; one that does not is a broken client."""

    async def sync(self, office: Office) -> None:
        path = office.path(f"/calendar?sync_token={self.token}" if self.token else STRETCH)
        told = await office.viewer.ok("GET", path)
        assert told["full"] is (self.token == "")
        self.token = told["next_sync_token"]
        self.publications |= {each["id"]: each for each in told["publications"]}
        if self.forgets:
            for gone in told["deleted"]:
                self.publications.pop(gone, None)
        self.lists |= {name: told[name] for name in LISTS if told[name] is not None}

    async def differs(self, office: Office) -> bool:
        whole = await office.viewer.ok("GET", office.path(STRETCH))
        there = {each["id"]: each for each in whole["publications"]}
        return self.publications != there or self.lists != {name: whole[name] for name in LISTS}


@dataclass
class Play:
    """An office whose calendar changes in ways that are drawn."""

    office: Office
    clock: Clock
    channel: Any
    posts: int = 0

    @classmethod
    async def begin(cls, office: Office, clock: Clock) -> "Play":
        return cls(office, clock, await add_channel(office))

    async def place(self, day: int, hour: int) -> None:
        self.posts += 1
        post = await write_post(self.office, f"Isi {self.posts}.")
        when = {"local": f"2026-03-{day:02}T{hour:02}:00"}
        body = {"post": post["id"], "channels": [self.channel["id"]], "when": when}
        await self.office.editor("POST", self.office.path("/publications"), body)

    async def move(self, day: int, hour: int) -> None:
        if row := await self._first():
            when = {"when": {"local": f"2026-03-{day:02}T{hour:02}:00"}}
            path = self.office.path(f"/publications/{row['id']}")
            await self.office.editor("PATCH", path, when, match=row["version"])

    async def remove(self, _day: int, _hour: int) -> None:
        if row := await self._first():
            path = self.office.path(f"/publications/{row['id']}")
            await self.office.editor("DELETE", path, match=row["version"])

    async def retitle(self, day: int, hour: int) -> None:
        if row := await self._first():
            path = self.office.path(f"/posts/{row['post']}")
            post = await self.office.viewer.ok("GET", path)
            body = {"title": f"Judul {day}.{hour}"}
            await self.office.editor.ok("PATCH", path, body, match=post["version"])

    async def blackout(self, day: int, _hour: int) -> None:
        path = self.office.path(f"/days/2026-03-{day:02}")
        found = await self.office.viewer("GET", path)
        if found.status_code == 404:
            await self.office.manager.ok("PUT", path, {"kind": "blackout", "title": "Libur"})
        else:
            version = found.json()["version"]
            await self.office.manager.ok("DELETE", path, match=version)

    async def slots(self, day: int, hour: int) -> None:
        path = self.office.path(f"/channels/{self.channel['id']}/slots")
        version = (await self.office.viewer.ok("GET", path))["version"]
        times = [{"weekday": each, "time": f"{hour:02}:30"} for each in (day % 7, (day + 3) % 7)]
        await self.office.manager.ok("PUT", path, {"slots": times}, match=version)

    async def wait(self, day: int, hour: int) -> None:
        self.clock.forward(hours=day % 3 * 12 + hour)

    async def _first(self) -> Any:
        rows = await self.office.viewer.ok("GET", self.office.path("/publications"))
        return next(iter(rows["items"]), None)


DEEDS = ("place", "move", "remove", "retitle", "blackout", "slots", "wait")
STEPS = st.lists(
    st.tuples(st.sampled_from(DEEDS), st.integers(2, 14), st.integers(0, 23), st.booleans()),
    max_size=12,
)


async def played(url: str, folder: Path, steps: Any) -> bool:
    """Play steps in an office of its own; say whether its mirror ever differed from the server."""
    store, clock = Store(url), Clock()
    house = House(
        store=store,
        ring=RING,
        blobs=FolderBlobs(folder),
        connectors={},
        settings=StoreSettings(data_dir=folder, _env_file=None),  # type: ignore[call-arg]
        base_url="http://pilar.test",
        clock=clock,
    )
    transport = httpx.ASGITransport(app_of(house), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pilar.test") as http:
        office = await found_office(house, http, next(SLUGS))
        play, mirror = await Play.begin(office, clock), Mirror()
        await mirror.sync(office)
        differed = False
        for deed, day, hour, syncs in [*steps, ("wait", 0, 1, True)]:
            await getattr(play, deed)(day, hour)
            if syncs:
                await mirror.sync(office)
                differed = differed or await mirror.differs(office)
    await store.close()
    return differed


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_a_mirror_equals_the_server_after_any_interleaving(
    database_url: str, tmp_path: Path, steps: Any
) -> None:
    assert asyncio.run(played(database_url, tmp_path, steps)) is False


@pytest.fixture
def deaf_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def holds(point: syncing.Point, seq: int, _now: Any) -> bool:
        return point.seq == seq

    monkeypatch.setattr(syncing.Point, "holds", holds)


def test_a_server_that_is_deaf_to_time_is_caught(
    deaf_to_time: None, database_url: str, tmp_path: Path
) -> None:
    steps = [("slots", 3, 9, True), ("wait", 2, 23, True), ("wait", 2, 23, True)]

    assert asyncio.run(played(database_url, tmp_path, steps)) is True


async def test_a_client_that_does_not_forget_is_caught(office: Office, clock: Clock) -> None:
    play, mirror = await Play.begin(office, clock), Mirror(forgets=False)
    await play.place(5, 9)
    await mirror.sync(office)
    same_at_first = not await mirror.differs(office)

    await play.remove(0, 0)
    await mirror.sync(office)

    assert same_at_first
    assert await mirror.differs(office)


async def test_nothing_new_is_said_in_few_words(office: Office) -> None:
    whole = await office.viewer.ok("GET", office.path(STRETCH))

    again = await office.viewer.ok(
        "GET", office.path(f"/calendar?sync_token={whole['next_sync_token']}")
    )

    assert again == {
        "full": False,
        "timezone": "Asia/Jakarta",
        "publications": [],
        "deleted": [],
        "open_slots": None,
        "days": None,
        "holidays": None,
        "totals": None,
        "next_sync_token": whole["next_sync_token"],
    }


async def test_304_is_right_about_writes_and_about_time(office: Office, clock: Clock) -> None:
    play = await Play.begin(office, clock)
    await play.slots(3, 9)
    clock.forward(days=1)
    path = office.path(STRETCH)
    first = await office.viewer("GET", path)
    known = {"If-None-Match": first.headers["etag"]}
    slot = first.json()["open_slots"][0]

    same = await office.viewer("GET", path, headers=known)
    clock.now = datetime.fromisoformat(slot["at"]) - timedelta(seconds=1)
    just_before = await office.viewer("GET", path, headers=known)
    clock.forward(seconds=1)
    passed = await office.viewer("GET", path, headers=known)
    known = {"If-None-Match": passed.headers["etag"]}
    await play.place(10, 11)
    written = await office.viewer("GET", path, headers=known)

    statuses = [each.status_code for each in (same, just_before, passed, written)]
    assert statuses == [304, 304, 200, 200]
    assert slot not in passed.json()["open_slots"]


async def test_a_list_is_answered_with_304_until_something_changes(office: Office) -> None:
    path = office.path("/posts")
    first = await office.viewer("GET", path)
    known = {"If-None-Match": first.headers["etag"]}

    same = await office.viewer("GET", path, headers=known)
    other_language = await office.viewer("GET", path, headers=known | {"Accept-Language": "id"})
    await write_post(office)
    changed = await office.viewer("GET", path, headers=known)

    assert [each.status_code for each in (same, other_language, changed)] == [304, 200, 200]


@pytest.mark.parametrize("token", ["", "x", "e30.x", "WyJhIl0"])
async def test_a_token_that_is_none_of_ours_begins_the_sync_again(
    office: Office, token: str
) -> None:
    answer = await office.viewer("GET", office.path(f"/calendar?sync_token={token}"))

    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/full-sync-required")


async def test_a_foreign_token_and_an_expired_one_begin_the_sync_again(
    office: Office, other_office: Office, store: Store
) -> None:
    whole = await office.viewer.ok("GET", office.path(STRETCH))
    query = f"/calendar?sync_token={whole['next_sync_token']}"
    foreign = await other_office.viewer("GET", other_office.path(query))
    await write_post(office)
    in_time = await office.viewer("GET", office.path(query))
    async with store.transaction() as db:  # as time does
        await db.exec(delete(Change))
    await write_post(office, "Lain.")

    expired = await office.viewer("GET", office.path(query))

    assert [each.status_code for each in (foreign, in_time, expired)] == [410, 200, 410]


async def test_a_token_stands_alone_and_days_come_in_pairs(office: Office) -> None:
    whole = await office.viewer.ok("GET", office.path(STRETCH))
    token = whole["next_sync_token"]

    answers = [
        await office.viewer("GET", office.path(query))
        for query in (
            f"/calendar?sync_token={token}&type=informative",
            "/calendar",
            "/calendar?from=2026-03-01",
            "/calendar?to=2026-03-01",
        )
    ]

    assert [each.json()["errors"][0]["pointer"] for each in answers] == [
        "/query/sync_token",
        "/query/from",
        "/query/to",
        "/query/from",
    ]


async def test_the_clock_notes_slots_and_midnights_that_pass(
    office: Office, clock: Clock, store: Store
) -> None:
    play = await Play.begin(office, clock)
    await play.slots(3, 9)  # from tomorrow, Tuesday 3 March: Wednesdays and Saturdays at 09:30
    noted = await passages.note(store, clock.now)

    passed = []
    for _ in range(4):
        assert noted is not None
        passed.append(noted.isoformat())
        seq = (await office.viewer.ok("GET", office.path(STRETCH)))["next_sync_token"]
        clock.now = noted
        noted = await passages.note(store, clock.now)
        after = (await office.viewer.ok("GET", office.path(STRETCH)))["next_sync_token"]
        assert after != seq

    assert passed == [
        "2026-03-02T17:00:00+00:00",
        "2026-03-03T17:00:00+00:00",
        "2026-03-04T17:00:00+00:00",
        "2026-03-05T02:30:00+00:00",
    ]
