"""Placing: posts on channels at times, judged when they are put there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from planner.content import Content, said, words_for, words_json
from planner.errors import Conflict, Fault, Invalid
from planner.platforms import MediaFacts, check_words, platform
from planner.posts import PostStatus, is_armed
from planner.publications import FINAL, UNSENT, WAITING, NoSuchStep, Status
from planner.timing import Timing, at_instant, at_local, check_future, check_past, in_slot
from store import arming, channels, duplicates, posts, publications, slots
from store.audit import Actor
from store.db import Db
from store.tables import Channel, Media, Post, Publication, Workspace


@dataclass(frozen=True, slots=True)
class When:
    """When a post goes out; exactly one of the four is meant.

    `at` is an instant, `local` a wall-clock time in the channel's zone.
    """

    at: datetime | None = None
    local: datetime | None = None
    next_slot: bool = False
    now: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """What went out by hand or before Pilar."""

    published_at: datetime
    permalink: str | None


class OnChannelAlready(Conflict):
    """The post is on this channel already."""


class DoesNotFit(Invalid):
    """The post breaks a platform's limits; one fault for each."""


class NotApproved(Conflict):
    """The words for this channel are not approved."""


class AttemptedAlready(Conflict):
    """It was tried already, so it stays on the calendar."""


async def timing_of(
    db: Db, workspace: Workspace, channel: Channel, when: When, now: datetime
) -> Timing:
    """Return when a publication is due; raises `PastTime`, `NoOpenSlot`."""
    zone = channels.zone_of(channel, workspace)
    if when.next_slot:
        return in_slot(await slots.next_open(db, workspace, channel, now), zone)
    if when.local is not None:
        timing = at_local(when.local, zone)
        check_future(timing, now, "/when/local")
        return timing
    timing = at_instant(when.at or now, zone)
    check_future(timing, now, "/when/at")
    return timing


async def place(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    post: Post,
    on: Sequence[Channel],
    when: When,
    now: datetime,
    *,
    publish_until: datetime | None = None,
    allow_duplicate: str | None = None,
) -> list[Publication]:
    """Put a post on channels as one change: all of them or none.

    Raises `PostArchived`, `OnChannelAlready`, `DoesNotFit`, `PastTime`, `NoOpenSlot`;
    `NotApproved` where it is to go out now; and `DuplicateContent`, unless `allow_duplicate`
    says why the same may go out twice.
    """
    content = await posts.content_of(db, post)
    approved = await posts.approved_content(db, post)
    await _check_places(db, post, on)
    await check_fits(db, workspace, content, on)
    placed = []
    for channel in on:
        if when.now and not is_armed(content, approved, str(channel.id)):
            raise NotApproved(channel=channel.name)
        timing = await timing_of(db, workspace, channel, when, now)
        publication = _new(workspace, post, content, channel, timing, now)
        publication.publish_until = publish_until
        await publications.enter(db, workspace, actor, publication, now)
        await duplicates.check(db, workspace, actor, publication, now, allow=allow_duplicate)
        await arming.arm_one(db, workspace, actor, publication, content, approved, now)
        placed.append(publication)
    return placed


async def record(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    post: Post,
    on: Sequence[Channel],
    recorded: Recorded,
    now: datetime,
) -> list[Publication]:
    """Enter history: what went out already is not sent, and refused by no mix nor duplicate."""
    check_past(recorded.published_at, now, "/recorded/published_at")
    await _check_places(db, post, on)
    content = await posts.content_of(db, post)
    placed = []
    for channel in on:
        zone = channels.zone_of(channel, workspace)
        timing = at_instant(recorded.published_at, zone)
        publication = _new(workspace, post, content, channel, timing, now)
        publication.status, publication.recorded = Status.PUBLISHED, True
        publication.published_at = recorded.published_at
        publication.permalink = recorded.permalink
        publication.snapshot = words_json(words_for(content, str(channel.id)))
        await publications.enter(db, workspace, actor, publication, now)
        placed.append(publication)
    return placed


async def move(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    when: When,
    now: datetime,
    *,
    allow_duplicate: str | None = None,
) -> None:
    """Give a publication another time; one that failed or was missed waits again.

    Raises `NoSuchStep` for one that is in flight or over, `PastTime`, `NoOpenSlot`,
    `DuplicateContent`.
    """
    timing = await _timing_for(db, workspace, publication, when, now)
    await retime(db, workspace, actor, publication, timing, now, allow_duplicate=allow_duplicate)


async def swap(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    first: Publication,
    second: Publication,
    now: datetime,
) -> None:
    """Let two publications change their wall-clock times, each in its channel's zone.

    Raises `NoSuchStep` for one that is in flight or over, `PastTime`, `DuplicateContent`.
    """
    rows = (first, second)
    stood = [duplicates.stood_at(row) for row in rows]
    locals_ = [datetime.fromisoformat(row.local) for row in rows]
    for row, local in zip(rows, reversed(locals_), strict=True):
        timing = await _timing_for(db, workspace, row, When(local=local), now)
        await _put(db, workspace, actor, row, timing, now)
    for row, before in zip(rows, stood, strict=True):  # only now does each stand where it will
        await duplicates.check(db, workspace, actor, row, now, stood_at=before)


async def retime(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    timing: Timing,
    now: datetime,
    *,
    allow_duplicate: str | None = None,
) -> None:
    """Move a publication to a timing, and arm it there if its words are approved.

    Raises `DuplicateContent`.
    """
    before = duplicates.stood_at(publication)
    await _put(db, workspace, actor, publication, timing, now)
    await duplicates.check(
        db, workspace, actor, publication, now, allow=allow_duplicate, stood_at=before
    )


async def _timing_for(
    db: Db, workspace: Workspace, publication: Publication, when: When, now: datetime
) -> Timing:
    if publication.status not in WAITING | UNSENT:
        raise NoSuchStep(before=publication.status, after=Status.SCHEDULED.value)
    channel = await channels.of(db, workspace.id, publication.channel_id)
    return await timing_of(db, workspace, channel, when, now)


async def _put(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    timing: Timing,
    now: datetime,
) -> None:
    await publications.move(db, workspace, actor, publication, _timed(timing), now)
    if publication.status in UNSENT:
        publication.failures = 0
        await publications.step(
            db, workspace, actor, publication, Status.PLANNED, now, reason="moved"
        )
    await rearm(db, workspace, actor, publication, now)


async def rearm(
    db: Db, workspace: Workspace, actor: Actor, publication: Publication, now: datetime
) -> None:
    """Bring one waiting publication in line with what its post says and what is approved."""
    post = await posts.of(db, workspace.id, publication.post_id)
    content = await posts.content_of(db, post)
    if publication.status in WAITING:
        publication.said = said(words_for(content, str(publication.channel_id)))
    approved = await posts.approved_content(db, post)
    await arming.arm_one(db, workspace, actor, publication, content, approved, now)


async def take_off(
    db: Db, workspace: Workspace, actor: Actor, publication: Publication, now: datetime
) -> None:
    """Take a publication off the calendar; raises `AttemptedAlready`."""
    if publication.attempts or publication.status not in WAITING | {Status.MISSED}:
        raise AttemptedAlready(status=publication.status)
    await publications.step(
        db, workspace, actor, publication, Status.CANCELLED, now, reason="removed"
    )


async def check_fits(
    db: Db, workspace: Workspace, content: Content, on: Collection[Channel]
) -> None:
    """Refuse what a platform would refuse, before it is put there; raises `DoesNotFit`."""
    files = await files_of(db, workspace.id, content)
    faults: list[Fault] = []
    for channel in on:
        words = words_for(content, str(channel.id))
        own = bool(content["variants"].get(str(channel.id), {}).get("parts"))
        for fault in check_words(platform(channel.platform), words, files):
            at_variant = own or fault.pointer.startswith("/options")
            place = f"/variants/{channel.id}" if at_variant else ""
            facts = {**fault.facts, "channel": channel.name}
            faults.append(replace(fault, pointer=place + fault.pointer, facts=facts))
    if faults:
        raise DoesNotFit(*faults)


async def files_of(db: Db, workspace_id: UUID, content: Content) -> dict[str, MediaFacts]:
    """Return what is known of every file that a content names, by media id."""
    ids = {
        UUID(ref["id"])
        for holder in (content, *content["variants"].values())
        for part in holder.get("parts") or ()
        for ref in part["media"]
    }
    query = select(Media).where(Media.workspace_id == workspace_id, col(Media.id).in_(ids))
    return {
        str(row.id): MediaFacts(row.mime, row.bytes, row.width, row.height, row.duration_ms)
        for row in (await db.exec(query)).all()
    }


async def channels_of(db: Db, post: Post) -> list[str]:
    """Return the ids of the channels a post still waits on or can be sent to."""
    return [
        str(row.channel_id)
        for row in await publications.of_post(db, post)
        if row.status not in FINAL
    ]


async def _check_places(db: Db, post: Post, on: Sequence[Channel]) -> None:
    if post.status == PostStatus.ARCHIVED:
        raise posts.PostArchived
    taken = {row.channel_id for row in await publications.of_post(db, post)}
    seen: set[UUID] = set()
    for channel in on:
        if channel.id in taken | seen:
            raise OnChannelAlready(channel=channel.name)
        seen.add(channel.id)


def _new(
    workspace: Workspace,
    post: Post,
    content: Content,
    channel: Channel,
    timing: Timing,
    now: datetime,
) -> Publication:
    story = post.format == "story" and not workspace.count_stories
    return Publication(
        workspace_id=workspace.id,
        post_id=post.id,
        channel_id=channel.id,
        type=post.type,
        pillar_id=post.pillar_id,
        status=Status.PLANNED,
        holds_seat=False,
        exempt="story" if story else None,
        said=said(words_for(content, str(channel.id))),
        created_at=now,
        updated_at=now,
        **_timed(timing),
    )


def _timed(timing: Timing) -> dict[str, Any]:
    return {
        "due_at": timing.due_at,
        "local": timing.local.isoformat(),
        "timezone": timing.timezone,
        "day": timing.day,
    }
