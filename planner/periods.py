"""Periods: the windows in which a channel's mix is kept, and what stands in them.

A channel's month is judged as a whole, and up to the end of each ISO week with one post of credit.
Where another version of the mix begins or ends, the month is cut: each piece stands for itself.
Source: design note "mix", sections 0.5 to 0.7.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from planner.mix import MixMode
from planner.slots import SlotTime, open_counts
from planner.windows import Change, Reading, Verdict, Window, WindowTree


class WindowName(StrEnum):
    """What a window is: a channel's month, or that up to the end of a week."""

    MONTH = "channel_month"
    TO_DATE = "channel_month_to_date"


CREDIT = 1
"""Posts by which the band of a month to date is wider than that of the month."""

LOOK_AHEAD = 3
"""Posts that a channel without slots is expected to have still to come."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What a piece goes by: a version of the mix, its types in order, and their weights."""

    version: UUID
    keys: tuple[str, ...]
    weights: tuple[int, ...]
    tolerance_bp: int
    mode: MixMode
    names: tuple[str, ...] = ()  # as people read the keys


@dataclass(frozen=True, slots=True)
class Piece:
    """Local days [first, until) of a channel's month that go by one version of the mix."""

    first: date
    until: date
    shares: Shares


class Period(NamedTuple):
    """A window by name: of a channel, over the local days [first, until)."""

    name: WindowName
    channel_id: UUID
    first: date
    until: date

    @property
    def last(self) -> date:
        """The last local day in it."""
        return self.until - timedelta(days=1)


class Seat(NamedTuple):
    """A publication that counts: the local day that was meant, its instant, its type."""

    day: date
    due_at: datetime
    type: str


def month_of(day: date) -> tuple[date, date]:
    """Return the first day of a day's month, and that of the next."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def week_ends(first: date, until: date) -> list[date]:
    """Return the Mondays strictly between two days: there an ISO week has just ended."""
    day = first + timedelta(days=7 - first.weekday())
    found = []
    while day < until:
        found.append(day)
        day += timedelta(days=7)
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """One piece of a channel's month, and what stands in it now."""

    channel_id: UUID
    piece: Piece
    keys: tuple[str, ...]  # the version's types, then others that hold seats here
    cells: tuple[date, ...]  # the first days of the stretches between week ends
    tree: WindowTree
    looks_ahead: bool  # without slots, posts to come are only expected

    @classmethod
    def of(
        cls,
        channel_id: UUID,
        piece: Piece,
        times: Sequence[SlotTime],
        seats: Iterable[Seat],
        now: datetime,
        today: date,
    ) -> "Standing":
        """Reckon a piece from the channel's slots and seats; those of other days are ignored.

        `today` is the channel's day now. Windows that are over are left out.
        """
        inside = [each for each in seats if piece.first <= each.day < piece.until]
        times = [each for each in times if piece.first <= each.day < piece.until]
        cells = (piece.first, *(week_ends(piece.first, piece.until) if times else ()))
        keys = tuple(dict.fromkeys([*piece.shares.keys, *sorted({each.type for each in inside})]))
        index = {key: place for place, key in enumerate(keys)}
        placed: defaultdict[Hashable, list[int]] = defaultdict(lambda: [0] * len(keys))
        for seat in inside:
            placed[_cell(cells, seat.day)][index[seat.type]] += 1
        free: Counter[Hashable] = Counter()
        for day, count in open_counts(times, [(each.day, each.due_at) for each in inside], now):
            free[_cell(cells, day)] += count
        looks_ahead = not times and piece.until > today
        if looks_ahead:
            free[piece.first] = LOOK_AHEAD
        windows = _windows(channel_id, piece, len(keys), cells, today)
        tree = WindowTree(windows, placed, free)
        return cls(channel_id, piece, keys, cells, tree, looks_ahead)

    def allowed(self, day: date, *, extra: bool = False) -> list[str]:
        """Return the types that a post on a day may have: in an open slot, or besides (`extra`)."""
        if not self.tree.types:
            return list(self.keys)
        besides = extra or self.looks_ahead
        return [self.keys[index] for index in self.tree.allowed(self.cell(day), extra=besides)]

    def cell(self, day: date) -> date:
        """Return the first day of the stretch between week ends that a day lies in."""
        return _cell(self.cells, day)

    def changes_to(self, after: "Standing") -> list[Change]:
        """Return the steps that lead to another standing of the same piece and types."""
        changes: list[Change] = []
        if not self.tree.types:
            return changes
        for cell in self.cells:
            before, now = self.tree.placed_in(cell), after.tree.placed_in(cell)
            for index, (old, new) in enumerate(zip(before, now, strict=True)):
                if new != old:
                    changes.append(Change(cell, index, new - old))
            if freed := after.tree.open_in(cell) - self.tree.open_in(cell):
                changes.append(Change(cell, 0, 0, freed))
        return changes


def judge(before: Sequence[Standing], after: Sequence[Standing]) -> Verdict:
    """Return what a change does to a channel's month.

    Where its pieces or types are others afterwards, the month as a whole may not become
    uncompletable, nor need more changes; hard windows that were not there before break nothing.
    """
    if [_shape(each) for each in before] == [_shape(each) for each in after]:
        pairs = zip(before, after, strict=True)
        return joined([old.tree.check(old.changes_to(new)) for old, new in pairs])
    return _reshaped(before, after)


def joined(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what changes of windows that share nothing do together."""
    return Verdict(
        worse=tuple(key for each in verdicts for key in each.worse),
        broken=tuple(key for each in verdicts for key in each.broken),
        warned=tuple(key for each in verdicts for key in each.warned),
        before=sum(each.before for each in verdicts),
        after=sum(each.after for each in verdicts),
    )


def readings(standings: Iterable[Standing]) -> list[tuple[Standing, Reading]]:
    """Return what stands in every window that is not over."""
    return [(each, reading) for each in standings for reading in each.tree.readings()]


def _cell(cells: Sequence[date], day: date) -> date:
    return cells[bisect_right(cells, day) - 1]


def _windows(
    channel_id: UUID, piece: Piece, types: int, cells: Sequence[date], today: date
) -> list[Window]:
    """Return the month to date at each week's end to come, and the month, unless it is over."""
    shares = piece.shares
    weights = shares.weights + (0,) * (types - len(shares.weights))
    if shares.mode is MixMode.OFF:
        return []
    hard = shares.mode is MixMode.ENFORCE
    found = []
    for index, until in enumerate([*cells[1:], piece.until], start=1):
        if until > today:
            name = WindowName.MONTH if until == piece.until else WindowName.TO_DATE
            credit = 0 if name is WindowName.MONTH else CREDIT
            key = Period(name, channel_id, piece.first, until)
            covered = frozenset(cells[:index])
            found.append(Window(key, covered, weights, shares.tolerance_bp, credit, hard))
    return found


def _shape(each: Standing) -> tuple[Hashable, ...]:
    return each.piece, each.keys, each.cells


def _reshaped(before: Sequence[Standing], after: Sequence[Standing]) -> Verdict:
    needed = sum(each.tree.changes_needed for each in before)
    needs = sum(each.tree.changes_needed for each in after)
    off = tuple(
        reading.window.key
        for each in after
        if not each.tree.completable
        for reading in each.tree.readings()[-1:]
    )
    kept = any(each.piece.shares.mode is MixMode.ENFORCE for each in before)
    if not kept or needs <= needed:
        return Verdict(before=needed, after=needs)
    return Verdict(
        broken=() if needed else off, worse=off if needed else (), before=needed, after=needs
    )
