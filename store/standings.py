"""Standings: what stands in the periods of a channel's month, as the planner reckons with it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from planner.mix import WHOLE_BP
from planner.periods import Piece, Seat, Standing, month_of
from planner.slots import SlotTime, local_day, slot_times, with_exceptions
from store import channels, days, mixes
from store.db import Db
from store.tables import Channel, Publication, Workspace


@dataclass(frozen=True, slots=True)
class Ground:
    """What a channel's month is judged on, whatever stands there: its slots, and its pieces."""

    channel: Channel
    zone: ZoneInfo
    first: date
    until: date
    times: list[SlotTime]
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Month:
    """A channel's month: its ground, the seats in it, and its pieces with what stands there."""

    ground: Ground
    seats: list[Seat]
    standings: list[Standing]

    def at(self, day: date) -> Standing | None:
        """Return the piece around a day; None where the channel has no mix."""
        for each in self.standings:
            if each.piece.first <= day < each.piece.until:
                return each
        return None


async def grounds(
    db: Db, workspace: Workspace, on: Sequence[Channel], first: date, until: date
) -> list[Ground]:
    """Return what the months of channels that reach into [first, until) are judged on.

    By channel, then by month.
    """
    months = [month_of(first)]
    while months[-1][1] < until:
        months.append(month_of(months[-1][1]))
    first, until = months[0][0], months[-1][1]
    only = on[0].id if len(on) == 1 else None
    weekly = defaultdict(list)
    for slot in await channels.slots(db, workspace.id, first, until, only):
        weekly[slot.channel_id].append(slot)
    special = await days.exceptions(db, workspace.id, first, until)
    versions = await mixes.by_channel(db, workspace.id, only)
    found = []
    for channel in on:
        zone = channels.zone_of(channel, workspace)
        times = slot_times(weekly[channel.id], zone, first, until)
        times = with_exceptions(times, special, channel.id, zone)
        for begins, ends in months:
            pieces = mixes.pieces(versions[None], versions.get(channel.id, []), begins, ends)
            inside = [each for each in times if begins <= each.day < ends]
            found.append(Ground(channel, zone, begins, ends, inside, pieces))
    return found


async def months(
    db: Db, on: Sequence[Ground], now: datetime, *, without: Sequence[UUID] = ()
) -> list[Month]:
    """Return what stands in channels' months now; `without` leaves out some publications."""
    query = select(
        col(Publication.channel_id),
        col(Publication.day),
        col(Publication.due_at),
        col(Publication.type),
    ).where(
        col(Publication.channel_id).in_({each.channel.id for each in on}),
        col(Publication.holds_seat),
        Publication.day >= min(each.first for each in on),
        Publication.day < max(each.until for each in on),
    )
    if without:
        query = query.where(col(Publication.id).not_in(without))
    seats: defaultdict[tuple[UUID, date], list[Seat]] = defaultdict(list)
    for channel_id, day, due_at, type_ in (await db.exec(query)).all():
        seats[channel_id, month_of(day)[0]].append(Seat(day, due_at, type_))
    return [
        Month(each, inside, standings(each, inside, now))
        for each in on
        for inside in [seats[each.channel.id, each.first]]
    ]


async def ground(db: Db, workspace: Workspace, channel: Channel, day: date) -> Ground:
    """Return what a channel's month, the one around a local day, is judged on."""
    return (await grounds(db, workspace, [channel], *month_of(day)))[0]


async def month(db: Db, on: Ground, now: datetime) -> Month:
    """Return what stands in a channel's month now."""
    return (await months(db, [on], now))[0]


def standings(on: Ground, seats: Sequence[Seat], now: datetime) -> list[Standing]:
    """Return the pieces of a channel's month with some seats in them."""
    today = local_day(now, on.zone)
    return [Standing.of(on.channel.id, piece, on.times, seats, now, today) for piece in on.pieces]


@dataclass(frozen=True, slots=True)
class SmallShare:
    """A type whose share of a channel's month is less than one post: it may end without any."""

    channel: Channel
    key: str
    name: str
    share_bp: int
    posts: int
    needed: int


async def small_shares(
    db: Db, workspace: Workspace, on: Sequence[Channel], day: date
) -> list[SmallShare]:
    """Return the shares that the slots of the first whole month after a day are too few for.

    Source: design note "mix", section 1.4: a share p needs 1/p posts.
    """
    first, until = month_of(month_of(day)[1])
    found = []
    for ground in await grounds(db, workspace, on, first, until) if on else []:
        posts = len(ground.times)
        for piece in ground.pieces[:1]:
            shares = piece.shares
            for key, name, share in zip(shares.keys, shares.names, shares.weights, strict=True):
                if posts and 0 < share * posts < WHOLE_BP:
                    needed = -(-WHOLE_BP // share)
                    found.append(SmallShare(ground.channel, key, name, share, posts, needed))
    return found
