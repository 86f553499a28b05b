"""The story: which deeds made the calendar what it is, in the order in which they happened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.demo.script import Item, Seat, read
from planner.slots import local_day, resolve_local

RECORDED_AFTER = timedelta(minutes=5)
PLACED_BEFORE = timedelta(minutes=1)
BY_HAND = 5
"""So many posts of the feed went out before there was Pilar: its first week."""

APPROVED_DAYS = 9
REVIEWED_DAYS = 16
FEED = "kabar"
MISSED = 47
"""The number of the video that was approved too late."""


class Deed(StrEnum):
    """What happens to a post, or to one of its seats."""

    WRITE = "write"
    PLACE = "place"
    SUBMIT = "submit"
    COMMENT = "comment"
    REJECT = "reject"
    APPROVE = "approve"
    RECORD = "record"
    SEND = "send"
    MISS = "miss"
    GO = "go"


@dataclass(frozen=True, slots=True)
class Event:
    """A deed at a moment, to an item; to one seat of it where the deed is about a seat."""

    at: datetime
    deed: Deed
    item: Item
    seat: Seat | None = None


def story(items: Sequence[Item], zone: ZoneInfo, now: datetime) -> list[Event]:
    """Return everything that happened until now, oldest first.

    What was due was sent by the feed, or by hand and recorded; the newest post of each series
    goes out now.
    """
    today = local_day(now, zone)
    newest = _newest(items, today)
    events: list[Event] = []
    rejected = False
    for item in items:
        pace = _Pace(item, zone, now)
        if item.day is None:
            events.append(Event(pace.ago(5), Deed.WRITE, item))
        elif item.day <= today + timedelta(days=APPROVED_DAYS):
            events += _approved(item, pace, goes=item in newest)
        elif item.day <= today + timedelta(days=REVIEWED_DAYS):
            events += _in_review(item, pace, rejected=not rejected)
            rejected = True
        else:
            events += _seated(item, pace.ago(2))
    order = list(Deed)
    return sorted(events, key=lambda event: (event.at, order.index(event.deed)))


class _Pace:
    """When an item's deeds happen: some days before it is due, and never after now."""

    def __init__(self, item: Item, zone: ZoneInfo, now: datetime) -> None:
        self.zone, self.now = zone, now
        self._day = item.day
        self._minutes = timedelta(minutes=item.number * 11 % 53)

    def ago(self, days: float) -> datetime:
        return (self.now - timedelta(days=days) + self._minutes).replace(microsecond=0)

    def before(self, days: int, hour: int) -> datetime:
        """Return an hour of the day that lies so many days before the item's."""
        assert self._day is not None  # noqa: S101  # only items with seats are asked
        local = datetime.combine(self._day - timedelta(days=days), time(hour)) + self._minutes
        return resolve_local(local, self.zone)


def _newest(items: Sequence[Item], today: date) -> list[Item]:
    """Return the newest item of each series whose day has come."""
    found: dict[str, Item] = {}
    for item in items:
        if item.day is not None and item.day <= today:
            found[item.seats[0].channel] = item
    return list(found.values())


def _approved(item: Item, pace: _Pace, *, goes: bool) -> Iterator[Event]:
    written = min(pace.before(6, 10), pace.ago(4))
    yield Event(written, Deed.WRITE, item)
    yield Event(min(pace.before(5, 14), pace.ago(3)), Deed.SUBMIT, item)
    late = item.number == MISSED and not goes
    approved = pace.before(-1, 9) if late else min(pace.before(3, 11), pace.ago(1.5))
    yield Event(approved, Deed.APPROVE, item)
    for seat in item.seats:
        due_at = seat.due_at(pace.zone)
        if goes:
            yield Event(pace.now, Deed.GO, item, seat)
        elif late:
            yield Event(written, Deed.PLACE, item, seat)
            yield Event(due_at + timedelta(minutes=1), Deed.MISS, item, seat)
        elif seat.channel == FEED and item.number >= BY_HAND and due_at <= pace.now:
            yield Event(due_at - PLACED_BEFORE, Deed.SEND, item, seat)
        elif due_at + RECORDED_AFTER <= pace.now:
            yield Event(due_at + RECORDED_AFTER, Deed.RECORD, item, seat)
        else:
            yield Event(written, Deed.PLACE, item, seat)


def _in_review(item: Item, pace: _Pace, *, rejected: bool) -> Iterator[Event]:
    yield from _seated(item, pace.ago(3))
    yield Event(pace.ago(1), Deed.SUBMIT, item)
    if rejected:
        yield Event(pace.ago(0.7), Deed.REJECT, item)
    elif item.number % 2 == 0 and read("office")["words"]["comments"]:
        yield Event(pace.ago(0.8), Deed.COMMENT, item)


def _seated(item: Item, written: datetime) -> Iterator[Event]:
    yield Event(written, Deed.WRITE, item)
    for seat in item.seats:
        yield Event(written, Deed.PLACE, item, seat)
