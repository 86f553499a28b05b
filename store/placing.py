"""Placing: posts on channels at times, judged when they are put there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from planner.content import Content, said, words_for, words_json
from planner.errors import Conflict
from planner.posts import PostStatus, is_armed
from planner.publications import FINAL, UNSENT, WAITING, Exemption, NoSuchStep, Status
from planner.timing import Timing, at_instant, at_local, check_future, check_past, in_slot
from store import admission, arming, channels, duplicates, fitting, posts, publications, slots
from store.audit import Actor
from store.db import Db
from store.judging import Judge, Wish
from store.tables import Channel, Post, Publication, Workspace


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
class Exempt:
    """Why a publication is no editorial choice: and a note."""

    reason: Exemption
    note: str | None  # null: a story, by itself


@dataclass(frozen=True, slots=True)
class Recorded:
    """What went out by hand or before Pilar."""

    published_at: datetime
    permalink: str | None


class OnChannelAlready(Conflict):
    """The post is on this channel already."""


class NotApproved(Conflict):
    """The words for this channel are not approved."""


class AttemptedAlready(Conflict):
    """It was tried already, so it stays on the calendar."""


async def timing_of(
    db: Db,
    workspace: Workspace,
    channel: Channel,
    when: When,
    now: datetime,
    *,
    type_: str | None = None,
    without: Sequence[UUID] = (),
) -> Timing:
    """Return when a publication is due; raises `PastTime`, `NoOpenSlot`, `NoFittingSlot`.

    The next slot is one that may have `type_` (None: any), reckoned `without` some publications.
    """
    zone = channels.zone_of(channel, workspace)
    if when.next_slot:
        slot = await slots.next_open(db, workspace, channel, now, type_=type_, without=without)
        return in_slot(slot, zone)
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
    exempt: Exempt | None = None,
    judge: Judge | None = None,
) -> list[Publication]:
    """Put a post on channels as one change: all of them or none.

    Raises `PostArchived`, `OnChannelAlready`, `DoesNotFit`, `PastTime`, `NoOpenSlot`,
    `NoFittingSlot`; `NotApproved` where it is to go out now; `DuplicateContent`, unless
    `allow_duplicate` says why the same may go out twice; and `MixViolation`, unless the `judge`
    is to say so when more is done.
    """
    async with admission.within(judge, db, workspace, actor, now) as own:
        return await _place(own, post, on, when, publish_until, allow_duplicate, exempt)


async def _place(
    judge: Judge,
    post: Post,
    on: Sequence[Channel],
    when: When,
    publish_until: datetime | None,
    allow_duplicate: str | None,
    exempt: Exempt | None,
) -> list[Publication]:
    db, workspace, actor, now = judge.db, judge.workspace, judge.actor, judge.now
    content = await posts.content_of(db, post)
    approved = await posts.approved_content(db, post)
    await _check_places(db, post, on)
    await fitting.check(db, workspace, content, on)
    placed = []
    for channel in on:
        if when.now and not is_armed(content, approved, str(channel.id)):
            raise NotApproved(channel=channel.name)
        reason = exempt.reason if exempt else exemption(workspace, post)
        wanted = None if reason else post.type
        timing = await timing_of(db, workspace, channel, when, now, type_=wanted)
        publication = _new(workspace, post, content, channel, timing, now)
        publication.publish_until = publish_until
        publication.exempt = reason
        publication.exempt_note = exempt.note if exempt else None
        if reason is None:
            wish = await judge.wish(Wish(post, channel, timing, post.type))
            wish.placed = publication
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
    *,
    exempt: Exempt | None = None,
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
        if exempt:
            publication.exempt, publication.exempt_note = exempt.reason, exempt.note
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
    judge: Judge | None = None,
) -> None:
    """Give a publication another time; one that failed or was missed waits again.

    Raises `NoSuchStep` for one that is in flight or over, `PastTime`, `NoOpenSlot`,
    `NoFittingSlot`, `DuplicateContent`, `MixViolation`.
    """
    timing = await _timing_for(db, workspace, publication, when, now)
    await retime(
        db,
        workspace,
        actor,
        publication,
        timing,
        now,
        allow_duplicate=allow_duplicate,
        judge=judge,
    )


async def swap(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    first: Publication,
    second: Publication,
    now: datetime,
    *,
    judge: Judge | None = None,
) -> None:
    """Let two publications change their wall-clock times, each in its channel's zone.

    Raises `NoSuchStep` for one that is in flight or over, `PastTime`, `DuplicateContent`,
    `MixViolation`.
    """
    rows = (first, second)
    stood = [duplicates.stood_at(row) for row in rows]
    locals_ = [datetime.fromisoformat(row.local) for row in rows]
    async with admission.within(judge, db, workspace, actor, now) as own:
        for row, local in zip(rows, reversed(locals_), strict=True):
            timing = await _timing_for(db, workspace, row, When(local=local), now)
            await _put(own, row, timing)
        for row, before in zip(rows, stood, strict=True):  # only now do both stand where they will
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
    judge: Judge | None = None,
) -> None:
    """Move a publication to a timing, and arm it there if its words are approved.

    Raises `DuplicateContent`, `MixViolation`.
    """
    before = duplicates.stood_at(publication)
    async with admission.within(judge, db, workspace, actor, now) as own:
        await _put(own, publication, timing)
        await duplicates.check(
            db, workspace, actor, publication, now, allow=allow_duplicate, stood_at=before
        )


async def _timing_for(
    db: Db, workspace: Workspace, publication: Publication, when: When, now: datetime
) -> Timing:
    if publication.status not in WAITING | UNSENT:
        raise NoSuchStep(before=publication.status, after=Status.SCHEDULED.value)
    channel = await channels.of(db, workspace.id, publication.channel_id)
    wanted = None if publication.exempt else publication.type
    own = [publication.id]
    return await timing_of(db, workspace, channel, when, now, type_=wanted, without=own)


async def _put(judge: Judge, publication: Publication, timing: Timing) -> None:
    db, workspace, actor, now = judge.db, judge.workspace, judge.actor, judge.now
    if publication.exempt is None:
        post = await posts.of(db, workspace.id, publication.post_id)
        channel = await channels.of(db, workspace.id, publication.channel_id)
        await judge.wish(Wish.of(post, channel, publication, timing, publication.type))
    await publications.move(db, workspace, actor, publication, _timed(timing), now)
    if publication.status in UNSENT:
        publication.failures = 0
        await publications.step(
            db, workspace, actor, publication, Status.PLANNED, now, reason="moved"
        )
    await arming.rearm(db, workspace, actor, publication, now)


async def take_off(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    now: datetime,
    *,
    judge: Judge | None = None,
) -> None:
    """Take a publication off the calendar; raises `AttemptedAlready`.

    By itself it is never refused by the mix.
    """
    tried = publication.attempts or publications.may_be_live(publication)
    if tried or publication.status not in WAITING | {Status.MISSED}:
        raise AttemptedAlready(status=publication.status)
    async with admission.within(judge, db, workspace, actor, now) as own:
        await own.look_at(publication)
        await publications.step(
            db, workspace, actor, publication, Status.CANCELLED, now, reason="removed"
        )


async def set_exempt(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    exempt: Exempt | None,
    now: datetime,
    *,
    judge: Judge | None = None,
) -> None:
    """Let a publication not count in the mix, with a reason and a note, or let it count (None).

    That it no longer counts is never refused; that it does raises `MixViolation` like any other.
    """
    async with admission.within(judge, db, workspace, actor, now) as own:
        if exempt is None and publication.exempt is not None:
            post = await posts.of(db, workspace.id, publication.post_id)
            channel = await channels.of(db, workspace.id, publication.channel_id)
            await own.wish(Wish.staying(post, channel, publication, publication.type))
        else:
            await own.look_at(publication)
        reason, note = (exempt.reason, exempt.note) if exempt else (None, None)
        await publications.exempt(db, workspace, actor, publication, reason, note, now)


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


def exemption(workspace: Workspace, post: Post) -> Exemption | None:
    """Return why a publication of a post does not count, if it does not by itself."""
    return Exemption.STORY if post.format == "story" and not workspace.count_stories else None


def _new(
    workspace: Workspace,
    post: Post,
    content: Content,
    channel: Channel,
    timing: Timing,
    now: datetime,
) -> Publication:
    return Publication(
        workspace_id=workspace.id,
        post_id=post.id,
        channel_id=channel.id,
        type=post.type,
        pillar_id=post.pillar_id,
        status=Status.PLANNED,
        holds_seat=False,
        exempt=exemption(workspace, post),
        retyped_at=post.retyped_at,
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
