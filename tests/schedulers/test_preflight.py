"""Channels are looked at before their posts are due, by one replica, and who is silent is told."""

import asyncio
from datetime import datetime, timedelta

from sqlmodel import col, select

from schedulers.alerting import preflight
from schedulers.connector import Account, Checked, Outcome, Outgoing, Published
from store import channels, workspaces
from store.audit import CLI
from store.blobs import FolderBlobs
from store.tables import Alert
from tests.world import World


async def told(world: World) -> list[tuple[str, str | None]]:
    """Return the kind of each alert, with its reason."""
    async with world.store.reading() as db:
        rows = (await db.exec(select(Alert).order_by(col(Alert.id)))).all()
        return [(row.kind, row.data.get("reason")) for row in rows]


class Checking:
    """A platform that is asked whether a channel works, and answers as it is told."""

    def __init__(self, *answers: Checked | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, datetime]] = []

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        return Published("1", None)

    async def check(self, account: Account, now: datetime) -> Checked:
        self.asked.append((account.handle, now))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


FINE = Checked(answers=True, reason=None, detail="")
SILENT = Checked(answers=False, reason="answer_timeout", detail="30 s")
SPOILED = Checked(answers=False, reason="secret_malformed", detail="secret")


async def test_a_channel_is_looked_at_in_the_afternoon_and_two_hours_ahead(
    world: World, blobs: FolderBlobs
) -> None:
    # The clock begins on Monday at 08:00 in Jakarta.
    at = world.clock()
    await world.placed(await world.post(), await world.channel(), at + timedelta(hours=26))
    platform = Checking(SILENT, FINE)
    publisher = world.publisher({"feed": platform}, blobs)

    for _ in range(26 * 4):
        await asyncio.gather(*(preflight(publisher, world.clock()) for _ in range(3)))
        world.clock.forward(minutes=15)

    hours = [(when - at).total_seconds() / 3600 for _, when in platform.asked]
    assert hours == [7, 24]  # 15:00, and 08:00 for what is due at 10:00
    assert await told(world) == [("preflight", "answer_timeout")]


async def test_a_channel_that_must_be_connected_again_is_told_as_that(
    world: World, blobs: FolderBlobs
) -> None:
    channel = await world.channel()
    await world.placed(await world.post(), channel)
    publisher = world.publisher({"feed": Checking(SPOILED)}, blobs)

    counts = [await preflight(publisher, world.clock()) for _ in range(2)]

    async with world.store.reading() as db:
        now = await channels.of(db, channel.workspace_id, channel.id)
    assert counts == [1, 0]
    assert now.connection == "needs_reauth"
    assert await told(world) == [("needs_reauth", "secret_malformed")]


async def test_a_connector_with_a_bug_keeps_no_other_channel_back(
    world: World, blobs: FolderBlobs
) -> None:
    for handle in ("satu", "dua"):
        await world.placed(await world.post(f"Isi {handle}."), await world.channel(handle))
    platform = Checking(ZeroDivisionError(), FINE)

    count = await preflight(world.publisher({"feed": platform}, blobs), world.clock())

    assert (count, len(platform.asked)) == (2, 2)
    assert await told(world) == [("preflight", "connector_crash")]


async def test_a_disabled_channel_with_something_to_come_is_told(
    world: World, blobs: FolderBlobs
) -> None:
    channel = await world.channel()
    await world.placed(await world.post(), channel)
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await channels.of(db, workspace.id, channel.id)
        await channels.note_check(db, workspace, CLI, row, "disabled", None, world.clock())
    platform = Checking(FINE)

    await preflight(world.publisher({"feed": platform}, blobs), world.clock())

    assert platform.asked == []
    assert await told(world) == [("preflight", "not_connected")]


async def test_what_is_far_off_or_not_approved_has_nobody_looked_at(
    world: World, blobs: FolderBlobs
) -> None:
    far = await world.channel("jauh")
    await world.placed(await world.post(), far, world.clock() + timedelta(hours=40))
    await world.placed(await world.post("Konsep.", approved=False), await world.channel("konsep"))
    platform = Checking(FINE)

    assert await preflight(world.publisher({"feed": platform}, blobs), world.clock()) == 0
