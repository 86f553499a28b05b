"""Publishing: claim, intent, send, settle."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from planner.publications import Status
from schedulers.connector import Accepted, HandedOver, Refused, TryLater, Unknown
from schedulers.publishing import publish
from schedulers.settling import FAILURES_MAX
from schedulers.sweeping import recover
from store import claims, dispatch
from store.blobs import FolderBlobs
from store.claimed import Settlement
from store.liveness import Alone
from tests.world import Scripted, World

LEASE = timedelta(seconds=120)


async def test_what_is_due_is_sent_once_and_published(world: World, blobs: FolderBlobs) -> None:
    platform = Scripted()
    row_id = await world.due(await world.channel(), "Isi yang disetujui.")
    publisher = world.publisher({"feed": platform}, blobs)

    await publish(publisher, row_id)
    await publish(publisher, row_id)

    row = await world.row(row_id)
    assert [sent.words.caption() for sent in platform.sent] == ["Isi yang disetujui."]
    assert (row.status, row.remote_id, row.published_at) == ("published", "remote", world.clock())
    assert row.snapshot is not None
    assert row.snapshot["parts"] == [{"text": "Isi yang disetujui.", "media": []}]


async def test_nothing_is_sent_before_its_time(world: World, blobs: FolderBlobs) -> None:
    platform = Scripted()
    row_id = await world.placed(await world.post(), await world.channel())

    await publish(world.publisher({"feed": platform}, blobs), row_id)

    assert (platform.sent, (await world.row(row_id)).status) == ([], "scheduled")


async def test_what_is_not_approved_is_not_sent(world: World, blobs: FolderBlobs) -> None:
    platform = Scripted()
    row_id = await world.placed(await world.post(approved=False), await world.channel())
    world.clock.forward(minutes=2)

    await publish(world.publisher({"feed": platform}, blobs), row_id)

    assert (platform.sent, (await world.row(row_id)).status) == ([], "planned")


async def test_an_edit_between_claim_and_intent_keeps_it_in(world: World) -> None:
    post = await world.post()
    row_id = await world.placed(post, await world.channel())
    world.clock.forward(minutes=1)
    claim = await claims.claim(world.store, row_id, Alone("w1"), LEASE, world.clock())
    assert claim is not None

    await world.edit(post, "Lain.")
    intent = await claims.intend(world.store, claim, Alone(claim.worker), world.clock())

    assert intent is None
    assert (await world.steps(row_id))[-1] == ("planned", "not_approved")


async def test_two_workers_do_not_claim_the_same(world: World) -> None:
    row_id = await world.due(await world.channel())

    found = await asyncio.gather(
        *(claims.claim(world.store, row_id, Alone(f"w{n}"), LEASE, world.clock()) for n in range(8))
    )

    assert sum(claim is not None for claim in found) == 1


async def test_a_channel_sends_one_at_a_time_and_in_order(world: World) -> None:
    channel, other = await world.channel(), await world.channel("lain")
    first = await world.placed(await world.post("1"), channel)
    world.clock.forward(seconds=1)
    second = await world.placed(await world.post("2"), channel)
    elsewhere = await world.placed(await world.post("3"), other)
    world.clock.forward(minutes=2)

    async with world.store.reading() as db:
        due = await dispatch.due(db, world.clock(), 10)
    claim = await claims.claim(world.store, first, Alone("w1"), LEASE, world.clock())
    busy = await claims.claim(world.store, second, Alone("w2"), LEASE, world.clock())
    async with world.store.reading() as db:
        then = await dispatch.due(db, world.clock(), 10)

    assert (list(due), claim is None, busy, list(then)) == (
        [first, elsewhere],
        False,
        None,
        [elsewhere],
    )


async def test_a_busy_platform_is_asked_again_with_the_same_key(
    world: World, blobs: FolderBlobs
) -> None:
    platform = Scripted([TryLater("busy", 30, counts=True)])
    row_id = await world.due(await world.channel())
    publisher = world.publisher({"feed": platform}, blobs)

    await publish(publisher, row_id)
    waiting = await world.row(row_id)
    await publish(publisher, row_id)
    world.clock.forward(minutes=2)
    await publish(publisher, row_id)

    assert waiting.status == "scheduled"
    assert waiting.not_before is not None
    assert waiting.not_before - world.clock() >= timedelta(seconds=30 - 120)
    assert [sent.key for sent in platform.sent] == [f"{row_id}-0"] * 2
    assert (await world.row(row_id)).status == "published"


async def test_it_gives_up_after_enough_proved_failures(world: World, blobs: FolderBlobs) -> None:
    platform = Scripted([TryLater("busy", None, counts=True)] * FAILURES_MAX)
    row_id = await world.due(await world.channel())
    publisher = world.publisher({"feed": platform}, blobs)

    for _ in range(FAILURES_MAX + 3):
        await publish(publisher, row_id)
        world.clock.forward(hours=2)

    row = await world.row(row_id)
    assert (row.status, row.reason, len(platform.sent)) == ("failed", "busy", FAILURES_MAX)


async def test_a_rate_limit_is_no_failure(world: World, blobs: FolderBlobs) -> None:
    platform = Scripted([TryLater("rate_limited", 10, counts=False)] * (FAILURES_MAX + 2))
    row_id = await world.due(await world.channel())
    publisher = world.publisher({"feed": platform}, blobs)

    for _ in range(FAILURES_MAX + 3):
        await publish(publisher, row_id)
        world.clock.forward(hours=2)

    assert (await world.row(row_id)).status == "published"


@pytest.mark.parametrize(
    ("platform_name", "settings", "after"),
    [
        ("feed", {}, "scheduled"),
        ("webhook", {"url": "https://x.example"}, "needs_review"),
        ("webhook", {"url": "https://x.example", "receiver_deduplicates": True}, "scheduled"),
    ],
)
async def test_what_nobody_knows_is_repeated_only_where_that_is_safe(
    world: World, blobs: FolderBlobs, platform_name: str, settings: dict[str, object], after: str
) -> None:
    platform = Scripted([Unknown("reset", {"seen": "reset"})])
    row_id = await world.due(await world.channel(platform=platform_name, settings=settings))

    await publish(world.publisher({platform_name: platform}, blobs), row_id)

    row = await world.row(row_id)
    assert (row.status, row.reason) == (after, "reset")


@pytest.mark.parametrize(
    ("outcome", "status", "reason"),
    [
        (Refused("rejected", "no"), "failed", "rejected"),
        (HandedOver({"caption": "x"}), "handed_over", None),
        (Accepted("handle-1", 5), "processing", None),
        (RuntimeError("bug"), "needs_review", "connector_crash"),
    ],
)
async def test_each_outcome_leads_to_its_state(
    world: World, blobs: FolderBlobs, outcome: object, status: str, reason: str | None
) -> None:
    platform = Scripted([outcome])  # type: ignore[list-item]
    row_id = await world.due(await world.channel(platform="webhook"))

    await publish(world.publisher({"webhook": platform}, blobs), row_id)

    row = await world.row(row_id)
    assert (row.status, row.reason) == (status, reason)


async def test_a_call_that_outlives_its_lease_is_unknown(world: World, blobs: FolderBlobs) -> None:
    class Slow:
        async def publish(self, _outgoing: object, _now: object) -> Unknown:
            await asyncio.sleep(60)
            raise AssertionError

    row_id = await world.due(await world.channel(platform="webhook"))
    publisher = world.publisher({"webhook": Slow()}, blobs, lease_seconds=1)

    await publish(publisher, row_id)

    row = await world.row(row_id)
    assert (row.status, row.reason) == ("needs_review", "timeout")


async def test_a_zombie_settles_nothing(world: World, blobs: FolderBlobs) -> None:
    row_id = await world.due(await world.channel())
    zombie = await claims.claim(world.store, row_id, Alone("zombie"), LEASE, world.clock())
    assert zombie is not None
    world.clock.forward(minutes=3)
    heir = world.publisher({"feed": Scripted()}, blobs, worker="heir")

    await recover(heir, "expired")
    await publish(heir, row_id)
    late = Settlement(Status.FAILED, "late")
    settled = await claims.settle(world.store, zombie, Status.CLAIMED, late, world.clock())
    intent = await claims.intend(world.store, zombie, Alone(zombie.worker), world.clock())

    assert (settled, intent, (await world.row(row_id)).status) == (False, None, "published")


@pytest.mark.parametrize(
    ("platform_name", "intent", "after"),
    [
        ("feed", False, "scheduled"),
        ("feed", True, "scheduled"),
        ("webhook", False, "scheduled"),
        ("webhook", True, "needs_review"),
    ],
)
async def test_a_crash_is_recovered_by_what_is_known(
    world: World, blobs: FolderBlobs, platform_name: str, intent: bool, after: str
) -> None:
    row_id = await world.due(await world.channel(platform=platform_name))
    claim = await claims.claim(world.store, row_id, Alone("dead"), LEASE, world.clock())
    assert claim is not None
    if intent:
        assert await claims.intend(world.store, claim, Alone(claim.worker), world.clock())

    count = await recover(world.publisher({}, blobs, worker="heir"), "others")

    row = await world.row(row_id)
    assert (count, row.status, row.reason, row.crashes) == (1, after, "worker_crash", 1)


async def test_a_row_that_ends_three_workers_is_given_up(world: World, blobs: FolderBlobs) -> None:
    row_id = await world.due(await world.channel())
    heir = world.publisher({}, blobs, worker="heir")

    for n in range(3):
        await claims.claim(world.store, row_id, Alone(f"dead{n}"), LEASE, world.clock())
        await recover(heir, "others")

    row = await world.row(row_id)
    assert (row.status, row.reason) == ("failed", "worker_crash")


REPEATABLE = {"url": "https://x.example", "receiver_deduplicates": True}


async def test_what_may_be_live_by_an_earlier_attempt_is_never_said_to_have_failed(
    world: World, blobs: FolderBlobs
) -> None:
    platform = Scripted([Unknown("reset"), Refused("rejected", "no")])
    channel = await world.channel(platform="webhook", settings=REPEATABLE)
    row_id = await world.due(channel)
    publisher = world.publisher({"webhook": platform}, blobs)

    await publish(publisher, row_id)
    world.clock.forward(minutes=2)
    await publish(publisher, row_id)

    row = await world.row(row_id)
    assert (row.status, row.reason) == ("needs_review", "rejected")


async def test_answers_that_stay_lost_end_with_a_person(world: World, blobs: FolderBlobs) -> None:
    platform = Scripted([Unknown("reset")] * FAILURES_MAX)
    row_id = await world.due(await world.channel(platform="webhook", settings=REPEATABLE))
    publisher = world.publisher({"webhook": platform}, blobs)

    for _ in range(FAILURES_MAX):
        await publish(publisher, row_id)
        world.clock.forward(hours=2)

    assert (await world.row(row_id)).status == "needs_review"
    assert {sent.key for sent in platform.sent} == {f"{row_id}-0"}


async def test_other_words_for_what_may_be_live_are_for_a_person(
    world: World, blobs: FolderBlobs
) -> None:
    post = await world.post()
    row_id = await world.placed(post, await world.channel())
    world.clock.forward(minutes=1)
    await publish(world.publisher({"feed": Scripted([Unknown("reset")])}, blobs), row_id)

    await world.edit(post, "Lain.")

    assert (await world.steps(row_id))[-1] == ("needs_review", "not_approved")


async def test_a_worker_that_stops_leaves_nothing_claimed(world: World, blobs: FolderBlobs) -> None:
    row_id = await world.due(await world.channel())
    await claims.claim(world.store, row_id, Alone("w1"), LEASE, world.clock())

    await recover(world.publisher({}, blobs), "own")

    row = await world.row(row_id)
    assert (row.status, row.crashes) == ("scheduled", 0)


async def test_a_channel_that_is_not_connected_waits(world: World, blobs: FolderBlobs) -> None:
    platform = Scripted()
    channel = await world.channel(connection="needs_reauth")
    row_id = await world.due(channel)

    await publish(world.publisher({"feed": platform}, blobs), row_id)

    row = await world.row(row_id)
    assert (row.status, row.attempts, platform.sent) == ("scheduled", 0, [])
    assert row.not_before == world.clock() + timedelta(minutes=1)


async def test_a_file_that_is_gone_fails_before_anything_is_sent(
    world: World, blobs: FolderBlobs
) -> None:
    platform = Scripted()
    media_id = await world.media("ab" * 32)
    part = {"text": "Isi.", "media": [{"id": str(media_id), "alt": ""}]}
    row_id = await world.placed(await world.post(parts=[part]), await world.channel())
    world.clock.forward(minutes=1)

    await publish(world.publisher({"feed": platform}, blobs), row_id)

    row = await world.row(row_id)
    assert (row.status, row.reason, platform.sent) == ("failed", "media_missing", [])


async def test_a_platform_nobody_serves_fails_before_anything_is_sent(
    world: World, blobs: FolderBlobs
) -> None:
    row_id = await world.due(await world.channel())

    await publish(world.publisher({}, blobs), row_id)

    row = await world.row(row_id)
    assert (row.status, row.reason, row.attempts) == ("failed", "no_connector", 0)


@pytest.mark.parametrize("table", ["transition", "attempt", "audit_entry"])
@pytest.mark.parametrize("deed", ["DELETE FROM {}", "UPDATE {} SET workspace_id = workspace_id"])
async def test_what_happened_cannot_be_rewritten(
    world: World, blobs: FolderBlobs, table: str, deed: str
) -> None:
    row_id = await world.due(await world.channel())
    await publish(world.publisher({"feed": Scripted()}, blobs), row_id)

    with pytest.raises(DBAPIError, match="append-only"):
        async with world.store.transaction() as db:
            await db.exec(text(deed.format(table)))  # type: ignore[call-overload]
