"""Gates: what keeps a publication from going out now, looked at again with each intent."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from planner.content import channel_hash, fingerprint
from planner.pace import take
from planner.platforms import idempotency_of, platform
from planner.posts import is_armed
from planner.publications import Status
from store import holds, pacing, posts
from store.db import Db
from store.posts import Matter
from store.tables import Channel, Publication, Workspace

LATE_MINUTES = 60
"""How late a post is still sent without asking (design note "publishing", section 3)."""

NOT_CONNECTED_SECONDS = 60
HELD_SECONDS = 30
"""When what may be live already is looked at again, while a hold keeps it from being repeated."""


@dataclass(frozen=True, slots=True)
class Barred:
    """Where a publication goes instead of out; where it stays (`after` None), until when."""

    reason: str
    after: Status | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """It may go; with `ask_only`, no further than to ask whether it is live already."""

    ask_only: bool = False


async def look(
    db: Db,
    workspace: Workspace,
    channel: Channel,
    publication: Publication,
    matter: Matter,
    now: datetime,
) -> Barred | Open:
    """Say whether a scheduled publication whose time has come may be claimed."""
    if why := unapproved(channel, publication, matter):
        return Barred(why, Status.PLANNED)
    held = await _held(db, workspace, publication, matter)
    if held and not publication.unproved:
        return Barred("held", Status.MISSED)
    if late := too_late(workspace, publication, now):
        return Barred(late, Status.MISSED)
    waits = await _waits(db, channel, now, held=held)
    return waits or Open(ask_only=held)


async def _waits(db: Db, channel: Channel, now: datetime, *, held: bool) -> Barred | None:
    """Return what makes a publication wait where it is, and until when."""
    if held and not _can_be_asked(channel):
        return Barred("held", until=now + timedelta(seconds=HELD_SECONDS))
    if channel.connection != "connected":
        return Barred("not_connected", until=now + timedelta(seconds=NOT_CONNECTED_SECONDS))
    if wait := await _pace(db, channel, now):
        # The channel waits and not the row, or the next one would go before it.
        channel.rests_until = now + wait * (1 + random.random() / 4)  # noqa: S311
        return Barred("paced")
    return None


async def look_again(
    db: Db,
    workspace: Workspace,
    channel: Channel,
    publication: Publication,
    now: datetime,
    *,
    was_absent: bool,
) -> Barred | None:
    """Say whether a claimed publication may still go: the last look, in the intent's transaction.

    What was claimed in time is not late; but what waited to be proved, and was not live
    (`was_absent`), is late like anything else.
    """
    matter = await posts.matter_of(db, workspace.id, publication.post_id)
    if why := unapproved(channel, publication, matter):
        return Barred(why, Status.PLANNED)
    if await _held(db, workspace, publication, matter):
        return Barred("held", Status.MISSED if not publication.unproved else Status.SCHEDULED)
    if was_absent and (late := too_late(workspace, publication, now)):
        return Barred(late, Status.MISSED)
    if channel.connection != "connected":
        until = now + timedelta(seconds=NOT_CONNECTED_SECONDS)
        return Barred("not_connected", Status.SCHEDULED, until)
    return None


def unapproved(channel: Channel, publication: Publication, matter: Matter) -> str | None:
    """Return why the words of a publication may not go; remember the hash of those that may.

    A thread of which something is live goes on with the same words or not at all.
    """
    if not is_armed(matter.current, matter.approved, str(channel.id)):
        publication.content_hash = None
        return "not_approved"
    publication.content_hash = channel_hash(matter.current, str(channel.id))
    if publication.step and fingerprint(publication.snapshot) != publication.content_hash:
        return "interrupted"
    return None


def too_late(workspace: Workspace, publication: Publication, now: datetime) -> str | None:
    """Return why a publication is not sent any more without asking; None if it is."""
    if publication.publish_until is not None and publication.publish_until < now:
        return "too_late"
    if publication.unproved or publication.attempts:
        return None
    meant = max(publication.due_at, publication.resumed_at or publication.due_at)
    late = now - meant > timedelta(minutes=LATE_MINUTES)
    return "outage" if late and workspace.missed_policy != "send_late" else None


async def _held(db: Db, workspace: Workspace, publication: Publication, matter: Matter) -> bool:
    campaign = matter.post.campaign_id
    return await holds.covering(db, workspace, publication, campaign) is not None


def _can_be_asked(channel: Channel) -> bool:
    there = platform(channel.platform)
    return idempotency_of(there, channel.settings).value == "reconcilable"


async def _pace(db: Db, channel: Channel, now: datetime) -> timedelta:
    """Take one from the buckets of a channel and its platform; return how long to wait if not."""
    there = platform(channel.platform)
    if there.channel_pace:
        full_at, wait = take(there.channel_pace, channel.pace_at, now)
        if wait:
            return wait
        channel.pace_at = full_at
    if there.platform_pace:
        return await pacing.wait(db, f"platform:{there.name}", there.platform_pace, now)
    return timedelta(0)
