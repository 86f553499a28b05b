"""Waiting for what other tasks and processes do."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

HEALED_SECONDS = 40


async def until(
    deed: Callable[[], bool | Awaitable[bool]], seconds: float = HEALED_SECONDS
) -> float:
    """Wait until something is so; return how many seconds that took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await _said(deed):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return time.monotonic() - began


async def _said(deed: Callable[[], bool | Awaitable[bool]]) -> bool:
    said = deed()
    return await said if inspect.isawaitable(said) else said
