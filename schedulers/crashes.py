"""Crashes of connectors: told by where they happened, never by what they say."""

import traceback
from typing import Any

import structlog

from schedulers.connector import Unknown

log = structlog.get_logger()


def crashed(error: Exception, **about: Any) -> Unknown:
    """Log a bug in a connector, and return what it means: nobody knows what was done.

    The text of an error may quote a code, a token or a link, and nothing looks like one; so only
    its type and the places that it came through are kept.
    """
    kind = type(error).__name__
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("connector crashed", error=kind, where=where, **about)
    return Unknown("connector_crash", {"error": kind})
