"""Open slots: the weekly times of channels less what stands on them, and what may go there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from planner.errors import Conflict
from planner.periods import readings
from planner.slots import SlotTime, local_day, open_slots, resolve_local
from planner.timing import NoOpenSlot
from store import channels, standings
from store.db import Db
from store.standings import Month
from store.tables import Channel, Workspace

HORIZON_DAYS = 180
"""How far ahead the next open slot is looked for."""


class NoFittingSlot(Conflict):
    """The channel has open slots in sight, and the mix lets none of them have this type."""


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """A slot that nothing stands on, and the types that the mix lets it have.

    `types` is None where the channel has no mix.
    """

    time: SlotTime
    types: tuple[str, ...] | None

    @property
    def forced(self) -> str | None:
        """The one type that the slot may have, if it is only one."""
        return self.types[0] if self.types is not None and len(self.types) == 1 else None


async def open_of(
    db: Db,
    workspace: Workspace,
    on: Sequence[Channel],
    first: date,
    until: date,
    now: datetime,
) -> tuple[list[OpenSlot], list[datetime]]:
    """Return the open slots of channels on the local days of [first, until), by time.

    With them come the instants that may change the answer by passing: of slots, of the
    publications that hold a seat, and of the ends of windows.
    """
    if not on:
        return [], []
    found: list[OpenSlot] = []
    coming: list[datetime] = []
    grounds = await standings.grounds(db, workspace, on, first, until)
    for month in await standings.months(db, grounds, now):
        coming += [each.at for each in month.ground.times]
        coming += [seat.due_at for seat in month.seats]
        coming += _ends(month)
        found += [each for each in _open_in(month, now) if first <= each.time.day < until]
    return sorted(found, key=lambda each: (each.time.at, each.time.slot_id)), coming


async def next_open(
    db: Db,
    workspace: Workspace,
    channel: Channel,
    now: datetime,
    *,
    type_: str | None = None,
    without: Sequence[UUID] = (),
) -> SlotTime:
    """Return the next open slot of a channel that may have a type (None: any will do).

    `without` are publications whose seats do not count, since they are to move. The caller holds
    the workspace's row, so what is put there reserves it. Raises `NoOpenSlot` if none is in
    sight, `NoFittingSlot` if the mix lets none have the type.
    """
    today = local_day(now, channels.zone_of(channel, workspace))
    until = today + timedelta(days=HORIZON_DAYS)
    refused = False
    for ground in await standings.grounds(db, workspace, [channel], today, until):
        (month,) = await standings.months(db, [ground], now, without=without)
        for each in _open_in(month, now):
            if each.time.day >= until:
                break
            if type_ is None or each.types is None or type_ in each.types:
                return each.time
            refused = True
    if refused:
        raise NoFittingSlot(channel=channel.name, type=type_, days=HORIZON_DAYS)
    raise NoOpenSlot(channel=channel.name, days=HORIZON_DAYS)


def _ends(month: Month) -> list[datetime]:
    """Return when the windows of a month end: from then on they keep no slot for anything."""
    return [
        resolve_local(datetime.combine(reading.window.key.until, time()), month.ground.zone)
        for _, reading in readings(month.standings)
    ]


def _open_in(month: Month, now: datetime) -> list[OpenSlot]:
    seats = [(seat.day, seat.due_at) for seat in month.seats]
    known: dict[tuple[date, date], tuple[str, ...]] = {}
    found = []
    for free in open_slots(month.ground.times, seats, now):
        standing = month.at(free.day)
        if standing is None:
            found.append(OpenSlot(free, None))
            continue
        cell = standing.piece.first, standing.cell(free.day)
        if cell not in known:
            known[cell] = tuple(standing.allowed(free.day))
        found.append(OpenSlot(free, known[cell]))
    return found
