"""Rate limits: how often a credential may ask for a workspace's things, and how often in all.

Answers say what is left as the IETF draft "RateLimit header fields for HTTP" has it.
"""

import math
import time

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from planner.errors import PilarError

NAME = "default"


class TooManyRequests(PilarError):
    """The credential asked too often; `facts["retry_after_seconds"]` says when to ask again."""


class Limits:
    """Counts requests in this process, by credential and workspace; nothing without a quota.

    The library reads the clock itself: a window is real time, whatever time a test has.
    """

    def __init__(self, quota: str = "") -> None:
        """Take a quota such as `1200/minute`; raises ValueError for what is none."""
        self._quota: RateLimitItem | None = parse(quota) if quota else None
        self._counter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def take(self, credential: str, workspace: str) -> tuple[dict[str, str], int]:
        """Count a request; return the fields that say what is left, and how long to wait.

        The wait, in seconds, is 0 for a request that is within the quota.
        """
        if self._quota is None:
            return {}, 0
        names = (credential, workspace)
        within = await self._counter.hit(self._quota, *names)
        stats = await self._counter.get_window_stats(self._quota, *names)
        now = time.time()  # noqa: TID251  # the clock that the library goes by
        reset = max(1, math.ceil(stats.reset_time - now))
        told = {
            "RateLimit": f'"{NAME}";r={stats.remaining};t={reset}',
            "RateLimit-Policy": f'"{NAME}";q={self._quota.amount};w={self._quota.get_expiry()}',
        }
        return told, 0 if within else reset
