"""Photos on TikTok: it fetches them by links of ours, which are what can be asked afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.deps import House
from app.main import create_app
from app.sandbox.tiktok import pulls, statuses
from app.sandbox.tiktok.wire import Wire, wire_of
from schedulers.connector import Absent
from schedulers.connectors import connectors, tiktok_photos
from schedulers.outbound import Outbound
from schedulers.publishing import publish
from store.blobs import FolderBlobs
from store.holds import release_all
from store.instance import check_keys
from store.restoring import begin_epoch
from tests.chaos.mortal import DECIDED, LOOPBACK, Grave, Points
from tests.conftest import RING
from tests.schedulers.stages import ME, PRIVACY, Stage, stage
from tests.schedulers.wires import served
from tests.world import World

pytestmark = pytest.mark.parametrize("database", ["sqlite"])
ONLY_ME = {"privacy_level": PRIVACY}


@pytest.fixture
async def there(
    world: World, house: House, blobs: FolderBlobs, tmp_path: Path
) -> AsyncIterator[Stage]:
    """The platform, and a Pilar from which it may fetch."""
    async with (
        served(create_app(house)) as home,
        stage(replace(world, base_url=home), blobs, tmp_path / "photos") as opened,
    ):
        opened.order(developer={"allow_loopback": True, "url_prefixes": [f"{home}/pull/"]})
        yield opened


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    outbound = Outbound(LOOPBACK)
    yield wire_of(outbound)
    await outbound.aclose()


@asynccontextmanager
async def pulling(there: Stage, wire: Wire) -> AsyncIterator[None]:
    """Let the platform fetch whatever it was asked to."""

    over = asyncio.Event()

    async def work() -> None:
        while not over.is_set():
            await pulls.pull_due(there.tiktok, wire.fetch)
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work())
        yield
        over.set()


async def photos(there: Stage, count: int = 2, **options: Any) -> UUID:
    """Return a publication of so many photos whose time has come."""
    shown = [await there.photo() for _ in range(count)]
    return await there.placed(shown, ONLY_ME | options, "carousel")


async def ended(there: Stage, wire: Wire, row: UUID, rounds: int = 12) -> Any:
    outbound = Outbound(LOOPBACK)
    publisher = there.world.publisher(connectors(outbound), there.blobs)
    for _ in range(rounds):
        await publish(publisher, row)
        await pulls.pull_due(there.tiktok, wire.fetch)
        if (await there.world.row(row)).status in DECIDED:
            break
        there.world.clock.forward(seconds=70)
    await outbound.aclose()
    return await there.world.row(row)


async def test_photos_are_posted_with_what_the_person_chose(there: Stage, wire: Wire) -> None:
    row = await photos(there, 3, photo_title="Tiga naskah", auto_add_music=True, ai_generated=True)

    found = await ended(there, wire, row)

    posted = there.posted()
    assert (found.status, found.reason) == ("published", None)
    assert [len(each.files) for each in posted] == [3]
    assert posted[0].info == {
        "title": "Tiga naskah",
        "description": "Naskah kuno #warisan",
        "privacy_level": PRIVACY,
        "disable_comment": True,
        "auto_add_music": True,
        "brand_content_toggle": False,
        "brand_organic_toggle": False,
        "photo_cover_index": 0,
        "is_aigc": True,
    }
    assert there.tiktok.refusals == []


async def test_public_photos_have_their_link(there: Stage, wire: Wire) -> None:
    there.order(developer={"audited": True}, accounts={ME: {"private": False}})

    found = await ended(there, wire, await photos(there, privacy_level="PUBLIC_TO_EVERYONE"))

    assert found.permalink == f"https://www.tiktok.com/@{ME}/photo/{found.remote_id}"


async def test_to_the_inbox_photos_go_with_their_words(
    world: World, house: House, blobs: FolderBlobs, tmp_path: Path, wire: Wire
) -> None:
    async with (
        served(create_app(house)) as home,
        stage(replace(world, base_url=home), blobs, tmp_path / "photos", "inbox") as there,
    ):
        there.order(developer={"allow_loopback": True, "url_prefixes": [f"{home}/pull/"]})
        row = await photos(there, photo_title="Dua naskah")

        found = await ended(there, wire, row)

        info = there.tiktok.publications[found.handle].info
        assert found.status == "handed_over"
        assert (info["title"], info["description"]) == ("Dua naskah", "Naskah kuno #warisan")
        assert "privacy_level" not in info


async def alive(there: Stage, wire: Wire, grave: Grave, passed: Points) -> None:
    """Let a worker that does not die publish, and note the points that it passes."""
    row = await photos(there)
    async with pulling(there, wire):
        await grave.live(row, passed)
        await grave.inherit(row)


@pytest.mark.parametrize("at_once", [True, pytest.param(False, marks=pytest.mark.chaos)])
async def test_each_place_to_die_leads_to_one_post_at_most(
    there: Stage, wire: Wire, database_url: str, *, at_once: bool
) -> None:
    grave, passed = Grave(there.world, database_url, there.blobs), Points()
    await alive(there, wire, grave, passed)

    ends = {}
    for point, name in enumerate(passed.passed):
        row, before = await photos(there), len(there.posted())
        await grave.live(row, Points(point))
        if at_once:  # the platform fetches before anybody looks for what was left, or after that
            await pulls.pull_due(there.tiktok, wire.fetch)
        else:
            await grave.inherit(row)
        async with pulling(there, wire):
            await grave.inherit(row)
        there.world.clock.forward(minutes=5)
        statuses.settle(there.tiktok)
        found = await there.world.row(row)
        ends[point, name] = (found.status, len(there.posted()) - before)

    # Where TikTok's answer was not written, and it has fetched, only a person can tell.
    asked = max(at for at, name in enumerate(passed.passed) if name == "after POST publish")
    unheard = {asked, asked + 1} if at_once else set()
    assert {at for at, name in ends if ends[at, name][0] == "needs_review"} == unheard
    assert {count for _, count in ends.values()} == {1}
    assert {status for status, _ in ends.values()} <= {"published", "needs_review"}


async def test_one_that_takes_an_attempt_back_whose_photos_were_fetched_is_caught(
    there: Stage, wire: Wire, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def absent(*_: Any) -> Absent:
        return Absent()

    grave, passed = Grave(there.world, database_url, there.blobs), Points()
    await alive(there, wire, grave, passed)
    told = max(at for at, name in enumerate(passed.passed) if name == "after POST publish")
    monkeypatch.setattr(tiktok_photos, "recalled", absent)

    row, before = await photos(there), len(there.posted())
    await grave.live(row, Points(told))
    async with pulling(there, wire):
        await grave.inherit(row)
    statuses.settle(there.tiktok)

    assert len(there.posted()) - before == 2


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("url_ownership_unverified", "failed", None),
        ("app_version_check_failed", "failed", None),
        ("spam_risk_too_many_pending_share", "scheduled", None),
        ("rate_limit_exceeded", "scheduled", None),
        ("access_token_invalid", "scheduled", "token_expired"),
        ("internal_error", "scheduled", None),
    ],
)
async def test_each_documented_error_of_photos_has_its_consequence(
    there: Stage, wire: Wire, code: str, status: str, reason: str | None
) -> None:
    there.order(mischief=[{"endpoint": "content_init", "do": "refuse", "code": code}])

    row = await photos(there)
    found = await ended(there, wire, row, rounds=1)

    assert (found.status, found.reason) == (status, reason or code)
    assert found.unproved is (code == "internal_error")
    assert there.posted() == []


async def test_photos_that_could_not_be_fetched_are_sent_again_by_other_links(
    there: Stage, wire: Wire
) -> None:
    there.order(next=[{"fail_reason": "photo_pull_failed"}])

    found = await ended(there, wire, await photos(there, 1))

    links = [each["url"].split("/")[5] for each in there.tiktok.pulled]
    assert (found.status, len(there.posted()), len(set(links))) == ("published", 1, 2)


async def test_a_link_is_good_for_its_attempt_only(there: Stage, wire: Wire) -> None:
    row = await photos(there)
    outbound = Outbound(LOOPBACK)
    publisher = there.world.publisher(connectors(outbound), there.blobs)
    await publish(publisher, row)
    (sent,) = there.tiktok.publications.values()
    async with httpx.AsyncClient() as anybody:
        before = await anybody.get(sent.urls[0])
        forged = await anybody.get(sent.urls[0][:-2])
        foreign = await anybody.get(sent.urls[0].replace(str(row), str(there.channel.id)))
        await ended(there, wire, row)
        after = await anybody.get(sent.urls[0])
    await outbound.aclose()

    codes = [each.status_code for each in (before, forged, foreign, after)]
    assert (codes, before.headers["content-type"]) == ([200, 404, 404, 404], "image/jpeg")


async def test_what_was_sent_again_after_the_backup_is_not_sent_once_more(
    there: Stage, wire: Wire
) -> None:
    # At the backup the first attempt had come to nothing; the second one was made after it.
    there.order(mischief=[{"endpoint": "content_init", "do": "reset", "times": 1}])
    row = await photos(there)
    await ended(there, wire, row, rounds=1)
    await check_keys(there.world.store, RING, there.world.clock())
    async with there.world.store.transaction() as db:
        taken_at = there.world.clock()
        await begin_epoch(db, taken_at + timedelta(minutes=1), taken_at=taken_at)
    await release_all(there.world.store, there.world.clock())

    found = await ended(there, wire, row)

    assert (found.status, found.reason) == ("needs_review", "restored")
    assert there.tiktok.publications == {}
