"""The adversary's year and the honest office under Pilar's rule, and under those it is not."""

from collections.abc import Sequence
from statistics import mean

import pytest

from bench.mix_rules import Habit, Rule, Year, adversary, honest
from planner.compliance import MixStatus

pytestmark = pytest.mark.untraced

MET = (MixStatus.MET, MixStatus.MET_WITH_EXEMPTIONS)


def offices(rule: Rule, habit: Habit, number: int) -> list[Year]:
    return [honest(rule, seed, habit) for seed in range(number)]


def refused_in_14(years: Sequence[Year]) -> float:
    return mean(year.refused_in_14 for year in years)


def not_met(year: Year) -> int:
    return year.ended(MixStatus.NOT_MET)


def test_an_adversary_who_fills_up_ends_every_month_in_band() -> None:
    year = adversary(Rule.OURS)

    assert (year.slots, year.empty, year.stuck) == (208, 0, ())
    assert [status for status, _ in year.months] == [MixStatus.MET] * 12


def test_an_adversary_who_omits_ends_with_empty_slots_and_is_never_off_target() -> None:
    year = adversary(Rule.OURS, omits=True)

    assert [status for status, _ in year.months] == [MixStatus.SHORT] * 12
    assert year.posts == (year.slots - year.empty, 0, 0)
    assert year.empty > adversary(Rule.MONTH, omits=True).empty > 0


def test_an_honest_office_is_hardly_refused_and_never_stuck() -> None:
    years = offices(Rule.OURS, Habit.ERRS, 5)

    assert refused_in_14(years) <= 1.5
    assert [(year.stuck, not_met(year)) for year in years] == [((), 0)] * 5
    assert sum(year.ended(*MET) for year in years) >= 0.9 * sum(len(year.months) for year in years)


def test_who_plans_well_is_refused_less_and_who_draws_lots_is_never_stuck_either() -> None:
    [well], [lots] = offices(Rule.OURS, Habit.PLANS, 1), offices(Rule.OURS, Habit.DRAWS, 1)

    assert well.refused_in_14 < 1 < lots.refused_in_14
    assert [(year.stuck, not_met(year)) for year in (well, lots)] == [((), 0)] * 2


def test_a_visit_and_days_of_sickness_leave_slots_empty_and_the_shares_right() -> None:
    year = honest(Rule.OURS, seed=1)

    assert (year.slots, len(year.months)) == (728, 36)
    assert year.slots - year.requests == year.empty > 14
    assert [round(20 * posts / sum(year.posts)) for posts in year.posts] == [12, 4, 4]


def test_without_the_credit_an_honest_office_is_refused_twice_as_often() -> None:
    without, ours = (offices(rule, Habit.ERRS, 2) for rule in (Rule.NO_CREDIT, Rule.OURS))

    assert refused_in_14(without) > max(1.5, 2 * refused_in_14(ours))


def test_windows_one_by_one_leave_slots_that_no_type_may_have() -> None:
    alone, together = adversary(Rule.ONE_BY_ONE), adversary(Rule.WEEK_AND_MONTH)

    assert (len(alone.stuck), alone.empty, alone.ended(*MET)) == (18, 18, 0)
    assert (together.stuck, together.empty, together.ended(*MET)) == ((), 0, 12)


def test_a_week_by_itself_never_asks_for_the_third_type() -> None:
    year = adversary(Rule.WEEK)

    assert (year.posts[2], not_met(year)) == (0, 12)


def test_the_naive_share_check_stops_everyone_or_lets_everything_pass() -> None:
    tight, loose = adversary(Rule.NAIVE_10), adversary(Rule.NAIVE_20)
    office = honest(Rule.NAIVE_10, seed=1)

    assert (tight.posts, len(tight.stuck)) == ((48, 0, 0), 160)
    assert (loose.posts[2], not_met(loose)) == (0, 12)
    assert len(office.stuck) > 100
