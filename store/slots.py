"""Open slots: the weekly times of channels less what stands on them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from planner.slots import SlotTime, local_day, open_slots, slot_times, with_exceptions
from planner.timing import NoOpenSlot
from store import channels, days, publications
from store.db import Db
from store.tables import Channel, Publication, Workspace

HORIZON_DAYS = 180
"""How far ahead the next open slot is looked for."""


async def open_of(
    db: Db,
    workspace: Workspace,
    on: Sequence[Channel],
    first: date,
    until: date,
    now: datetime,
) -> tuple[list[SlotTime], list[datetime]]:
    """Return the open slots of channels on the local days of [first, until), by time.

    With them come the instants that may change which are open by passing: of slots, and of the
    publications that hold a seat.
    """
    weekly = defaultdict(list)
    for slot in await channels.slots(db, workspace.id, first, until):
        weekly[slot.channel_id].append(slot)
    counted: defaultdict[UUID, list[Publication]] = defaultdict(list)
    filters = {"holds_seat": True}
    for row in await publications.in_days(db, workspace.id, first, until, filters=filters):
        counted[row.channel_id].append(row)
    exceptions = await days.exceptions(db, workspace.id, first, until)
    found: list[SlotTime] = []
    coming = [row.due_at for rows in counted.values() for row in rows]
    for channel in on:
        zone = channels.zone_of(channel, workspace)
        times = slot_times(weekly[channel.id], zone, first, until)
        times = with_exceptions(times, exceptions, channel.id, zone)
        coming += [each.at for each in times]
        seats = [(row.day, row.due_at) for row in counted[channel.id]]
        found += open_slots(times, seats, now)
    return sorted(found, key=lambda slot: (slot.at, slot.slot_id)), coming


async def next_open(db: Db, workspace: Workspace, channel: Channel, now: datetime) -> SlotTime:
    """Return the next open slot of a channel; raises `NoOpenSlot` if none is in sight.

    The caller holds the workspace's row, so what is put there reserves it.
    """
    zone = channels.zone_of(channel, workspace)
    first = local_day(now, zone)
    for weeks in range(0, HORIZON_DAYS, 30):
        start = first + timedelta(days=weeks)
        found, _ = await open_of(db, workspace, [channel], start, start + timedelta(days=30), now)
        if found:
            return found[0]
    raise NoOpenSlot(channel=channel.name, days=HORIZON_DAYS)
