"""Trees of windows against enumeration: verdicts, steps, slots, and what soft windows say."""

import random
from collections.abc import Callable, Hashable
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from planner.slots import WeeklySlot, open_slots, slot_times
from planner.windows import Change, CrossingWindows, Verdict, Window, WindowTree
from tests.planner.calendars import (
    SIXTY,
    Calendar,
    Counts,
    calendars,
    in_band,
    office,
    random_changes,
)

INFORMATIVE, INTERACTIVE, EDUTAINMENT = range(3)


@pytest.mark.untraced
def test_trees_are_completable_exactly_when_some_way_to_fill_them_is_in_band() -> None:
    wrong, found = [], {True: 0, False: 0}
    fine_alone = 0

    for calendar in calendars(seed=1, number=1600):
        right = all(calendar.completable(each) for each in calendar.roots)
        tree = calendar.tree()
        found[right] += 1
        fine_alone += not right and not any(calendar.repair(each) for each in calendar.hard)
        if tree.completable is not right or (tree.changes_needed == 0) is not right:
            wrong.append(calendar)

    assert wrong == []
    assert min(found.values()) > 400
    # The canary: so many trees would be thought completable by looking at each window alone.
    assert fine_alone > 10


@pytest.mark.untraced
def test_changes_are_blocked_exactly_when_the_definition_says_so() -> None:
    rng = random.Random(2)
    wrong, judged, blocked, only_together = [], 0, 0, 0

    for calendar in calendars(seed=2, number=700, ways=100, most_open=3):
        tree = calendar.tree()
        for _ in range(3):
            changes = random_changes(rng, calendar)
            right, found = calendar.verdict(changes), tree.check(changes)
            judged += 1
            blocked += right.blocked
            only_together += bool(right.broken) and not right.worse
            if (set(found.worse), set(found.broken), found.warned, found.before, found.after) != (
                set(right.worse),
                set(right.broken),
                right.warned,
                right.before,
                right.after,
            ):
                wrong.append((calendar, changes))
            if len(changes) == 1 and changes[0].placed < 0 < changes[0].open and found.blocked:
                wrong.append((calendar, changes))

    assert (judged, wrong) == (2100, [])
    assert (blocked > 300, only_together > 0) == (True, True)


@pytest.mark.untraced
def test_steps_lead_to_the_same_tree_as_building_it_anew() -> None:
    rng = random.Random(3)
    steps, wrong = 0, []

    for calendar in [*calendars(seed=3, number=60), office(3, 4, rng), office(4, 5, rng)]:
        tree, now = calendar.tree(), calendar
        for _ in range(35):
            changes = random_changes(rng, now)
            verdict = tree.check(changes)
            later = now.changed(changes)
            anew, before = later.tree(), {each.window.key: each.repair for each in tree.readings()}
            tree.apply(changes)
            risen = {e.window.key for e in anew.readings() if e.repair > before[e.window.key]}
            steps += 1
            same = (tree._states, tree.readings()) == (anew._states, anew.readings())
            if (
                not same
                or {*verdict.worse, *verdict.warned} != risen
                or contents(tree, later) != later.placed
            ):
                wrong.append((now, changes))
            now = later

    assert (steps, wrong) == (2170, [])


def contents(tree: WindowTree, calendar: Calendar) -> dict[Hashable, Counts]:
    return {cell: tree.placed_in(cell) for cell in calendar.placed}


@pytest.mark.untraced
def test_nobody_gets_stuck_in_a_tree_and_allowed_types_lead_into_every_band() -> None:
    rng = random.Random(4)
    steps, stuck, missed = 0, [], []
    played = [*calendars(seed=4, number=400, most_open=4)]
    played += [office(rng.randint(1, 4), rng.randint(1, 5), rng) for _ in range(60)]

    for calendar in played:
        tree = calendar.tree()
        if not tree.completable:
            continue
        while slots := [cell for cell in calendar.open if tree.open_in(cell)]:
            cell = rng.choice(slots)
            allowed = tree.allowed(cell)
            steps += 1
            if not allowed:
                stuck.append((calendar, cell))
                break
            tree.apply([Change(cell, rng.choice(allowed), 1, -1)])
        final = contents(tree, calendar)
        missed += [each for each in calendar.hard if not in_band(each, final)]

    assert (steps > 2000, stuck, missed) == (True, [], [])


def alone(tree: WindowTree, cell: Hashable) -> list[int]:
    """Return the types that each window around a cell would admit by itself."""
    return [
        index for index in range(tree.types) if not tree.check([Change(cell, index, 1, -1)]).worse
    ]


def four_weeks() -> Calendar:
    """Return a month of four weeks with four slots each; weeks and month are hard."""
    weeks: list[Hashable] = [0, 1, 2, 3]
    windows = [Window(f"week {week}", frozenset([week]), SIXTY) for week in weeks]
    windows.append(Window("month", frozenset(weeks), SIXTY))
    return Calendar(windows, dict.fromkeys(weeks, (0, 0, 0)), dict.fromkeys(weeks, 4))


def test_who_looks_at_windows_one_by_one_gets_stuck_in_the_fourth_week() -> None:
    tree = four_weeks().tree()
    went_wrong = []

    for week in range(4):
        while tree.open_in(week) and (admitted := alone(tree, week)):
            tree.apply([Change(week, admitted[0], 1, -1)])
            if not tree.completable:
                went_wrong.append((week, tree.placed_in(week)))

    assert [tree.open_in(week) for week in range(4)] == [0, 0, 0, 2]
    assert [each.repair for each in tree.readings()] == [0, 0, 0, 0, 0]
    assert went_wrong[0] == (1, (3, 1, 0))


def test_who_looks_at_the_tree_fills_the_same_month_in_band() -> None:
    tree = four_weeks().tree()

    for week in range(4):
        while tree.open_in(week):
            tree.apply([Change(week, tree.allowed(week)[0], 1, -1)])

    assert [each.placed for each in tree.readings()][-1] == (10, 3, 3)
    assert (tree.completable, tree.changes_needed) == (True, 0)


def test_hard_windows_that_cross_are_refused_by_name() -> None:
    month = Window("March on TikTok", frozenset("ab"), SIXTY)
    week = Window("week 9 of the office", frozenset("bc"), SIXTY)

    with pytest.raises(CrossingWindows) as caught:
        WindowTree([month, week])

    assert caught.value.facts == {"first": "March on TikTok", "second": "week 9 of the office"}


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        ([Window("a", frozenset("x"), (1, 1)), Window("b", frozenset("x"), SIXTY)], "same types"),
        ([Window("a", frozenset("x"), SIXTY), Window("a", frozenset("y"), SIXTY)], "different"),
    ],
)
def test_windows_of_one_tree_fit_together(windows: list[Window], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        WindowTree(windows)


def test_a_cell_has_no_fewer_than_no_posts_and_no_slots() -> None:
    tree = WindowTree([Window("a", frozenset("x"), SIXTY)], {"x": (1, 0, 0)}, {"x": 1})

    for change in (Change("x", INTERACTIVE, -1), Change("x", INTERACTIVE, 1, -2)):
        with pytest.raises(ValueError, match="fewer than no"):
            tree.check([change])

    assert (tree.placed_in("x"), tree.open_in("x")) == ((1, 0, 0), 1)


def test_soft_windows_may_cross_and_only_warn() -> None:
    month = Window("month", frozenset("ab"), SIXTY)
    week = Window("week", frozenset("bc"), SIXTY, hard=False)
    placed: dict[Hashable, Counts] = {"a": (0, 2, 0), "b": (1, 0, 0)}
    free: dict[Hashable, int] = {"a": 4, "b": 3, "c": 0}
    tree = WindowTree([month, week], placed, free)

    fine = tree.check([Change("b", INFORMATIVE, 1, -1)])
    tree.apply([Change("b", INTERACTIVE, 1, -1)])  # the third: a breach of the month
    another = tree.check([Change("b", INTERACTIVE, 1, -1)])
    beside = tree.check([Change("c", EDUTAINMENT, 1)])

    assert fine == Verdict()
    assert another == Verdict(worse=("month",), warned=("week",), before=1, after=2)
    assert (beside.blocked, beside.warned) == (False, ())
    assert WindowTree([week], placed, free).check([Change("b", INTERACTIVE, 3, -3)]) == Verdict(
        warned=("week",)
    )


def test_what_is_already_off_can_be_repaired_and_not_made_worse() -> None:
    month = Window("month", frozenset("a"), SIXTY)
    tree = WindowTree([month], {"a": (8, 0, 0)}, {"a": 2})
    retype = [Change("a", INFORMATIVE, -1), Change("a", EDUTAINMENT, 1)]

    verdicts = [
        tree.check(changes)
        for changes in (
            retype,
            [Change("a", INFORMATIVE, -1, 1)],
            [Change("a", EDUTAINMENT, 1, -1)],
            [Change("a", INFORMATIVE, 1, -1)],
            [Change("a", INFORMATIVE, -1), Change("a", INFORMATIVE, 1)],
        )
    ]

    assert [(each.blocked, each.before, each.after) for each in verdicts] == [
        (False, 2, 1),
        (False, 2, 1),
        (False, 2, 2),
        (True, 2, 3),
        (False, 2, 2),
    ]


@pytest.mark.untraced
def test_an_extra_post_may_have_the_types_that_do_the_least_harm() -> None:
    wrong, dead_ends = [], 0

    for calendar in calendars(seed=6, number=700, ways=60, most_open=2):
        tree = calendar.tree()
        for cell in calendar.placed:
            each = [calendar.verdict([Change(cell, i, 1)]) for i in range(calendar.types)]
            least = min(verdict.after for verdict in each)
            harmless = [index for index, verdict in enumerate(each) if not verdict.blocked]
            right = harmless or [i for i, verdict in enumerate(each) if verdict.after == least]
            dead_ends += not harmless
            if tree.allowed(cell, extra=True) != right or (
                not calendar.open[cell] and tree.allowed(cell)
            ):
                wrong.append((calendar, cell))

    assert (wrong, dead_ends > 0) == ([], True)


BERLIN = ZoneInfo("Europe/Berlin")
TIMES = slot_times(
    [
        WeeklySlot(UUID(int=day), UUID(int=9), day, time(9), date(2026, 1, 1), None)
        for day in range(7)
    ],
    BERLIN,
    date(2026, 1, 1),
    date(2026, 1, 27),
)
BEFORE = datetime(2025, 12, 31, tzinfo=UTC)
Seats = list[tuple[date, datetime]]


def by_day(seats: Seats) -> int:
    return len(open_slots(TIMES, seats, BEFORE))


def by_exact_match(seats: Seats) -> int:
    return len({each.at for each in TIMES} - {at for _, at in seats})


@pytest.mark.parametrize(("count", "admitted"), [(by_day, 16), (by_exact_match, 26)])
def test_posts_beside_the_slots_use_them_up(count: Callable[[Seats], int], admitted: int) -> None:
    """The second rule is the canary: 26 posts of one type pass ten minutes beside 26 slots."""
    month = Window("month", frozenset(["january"]), SIXTY, 500)
    tree = WindowTree([month], {"january": (0, 0, 0)}, {"january": count([])})
    seats: Seats = []

    for each in TIMES:
        beside = [*seats, (each.day, each.at + timedelta(minutes=10))]
        change = Change("january", INFORMATIVE, 1, count(beside) - count(seats))
        if not tree.check([change]).blocked:
            tree.apply([change])
            seats = beside

    assert (len(TIMES), len(seats)) == (26, admitted)
