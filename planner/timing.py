"""When a post is to go out: an instant, a local time, the next slot, or now."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from planner.errors import Conflict, Fault, Invalid
from planner.slots import SlotTime, local_day, resolve_local


@dataclass(frozen=True, slots=True)
class Timing:
    """An instant (UTC, whole seconds) with the wall clock, zone and local day that were meant."""

    due_at: datetime
    local: datetime
    timezone: str
    day: date


class PastTime(Invalid):
    """What is planned lies in the future."""


class FutureHistory(Invalid):
    """What is recorded has happened."""


class NoOpenSlot(Conflict):
    """The channel has no open slot in sight."""


def at_instant(at: datetime, zone: ZoneInfo) -> Timing:
    """Return the timing of an instant, read on the wall clock of a zone."""
    at = at.astimezone(UTC).replace(microsecond=0)
    local = at.astimezone(zone).replace(tzinfo=None)
    return Timing(at, local, zone.key, local_day(at, zone))


def at_local(local: datetime, zone: ZoneInfo) -> Timing:
    """Return the timing of a wall-clock time; the day is the one that was meant.

    A time that a clock change skips moves forward by the gap; one that occurs twice means the
    first.
    """
    return Timing(resolve_local(local, zone), local, zone.key, local.date())


def in_slot(slot: SlotTime, zone: ZoneInfo) -> Timing:
    """Return the timing of a slot's occurrence."""
    return Timing(slot.at, slot.local, zone.key, slot.day)


def check_future(timing: Timing, now: datetime, pointer: str) -> None:
    """Refuse a time that has passed, to the second; raises `PastTime`."""
    if timing.due_at < now.replace(microsecond=0):
        raise PastTime(
            Fault(pointer, "past-time", {"local": timing.local.isoformat(" ", "minutes")})
        )


def check_past(moment: datetime, now: datetime, pointer: str) -> None:
    """Refuse history that has not happened yet; raises `FutureHistory`."""
    if moment > now:
        raise FutureHistory(Fault(pointer, "future-history"))
