"""Holdings: what stands on the days of channels, counted by the database from covering indexes."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import col, func, select

from planner.compliance import LOOK_BACK_DAYS, DayCount, Mark, Part, Placed
from planner.periods import LOOK_AHEAD, Shares
from planner.posts import READY
from planner.publications import UNSENT, Status, holds_seat
from planner.slots import local_day, next_midnight, slot_times, with_exceptions
from store import channels, days, mixes
from store.db import Db
from store.tables import Channel, MixVersion, Post, Publication, Workspace


@dataclass(slots=True)
class Holdings:
    """All that was read of some channels and days, and the instants that change it by passing."""

    on: Sequence[Channel]
    zones: Mapping[UUID, ZoneInfo]
    today: Mapping[UUID, date]
    versions: Mapping[UUID | None, list[MixVersion]]
    slots: dict[UUID, dict[date, tuple[int, int]]]  # all, ahead
    seats: dict[UUID, dict[date, tuple[Counter[str], int]]]  # by type, ahead
    marks: dict[UUID, list[Mark]]
    placed: dict[UUID, list[tuple[date, Placed]]] = field(default_factory=dict)
    days_since: dict[UUID, dict[str, int]] = field(default_factory=dict)
    coming: list[datetime] = field(default_factory=list)


async def of(
    db: Db,
    workspace: Workspace,
    on: Sequence[Channel],
    span: tuple[date, date],
    now: datetime,
    *,
    full: bool,
) -> Holdings:
    """Read what some channels, all or one, hold on the local days of a span, half-open.

    `full` reads each publication besides the counts, and when each type was last seen.
    """
    only = on[0].id if len(on) == 1 else None
    zones = {each.id: channels.zone_of(each, workspace) for each in on}
    held = Holdings(
        on=on,
        zones=zones,
        today={key: local_day(now, zone) for key, zone in zones.items()},
        versions=await mixes.by_channel(db, workspace.id, only),
        slots={},
        seats={each.id: {} for each in on},
        marks={each.id: [] for each in on},
    )
    every = {*zones.values(), ZoneInfo(workspace.timezone)}
    held.coming += [next_midnight(now, zone) for zone in every]
    await _read_slots(db, workspace, held, span, now)
    await _read_seats(db, workspace, held, span, now, only)
    await _read_marks(db, workspace, held, span, now, only)
    if full:
        await _read_placed(db, workspace, held, span, only)
        await _read_last(db, workspace, held)
    return held


async def _read_slots(
    db: Db, workspace: Workspace, held: Holdings, span: tuple[date, date], now: datetime
) -> None:
    weekly = defaultdict(list)
    for slot in await channels.slots(db, workspace.id, *span):
        weekly[slot.channel_id].append(slot)
    exceptions = await days.exceptions(db, workspace.id, *span)
    for channel_id, zone in held.zones.items():
        times = slot_times(weekly[channel_id], zone, *span)
        counts: dict[date, tuple[int, int]] = {}
        for each in with_exceptions(times, exceptions, channel_id, zone):
            number, ahead = counts.get(each.day, (0, 0))
            counts[each.day] = (number + 1, ahead + (each.at > now))
            if each.at > now:
                held.coming.append(each.at)
        held.slots[channel_id] = counts


def _within(query: Any, workspace: Workspace, span: tuple[date, date], only: UUID | None) -> Any:
    query = query.where(
        Publication.workspace_id == workspace.id,
        Publication.day >= span[0],
        Publication.day < span[1],
    )
    return query if only is None else query.where(Publication.channel_id == only)


async def _read_seats(
    db: Db,
    workspace: Workspace,
    held: Holdings,
    span: tuple[date, date],
    now: datetime,
    only: UUID | None,
) -> None:
    """Count by day, channel and type; then, of the few days around now, what is still to come."""
    groups = (col(Publication.day), col(Publication.channel_id), col(Publication.type))
    query: Any = select(*groups, func.count()).where(col(Publication.holds_seat)).group_by(*groups)
    for day, channel_id, kind, number in (
        await db.exec(_within(query, workspace, span, only))
    ).all():
        counts, _ = held.seats[channel_id].setdefault(day, (Counter(), 0))
        counts[kind] += number
    due_at = col(Publication.due_at)
    query = select(*groups[:2], func.count(), func.min(due_at)).where(
        col(Publication.holds_seat), due_at > now
    )
    # No zone is so far from UTC that what is to come is meant for an earlier day.
    near = (max(span[0], now.date() - timedelta(days=2)), span[1])
    rows = await db.exec(_within(query.group_by(*groups[:2]), workspace, near, only))
    for day, channel_id, number, first in rows.all():
        counts, _ = held.seats[channel_id][day]
        held.seats[channel_id][day] = (counts, number)
        held.coming.append(first)


async def _read_marks(
    db: Db,
    workspace: Workspace,
    held: Holdings,
    span: tuple[date, date],
    now: datetime,
    only: UUID | None,
) -> None:
    """Read what is exempt and would else hold a seat, and what holds one with a mark."""
    marked = (
        col(Publication.exempt).is_not(None)
        | col(Publication.override).is_not(None)
        | col(Publication.retyped_at).is_not(None)
    )
    query = _within(select(Publication).where(marked), workspace, span, only)
    for row in (await db.exec(query)).all():
        zone = ZoneInfo(row.timezone)
        exempt = row.exempt is not None
        counts = row.holds_seat
        if exempt:
            counts = holds_seat(
                Status(row.status),
                exempt=False,
                dismissed=row.dismissed_at is not None,
                day=row.day,
                today=local_day(now, zone),
            )
            if row.status in UNSENT:
                held.coming.append(next_midnight(now, zone))
        if counts:
            override, retyped = row.override is not None, row.retyped_at is not None
            mark = Mark(row.day, row.type, exempt, override, retyped)
            held.marks[row.channel_id].append(mark)


async def _read_placed(
    db: Db, workspace: Workspace, held: Holdings, span: tuple[date, date], only: UUID | None
) -> None:
    query = (
        select(  # type: ignore[call-overload]  # sqlmodel types at most four columns
            col(Publication.channel_id),
            col(Publication.day),
            col(Publication.due_at),
            col(Publication.id),
            col(Publication.type),
            col(Publication.pillar_id),
            col(Post.campaign_id),
        )
        .join(Post, col(Post.id) == col(Publication.post_id))
        .where(col(Publication.holds_seat))
    )
    held.placed = {each.id: [] for each in held.on}
    for channel_id, day, *rest in (await db.exec(_within(query, workspace, span, only))).all():
        held.placed[channel_id].append((day, Placed(*rest)))


async def _read_last(db: Db, workspace: Workspace, held: Holdings) -> None:
    """Read when each type was last on each channel, up to the channel's today."""
    by_today: defaultdict[date, list[UUID]] = defaultdict(list)
    for channel_id, today in held.today.items():
        by_today[today].append(channel_id)
        held.days_since[channel_id] = {}
    for today, ids in by_today.items():
        groups = (col(Publication.channel_id), col(Publication.type))
        query = (
            select(*groups, func.max(col(Publication.day)))
            .where(col(Publication.holds_seat), col(Publication.channel_id).in_(ids))
            .group_by(*groups)
        )
        span = (today - timedelta(days=LOOK_BACK_DAYS), today + timedelta(days=1))
        for channel_id, kind, day in (await db.exec(_within(query, workspace, span, None))).all():
            held.days_since[channel_id][kind] = (today - day).days


async def ready(db: Db, workspace: Workspace) -> dict[str, int]:
    """Count the posts that stand on no channel and could, by type."""
    query = (
        select(Post.type, func.count())
        .where(
            Post.workspace_id == workspace.id,
            col(Post.placed_at).is_(None),
            col(Post.status).in_(READY),
        )
        .group_by(col(Post.type))
    )
    return dict((await db.exec(query)).all())


def part(held: Holdings, channel_id: UUID, first: date, until: date, shares: Shares | None) -> Part:
    """Return what stands on days of a channel that go by one version of the mix, or by none."""
    slots, seats = held.slots[channel_id], held.seats[channel_id]
    placed: Counter[str] = Counter()
    number = free = lost = 0
    day = first
    while day < until:
        if day in slots or day in seats:
            counts, ahead = seats.get(day, (Counter[str](), 0))
            of_day = DayCount(*slots.get(day, (0, 0)), counts, ahead)
            placed.update(counts)
            number, free, lost = number + of_day.slots, free + of_day.open, lost + of_day.lost
        day += timedelta(days=1)
    marks = [each for each in held.marks[channel_id] if first <= each.day < until]
    counted = [each for each in marks if not each.exempt]
    looks_ahead = shares is not None and not number and until > held.today[channel_id]
    return Part(
        first=first,
        until=until,
        shares=shares,
        slots=number,
        open=free,
        lost=lost,
        expected=LOOK_AHEAD if looks_ahead else 0,
        placed=placed,
        exempt=Counter(each.type for each in marks if each.exempt),
        overrides=sum(each.override for each in counted),
        retyped=sum(each.retyped for each in counted),
        seats=tuple(seat for day, seat in held.placed.get(channel_id, ()) if first <= day < until),
    )
