"""Local days in requests: a date and nothing else."""

import re
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from planner.errors import Fault, Invalid

FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
FIRST, LAST = date(1970, 1, 1), date(2100, 1, 1)


def _day(value: Any) -> Any:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not FORM.fullmatch(value):
        raise PydanticCustomError("not-a-day", "a day is written YYYY-MM-DD")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("not-a-day", "there is no such day") from None
    if not FIRST <= day <= LAST:
        raise PydanticCustomError("day-out-of-range", "a day lies between 1970 and 2100")
    return day


LocalDay = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-12-01"]}),
]
"""A local day; pydantic alone would take numbers and midnights for one too."""

LONGEST_DAYS = 400


class WrongRange(Invalid):
    """The days asked for are no range, or too many."""


def check_range(first: date, until: date) -> None:
    """Refuse days that are no range, or too many; raises `WrongRange`."""
    if not timedelta(0) < until - first <= timedelta(days=LONGEST_DAYS):
        raise WrongRange(Fault("/query/to", "wrong-range", {"days": LONGEST_DAYS}))
