"""Compliance on paper: windows, statuses, and figures that small cases settle."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.compliance import (
    Backdrop,
    DayCount,
    Entry,
    Grain,
    MixStatus,
    Part,
    Placed,
    go_back,
    rounded,
    stretches,
    window_of,
    windows_of,
)
from planner.mix import MixMode, quota_band
from planner.periods import Piece, Shares
from planner.tallies import entry

FIRST, UNTIL = date(2026, 3, 1), date(2026, 4, 1)
KEYS = ("informative", "interactive", "edutainment")
PLENTY = dict.fromkeys((*KEYS, "promotion"), 99)
CHANNEL = (UUID(int=7), "Berita")


def shares(
    *weights: int, mode: MixMode = MixMode.ENFORCE, tolerance_bp: int = 500, version: int = 1
) -> Shares:
    weights = weights or (6000, 2000, 2000)
    return Shares(UUID(int=version), KEYS[: len(weights)], weights, tolerance_bp, mode)


def part(*counts: int, by: Shares | None = None, **more: object) -> Part:
    placed = dict(zip(KEYS, counts, strict=False))
    fields: dict[str, object] = {"shares": shares() if by is None else by, "placed": placed}
    return Part(FIRST, UNTIL, **(fields | more))  # type: ignore[arg-type]


def line(*parts: Part, closed: bool = False, ready: dict[str, int] | None = None) -> Entry:
    backdrop = Backdrop({}, PLENTY if ready is None else ready)
    return entry(CHANNEL, FIRST, UNTIL, parts, backdrop, closed=closed)


OFF = shares(mode=MixMode.OFF)
STATUSES = {
    "room for every type": (line(part(2, 1, 1, open=6)), MixStatus.ON_TRACK),
    "only one type fits": (line(part(6, 2, 1, open=1)), MixStatus.FORCED),
    "nothing ready of what is needed": (
        line(part(6, 2, 1, open=1), ready={"informative": 9}),
        MixStatus.AT_RISK,
    ),
    "too many of one": (line(part(8, 0, 0, open=2)), MixStatus.OFF_TARGET),
    "in band at the end": (line(part(6, 2, 2), closed=True), MixStatus.MET),
    "one of ten exempt is not many": (
        line(part(6, 2, 1, exempt={"informative": 1}), closed=True),
        MixStatus.MET,
    ),
    "two of twelve exempt are many": (
        line(part(6, 2, 2, exempt={"informative": 2}), closed=True),
        MixStatus.MET_WITH_EXEMPTIONS,
    ),
    "empty slots would have made it whole": (
        line(part(4, 0, 2, lost=4), closed=True),
        MixStatus.SHORT,
    ),
    "all slots empty": (line(part(lost=9), closed=True), MixStatus.SHORT),
    "nothing was planned": (line(part(), closed=True), MixStatus.MET),
    "empty slots excuse no surplus": (line(part(8, 0, 0, lost=2), closed=True), MixStatus.NOT_MET),
    "wrong at the end": (line(part(8, 1, 1), closed=True), MixStatus.NOT_MET),
    "no version": (line(Part(FIRST, UNTIL, None, placed={"promotion": 3})), MixStatus.NO_MIX),
    "a mix that is off": (line(part(9, 0, 0, by=OFF, open=1)), MixStatus.OFF),
}


@pytest.mark.parametrize("case", STATUSES)
def test_every_status_is_told_where_it_holds(case: str) -> None:
    told, expected = STATUSES[case]

    assert told.status is expected


def test_each_status_is_among_the_cases() -> None:
    assert {status for _, status in STATUSES.values()} == set(MixStatus)


def test_no_share_is_told_before_each_type_could_have_a_post() -> None:
    four, five = line(part(2, 1, 1, open=9)), line(part(3, 1, 1, open=9))

    assert [each.share_bp for each in four.types] == [None] * 3
    assert [each.deviation_bp for each in four.types] == [None] * 3
    assert [each.deviation_posts for each in four.types] == [
        Fraction(-2, 5),
        Fraction(1, 5),
        Fraction(1, 5),
    ]
    assert [each.share_bp for each in five.types] == [6000, 2000, 2000]


def test_the_grain_is_what_one_post_is_of_those_that_are_placed() -> None:
    assert line(part(5, 1, 1, open=9)).grain_bp == Fraction(10_000, 7)
    assert line(part(open=9)).grain_bp is None


def test_exempt_posts_are_told_beside_the_counts_and_never_in_them() -> None:
    told = line(part(6, 2, 2, exempt={"informative": 9, "promotion": 1}))

    assert [(each.key, each.count, each.count_with_exempt) for each in told.types] == [
        ("informative", 6, 15),
        ("interactive", 2, 2),
        ("edutainment", 2, 2),
        ("promotion", 0, 1),
    ]
    assert (told.placed, told.total, told.exempt) == (10, 10, 10)
    assert told.types[0].share_with_exempt_bp == 7500
    assert [told.types[3].target_bp, told.types[3].upper] == [0, 0]


def test_a_channel_without_slots_looks_three_posts_ahead() -> None:
    told = line(part(3, 1, 0, expected=3))

    assert (told.open, told.expected, told.total) == (0, 3, 7)
    assert [each.lower for each in told.types] == quota_band((6, 2, 2), 7, 500)[0]


def test_a_window_is_the_sum_of_its_pieces_weighted_by_their_posts() -> None:
    before = part(6, 2, 2)
    campaign = part(1, 1, 0, by=shares(2000, 8000, version=2, tolerance_bp=1000), open=8)
    told = line(before, campaign)

    assert [each.target_bp for each in told.types] == [4000, 5000, 1000]
    assert (told.placed, told.total, told.tolerance_bp, told.mode) == (12, 20, None, "enforce")
    assert [(each.lower, each.upper) for each in told.types] == [(6, 10), (8, 12), (0, 4)]


def test_without_any_post_the_pieces_weigh_the_same() -> None:
    told = line(part(), part(by=shares(2000, 8000, version=2)))

    assert [each.target_bp for each in told.types] == [4000, 5000, 1000]


def test_days_without_a_mix_are_told_beside_the_sum() -> None:
    told = line(part(6, 2, 2), Part(FIRST, UNTIL, None, placed={"informative": 5}, slots=4))

    assert (told.placed, told.slots, told.without_mix) == (10, 0, 5)


def test_the_forecast_fills_what_is_missing_and_then_what_is_behind() -> None:
    forecasts = [
        [each.forecast for each in line(told).types]
        for told in (part(0, 0, 0, open=10), part(6, 0, 0, open=4), part(9, 0, 0, open=1))
    ]

    assert forecasts == [[6, 2, 2], [6, 2, 2], [9, 1, 0]]


COUNTS = st.tuples(*[st.integers(0, 12)] * 3)


@given(counts=COUNTS, free=st.integers(0, 12), tolerance_bp=st.sampled_from([0, 500, 1500]))
def test_a_forecast_only_adds_and_ends_in_band_where_that_is_possible(
    counts: tuple[int, int, int], free: int, tolerance_bp: int
) -> None:
    told = line(part(*counts, open=free, by=shares(tolerance_bp=tolerance_bp)))

    ends = [each.forecast or 0 for each in told.types]
    inside = all(
        (each.lower or 0) <= (each.forecast or 0) <= (each.upper or 0) for each in told.types
    )
    assert sum(ends) == told.total
    assert all(end >= count for end, count in zip(ends, counts, strict=True))
    assert inside is (told.repair_number == 0)


def seats(order: str) -> Iterator[Placed]:
    names = {"I": KEYS[0], "A": KEYS[1], "E": KEYS[2]}
    for number, letter in enumerate(order):
        due_at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=number)
        yield Placed(due_at, uuid4(), names[letter], None, None)


def test_the_order_tells_its_worst_moment_and_its_longest_run() -> None:
    told = part(6, 2, 2, seats=tuple(reversed(list(seats("IEIAIIIIAE")))))
    backdrop = Backdrop({}, PLENTY, full=True, days_since={"informative": 0})

    detail = entry(CHANNEL, FIRST, UNTIL, [told], backdrop, closed=False).detail

    assert detail is not None
    assert detail.worst_prefix_deviation == Fraction(6, 5)  # 6 of 8, where 4.8 were due
    assert detail.longest_streak is not None
    assert (detail.longest_streak.type, detail.longest_streak.posts) == ("informative", 4)
    assert detail.days_since_last == {"informative": 0, "interactive": None, "edutainment": None}


def test_the_workspace_has_no_order() -> None:
    told = part(2, 0, 0, seats=tuple(seats("II")))

    detail = entry(None, FIRST, UNTIL, [told], Backdrop({}, {}, full=True), closed=False).detail

    assert detail is not None
    assert (detail.worst_prefix_deviation, detail.longest_streak) == (None, None)


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (DayCount(3, 3, {"a": 1}, 1), (2, 0)),  # to come
        (DayCount(3, 0, {"a": 1}, 0), (0, 2)),  # over
        (DayCount(3, 1, {"a": 1}, 0), (1, 1)),  # one passed empty, one is ahead
        (DayCount(3, 1, {"a": 2}, 1), (0, 1)),  # the one ahead is used
        (DayCount(1, 1, {"a": 3}, 3), (0, 0)),  # more posts than slots
        (DayCount(2, 2, {"a": 1}, 0), (1, 0)),  # what went out early uses one of them
    ],
)
def test_a_day_has_open_and_lost_slots(counted: DayCount, expected: tuple[int, int]) -> None:
    assert (counted.open, counted.lost) == expected


def test_windows_are_whole_and_meet_the_days() -> None:
    asked = date(2026, 2, 27), date(2026, 3, 3)

    assert {grain: windows_of(grain, *asked) for grain in Grain} == {
        Grain.WEEK: [
            (date(2026, 2, 23), date(2026, 3, 2)),
            (date(2026, 3, 2), date(2026, 3, 9)),
        ],
        Grain.MONTH: [(date(2026, 2, 1), date(2026, 3, 1)), (date(2026, 3, 1), date(2026, 4, 1))],
        Grain.QUARTER: [(date(2026, 1, 1), date(2026, 4, 1))],
    }


@given(day=st.dates(date(1971, 1, 1), date(2099, 12, 31)), grain=st.sampled_from(Grain))
def test_windows_cover_every_day_once(day: date, grain: Grain) -> None:
    first, until = window_of(grain, day)

    assert first <= day < until
    assert {window_of(grain, each) for each in (first, until - timedelta(days=1))} == {
        (first, until)
    }
    assert window_of(grain, until)[0] == until
    assert go_back(grain, until, 1) == first


def test_stretches_tell_every_day_with_and_without_a_mix() -> None:
    day = [FIRST + timedelta(days=number) for number in range(32)]
    pieces = [Piece(day[0], day[5], shares()), Piece(day[9], day[31], shares(version=2))]

    assert stretches(pieces, day[2], day[20]) == [
        (day[2], day[5], shares()),
        (day[5], day[9], None),
        (day[9], day[20], shares(version=2)),
    ]
    assert stretches([], FIRST, UNTIL) == [(FIRST, UNTIL, None)]


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        (Fraction(1, 3), 1, "0.3"),
        (Fraction(5, 100), 1, "0.1"),
        (Fraction(-5, 100), 1, "-0.1"),
        (Fraction(-4, 100), 1, "0.0"),
        (Fraction(100, 7), 1, "14.3"),
        (Fraction(2), 2, "2.00"),
    ],
)
def test_halves_are_rounded_away_from_zero(value: Fraction, places: int, expected: str) -> None:
    assert str(rounded(value, places)) == expected
    assert rounded(value, places) == Decimal(expected)
