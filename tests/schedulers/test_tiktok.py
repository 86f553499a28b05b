"""TikTok against a TikTok that is as strict as the real one, over real HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from schedulers.connector import Absent
from schedulers.connectors import connectors, tiktok, tiktok_upload
from schedulers.connectors.tiktok import TikTokConnector
from schedulers.outbound import Outbound
from schedulers.publishing import publish
from store import dispatch
from store.blobs import FolderBlobs
from store.holds import release_all
from store.instance import check_keys
from store.restoring import begin_epoch
from store.tables import Alert
from tests.chaos.mortal import DECIDED, LOOPBACK, Grave, Points
from tests.conftest import RING, Clock
from tests.schedulers.stages import ME, Stage, connect, stage
from tests.world import World

pytestmark = pytest.mark.parametrize("database", ["sqlite"])
PIECE = 6_000_000


@pytest.fixture
async def there(world: World, blobs: FolderBlobs, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(world, blobs, tmp_path / "videos") as opened:
        yield opened


async def ended(there: Stage, row: Any, rounds: int = 12) -> Any:
    """Publish and ask until it has ended, or so many rounds; return the row."""
    outbound = Outbound(LOOPBACK)
    publisher = there.world.publisher(connectors(outbound), there.blobs)
    for _ in range(rounds):
        await publish(publisher, row)
        if (await there.world.row(row)).status in DECIDED:
            break
        there.world.clock.forward(seconds=70)
    await outbound.aclose()
    return await there.world.row(row)


def received(there: Stage) -> int:
    """Return how many bytes the platform has taken, of whatever became a post or did not."""
    uploads = [each.upload for each in there.tiktok.publications.values()]
    return sum(each.received for each in uploads if each is not None)


async def test_a_video_is_posted_with_what_the_person_chose(there: Stage) -> None:
    there.order(developer={"audited": True})
    row = await there.due(options={"privacy_level": "FOLLOWER_OF_CREATOR", "allow_comment": True})

    found = await ended(there, row)

    posted = there.posted()
    assert (found.reason, found.status, [each.publish_id for each in posted]) == (
        None,
        "published",
        [found.handle],
    )
    assert {name: posted[0].info[name] for name in ("privacy_level", "title")} == {
        "privacy_level": "FOLLOWER_OF_CREATOR",
        "title": "Naskah kuno #warisan",
    }
    assert [posted[0].info[f"disable_{each}"] for each in ("comment", "duet", "stitch")] == [
        False,
        True,
        True,
    ]
    assert there.tiktok.refusals == []


async def test_what_is_seen_by_nobody_else_has_no_link(there: Stage) -> None:
    found = await ended(there, await there.due())

    assert (found.status, found.remote_id, found.permalink) == ("published", found.handle, None)


async def test_a_public_video_has_its_link(there: Stage) -> None:
    there.order(developer={"audited": True}, accounts={ME: {"private": False}})

    found = await ended(there, await there.due(options={"privacy_level": "PUBLIC_TO_EVERYONE"}))

    assert int(found.remote_id) > 2**53
    assert found.permalink == f"https://www.tiktok.com/@{ME}/video/{found.remote_id}"


async def test_to_the_inbox_a_person_gets_the_video_and_the_words(
    world: World, blobs: FolderBlobs, tmp_path: Path
) -> None:
    async with stage(world, blobs, tmp_path / "videos", mode="inbox") as there:
        row = await there.due(options={})

        found = await ended(there, row)

        draft = there.tiktok.publications[found.handle]
        assert (found.status, draft.mode, draft.status) == (
            "handed_over",
            "inbox",
            "SEND_TO_USER_INBOX",
        )


async def test_each_place_to_die_in_a_long_upload_leads_to_one_post(
    there: Stage, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiktok_upload, "PIECE", PIECE)
    monkeypatch.setattr(tiktok_upload, "ONE_PIECE_MAX", PIECE)
    there.size = 3 * PIECE + 7
    grave = Grave(there.world, database_url, there.blobs)
    passed = Points()
    await grave.live(await there.due(), passed)

    ends, sent = [], []
    for point in range(len(passed.passed)):
        before = received(there)
        row = await there.due()
        await grave.live(row, Points(point))
        await grave.inherit(row)
        ends.append((await there.world.row(row)).status)
        sent.append(received(there) - before)

    assert [each for each in passed.passed if "PUT" in each] == ["before PUT ", "after PUT "] * 3
    assert ends == ["published"] * len(passed.passed)
    assert len(there.posted()) == len(ends) + 1
    # It goes on where it stopped: no video was sent more than once, whatever died.
    assert sent == [there.size] * len(ends)
    assert there.tiktok.refusals == []


async def test_one_that_does_not_ask_before_it_uploads_anew_is_caught(
    there: Stage, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def absent(*_: Any) -> Absent:
        return Absent()

    grave, passed = Grave(there.world, database_url, there.blobs), Points()
    await grave.live(await there.due(), passed)
    point = passed.passed.index("after PUT ")
    monkeypatch.setattr(TikTokConnector, "reconcile", absent)
    monkeypatch.setattr(tiktok, "ENOUGH", timedelta(days=1))

    row = await there.due()
    await grave.live(row, Points(point))
    await grave.inherit(row)

    assert len(there.posted()) == 3


LATER, OVER = "scheduled", "failed"


@pytest.mark.parametrize(
    ("endpoint", "code", "status", "reason"),
    [
        ("creator_info", "spam_risk_too_many_posts", LATER, None),
        ("creator_info", "spam_risk_user_banned_from_posting", OVER, None),
        ("creator_info", "reached_active_user_cap", LATER, None),
        ("creator_info", "scope_not_authorized", LATER, None),
        ("creator_info", "rate_limit_exceeded", LATER, None),
        ("creator_info", "access_token_invalid", LATER, "token_expired"),
        ("video_init", "invalid_param", OVER, None),
        ("video_init", "spam_risk_too_many_posts", LATER, None),
        ("video_init", "unaudited_client_can_only_post_to_private_accounts", OVER, None),
        ("video_init", "privacy_level_option_mismatch", OVER, None),
        ("video_init", "rate_limit_exceeded", LATER, None),
        ("video_init", "internal_error", LATER, None),
    ],
)
async def test_each_documented_error_has_its_consequence(
    there: Stage, endpoint: str, code: str, status: str, reason: str | None
) -> None:
    there.order(mischief=[{"endpoint": endpoint, "do": "refuse", "code": code}])
    row = await there.due()

    found = await ended(there, row, rounds=1)

    assert (found.status, found.reason) == (status, reason or code)
    assert there.posted() == []


async def test_a_cap_rests_the_channel_for_a_day_and_a_person_hears_of_it(there: Stage) -> None:
    there.order(accounts={ME: {"posts_cap": 0}})
    first, second = await there.due(), await there.due()

    await ended(there, first, rounds=1)
    there.order(accounts={ME: {"posts_cap": 10}})
    async with there.world.store.reading() as db:
        told = [(each.kind, each.data) for each in (await db.exec(select(Alert))).all()]
        due = await dispatch.due(db, there.world.clock() + timedelta(hours=23), 10)
    there.world.clock.forward(hours=24, minutes=5)

    assert told == [("resting", {"reason": "spam_risk_too_many_posts"})]
    assert due == []
    assert [(await ended(there, each)).status for each in (first, second)] == ["published"] * 2


@pytest.mark.parametrize(
    ("fail_reason", "status", "reason"),
    [
        ("file_format_check_failed", OVER, None),
        ("duration_check_failed", OVER, None),
        ("frame_rate_check_failed", OVER, None),
        ("picture_size_check_failed", OVER, None),
        ("internal", "published", ""),
        ("publish_cancelled", OVER, None),
        ("auth_removed", LATER, None),
        ("spam_risk_too_many_posts", LATER, None),
        ("spam_risk_user_banned_from_posting", OVER, None),
        ("spam_risk_text", OVER, None),
        ("spam_risk", OVER, None),
        ("video_bitrate_check_failed", OVER, "tiktok_refused"),
    ],
)
async def test_each_reason_to_fail_has_its_consequence(
    there: Stage, fail_reason: str, status: str, reason: str | None
) -> None:
    there.order(next=[{"fail_reason": fail_reason}])

    found = await ended(there, await there.due(), rounds=6)

    wanted = None if reason == "" else reason or fail_reason
    assert (found.status, found.reason) == (status, wanted)
    assert len(there.posted()) == (status == "published")


async def test_privacy_that_is_no_longer_offered_is_not_replaced(there: Stage) -> None:
    there.order(accounts={ME: {"private": False}}, developer={"audited": True})

    found = await ended(there, await there.due(options={"privacy_level": "FOLLOWER_OF_CREATOR"}))

    assert (found.status, found.reason) == ("failed", "privacy_level_option_mismatch")
    assert there.tiktok.publications == {}


async def test_a_video_longer_than_the_creator_may_post_is_not_sent(there: Stage) -> None:
    there.order(accounts={ME: {"max_video_post_duration_sec": 8}})

    found = await ended(there, await there.due())

    assert (found.status, found.reason) == ("failed", "video_longer_than_creator_may")


async def test_an_upload_link_that_is_over_is_made_anew(there: Stage, clock: Clock) -> None:
    there.order(
        developer={"upload_seconds": 60},
        mischief=[{"endpoint": "upload", "do": "reset", "times": 1}],
    )

    found = await ended(there, await there.due())

    assert (found.status, len(there.posted())) == ("published", 1)


async def test_what_came_to_nothing_before_a_restore_may_have_gone_out_after_it(
    there: Stage,
) -> None:
    there.order(next=[{"fail_reason": "internal"}])
    row = await there.due()
    await ended(there, row, rounds=1)
    now = there.world.clock()
    await check_keys(there.world.store, RING, now)
    async with there.world.store.transaction() as db:
        await begin_epoch(db, now + timedelta(minutes=1), taken_at=now)
    await release_all(there.world.store, now + timedelta(minutes=2))

    found = await ended(there, row)

    assert (found.status, found.reason, there.posted()) == ("needs_review", "restored", [])


async def test_whose_owner_left_meanwhile_is_begun_anew_when_they_come_back(
    there: Stage, clock: Clock
) -> None:
    there.order(next=[{"fail_reason": "auth_removed"}])
    row = await there.due()

    left = await ended(there, row, rounds=3)
    await connect(there.world, there.tiktok, there.channel, clock)
    found = await ended(there, row)

    assert (left.status, left.reason, left.handle) == ("scheduled", "auth_removed", None)
    assert (found.status, len(there.posted())) == ("published", 1)
