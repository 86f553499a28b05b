"""`python -m bench.mix_rules [SEEDS]`: an adversary's year and an honest office's, rule by rule.

What each rule for the mix 60/20/20 lets through, and whom it holds up; everything is seeded.
The adversary has 4 slots a week for 52 weeks and always tries informative. Refused, the one takes
another type that is admitted, and the other leaves the slot empty.
The honest office has 3 channels and 14 slots a week (`Habit` says how it comes to its types). On
one day in twenty everyone is sick and slots stay empty; one unplanned visit takes up a day and
brings 6 exempt posts. Stuck is a slot that no type may have.
The naive share check looks at the month so far. Weeks end with the month, which they would
cross; `to date` is the month up to the end of each week. A month is met, short (nothing is too
much for its slots, some stayed empty) or not met, as compliance says. The last rule is Pilar's,
and what judges it is Pilar's own code. Source: design note "mix", sections 0.5, 0.8 and 1.4.
"""

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import groupby
from statistics import mean
from uuid import UUID
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from planner.compliance import Backdrop, MixStatus, Part
from planner.mix import DEFAULT_TYPES, MixMode
from planner.periods import Piece, Seat, Shares, Standing, month_of
from planner.sequence import target
from planner.slots import SlotTime, WeeklySlot, slot_times
from planner.tallies import entry
from planner.windows import Change, Window, WindowTree

KEYS = tuple(each.key for each in DEFAULT_TYPES["en"])
WEIGHTS = tuple(each.share_bp for each in DEFAULT_TYPES["en"])
SHARES = Shares(UUID(int=60), KEYS, WEIGHTS, 500, MixMode.ENFORCE)
ZONE = ZoneInfo("Asia/Jakarta")
MONDAY, WEEKS = date(2024, 1, 1), 52
END = MONDAY + timedelta(weeks=WEEKS)
NAIVE_FROM = 5
"""Posts of a month from which the naive rule looks: fewer cannot hold a share of 20 percent."""

SICK_DAYS = Fraction(1, 20)
VISIT_POSTS = 6
OFFICE = ((0, 1, 2, 3, 4), (0, 1, 2, 3, 4), (0, 2, 4, 5))
"""The weekdays on which each channel of the honest office has a slot: 14 a week."""


class Rule(StrEnum):
    """What decides whether a post may have its type."""

    NAIVE_10 = "share within 10 points"
    NAIVE_20 = "share within 20 points"
    WEEK = "week only"
    MONTH = "month only"
    ONE_BY_ONE = "week, month, one by one"
    WEEK_AND_MONTH = "week, month, as a tree"
    NO_CREDIT = "month, to date, no credit"
    OURS = "month, to date, one credit"


class Habit(StrEnum):
    """How an office comes to its types.

    Who plans has, for each channel and month, posts in exactly the wanted shares, in random
    order, and posts them in turn; refused, it takes the next of them that is admitted (else it
    writes another) and tries the first again in the slot after. Who draws lots wants each type as
    often as its share says, without looking back, and takes any other when refused.
    """

    PLANS = "plans well"
    ERRS = "plans, one in ten mistaken"
    DRAWS = "draws lots"


MISTAKES = {Habit.PLANS: Fraction(0), Habit.ERRS: Fraction(1, 10), Habit.DRAWS: Fraction(1)}
NAIVE = {Rule.NAIVE_10: 10, Rule.NAIVE_20: 20}


@dataclass(frozen=True)
class Year:
    """How a year went for a rule: its months, and what happened on the way."""

    rule: Rule
    posts: tuple[int, ...]
    slots: int
    requests: int
    refused: int
    stuck: tuple[date, ...]
    months: tuple[tuple[MixStatus, tuple[int, ...]], ...]

    @property
    def empty(self) -> int:
        """Slots in which nothing was posted."""
        return self.slots - sum(self.posts)

    @property
    def worst(self) -> tuple[int, ...]:
        """The posts of the month that ended furthest from the shares, by points."""
        return max((counts for _, counts in self.months), key=_points_off)

    def ended(self, *statuses: MixStatus) -> int:
        """Return how many months of channels ended so."""
        return sum(status in statuses for status, _ in self.months)

    @property
    def refused_in_14(self) -> float:
        """How often in 14 slots the wanted type was refused."""
        return 14 * self.refused / self.requests


@dataclass
class Channel:
    """A channel under a rule, with what it has posted."""

    rule: Rule
    number: int
    slots: dict[date, list[SlotTime]]  # by the first day of the month
    seats: list[Seat] = field(default_factory=list)
    exempt: list[Seat] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        """Its identity."""
        return UUID(int=self.number)

    def admitted(self, slot: SlotTime) -> list[int]:
        """Return the types (indices) that the rule admits in a slot, just before its time."""
        first, until = month_of(slot.day)
        seats = [each for each in self.seats if first <= each.day < until]
        if self.rule in NAIVE:
            exempt = [each for each in self.exempt if first <= each.day < until]
            return _near_shares(_counts([*seats, *exempt]), NAIVE[self.rule])
        piece = Piece(first, until, SHARES)
        before = slot.at - timedelta(minutes=1)
        standing = Standing.of(self.id, piece, self.slots[first], seats, before, slot.day)
        if self.rule is Rule.OURS:
            return [KEYS.index(each) for each in standing.allowed(slot.day)]
        tree = _tree(standing, self.rule, slot.day)
        cell = standing.cell(slot.day)
        if self.rule is not Rule.ONE_BY_ONE:
            return tree.allowed(cell)
        # Each window looks at itself only, not at what they need together.
        steps = [[Change(cell, index, 1, -1)] for index in range(len(KEYS))]
        return [index for index, step in enumerate(steps) if not tree.check(step).worse]

    def post(self, slot: SlotTime, index: int) -> None:
        """Post in a slot."""
        self.seats.append(Seat(slot.day, slot.at, KEYS[index]))

    def months(self) -> Iterator[tuple[MixStatus, tuple[int, ...]]]:
        """Give how each month ended, as compliance says it, with its posts by type."""
        for first, times in self.slots.items():
            until = month_of(first)[1]
            counts = _counts(each for each in self.seats if first <= each.day < until)
            part = Part(
                first,
                until,
                SHARES,
                slots=len(times),
                lost=len(times) - sum(counts),
                placed=dict(zip(KEYS, counts, strict=True)),
                exempt=Counter(each.type for each in self.exempt if first <= each.day < until),
            )
            of = (self.id, str(self.number))
            yield entry(of, first, until, [part], Backdrop({}, {}), closed=True).status, counts


def adversary(rule: Rule, *, omits: bool = False) -> Year:
    """Return the year of one who always tries informative, and fills up or omits when refused."""
    channel = Channel(rule, 1, _slots(1, (0, 2, 4, 6), END))
    journal = _Journal(rule, [channel])
    for slot in (each for times in channel.slots.values() for each in times):
        admitted = channel.admitted(slot)
        journal.note(slot, 0, admitted)
        if 0 in admitted or (admitted and not omits):
            channel.post(slot, admitted[0])
    return journal.year()


def honest(rule: Rule, seed: int, habit: Habit = Habit.ERRS, weeks: int = WEEKS) -> Year:
    """Return the year (or its first weeks) of an office that means to keep the mix."""
    rng = random.Random(seed)
    until = MONDAY + timedelta(weeks=weeks)
    channels = [
        Channel(rule, number, _slots(number, weekdays, until))
        for number, weekdays in enumerate(OFFICE, 1)
    ]
    slots = [
        (channel, slot, plan)
        for channel in channels
        for times in channel.slots.values()
        for plan in [_plan(len(times), habit, rng)]
        for slot in times
    ]
    days = sorted({slot.day for _, slot, _ in slots})
    visit = rng.choice(days)
    away = {visit, *(day for day in days if rng.random() < SICK_DAYS)}
    _receive(channels, visit)
    journal = _Journal(rule, channels)
    for channel, slot, plan in sorted(slots, key=lambda each: (each[1].at, each[0].number)):
        if slot.day not in away:
            admitted = channel.admitted(slot)
            journal.note(slot, plan[0], admitted)
            if admitted:
                channel.post(slot, _taken(plan, admitted, habit, rng))
    return journal.year()


@dataclass
class _Journal:
    """What happened to requests."""

    rule: Rule
    channels: Sequence[Channel]
    requests: int = 0
    refused: int = 0
    stuck: list[date] = field(default_factory=list)

    def note(self, slot: SlotTime, wanted: int, admitted: Sequence[int]) -> None:
        self.requests += 1
        self.refused += wanted not in admitted
        if not admitted:
            self.stuck.append(slot.day)

    def year(self) -> Year:
        return Year(
            rule=self.rule,
            posts=_counts(seat for each in self.channels for seat in each.seats),
            slots=sum(len(times) for each in self.channels for times in each.slots.values()),
            requests=self.requests,
            refused=self.refused,
            stuck=tuple(self.stuck),
            months=tuple(month for each in self.channels for month in each.months()),
        )


def _plan(slots: int, habit: Habit, rng: random.Random) -> list[int]:
    """Return types in the wanted shares, in random order, some of them drawn anew."""
    counts = target(WEIGHTS, slots)
    plan = [index for index, count in enumerate(counts) for _ in range(count)]
    rng.shuffle(plan)
    anew = rng.choices(range(len(WEIGHTS)), WEIGHTS, k=slots)
    return [
        other if rng.random() < MISTAKES[habit] else own
        for own, other in zip(plan, anew, strict=True)
    ]


def _taken(plan: list[int], admitted: Sequence[int], habit: Habit, rng: random.Random) -> int:
    """Return the type of the next post, and take it from the plan."""
    within = 1 if habit is Habit.DRAWS else len(plan)
    for place, index in enumerate(plan[:within]):
        if index in admitted:
            return plan.pop(place)
    plan.pop(0 if habit is Habit.DRAWS else -1)
    return rng.choice(admitted)


def _receive(channels: Sequence[Channel], day: date) -> None:
    for number in range(VISIT_POSTS):
        at = datetime.combine(day, time(8 + number), ZONE)
        channels[number % len(channels)].exempt.append(Seat(day, at, KEYS[0]))


def _slots(number: int, weekdays: Iterable[int], until: date) -> dict[date, list[SlotTime]]:
    channel_id = UUID(int=number)
    weekly = [
        WeeklySlot(UUID(int=100 * number + day), channel_id, day, time(9), MONDAY, until)
        for day in weekdays
    ]
    times = slot_times(weekly, ZONE, MONDAY, until)
    return {first: list(group) for first, group in groupby(times, lambda e: month_of(e.day)[0])}


def _counts(seats: Iterable[Seat]) -> tuple[int, ...]:
    counts = Counter(each.type for each in seats)
    return tuple(counts[key] for key in KEYS)


def _points_off(counts: Sequence[int]) -> Fraction:
    posts, whole = sum(counts), sum(WEIGHTS)
    if not posts:
        return Fraction(0)
    pairs = zip(counts, WEIGHTS, strict=True)
    return max(abs(Fraction(100 * count, posts) - Fraction(100 * w, whole)) for count, w in pairs)


def _near_shares(counts: Sequence[int], points: int) -> list[int]:
    """Return the types after which every share is near: the rule that everyone writes first."""
    found = []
    for index in range(len(counts)):
        after = [count + (place == index) for place, count in enumerate(counts)]
        if sum(after) < NAIVE_FROM or _points_off(after) <= points:
            found.append(index)
    return found


def _tree(standing: Standing, rule: Rule, today: date) -> WindowTree:
    """Return what stands in a month, with the windows of another rule; weeks end with it."""
    cells = standing.cells
    ends = [*cells[1:], standing.piece.until]
    month = Window("month", frozenset(cells), WEIGHTS, SHARES.tolerance_bp)
    weeks = [
        Window(cell, frozenset([cell]), WEIGHTS, SHARES.tolerance_bp)
        for cell, end in zip(cells, ends, strict=True)
        if end > today
    ]
    to_date = [replace(each.window, credit=0) for each in standing.tree.readings()]
    windows = {
        Rule.WEEK: weeks,
        Rule.MONTH: [month],
        Rule.ONE_BY_ONE: [*weeks, month],
        Rule.WEEK_AND_MONTH: [*weeks, month],
        Rule.NO_CREDIT: to_date,
    }
    return WindowTree(
        windows[rule],
        {cell: standing.tree.placed_in(cell) for cell in cells},
        {cell: standing.tree.open_in(cell) for cell in cells},
    )


def _shares(counts: Sequence[int]) -> str:
    posts = max(1, sum(counts))
    return " / ".join(f"{100 * each / posts:.1f}" for each in counts)


def _table(title: str, *heads: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("rule", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _ends(years: Sequence[Year]) -> list[str]:
    met = (MixStatus.MET, MixStatus.MET_WITH_EXEMPTIONS)
    ended = [met, (MixStatus.SHORT,), (MixStatus.NOT_MET,)]
    return [str(sum(year.ended(*each) for year in years)) for each in ended]


def _adversaries(*, omits: bool) -> Table:
    title = "The adversary who leaves a slot empty" if omits else "The adversary who fills up"
    heads = ("year ends at", "worst month", "refused", "empty", "stuck", "met", "short", "not met")
    table = _table(title, *heads)
    for rule in Rule:
        year = adversary(rule, omits=omits)
        stuck = str(len(year.stuck))
        if year.stuck:
            stuck += f", from week {(year.stuck[0] - MONDAY).days // 7 + 1}"
        figures = (str(year.refused), str(year.empty), stuck)
        table.add_row(rule, _shares(year.posts), _shares(year.worst), *figures, *_ends([year]))
    return table


def _offices(habit: Habit, seeds: int, progress: Callable[[str], None]) -> Table:
    title = f"The honest office that {habit} ({seeds} years)"
    heads = ("refused in 14", "at worst", "stuck", "year ends at", "met", "short", "not met")
    table = _table(title, *heads)
    for rule in Rule:
        progress(f"{title}: {rule}")
        years = [honest(rule, seed, habit) for seed in range(seeds)]
        refused = [year.refused_in_14 for year in years]
        posts = [sum(each) for each in zip(*(year.posts for year in years), strict=True)]
        stuck = str(sum(len(year.stuck) for year in years))
        figures = (f"{mean(refused):.2f}", f"{max(refused):.2f}", stuck, _shares(posts))
        table.add_row(rule, *figures, *_ends(years))
    return table


def main() -> int:
    """Print what becomes of both."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    console = Console(width=140)
    console.print("Types are informative / interactive / edutainment; wanted is 60 / 20 / 20.")
    for omits in (False, True):
        console.print(_adversaries(omits=omits))
    for habit in Habit:
        with console.status("") as status:
            table = _offices(habit, seeds, status.update)
        console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
