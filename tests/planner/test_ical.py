"""The calendar as iCalendar: times, texts and names, read back by another reader."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar, Timezone

from planner import ical
from planner.days import Holiday, Locale, national_holidays
from planner.ical import Head, Showing, SpecialDay
from planner.publications import Status

HEAD = Head("Biro Humas", "id", date(2026, 1, 1), date(2027, 4, 1))
CHANGED = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SHOWING = Showing(
    id=UUID("01a20c80-e019-75d6-a9ac-a01c8d35d13b"),
    at=datetime(2026, 8, 17, 2, 0, tzinfo=UTC),
    timezone="Asia/Jakarta",
    status=Status.SCHEDULED,
    type="informative",
    title="Naskah kuno",
    channel="Berita",
    caption="Isi konten.",
    permalink=None,
    sequence=3,
    changed_at=CHANGED,
)
# By half hours, on the southern half, backwards in winter, in Ramadan, and never.
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Africa/Casablanca",
    "America/Santiago",
    "Asia/Jakarta",
)
# What people write, and what has a meaning in the format.
TEXTS = st.text(st.sampled_from("ab \\nN,;:\"'\n\tTé😀👩\u200d👧[]—")) | st.text(
    st.characters(exclude_categories=("Cc", "Cs"))
)


def read(*showings: Showing, days: Sequence[SpecialDay] = ()) -> Calendar:
    calendar = Calendar.from_ical(ical.feed(HEAD, showings, days))
    assert isinstance(calendar, Calendar)
    return calendar


def event(showing: Showing) -> Any:
    (found,) = read(showing).events
    return found


def offset_told(zone: Any, at: datetime) -> timedelta:
    """Return the offset that the standard reads out of a VTIMEZONE: the last onset decides."""
    onsets = []
    for each in zone.subcomponents:
        dates = [each["dtstart"].dt]
        if "rdate" in each:
            dates += [moment.dt for moment in each["rdate"].dts]
        onsets += [
            (start.replace(tzinfo=UTC) - each["tzoffsetfrom"].td, each["tzoffsetto"].td)
            for start in dates
        ]
    offset: timedelta = max((begin, to) for begin, to in onsets if begin <= at)[1]
    return offset


def instant(calendar: Any, found: Any, name: str) -> datetime:
    """Return the instant of a time, by nothing but what stands in the feed itself."""
    moment: datetime = found[name].dt
    if "TZID" not in found[name].params:
        assert moment.tzinfo is UTC or moment.utcoffset() == timedelta(0)
        return moment
    (zone,) = [each for each in calendar.timezones if each.tz_name == found[name].params["TZID"]]
    wall = moment.replace(tzinfo=UTC)
    offsets = {each["tzoffsetto"].td for each in zone.subcomponents}
    meant = [
        at for at in (wall - offset for offset in offsets) if offset_told(zone, at) == wall - at
    ]
    first: datetime = min(meant)  # of two
    return first


def wrong_hours(zone: Any, name: str, hours: range) -> list[datetime]:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    moments = (begin + timedelta(hours=hour) for hour in hours)
    return [
        at for at in moments if offset_told(zone, at) != at.astimezone(ZoneInfo(name)).utcoffset()
    ]


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.untraced
def test_the_feed_tells_what_the_clocks_of_a_zone_do_on_every_day(name: str) -> None:
    (zone,) = read(replace(SHOWING, timezone=name)).timezones

    assert zone.tz_name == name
    assert wrong_hours(zone, name, range(455 * 24)) == []


def test_a_change_that_is_told_an_hour_late_is_seen() -> None:
    # What the library says by itself; the reason why the feed says it in its own words.
    zone = Timezone.from_tzinfo(
        ZoneInfo("Europe/Berlin"), "Europe/Berlin", date(2025, 12, 1), date(2027, 6, 1)
    )

    assert wrong_hours(zone, "Europe/Berlin", range(455 * 24))[0] == datetime(
        2026, 3, 29, 1, 0, tzinfo=UTC
    )


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_every_time_around_a_clock_change_means_its_instant(day: date) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    moments = [midnight + timedelta(minutes=5 * number) for number in range(36)]
    showings = [
        replace(SHOWING, id=UUID(int=number), at=at, timezone="Europe/Berlin")
        for number, at in enumerate(moments)
    ]

    calendar = read(*showings)

    times = [
        (instant(calendar, each, "dtstart"), instant(calendar, each, "dtend"))
        for each in calendar.events
    ]
    assert times == [(at, at + timedelta(minutes=15)) for at in moments]


def test_a_time_is_that_of_the_zones_clock_unless_it_is_the_second_of_two() -> None:
    instants = [
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),  # 02:30 was meant, which is skipped
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 50, tzinfo=UTC),  # ends in the hour that comes again
    ]
    showings = [replace(SHOWING, at=at, timezone="Europe/Berlin") for at in instants]

    lines = [
        line
        for line in ical.feed(HEAD, showings, ()).decode().split("BEGIN:VEVENT", 1)[1].split("\r\n")
        if line.startswith("DT") and not line.startswith("DTSTAMP")
    ]

    assert lines == [
        "DTSTART;TZID=Europe/Berlin:20260329T033000",
        "DTEND;TZID=Europe/Berlin:20260329T034500",
        "DTSTART;TZID=Europe/Berlin:20261025T023000",
        "DTEND;TZID=Europe/Berlin:20261025T024500",
        "DTSTART:20261025T013000Z",
        "DTEND:20261025T014500Z",
        "DTSTART:20261025T005000Z",
        "DTEND:20261025T010500Z",
    ]


def test_a_publication_is_told_whole() -> None:
    showing = replace(SHOWING, permalink="https://biro.example/a?b=c,d;e")

    content = ical.feed(HEAD, [showing], ())

    assert content.decode().split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Pilar//Pilar 1//EN",
        "METHOD:PUBLISH",
        "NAME:Biro Humas",
        "X-WR-CALNAME:Biro Humas",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        "BEGIN:VTIMEZONE",
        "TZID:Asia/Jakarta",
        "BEGIN:STANDARD",
        "DTSTART:20251230T070000",
        "TZNAME:WIB",
        "TZOFFSETFROM:+0700",
        "TZOFFSETTO:+0700",
        "END:STANDARD",
        "END:VTIMEZONE",
        "BEGIN:VEVENT",
        "SUMMARY:[informative] Naskah kuno — Berita",
        "DTSTART;TZID=Asia/Jakarta:20260817T090000",
        "DTEND;TZID=Asia/Jakarta:20260817T091500",
        "DTSTAMP:20260302T010000Z",
        "UID:01a20c80-e019-75d6-a9ac-a01c8d35d13b@pilar",
        "SEQUENCE:3",
        "CATEGORIES:informative",
        "DESCRIPTION:Terjadwal\\n\\nIsi konten.",
        "LAST-MODIFIED:20260302T010000Z",
        "STATUS:CONFIRMED",
        "URL:https://biro.example/a?b=c,d;e",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


@given(title=TEXTS, channel=TEXTS, caption=TEXTS)
def test_texts_come_back_as_they_were(title: str, channel: str, caption: str) -> None:
    caption = caption[:50]
    showing = replace(SHOWING, title=title, channel=channel, caption=caption)

    found = event(showing)

    words = f"Terjadwal\n\n{caption}" if caption else "Terjadwal"
    assert str(found["summary"]) == f"[informative] {title} — {channel}"
    assert str(found["description"]) == words


def test_the_name_of_a_feed_is_text_under_both_its_names() -> None:
    lines = ical.feed(replace(HEAD, name="Biro, Humas; \\N"), (), ()).split(b"\r\n")

    assert lines[4:6] == [rb"NAME:Biro\, Humas\; \\N", rb"X-WR-CALNAME:Biro\, Humas\; \\N"]


@given(st.text(st.sampled_from("a é😀\n,"), max_size=300))
def test_no_line_is_longer_than_75_bytes(title: str) -> None:
    lines = ical.feed(HEAD, [replace(SHOWING, title=title)], ()).split(b"\r\n")

    assert max(map(len, lines)) <= 75
    assert [line for line in lines if b"\n" in line] == []


def test_a_status_says_how_sure_a_publication_is() -> None:
    told = {status: str(event(replace(SHOWING, status=status))["status"]) for status in Status}

    sure = {"scheduled", "claimed", "submitting", "processing", "handed_over", "published"}
    wanted = {status: "CONFIRMED" if status in sure else "TENTATIVE" for status in Status}
    assert told == wanted | {Status.CANCELLED: "CANCELLED"}


@pytest.mark.parametrize("locale", ["en", "id"])
def test_every_status_has_its_words(locale: Locale) -> None:
    assert set(ical.STATUS_WORDS[locale]) == set(Status)


def test_an_event_in_utc_needs_no_zone() -> None:
    calendar = read(replace(SHOWING, timezone="Etc/UTC"))

    assert calendar.timezones == []
    assert instant(calendar, calendar.events[0], "dtstart") == SHOWING.at


def test_a_special_day_lasts_all_day_and_keeps_nobody_busy() -> None:
    day = SpecialDay("libur-1", date(2026, 8, 17), "HUT RI, ke-81", "holiday", 2, CHANGED)

    found: Any = read(days=[day]).events[0]

    assert (found["dtstart"].dt, found["dtend"].dt) == (date(2026, 8, 17), date(2026, 8, 18))
    assert {name: str(found[name]) for name in ("uid", "summary", "transp", "sequence")} == {
        "uid": "libur-1@pilar",
        "summary": "HUT RI, ke-81",
        "transp": "TRANSPARENT",
        "sequence": "2",
    }


def test_a_national_holiday_is_the_same_one_in_every_language() -> None:
    year = date(2026, 1, 1), date(2027, 1, 1)

    english, indonesian = (
        ical.national("ID", national_holidays("ID", *year, locale), CHANGED)
        for locale in ("en", "id")
    )

    names = [each.name for each in english]
    assert names == [each.name for each in indonesian]
    assert len(names) == len(set(names)) > 15
    assert [each.title for each in english] != [each.title for each in indonesian]


def test_two_holidays_of_a_day_are_two() -> None:
    day = date(2026, 5, 14)

    found = ical.national(
        "ID", [Holiday(day, "Satu", "public"), Holiday(day, "Dua", "public")], CHANGED
    )

    assert [each.name for each in found] == ["ID-2026-05-14-public-1", "ID-2026-05-14-public-2"]


def test_an_excerpt_is_cut_between_characters() -> None:
    family = "👩\u200d👩\u200d👧"

    assert ical.excerpt(family * 280) == family * 280
    assert ical.excerpt(family * 281) == family * 280 + "…"
    assert ical.excerpt("") == ""
