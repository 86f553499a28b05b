"""Weekly wall-clock posting times, the instants they mean, and which of them are still open."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo, available_timezones

from planner.errors import Fault, Invalid

_NO_PLACES = frozenset({"Factory", "localtime"})
"""Names beside the zones that mean no place: one is a placeholder, one differs by machine."""


class NoSuchZone(Invalid):
    """The IANA time zone database has no zone of this name."""


class WrongSlots(Invalid):
    """A weekly list names an impossible time, or one time twice."""


@dataclass(frozen=True, slots=True)
class WeeklySlot:
    """A weekly posting time of a channel, in the channel's wall clock.

    `weekday` counts from 0 = Monday; `time` is naive and has whole minutes. Days count from
    `valid_from` on and before `valid_until`; None means without end.
    """

    id: UUID
    channel_id: UUID
    weekday: int
    time: time
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class SlotTime:
    """One occurrence of a slot.

    `day` and `local` are the channel's date and naive wall clock as they were meant; `at` is the
    instant in UTC, which a clock change may have put later.
    """

    slot_id: UUID
    channel_id: UUID
    day: date
    local: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class DayException:
    """A local day on which the weekly times of every channel do not hold as they are.

    `keeps` says whether they stay; `extra` are naive wall-clock times besides them.
    """

    day: date
    keeps: bool
    extra: tuple[time, ...] = ()


@cache
def zone_names() -> frozenset[str]:
    """Return every zone name that may be used, with aliases such as `Asia/Calcutta`."""
    return frozenset(available_timezones()) - _NO_PLACES


def parse_zone(name: str, pointer: str = "/timezone") -> ZoneInfo:
    """Return the zone of an IANA name, spelled as the database spells it.

    Raises `NoSuchZone` with a fault at `pointer` (JSON pointer) for anything else.
    """
    if name not in zone_names():
        raise NoSuchZone(Fault(pointer, "no-such-zone", {"name": name}), name=name)
    return ZoneInfo(name)


def resolve_local(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) of a naive wall-clock time.

    A time that a clock change skips moves forward by the gap, one that occurs twice means the
    first: `fold=0` of PEP 495. An aware `local` is a bug and raises ValueError.
    """
    if local.tzinfo is not None:
        raise ValueError("a wall-clock time has no zone of its own")
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """Return the calendar date of an instant in a zone."""
    return at.astimezone(zone).date()


def check_slots(times: Sequence[tuple[int, time]]) -> None:
    """Refuse a channel's weekly list with an impossible time, or one time twice.

    `times` holds weekday (0 = Monday) and wall-clock time, in the order of the request's
    `/slots`. Raises `WrongSlots` with one fault for each thing that is wrong.
    """
    faults: list[Fault] = []
    first_seen: dict[tuple[int, time], int] = {}
    for index, (weekday, clock) in enumerate(times):
        if not 0 <= weekday <= 6:
            faults.append(Fault(f"/slots/{index}/weekday", "slot-weekday", {"weekday": weekday}))
        if clock.tzinfo is not None or clock.second or clock.microsecond:
            faults.append(Fault(f"/slots/{index}/time", "slot-time", {"time": str(clock)}))
        earlier = first_seen.setdefault((weekday, clock), index)
        if earlier != index:
            facts = {"time": f"{clock:%H:%M}", "same_as": f"/slots/{earlier}"}
            faults.append(Fault(f"/slots/{index}/time", "duplicate-slot", facts))
    if faults:
        raise WrongSlots(*faults)


def slot_times(
    slots: Iterable[WeeklySlot], zone: ZoneInfo, first: date, until: date
) -> list[SlotTime]:
    """Return every occurrence with first ≤ day < until, by instant, wall clock and slot id.

    Of a channel's occurrences that a clock change moves to one instant, the one that needed no
    moving stands, else the earlier; the answer for a day does not depend on the range asked for.
    """
    # A skipped whole day can push an occurrence onto the next day's slot: look one day further.
    beyond = until + timedelta(days=1)
    kept: dict[tuple[UUID, datetime], SlotTime] = {}
    for each in (found for slot in slots for found in _occurrences(slot, zone, first, beyond)):
        rival = kept.get((each.channel_id, each.at))
        if rival is None or _claim(each, zone) < _claim(rival, zone):
            kept[each.channel_id, each.at] = each
    within = (each for each in kept.values() if each.day < until)
    return sorted(within, key=lambda each: (each.at, each.local.time(), each.slot_id))


def with_exceptions(
    times: Sequence[SlotTime],
    exceptions: Iterable[DayException],
    channel_id: UUID,
    zone: ZoneInfo,
) -> list[SlotTime]:
    """Return the slots of one channel as days with exceptions leave them, by instant.

    An extra time has an id of its own, the same whenever it is asked for; one that falls on a
    slot that is kept adds nothing.
    """
    special = {each.day: each for each in exceptions}
    kept = [each for each in times if each.day not in special or special[each.day].keeps]
    taken = {each.at for each in kept}
    for day, exception in special.items():
        for clock in exception.extra:
            local = datetime.combine(day, clock)
            at = resolve_local(local, zone)
            if at not in taken:
                taken.add(at)
                slot_id = uuid5(channel_id, local.isoformat())
                kept.append(SlotTime(slot_id, channel_id, day, local, at))
    return sorted(kept, key=lambda each: (each.at, each.local.time(), each.slot_id))


def next_midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) at which the next local day of a zone begins."""
    tomorrow = local_day(now, zone) + timedelta(days=1)
    return resolve_local(datetime.combine(tomorrow, time()), zone)


def _occurrences(slot: WeeklySlot, zone: ZoneInfo, first: date, until: date) -> Iterator[SlotTime]:
    start = max(first, slot.valid_from)
    end = until if slot.valid_until is None else min(until, slot.valid_until)
    day = start + timedelta(days=(slot.weekday - start.weekday()) % 7)
    while day < end:
        local = datetime.combine(day, slot.time)
        yield SlotTime(slot.id, slot.channel_id, day, local, resolve_local(local, zone))
        day += timedelta(days=7)


def _claim(each: SlotTime, zone: ZoneInfo) -> tuple[bool, datetime, UUID]:
    moved = each.at.astimezone(zone).replace(tzinfo=None) != each.local
    return moved, each.local, each.slot_id


def open_slots(
    times: Sequence[SlotTime], publications: Sequence[tuple[date, datetime]], now: datetime
) -> list[SlotTime]:
    """Return the slots of one channel that are ahead and that no publication uses.

    `publications` holds the local day and due instant of each one that holds a seat. A day has
    max(0, min(slots ahead - publications ahead, slots - publications)) open slots, whatever the
    minutes; those nearest in time to the publications, matched in order, are taken. Ahead means
    after `now`. See design note "mix", section 0, item 6.
    """
    found = [
        each
        for _, of_day, due in _by_day(times, publications)
        for each in _open_of_day(of_day, due, now)
    ]
    return sorted(found, key=lambda each: (each.at, each.local.time(), each.slot_id))


def open_counts(
    times: Sequence[SlotTime], publications: Sequence[tuple[date, datetime]], now: datetime
) -> list[tuple[date, int]]:
    """Return how many open slots each day with slots has; arguments as for `open_slots`."""
    return [
        (day, _open_count(of_day, due, now)) for day, of_day, due in _by_day(times, publications)
    ]


def _by_day(
    times: Sequence[SlotTime], publications: Sequence[tuple[date, datetime]]
) -> list[tuple[date, list[SlotTime], list[datetime]]]:
    due_by_day: defaultdict[date, list[datetime]] = defaultdict(list)
    for day, due_at in publications:
        due_by_day[day].append(due_at)
    times_by_day: defaultdict[date, list[SlotTime]] = defaultdict(list)
    for each in times:
        times_by_day[each.day].append(each)
    return [(day, of_day, due_by_day[day]) for day, of_day in times_by_day.items()]


def open_of_day(slots: int, slots_ahead: int, seats: int, seats_ahead: int) -> int:
    """Return how many slots of a channel's day are open, from how many there are and are ahead.

    Source: design note "mix", section 0, item 6.
    """
    return max(0, min(slots_ahead - seats_ahead, slots - seats))


def _open_count(times: Sequence[SlotTime], due: Sequence[datetime], now: datetime) -> int:
    ahead = sum(each.at > now for each in times)
    due_ahead = sum(due_at > now for due_at in due)
    return open_of_day(len(times), ahead, len(due), due_ahead)


def _open_of_day(
    times: Sequence[SlotTime], due: Sequence[datetime], now: datetime
) -> list[SlotTime]:
    if _open_count(times, due, now) == 0:
        return []
    ahead = sorted((each for each in times if each.at > now), key=lambda each: each.at)
    # Past publications use past slots while there are any, so only the others look ahead.
    past_due = sum(due_at <= now for due_at in due)
    looking = sorted(due)[min(past_due, len(times) - len(ahead)) :]
    taken = _nearest([each.at for each in ahead], looking)
    return [each for index, each in enumerate(ahead) if index not in taken]


def _nearest(slots: Sequence[datetime], due: Sequence[datetime]) -> set[int]:
    # rows[i][j] is the least total distance of the first i due instants to the first j slots;
    # both are sorted, there are at least as many slots, and a tie goes to the earlier slot.
    rows = [[timedelta(0)] * (len(slots) + 1)]
    for matched, due_at in enumerate(due, start=1):
        row = [timedelta.max] * (len(slots) + 1)
        for used, slot_at in enumerate(slots[matched - 1 :], start=matched):
            row[used] = min(row[used - 1], rows[-1][used - 1] + abs(slot_at - due_at))
        rows.append(row)
    taken: set[int] = set()
    used = len(slots)
    for row in reversed(rows[1:]):
        while row[used] == row[used - 1]:
            used -= 1
        used -= 1
        taken.add(used)
    return taken
