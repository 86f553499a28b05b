"""The script: what the TOML files beside it say, and on which days it happens."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from planner.slots import resolve_local

DAYS_OF_WORK = 5


@dataclass(frozen=True, slots=True)
class Words:
    """A post as an editor writes it; pillar and campaign by their keys."""

    title: str
    type: str
    pillar: str
    text: str
    campaign: str | None = None
    format: str = "post"
    status: str = "draft"


@dataclass(frozen=True, slots=True)
class Seat:
    """A place on the calendar: a channel by its key, and a wall-clock time."""

    channel: str
    local: datetime

    def due_at(self, zone: ZoneInfo) -> datetime:
        """Return the instant (UTC)."""
        return resolve_local(self.local, zone)


@dataclass(frozen=True, slots=True)
class Item:
    """A post with its day and its seats; ideas have none. `number` counts from 0."""

    number: int
    words: Words
    day: date | None = None
    seats: Sequence[Seat] = field(default=())


@cache
def read(name: str) -> Mapping[str, Any]:
    """Return what a TOML file of the demonstration says."""
    return tomllib.loads(resources.files("app.demo").joinpath(f"{name}.toml").read_text("utf-8"))


def monday_of(today: date) -> date:
    """Return the Monday of a day's week."""
    return today - timedelta(days=today.weekday())


def items(today: date) -> list[Item]:
    """Return every post: those of the week days, the videos, and what has no day yet."""
    monday = monday_of(today)
    at = {each["key"]: time.fromisoformat(each["time"]) for each in read("office")["channels"]}
    weeks = {each["key"]: each["weeks_before"] for each in read("office")["channels"]}
    found: list[Item] = []
    for name, channels in (("daily", ("kabar", "instagram")), ("tiktok", ("tiktok",))):
        first = monday - timedelta(weeks=weeks[channels[0]])
        for index, words in enumerate(_posts(name)):
            week, weekday = divmod(index, DAYS_OF_WORK)
            day = first + timedelta(weeks=week, days=weekday)
            seats = tuple(Seat(key, datetime.combine(day, at[key])) for key in channels)
            found.append(Item(len(found), words, day, seats))
    for words in _posts("ideas"):
        found.append(Item(len(found), words))
    return found


def _posts(name: str) -> list[Words]:
    return [
        Words(**(post | {"text": post["text"].strip(), **_reel(name)}))
        for post in read(name)["posts"]
    ]


def _reel(name: str) -> dict[str, str]:
    return {"format": "reel"} if name == "tiktok" else {}
