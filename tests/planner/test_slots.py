"""Weekly wall-clock times through clock changes."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from planner.errors import Fault
from planner.slots import (
    NoSuchZone,
    SlotTime,
    WeeklySlot,
    WrongSlots,
    check_slots,
    local_day,
    parse_zone,
    resolve_local,
    slot_times,
)

CHANNEL = UUID(int=1)
BERLIN = ZoneInfo("Europe/Berlin")
APIA = ZoneInfo("Pacific/Apia")
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Jakarta",
)
CHANGES = (
    date(2011, 12, 30),
    date(2026, 2, 15),
    date(2026, 3, 8),
    date(2026, 3, 22),
    date(2026, 3, 29),
    date(2026, 4, 5),
    date(2026, 10, 4),
    date(2026, 10, 25),
    date(2026, 11, 1),
)


def weekly(number: int, weekday: int, clock: time, channel: UUID = CHANNEL) -> WeeklySlot:
    return WeeklySlot(UUID(int=number), channel, weekday, clock, date(2000, 1, 1), None)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return wall(text).replace(tzinfo=UTC)


def wall_clock(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("zone", "local", "at"),
    [
        # Berlin: +1, in summer +2; on 29 March 02:00 becomes 03:00, on 25 October 03:00 02:00.
        ("Europe/Berlin", "2026-01-15T09:00", "2026-01-15T08:00"),
        ("Europe/Berlin", "2026-07-15T09:00", "2026-07-15T07:00"),
        ("Europe/Berlin", "2026-03-29T01:59", "2026-03-29T00:59"),
        ("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:30"),
        ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-10-25T01:59", "2026-10-24T23:59"),
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),
        ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00"),
        # New York: -5, in summer -4; on 8 March 02:00 becomes 03:00, on 1 November 02:00 01:00.
        ("America/New_York", "2026-01-15T09:00", "2026-01-15T14:00"),
        ("America/New_York", "2026-07-15T09:00", "2026-07-15T13:00"),
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:30"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30"),
        ("America/New_York", "2026-11-01T02:00", "2026-11-01T07:00"),
        # Lord Howe: +10:30, in summer +11; on 5 April 02:00 becomes 01:30, on 4 October
        # 02:00 becomes 02:30.
        ("Australia/Lord_Howe", "2026-01-15T09:00", "2026-01-14T22:00"),
        ("Australia/Lord_Howe", "2026-07-15T09:00", "2026-07-14T22:30"),
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45"),
        ("Australia/Lord_Howe", "2026-04-05T02:00", "2026-04-04T15:30"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:45"),
        ("Australia/Lord_Howe", "2026-10-04T02:30", "2026-10-03T15:30"),
        # Casablanca: +1, in Ramadan 0: on 15 February 03:00 becomes 02:00, on 22 March
        # 02:00 becomes 03:00.
        ("Africa/Casablanca", "2026-01-15T09:00", "2026-01-15T08:00"),
        ("Africa/Casablanca", "2026-02-15T02:30", "2026-02-15T01:30"),
        ("Africa/Casablanca", "2026-03-01T09:00", "2026-03-01T09:00"),
        ("Africa/Casablanca", "2026-03-22T02:30", "2026-03-22T02:30"),
        ("Africa/Casablanca", "2026-07-15T09:00", "2026-07-15T08:00"),
        # Apia crossed the date line: -10 (summer), then +14; there was no 30 December 2011.
        ("Pacific/Apia", "2011-12-29T09:00", "2011-12-29T19:00"),
        ("Pacific/Apia", "2011-12-30T09:00", "2011-12-30T19:00"),
        ("Pacific/Apia", "2011-12-31T09:00", "2011-12-30T19:00"),
        ("Pacific/Apia", "2012-01-01T09:00", "2011-12-31T19:00"),
        # Jakarta: +7, always.
        ("Asia/Jakarta", "2026-01-15T09:00", "2026-01-15T02:00"),
        ("Asia/Jakarta", "2026-07-15T09:00", "2026-07-15T02:00"),
    ],
)
def test_a_wall_clock_time_means_one_instant(zone: str, local: str, at: str) -> None:
    meant = wall(local)

    resolved = resolve_local(meant, ZoneInfo(zone))

    assert (resolved, resolved.tzinfo) == (utc(at), UTC)


days = st.one_of(
    st.sampled_from(CHANGES), st.dates(min_value=date(2011, 1, 1), max_value=date(2030, 12, 31))
)
clocks = st.times().map(lambda clock: clock.replace(second=0, microsecond=0, fold=0))


@given(zone=st.sampled_from(ZONES).map(ZoneInfo), day=days, clock=clocks)
@example(zone=APIA, day=date(2011, 12, 30), clock=time(0))
@example(zone=BERLIN, day=date(2026, 3, 29), clock=time(2, 30))
@example(zone=BERLIN, day=date(2026, 10, 25), clock=time(2, 30))
def test_a_wall_clock_time_means_the_first_instant_that_shows_it_else_moves_by_the_gap(
    zone: ZoneInfo, day: date, clock: time
) -> None:
    local = datetime.combine(day, clock)
    quarters = [timedelta(minutes=15 * quarter) for quarter in range(-60, 61)]
    instants = [local.replace(tzinfo=UTC) - offset for offset in reversed(quarters)]
    showing = [at for at in instants if wall_clock(at, zone) == local]

    resolved = resolve_local(local, zone)

    shift = resolved.astimezone(zone).utcoffset() or timedelta()
    before = (resolved - timedelta(days=1)).astimezone(zone).utcoffset() or timedelta()
    moved = wall_clock(resolved, zone) - local
    assert (resolved, moved) == (showing[0], timedelta()) if showing else moved == shift - before


def test_an_aware_time_is_no_wall_clock() -> None:
    aware = utc("2026-01-15T09:00")

    with pytest.raises(ValueError, match="no zone of its own"):
        resolve_local(aware, BERLIN)


def test_the_day_of_an_instant_is_that_of_the_zone() -> None:
    at = utc("2026-01-15T17:30")

    found = {zone: local_day(at, ZoneInfo(zone)) for zone in ("Asia/Jakarta", "America/New_York")}

    assert found == {
        "Asia/Jakarta": date(2026, 1, 16),
        "America/New_York": date(2026, 1, 15),
    }


@pytest.mark.parametrize("name", ["Asia/Jakarta", "UTC", "Europe/Berlin", "Asia/Makassar"])
def test_a_zone_of_the_database_is_found(name: str) -> None:
    zone = parse_zone(name)

    assert zone == ZoneInfo(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "Asia",
        "Asia/",
        "Asia/../Asia/Jakarta",
        "../../etc/passwd",
        "/usr/share/zoneinfo/Asia/Jakarta",
        "asia/jakarta",
        "ASIA/JAKARTA",
        "Asia/Jakarta ",
        "Asia/Jakarta\0",
        "Asia\\Jakarta",
        "Asia/Atlantis",
        "WIB",
        "+07:00",
        "localtime",
        "Factory",
        "posixrules",
        "posix/Asia/Jakarta",
        "tzdata.zi",
    ],
)
def test_any_other_zone_name_is_refused_where_it_stands(name: str) -> None:
    with pytest.raises(NoSuchZone) as refused:
        parse_zone(name, "/channel/timezone")

    assert refused.value.faults == (Fault("/channel/timezone", "no-such-zone", {"name": name}),)


def test_a_weekly_list_of_different_times_passes() -> None:
    times = [(0, time(9)), (0, time(18, 30)), (6, time(9))]

    check_slots(times)


def test_a_weekly_list_is_told_everything_that_is_wrong() -> None:
    times = [
        (0, time(9)),
        (7, time(9)),
        (0, time(9, 0, 30)),
        (0, time(9)),
        (1, time(9, tzinfo=UTC)),
        (-1, time(9)),
        (0, time(9)),
    ]

    with pytest.raises(WrongSlots) as refused:
        check_slots(times)

    assert refused.value.faults == (
        Fault("/slots/1/weekday", "slot-weekday", {"weekday": 7}),
        Fault("/slots/2/time", "slot-time", {"time": "09:00:30"}),
        Fault("/slots/3/time", "duplicate-slot", {"time": "09:00", "same_as": "/slots/0"}),
        Fault("/slots/4/time", "slot-time", {"time": "09:00:00+00:00"}),
        Fault("/slots/5/weekday", "slot-weekday", {"weekday": -1}),
        Fault("/slots/6/time", "duplicate-slot", {"time": "09:00", "same_as": "/slots/0"}),
    )


@pytest.mark.parametrize("name", ZONES)
def test_slots_keep_their_wall_clock_the_whole_year(name: str) -> None:
    zone = ZoneInfo(name)
    slots = [weekly(weekday, weekday, time(9)) for weekday in range(7)]

    found = slot_times(slots, zone, date(2026, 1, 1), date(2027, 1, 1))

    every_day = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    assert [wall_clock(each.at, zone) for each in found] == [
        datetime.combine(day, time(9)) for day in every_day
    ]


def test_occurrences_stand_by_instant_within_their_range_and_validity() -> None:
    jakarta = ZoneInfo("Asia/Jakarta")
    monday = WeeklySlot(UUID(int=1), CHANNEL, 0, time(18), date(2026, 1, 6), date(2026, 1, 19))
    friday = weekly(2, 4, time(9))

    found = slot_times([monday, friday], jakarta, date(2026, 1, 1), date(2026, 1, 23))

    assert [(each.slot_id.int, each.day, each.local, each.at) for each in found] == [
        (2, date(2026, 1, 2), wall("2026-01-02T09:00"), utc("2026-01-02T02:00")),
        (2, date(2026, 1, 9), wall("2026-01-09T09:00"), utc("2026-01-09T02:00")),
        (1, date(2026, 1, 12), wall("2026-01-12T18:00"), utc("2026-01-12T11:00")),
        (2, date(2026, 1, 16), wall("2026-01-16T09:00"), utc("2026-01-16T02:00")),
    ]


def test_a_skipped_time_moves_and_keeps_the_day_and_clock_that_were_meant() -> None:
    slots = [weekly(1, 6, time(2, 30))]

    found = slot_times(slots, BERLIN, date(2026, 3, 29), date(2026, 3, 30))

    assert found == [
        SlotTime(
            UUID(int=1),
            CHANNEL,
            date(2026, 3, 29),
            wall("2026-03-29T02:30"),
            utc("2026-03-29T01:30"),
        )
    ]


def test_a_moved_slot_gives_way_to_the_one_that_stands_there() -> None:
    slots = [weekly(1, 6, time(2)), weekly(2, 6, time(3)), weekly(3, 6, time(2, 30))]

    found = slot_times(slots, BERLIN, date(2026, 3, 23), date(2026, 4, 6))

    assert [(each.slot_id.int, each.local) for each in found] == [
        (2, wall("2026-03-29T03:00")),
        (3, wall("2026-03-29T02:30")),
        (1, wall("2026-04-05T02:00")),
        (3, wall("2026-04-05T02:30")),
        (2, wall("2026-04-05T03:00")),
    ]


def test_slots_of_two_channels_never_merge() -> None:
    slots = [weekly(1, 6, time(2)), weekly(2, 6, time(3), channel=UUID(int=9))]

    found = slot_times(slots, BERLIN, date(2026, 3, 29), date(2026, 3, 30))

    instant = utc("2026-03-29T01:00")
    assert [(each.channel_id.int, each.at) for each in found] == [(1, instant), (9, instant)]


@pytest.mark.parametrize(
    ("first", "until", "found"),
    [
        (30, 31, []),
        (31, 32, [(2, 31)]),
        (23, 32, [(1, 23), (2, 24), (2, 31)]),
    ],
)
def test_a_skipped_day_gives_way_to_the_next_whatever_range_is_asked_for(
    first: int, until: int, found: list[tuple[int, int]]
) -> None:
    friday_and_saturday = [weekly(1, 4, time(9)), weekly(2, 5, time(9))]
    november = date(2011, 11, 30)

    times = slot_times(
        friday_and_saturday,
        APIA,
        november + timedelta(days=first),
        november + timedelta(days=until),
    )

    assert [(each.slot_id.int, each.day.day) for each in times] == found


ranges = st.tuples(days, st.integers(0, 200)).map(
    lambda pair: (pair[0], pair[0] + timedelta(days=pair[1]))
)
slot_lists = st.lists(
    st.builds(weekly, st.integers(1, 99), st.integers(0, 6), clocks),
    max_size=6,
    unique_by=(lambda slot: slot.id, lambda slot: (slot.weekday, slot.time)),
)


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    weekday=st.integers(0, 6),
    clock=clocks,
    span=ranges,
)
def test_a_slot_occurs_once_a_week_in_order(
    zone: ZoneInfo, weekday: int, clock: time, span: tuple[date, date]
) -> None:
    first, until = span
    every_day = [first + timedelta(days=number) for number in range((until - first).days)]

    found = slot_times([weekly(1, weekday, clock)], zone, first, until)

    instants = [each.at for each in found]
    assert [each.day for each in found] == [day for day in every_day if day.weekday() == weekday]
    assert instants == sorted(set(instants))


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    slots=slot_lists,
    span=ranges,
    cut=st.integers(0, 200),
)
@example(
    zone=APIA,
    slots=[weekly(1, 4, time(9)), weekly(2, 5, time(9))],
    span=(date(2011, 12, 26), date(2012, 1, 2)),
    cut=5,
)
def test_a_range_holds_what_its_pieces_hold(
    zone: ZoneInfo, slots: list[WeeklySlot], span: tuple[date, date], cut: int
) -> None:
    first, until = span
    middle = min(first + timedelta(days=cut), until)

    whole = slot_times(slots, zone, first, until)

    pieces = slot_times(slots, zone, first, middle) + slot_times(slots, zone, middle, until)
    assert sorted(pieces, key=lambda each: (each.at, each.slot_id)) == sorted(
        whole, key=lambda each: (each.at, each.slot_id)
    )
