"""Calls of connectors that may crash: told by where it happened, never by what it says."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from schedulers.connector import Unknown

log = structlog.get_logger()

T = TypeVar("T")


async def answered(
    made: Callable[[], Awaitable[T]], seconds: float, *, reason: str, **about: Any
) -> T | Unknown:
    """Make a call; `Unknown` where it did not end in time (for that `reason`), or in a bug."""
    try:
        async with asyncio.timeout(seconds):
            return await made()
    except TimeoutError:
        return Unknown(reason)
    except Exception as error:  # noqa: BLE001  # a bug is told like what it leaves unknown
        return crashed(error, **about)


def crashed(error: Exception, **about: Any) -> Unknown:
    """Log a bug in a connector, and return what it means: nobody knows what was done.

    The text of an error may quote a code, a token or a link, and nothing looks like one; so only
    its type and the places that it came through are kept.
    """
    kind = type(error).__name__
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("connector crashed", error=kind, where=where, **about)
    return Unknown("connector_crash", {"error": kind})
