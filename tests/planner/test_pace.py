"""Pace: a bucket never lets more through than it promises, and lets all of that through."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from planner.pace import LONGEST_REST_SECONDS, TRIPS_AFTER, Pace, rest_seconds, take

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
PACES = st.builds(
    Pace,
    count=st.integers(1, 20),
    seconds=st.integers(1, 100).map(float),
    burst=st.integers(1, 10),
)


@given(PACES, st.lists(st.floats(0, 20), max_size=60))
def test_no_span_of_time_lets_more_through_than_its_share_and_one_burst(
    pace: Pace, gaps: list[float]
) -> None:
    now, full_at, through = BEGIN, None, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        full_at, wait = take(pace, full_at, now)
        if not wait:
            through.append(now)

    for first, begun in enumerate(through):
        for last, ended in enumerate(through[first:], first):
            most = (ended - begun) / pace.interval + pace.burst
            assert last - first + 1 <= most + 1e-6


@given(PACES, st.integers(1, 40))
def test_who_waits_as_long_as_it_is_told_is_let_through(pace: Pace, number: int) -> None:
    now, full_at = BEGIN, None
    for _ in range(number):
        full_at, wait = take(pace, full_at, now)
        if wait:
            now += wait
            full_at, wait = take(pace, full_at, now)
        assert wait <= timedelta(0)

    late = max(0, number - pace.burst) * pace.interval
    assert now - BEGIN <= late + timedelta(milliseconds=1)


def test_a_bucket_that_is_not_taken_from_stays_as_it_was() -> None:
    pace = Pace(1, 60)
    full_at, _ = take(pace, None, BEGIN)

    assert take(pace, full_at, BEGIN + timedelta(seconds=10)) == (full_at, timedelta(seconds=50))


def test_a_channel_rests_only_after_some_failures_and_never_too_long() -> None:
    rests = [rest_seconds(failures) for failures in range(TRIPS_AFTER + 12)]

    assert rests[:TRIPS_AFTER] == [0] * TRIPS_AFTER
    assert rests[TRIPS_AFTER : TRIPS_AFTER + 3] == [30, 60, 120]
    assert rests[-1] == LONGEST_REST_SECONDS
    assert rests == sorted(rests)
