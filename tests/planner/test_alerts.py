"""When a channel is looked at, how often an alert is tried, and which addresses are plain."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.alerts import (
    FRESH,
    HORIZON,
    SOON,
    is_email,
    preflight_wanted,
    tries_since_asked,
    wait_seconds,
)

JAKARTA = ZoneInfo("Asia/Jakarta")


def moments(days: dict[date, datetime], now: datetime) -> list[bool]:
    """Say for each minute of a day whether a channel is looked at, if nobody misses a minute."""
    last, seen = None, []
    for minute in range(24 * 60 + 1):
        at = now + timedelta(minutes=minute)
        ahead = {day: due for day, due in days.items() if at < due <= at + HORIZON}
        wanted = bool(ahead) and preflight_wanted(ahead, JAKARTA, last, at)
        last = at if wanted else last
        seen.append(wanted)
    return seen


def test_a_channel_is_looked_at_the_afternoon_before_and_two_hours_ahead() -> None:
    now = datetime(2026, 3, 2, 14, 0, tzinfo=JAKARTA).astimezone(UTC)
    due = datetime(2026, 3, 3, 9, 0, tzinfo=JAKARTA).astimezone(UTC)

    seen = moments({date(2026, 3, 3): due}, now)

    hours = [index / 60 for index, each in enumerate(seen) if each]
    assert hours == [1.0, 17.0]  # 15:00, and 07:00 the day after


@given(
    hours=st.lists(st.integers(1, 24 * 3), min_size=1, max_size=5),
    start=st.integers(0, 23),
)
def test_no_post_is_due_before_its_channel_was_looked_at(hours: list[int], start: int) -> None:
    now = datetime(2026, 3, 2, start, 0, tzinfo=JAKARTA).astimezone(UTC)
    dues = sorted({now + timedelta(hours=each) for each in hours})
    last, looked = None, []
    for quarter in range(24 * 4 * 4):
        at = now + timedelta(minutes=15 * quarter)
        ahead: dict[date, datetime] = {}
        for due in dues:
            if at < due <= at + HORIZON:
                ahead.setdefault(due.astimezone(JAKARTA).date(), due)
        if ahead and preflight_wanted(ahead, JAKARTA, last, at):
            last = at
            looked.append(at)

    for due in dues:
        # Within two hours before, or an hour earlier still; or at once if it came that late.
        assert any(due - SOON - FRESH <= at < due for at in looked)
    assert len(looked) <= len(dues) * 2


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("sari@biro.example", True),
        ("sari+peringatan@biro.example", True),
        ("Sari <sari@biro.example>", False),
        ("sari@biro.example\r\nBcc: x@y.example", False),
        ("sari@biro.example\n", False),
        ("sari@-biro.example", False),
        ("sari@biro..example", False),
        ("sári@biro.example", False),
        ('"sari @"@biro.example', False),
        ("a" * 65 + "@biro.example", False),
        ("a@" + ".".join(["b" * 63] * 5), False),
    ],
)
def test_an_address_is_plain(text: str, taken: bool) -> None:
    assert is_email(text) is taken


def test_ten_tries_take_three_days() -> None:
    waits = [wait_seconds(tries, lambda low, high: (low + high) / 2) for tries in range(1, 11)]

    assert waits[0] == 5
    assert waits[-1] is None
    assert 2.5 < sum(each for each in waits if each) / 86_400 < 3.5


@given(st.lists(st.sampled_from(["asked", "again", "under_way", "delivered"])))
def test_tries_are_counted_from_the_last_time_somebody_asked(outcomes: list[str]) -> None:
    behind = len(outcomes) - outcomes[::-1].index("asked") if "asked" in outcomes else 0

    assert tries_since_asked(outcomes) == len(outcomes[behind:])
