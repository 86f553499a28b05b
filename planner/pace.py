"""Pace: how often a channel or a platform may be asked, and when one that fails may rest."""

from dataclasses import dataclass
from datetime import datetime, timedelta

TRIPS_AFTER = 5
"""Attempts in a row that a platform did not serve before its channel rests."""

FIRST_REST_SECONDS = 30.0
LONGEST_REST_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `count` in `seconds`, of which up to `burst` may come at once."""

    count: int
    seconds: float
    burst: int = 1

    @property
    def interval(self) -> timedelta:
        """How long one takes."""
        return timedelta(seconds=self.seconds / self.count)


def take(pace: Pace, full_at: datetime | None, now: datetime) -> tuple[datetime, timedelta]:
    """Take one from a bucket; return when it is full again, and how long to wait first.

    `full_at` is what the last call returned, None for a bucket that was never used. Where the
    wait is positive nothing was taken: what is returned first is `full_at` as it was.
    The generic cell rate algorithm (ITU-T I.371, annex A), which needs one instant per bucket.
    """
    at = max(full_at or now, now)
    early = at - now - pace.interval * (pace.burst - 1)
    if early > timedelta(0):
        return at, early
    return at + pace.interval, timedelta(0)


def rest_seconds(failures: int) -> float:
    """Return how long a channel rests after so many attempts in a row that were not served.

    0 before the breaker trips; then twice as long each time that the one trial fails.
    """
    if failures < TRIPS_AFTER:
        return 0.0
    return min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2.0 ** min(failures - TRIPS_AFTER, 30))
