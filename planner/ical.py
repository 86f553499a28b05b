"""The calendar as iCalendar (RFC 5545, RFC 7986), for programs that subscribe to it."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import regex  # type: ignore[import-untyped]
from icalendar import (
    Calendar,
    Event,
    Timezone,
    TimezoneDaylight,
    TimezoneStandard,
    vDuration,
    vText,
)

from planner.days import Holiday, Locale
from planner.publications import IN_FLIGHT, Status

PRODUCT = "-//Pilar//Pilar 1//EN"
LENGTH = timedelta(minutes=15)
"""How long a publication stands on the calendar."""

ASK_AGAIN_AFTER = timedelta(hours=1)
EXCERPT_GRAPHEMES = 280

_CONFIRMED = IN_FLIGHT | {Status.SCHEDULED, Status.PUBLISHED, Status.HANDED_OVER}

STATUS_WORDS: Mapping[Locale, Mapping[Status, str]] = {
    "en": {
        Status.PLANNED: "Planned",
        Status.SCHEDULED: "Scheduled",
        Status.CLAIMED: "Being sent",
        Status.SUBMITTING: "Being sent",
        Status.PROCESSING: "Being processed by the platform",
        Status.HANDED_OVER: "Handed over to a person",
        Status.PUBLISHED: "Published",
        Status.FAILED: "Failed",
        Status.NEEDS_REVIEW: "Needs review: nobody knows whether it is live",
        Status.MISSED: "Missed",
        Status.CANCELLED: "Cancelled",
    },
    "id": {
        Status.PLANNED: "Direncanakan",
        Status.SCHEDULED: "Terjadwal",
        Status.CLAIMED: "Sedang dikirim",
        Status.SUBMITTING: "Sedang dikirim",
        Status.PROCESSING: "Sedang diproses platform",
        Status.HANDED_OVER: "Diserahkan kepada petugas",
        Status.PUBLISHED: "Sudah tayang",
        Status.FAILED: "Gagal tayang",
        Status.NEEDS_REVIEW: "Perlu dipastikan: belum diketahui sudah tayang atau belum",
        Status.MISSED: "Terlewat",
        Status.CANCELLED: "Dibatalkan",
    },
}


@dataclass(frozen=True, slots=True)
class Head:
    """What a feed says of itself; every event lies in the local days of [first, until)."""

    name: str
    locale: Locale
    first: date
    until: date


@dataclass(frozen=True, slots=True)
class Showing:
    """A publication as a calendar shows it.

    `at` is the instant, `timezone` the IANA name of its own zone; `sequence` never decreases.
    """

    id: UUID
    at: datetime
    timezone: str
    status: Status
    type: str
    title: str
    channel: str
    caption: str
    permalink: str | None
    sequence: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A whole day of which something is said; `name` tells it from all others, for good."""

    name: str
    day: date
    title: str
    kind: str
    sequence: int
    changed_at: datetime


def feed(head: Head, showings: Iterable[Showing], days: Iterable[SpecialDay]) -> bytes:
    """Return the feed: the same bytes for the same values."""
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    calendar.add("method", "PUBLISH")
    calendar.add("name", _Text(head.name))
    calendar.add("x-wr-calname", _Text(head.name))
    lasting = {"VALUE": "DURATION"}
    calendar.add("refresh-interval", vDuration(ASK_AGAIN_AFTER), parameters=lasting)
    calendar.add("x-published-ttl", vDuration(ASK_AGAIN_AFTER))
    for showing in showings:
        calendar.add_component(_showing(showing, head.locale))
    for day in days:
        calendar.add_component(_day(day))
    zones = [ZoneInfo(name) for name in sorted(calendar.get_used_tzids())]
    # Before the events: some readers go through a feed once.
    calendar.subcomponents[:0] = [_timezone(zone, head.first, head.until) for zone in zones]
    content: bytes = calendar.to_ical()
    return content


def national(country: str, holidays: Sequence[Holiday], changed_at: datetime) -> list[SpecialDay]:
    """Return national holidays; what tells them apart is no matter of language."""
    found: list[SpecialDay] = []
    counts: dict[str, int] = {}
    for each in holidays:
        place = f"{country}-{each.day}-{each.category}"
        counts[place] = counts.get(place, 0) + 1
        name = f"{place}-{counts[place]}"
        found.append(SpecialDay(name, each.day, each.name, "holiday", 0, changed_at))
    return found


def excerpt(text: str) -> str:
    """Return the beginning of a text, cut between two characters as people see them."""
    beginning: str = regex.match(rf"\X{{0,{EXCERPT_GRAPHEMES}}}", text)[0]
    return text if beginning == text else f"{beginning.rstrip()}…"


class _Text(vText):
    r"""Text whose `\N` stays what it is; the library writes a line break for those letters."""

    def to_ical(self) -> bytes:
        escaped = self.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
        return escaped.replace("\n", "\\n").encode()


def _showing(each: Showing, locale: Locale) -> Event:
    start, end = _times(each.at, ZoneInfo(each.timezone))
    event = _event(str(each.id), each.sequence, each.changed_at)
    event.add("dtstart", start)
    event.add("dtend", end)
    event.add("summary", _Text(f"[{each.type}] {each.title} — {each.channel}"))
    words = [STATUS_WORDS[locale][each.status], excerpt(each.caption)]
    event.add("description", _Text("\n\n".join(filter(None, words))))
    event.add("categories", [each.type])
    event.add("status", _status(each.status))
    if each.permalink:
        event.add("url", each.permalink)
    return event


def _day(each: SpecialDay) -> Event:
    event = _event(each.name, each.sequence, each.changed_at)
    event.add("dtstart", each.day)
    event.add("dtend", each.day + timedelta(days=1))
    event.add("summary", _Text(each.title))
    event.add("categories", [each.kind])
    event.add("transp", "TRANSPARENT")
    return event


def _event(name: str, sequence: int, changed_at: datetime) -> Event:
    event = Event()
    changed = changed_at.astimezone(UTC)
    event.add("uid", f"{name}@pilar")
    event.add("dtstamp", changed)
    event.add("last-modified", changed)
    event.add("sequence", sequence)
    return event


def _status(status: Status) -> str:
    if status is Status.CANCELLED:
        return "CANCELLED"
    return "CONFIRMED" if status in _CONFIRMED else "TENTATIVE"


def _times(at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return beginning and end on the zone's wall clock, else in UTC where that is ambiguous.

    A wall-clock time that a clock change repeats means the first (RFC 5545, section 3.3.5), and
    has no way to say the second.
    """
    instants = at.astimezone(UTC), (at + LENGTH).astimezone(UTC)
    start, end = (each.astimezone(zone) for each in instants)
    return instants if start.fold or end.fold else (start, end)


def _timezone(zone: ZoneInfo, first: date, until: date) -> Timezone:
    """Return what a zone's clocks do around the days of a feed.

    The library could tell this too, but dates a change to summer time on the new clock instead
    of the old one, and so an hour late.
    """
    component = Timezone()
    component.add("tzid", zone.key)
    # A day of one zone is never more than a day away from that of another.
    begin = datetime.combine(first, time.min, UTC) - timedelta(days=2)
    end = datetime.combine(until, time.min, UTC) + timedelta(days=2)
    component.add_component(_observance(begin, begin, zone))
    for onset in _onsets(zone, begin, end):
        component.add_component(_observance(onset, onset - timedelta(seconds=1), zone))
    return component


def _observance(
    onset: datetime, before: datetime, zone: ZoneInfo
) -> TimezoneStandard | TimezoneDaylight:
    local = onset.astimezone(zone)
    offset_before = _offset(before, zone)
    observance = TimezoneDaylight() if local.dst() else TimezoneStandard()
    observance.add("dtstart", (onset + offset_before).replace(tzinfo=None))
    observance.add("tzoffsetfrom", offset_before)
    observance.add("tzoffsetto", _offset(onset, zone))
    observance.add("tzname", local.tzname())
    return observance


def _onsets(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Yield each instant in (begin, end] from which on the zone is another time away from UTC."""
    second, day = timedelta(seconds=1), timedelta(days=1)
    while begin < end:
        before = _offset(begin, zone)
        if _offset(begin + day, zone) != before:
            start = begin
            yield start + second * bisect_left(
                range(86_400), True, key=lambda n: _offset(start + second * n, zone) != before
            )
        begin += day


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
