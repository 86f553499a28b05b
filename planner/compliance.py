"""Compliance: how the mix stands in each window, counts first, and what may still become of it.

A window of a channel consists of parts, one for each version of the mix that governs days in it;
a window of the workspace consists of the parts of all channels. Counts add up, and the target is
that of the parts, weighted by their posts and open slots. Days without a mix are told beside it.
Source: design note "mix", sections 0.6 to 0.8, 1.6 and 4. All numbers are whole or fractions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from planner.mix import MixMode
from planner.periods import Piece, Shares
from planner.slots import open_of_day

TREND_WINDOWS = 6
LOOK_BACK_DAYS = 366
"""How far back the last post of a type is looked for."""


class Grain(StrEnum):
    """How long a window is: an ISO week, a month, or a quarter of the year."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


class Scope(StrEnum):
    """Whose window it is."""

    WORKSPACE = "workspace"
    CHANNEL = "channel"


class MixStatus(StrEnum):
    """How a window stands (design note "mix", section 0.8)."""

    ON_TRACK = "on_track"
    FORCED = "forced"
    AT_RISK = "at_risk"
    OFF_TARGET = "off_target"
    MET = "met"
    MET_WITH_EXEMPTIONS = "met_with_exemptions"
    SHORT = "short"
    NOT_MET = "not_met"
    NO_MIX = "no_mix"
    OFF = "off"


class Placed(NamedTuple):
    """A publication that holds a seat, with what details are about."""

    due_at: datetime
    id: UUID
    type: str
    pillar_id: UUID | None
    campaign_id: UUID | None


@dataclass(frozen=True, slots=True)
class DayCount:
    """A channel's local day: its slots and seats, and how many of them are ahead of now."""

    slots: int = 0
    slots_ahead: int = 0
    seats: Mapping[str, int] = field(default_factory=dict)
    seats_ahead: int = 0

    @property
    def open(self) -> int:
        """The open slots."""
        used = sum(self.seats.values())
        return open_of_day(self.slots, self.slots_ahead, used, self.seats_ahead)

    @property
    def lost(self) -> int:
        """The slots that passed and were left empty."""
        return max(0, self.slots - sum(self.seats.values()) - self.open)


class Mark(NamedTuple):
    """A publication that compliance names: exempt, or counted with a mark."""

    day: date
    type: str
    exempt: bool
    override: bool
    retyped: bool


@dataclass(frozen=True, slots=True)
class Part:
    """What stands on local days [first, until) of a channel that go by one version, or by none.

    `expected` are the posts that a channel without slots is thought to have still to come.
    """

    first: date
    until: date
    shares: Shares | None
    slots: int = 0
    open: int = 0
    lost: int = 0
    expected: int = 0
    placed: Mapping[str, int] = field(default_factory=dict)
    exempt: Mapping[str, int] = field(default_factory=dict)
    overrides: int = 0
    retyped: int = 0
    seats: tuple[Placed, ...] = ()

    @property
    def posts(self) -> int:
        """How many hold a seat."""
        return sum(self.placed.values())

    @property
    def total(self) -> int:
        """How many it has at its end if every open slot is used."""
        return self.posts + self.open + self.expected


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What a line needs to know besides its parts.

    `names` are those of the types; `ready` counts the posts by type that could be placed;
    `days_since` says when a type was last seen; the pillars and campaigns go by id, with their
    names, and the pillars with the shares that they have.
    """

    names: Mapping[str, str]
    ready: Mapping[str, int]
    full: bool = False
    days_since: Mapping[str, int] = field(default_factory=dict)
    pillars: Mapping[UUID, tuple[str, int | None]] = field(default_factory=dict)
    campaigns: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TypeLine:
    """One type in a window; what a mix says is None where there is none.

    Shares, deviations in points and the target are basis points; shares and deviations in points
    are None where there are too few posts for percentages.
    """

    key: str
    name: str
    count: int
    count_with_exempt: int
    share_bp: Fraction | None
    share_with_exempt_bp: Fraction | None
    target_bp: Fraction | None
    lower: int | None
    upper: int | None
    best: int | None
    deviation_posts: Fraction | None
    deviation_bp: Fraction | None
    needed: int | None
    room: int | None
    forecast: int | None


@dataclass(frozen=True, slots=True)
class Streak:
    """The longest run of one type in a channel's order."""

    type: str
    posts: int


@dataclass(frozen=True, slots=True)
class Group:
    """The posts of a pillar or a campaign; without an id, those of none."""

    id: UUID | None
    name: str | None
    count: int
    share_bp: Fraction | None
    target_bp: int | None


@dataclass(frozen=True, slots=True)
class Detail:
    """More about a window; the order of posts is that of one channel, else None."""

    slack: int | None
    worst_prefix_deviation: Fraction | None
    longest_streak: Streak | None
    days_since_last: Mapping[str, int | None]
    pillars: tuple[Group, ...]
    campaigns: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """How far each type was from its target in an earlier window, in basis points."""

    first: date
    until: date
    deviations: Mapping[str, Fraction | None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A window of a channel, or of the workspace (`channel_id` None).

    `total` is how many it has at its end: `placed`, `open` and `expected`. `without_mix` are seats
    on days without a mix, which no other count has in it where other days have one. `mode` and
    `tolerance_bp` are None where they differ; the band goes by the widest tolerance.
    """

    channel_id: UUID | None
    channel_name: str | None
    first: date
    until: date
    closed: bool
    mode: MixMode | None
    tolerance_bp: int | None
    slots: int
    placed: int
    open: int
    lost: int
    expected: int
    total: int
    exempt: int
    overrides: int
    retyped: int
    without_mix: int
    grain_bp: Fraction | None
    repair_number: int | None
    status: MixStatus
    types: tuple[TypeLine, ...]
    pieces: tuple["Entry", ...] = ()
    detail: Detail | None = None
    trend: tuple[Trend, ...] | None = None


def window_of(grain: Grain, day: date) -> tuple[date, date]:
    """Return the first day of the window around a day, and that of the next window."""
    if grain is Grain.WEEK:
        first = day - timedelta(days=day.weekday())
        return first, first + timedelta(days=7)
    months = 1 if grain is Grain.MONTH else 3
    first = day.replace(month=day.month - (day.month - 1) % months, day=1)
    return first, (first + timedelta(days=31 * months)).replace(day=1)


def windows_of(grain: Grain, first: date, until: date) -> list[tuple[date, date]]:
    """Return the whole windows that meet the days of [first, until), in order."""
    found = [window_of(grain, first)]
    while found[-1][1] < until:
        found.append(window_of(grain, found[-1][1]))
    return found


def go_back(grain: Grain, first: date, number: int) -> date:
    """Return the first day of the window that is so many windows before the one around a day."""
    day = window_of(grain, first)[0]
    for _ in range(number):
        day = window_of(grain, day - timedelta(days=1))[0]
    return day


def stretches(
    pieces: Iterable[Piece], first: date, until: date
) -> list[tuple[date, date, Shares | None]]:
    """Return all days of [first, until) as stretches under one version, or under none (None)."""
    found: list[tuple[date, date, Shares | None]] = []
    at = first
    for piece in pieces:
        begins, ends = max(piece.first, first), min(piece.until, until)
        if begins >= ends:
            continue
        if at < begins:
            found.append((at, begins, None))
        found.append((begins, ends, piece.shares))
        at = ends
    if at < until:
        found.append((at, until, None))
    return found


def rounded(value: Fraction, places: int) -> Decimal:
    """Return a number with so many decimals; halves go away from zero."""
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole if value >= 0 else -whole).scaleb(-places)
