"""Fixing: the smallest ways out of a change that the mix refuses, each tried before it is offered.

In this order: the nearest slot where the type fits, a swap partner, drafts of a type that the time
can take, and what only somebody with a role may do. Another type is never offered for the post.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from planner.content import said, words_for
from planner.periods import Seat, month_of
from planner.posts import READY
from planner.publications import WAITING
from planner.slots import SlotTime, local_day, open_slots
from store import duplicates, fitting, posts
from store.judging import Judge, Step, Wish
from store.tables import Post, Publication

MONTHS = 2
"""How many months before and after the wanted one are looked through for a slot."""

PARTNERS = 30
"""How many publications are tried as a swap partner."""

DRAFTS = 3
"""How many drafts are offered."""


class FixKind(StrEnum):
    """What a way out of a refusal is."""

    SLOT = "slot"
    SWAP = "swap"
    DRAFT = "draft"
    EXEMPT = "exempt"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class Fix:
    """A way out of a refusal: `operations` are those of a batch, where it needs nobody's word.

    `at` and `local` say when the post would go out; the post is the one to swap with, or the draft.
    """

    kind: FixKind
    channel_id: UUID | None = None
    at: datetime | None = None
    local: datetime | None = None
    post_id: UUID | None = None
    title: str = ""
    type: str = ""
    operations: tuple[dict[str, Any], ...] = ()


async def fixes(judge: Judge) -> list[Fix]:
    """Return what would help, for each post that was wished somewhere; empty for other changes."""
    found: list[Fix] = []
    if not judge.offers_fixes:
        return found
    wishes = _net(judge)
    for wish in wishes:
        if wish.retypes or await judge.allows(_steps(wish)):
            continue
        found += [fix async for fix in _for(judge, wish)]
    if judge.may_except:
        placing = any(not each.retypes and not each.counts_again for each in wishes)
        found += [Fix(FixKind.EXEMPT)] if placing else []
        found.append(Fix(FixKind.OVERRIDE))
    return found


def _net(judge: Judge) -> list[Wish]:
    """Return for each post on a channel what is asked for in the end, and how it stood at first.

    A post that comes back to a channel from which the same change takes it has no way out: what
    is undone with the change would be in its way.
    """
    left = {(row.post_id, row.channel_id) for row in judge.touched.values()}
    found: dict[tuple[UUID, UUID], Wish] = {}
    for wish in judge.wishes:
        place = wish.post.id, wish.channel.id
        if first := found.get(place):
            found[place] = replace(
                first,
                timing=wish.timing,
                type=wish.type,
                retypes=first.retypes or wish.retypes,
            )
        elif wish.publication is not None or place not in left:
            found[place] = wish
    return list(found.values())


async def _for(judge: Judge, wish: Wish) -> AsyncIterator[Fix]:
    if slot := await _nearest_slot(judge, wish):
        yield slot
    if partner := await _partner(judge, wish):
        yield partner
    for draft in await _drafts(judge, wish):
        yield draft


async def _nearest_slot(judge: Judge, wish: Wish) -> Fix | None:
    """Return the open slot nearest to the wanted time where the post may go."""
    tried: dict[tuple[date, ...], bool] = {}
    for slot in await _slots_by_distance(judge, wish):
        month = await judge.look(wish.channel.id, slot.day)
        standing = month.at(slot.day)
        cell = (slot.day,) if standing is None else (standing.piece.first, standing.cell(slot.day))
        if cell not in tried:
            tried[cell] = await judge.allows(_steps(wish, Seat(slot.day, slot.at, wish.type)))
        if tried[cell] and not await _says_it_twice(judge, wish, slot.at):
            operations = _put(wish, slot.at)
            return Fix(FixKind.SLOT, wish.channel.id, slot.at, slot.local, operations=operations)
    return None


async def _slots_by_distance(judge: Judge, wish: Wish) -> list[SlotTime]:
    first = month_of(wish.timing.day)[0]
    days = [_months_from(first, count) for count in range(-MONTHS, MONTHS + 1)]
    found: list[SlotTime] = []
    for day in days:
        if month_of(day)[1] <= local_day(judge.now, ZoneInfo(wish.timing.timezone)):
            continue
        month = await judge.look(wish.channel.id, day)
        seats = [(seat.day, seat.due_at) for seat in month.seats]
        found += open_slots(month.ground.times, seats, judge.now)
    return sorted(found, key=lambda each: (abs(each.at - wish.timing.due_at), each.at))


async def _partner(judge: Judge, wish: Wish) -> Fix | None:
    """Return a publication that waits on the channel and may change places with the post."""
    first, until = month_of(wish.timing.day)
    query = (
        select(Publication, Post.title)
        .join(Post, col(Post.id) == col(Publication.post_id))
        .where(
            Publication.channel_id == wish.channel.id,
            col(Publication.holds_seat),
            col(Publication.status).in_(WAITING),
            Publication.type != wish.type,
            Publication.due_at > judge.now,
            Publication.day >= first,
            Publication.day < until,
        )
    )
    busy = {*judge.touched, *(each.placed.id for each in judge.wishes if each.placed)}
    found = (await judge.db.exec(query)).all()
    rows = [row for row in found if row[0].post_id != wish.post.id and row[0].id not in busy]
    rows.sort(key=lambda row: (abs(row[0].due_at - wish.timing.due_at), row[0].id))
    for other, title in rows[:PARTNERS]:
        if not await judge.allows(_swapped(judge, wish, other)):
            continue
        if await _says_it_twice(judge, wish, other.due_at):
            continue
        if await _would_repeat(judge, other, _goes_to(judge, wish)):
            continue
        return Fix(
            FixKind.SWAP,
            wish.channel.id,
            other.due_at,
            datetime.fromisoformat(other.local),
            other.post_id,
            title,
            other.type,
            _swap(judge, wish, other),
        )
    return None


async def _drafts(judge: Judge, wish: Wish) -> list[Fix]:
    """Return posts that are written, stand nowhere, and may go out at the wanted time instead."""
    if wish.publication is not None:
        return []
    touched = {row.post_id for row in judge.touched.values()}  # they stand where they stood
    query = (
        select(Post)
        .where(
            Post.workspace_id == judge.workspace.id,
            col(Post.status).in_(READY),
            Post.type != wish.type,
            col(Post.placed_at).is_(None),
            col(Post.id).not_in(touched),
        )
        .order_by(col(Post.status), col(Post.id))
        .limit(PARTNERS)
    )
    found = []
    for post in (await judge.db.exec(query)).all():
        seat = Seat(wish.timing.day, wish.timing.due_at, post.type)
        instead = Wish(post, wish.channel, wish.timing, post.type)
        if not await judge.allows([Step(wish.channel.id, seat)]):
            continue
        if not await _fits(judge, instead):
            continue
        found.append(
            Fix(
                FixKind.DRAFT,
                wish.channel.id,
                wish.timing.due_at,
                wish.timing.local,
                post.id,
                post.title,
                post.type,
                _put(instead, wish.timing.due_at),
            )
        )
        if len(found) == DRAFTS:
            break
    return found


async def _fits(judge: Judge, wish: Wish) -> bool:
    content = await posts.content_of(judge.db, wish.post)
    faults = await fitting.faults(judge.db, judge.workspace, content, [wish.channel])
    return not faults and not await _says_it_twice(judge, wish, wish.timing.due_at)


async def _says_it_twice(judge: Judge, wish: Wish, at: datetime) -> bool:
    content = await posts.content_of(judge.db, wish.post)
    digest = said(words_for(content, str(wish.channel.id)))
    if digest is None:
        return False
    return await duplicates.said_near(judge.db, wish.channel.id, digest, at, wish.post.id)


async def _would_repeat(judge: Judge, row: Publication, to: Seat) -> bool:
    if row.said is None or row.said_again is not None:
        return False
    return await duplicates.said_near(judge.db, row.channel_id, row.said, to.due_at, row.post_id)


def _steps(wish: Wish, seat: Seat | None = None) -> list[Step]:
    """Return what the wish comes to, or would at another time."""
    taken = seat or Seat(wish.timing.day, wish.timing.due_at, wish.type)
    steps = [Step(wish.channel.id, taken)]
    if wish.stood is not None:
        steps.append(Step(wish.channel.id, wish.stood, leaves=True))
    return steps


def _goes_to(judge: Judge, wish: Wish) -> Seat:
    """Return where a swap partner goes: where the post stands, if that is ahead, or was to go."""
    if wish.stood is not None and wish.stood.due_at > judge.now:
        return wish.stood
    return Seat(wish.timing.day, wish.timing.due_at, wish.type)


def _swapped(judge: Judge, wish: Wish, other: Publication) -> list[Step]:
    """Return the steps of a swap: a post that stands nowhere sends the other to its wanted time."""
    there = Seat(other.day, other.due_at, other.type)
    here = _goes_to(judge, wish)
    steps = [
        Step(wish.channel.id, there, leaves=True),
        Step(wish.channel.id, Seat(here.day, here.due_at, other.type)),
        Step(wish.channel.id, Seat(there.day, there.due_at, wish.type)),
    ]
    if wish.stood is not None:
        steps.append(Step(wish.channel.id, wish.stood, leaves=True))
    return steps


def _put(wish: Wish, at: datetime) -> tuple[dict[str, Any], ...]:
    when = {"at": at}
    if wish.publication is None:
        return ({"op": "add", "post": wish.post.id, "channel": wish.channel.id, "when": when},)
    seen = {"id": wish.publication.id, "version": wish.version}
    again = ({"op": "exempt", **seen, "exempt": None},) if wish.counts_again else ()
    return (*again, {"op": "move", **seen, "when": when})


def _swap(judge: Judge, wish: Wish, other: Publication) -> tuple[dict[str, Any], ...]:
    seen = {"id": other.id, "version": other.version}
    here = _goes_to(judge, wish)
    if wish.publication is not None and here == wish.stood:
        own = {"id": wish.publication.id, "version": wish.version}
        return ({"op": "swap", "first": own, "second": seen},)
    away = {"op": "move", **seen, "when": {"at": here.due_at}}
    return (away, *_put(wish, other.due_at))


def _months_from(first: date, count: int) -> date:
    month = first.year * 12 + first.month - 1 + count
    return date(month // 12, month % 12 + 1, 1)
