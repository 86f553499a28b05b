"""Orders of types: the best one against every order there is, Tijdeman's against its bound."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.sequence import best_order, target, tijdeman

SHARES = ((60, 20, 20), (50, 30, 20), (4, 2, 1), (1, 1, 1), (90, 9, 1), (5, 0, 2))
"""Even, uneven and lopsided shares, and one type that shall not occur."""


def deviation(weights: Sequence[int], order: Sequence[int]) -> Fraction:
    """The definition, word for word: max over prefixes k and types t of |x_t(k) - w_t k / W|."""
    whole = sum(weights)
    placed = [0] * len(weights)
    worst = 0
    for k, index in enumerate(order, 1):
        placed[index] += 1
        off = (abs(whole * x - weight * k) for x, weight in zip(placed, weights, strict=True))
        worst = max(worst, *off)
    return Fraction(worst, whole)


def worst_window(weights: Sequence[int], order: Sequence[int]) -> Fraction:
    """The same over every stretch of consecutive positions, wherever it begins."""
    return max(deviation(weights, order[first:]) for first in range(len(order)))


def orders(counts: Sequence[int], fixed: Mapping[int, int], at: int = 0) -> Iterator[list[int]]:
    """Every order that has these counts and keeps to the fixed positions, each once."""
    if not any(counts):
        yield []
    for index, count in enumerate(counts):
        if count and fixed.get(at, index) == index:
            fewer = [each - (other == index) for other, each in enumerate(counts)]
            for rest in orders(fewer, fixed, at + 1):
                yield [index, *rest]


def least(weights: Sequence[int], counts: Sequence[int], fixed: Mapping[int, int]) -> Fraction:
    return min(deviation(weights, order) for order in orders(counts, fixed))


def split(random: Random, types: int, length: int) -> list[int]:
    drawn = random.choices(range(types), k=length)
    return [drawn.count(index) for index in range(types)]


def some_fixed(random: Random, counts: Sequence[int], share: float) -> dict[int, int]:
    """Positions of some random order of these counts."""
    line = [index for index, count in enumerate(counts) for _ in range(count)]
    random.shuffle(line)
    return {at: index for at, index in enumerate(line) if random.random() < share}


def random_shares(random: Random, types: int) -> list[int]:
    """Positive weights; three in ten vectors are heavy-tailed, with a giant among dwarfs."""
    if random.random() < 0.3:
        return [int(random.paretovariate(0.6) * 10) for _ in range(types)]
    return [random.randint(1, 10_000) for _ in range(types)]


def slow_order(
    weights: Sequence[int], counts: Sequence[int], fixed: Mapping[int, int], *, shifts: bool = True
) -> tuple[Fraction, list[int]]:
    """The method of the design, spelled out in arrays, trying one bound after the other.

    Without `shifts` it forgets that fixed posts already use up a part of what their type may have.
    """
    whole, length = sum(weights), sum(counts)
    for bound in range(length * whole + 1):
        windows = []
        for t, weight in enumerate(weights):
            used = [shifts * sum(fixed.get(i) == t for i in range(k)) for k in range(length + 1)]
            upper = [(weight * k + bound) // whole - used[k] for k in range(length + 1)]
            lower = [-((bound - weight * k) // whole) - used[k] for k in range(length + 1)]
            free = counts[t] - sum(each == t for each in fixed.values())
            may = [min(upper[k:]) for k in range(length + 1)]
            must = [max(lower[: k + 1]) for k in range(length + 1)]
            if shifts and (min(may) < 0 or max(must) > free or may[-1] < free):
                break
            for j in range(1, free + 1):
                first = next((k for k in range(length + 1) if may[k] >= j), length + 1)
                last = next((k for k in range(length + 1) if must[k] >= j), length)
                windows.append((last, t, first))
        else:
            if (order := swept(windows, length, fixed)) is not None:
                return Fraction(bound, whole), order
    raise AssertionError("some bound is wide enough")


def swept(
    windows: list[tuple[int, int, int]], length: int, fixed: Mapping[int, int]
) -> list[int] | None:
    order = []
    for at in range(length):
        if at in fixed:
            order.append(fixed[at])
            continue
        found = min((each for each in windows if each[2] <= at + 1), default=(0, 0, 0))
        if found[0] < at + 1:
            return None
        windows.remove(found)
        order.append(found[1])
    return order


def largest_deficit(weights: Sequence[int], n: int) -> list[int]:
    """The usual smooth weighted round robin: next is the type that is furthest behind."""
    whole = sum(weights)
    order: list[int] = []
    behind = [0] * len(weights)
    for _ in range(n):
        behind = [each + weight for each, weight in zip(behind, weights, strict=True)]
        order.append(max(range(len(weights)), key=behind.__getitem__))
        behind[order[-1]] -= whole
    return order


def check_best(weights: Sequence[int], counts: Sequence[int], fixed: Mapping[int, int]) -> None:
    found, order = best_order(weights, counts, fixed)

    assert found == least(weights, counts, fixed)
    check_answer(weights, counts, fixed, (found, order))


def check_answer(
    weights: Sequence[int],
    counts: Sequence[int],
    fixed: Mapping[int, int],
    answer: tuple[Fraction, list[int]],
) -> None:
    found, order = answer
    assert deviation(weights, order) == found
    assert [order.count(index) for index in range(len(weights))] == list(counts)
    assert {at: order[at] for at in fixed} == fixed


@pytest.mark.parametrize("weights", SHARES)
def test_the_best_order_is_the_best_of_all_orders_up_to_six_positions(
    weights: tuple[int, ...],
) -> None:
    # Exhaustive: every count of three types, in quota or not.
    for counts in product(range(7), repeat=3):
        if sum(counts) <= 6:
            check_best(weights, counts, {})


@pytest.mark.parametrize("weights", SHARES)
@pytest.mark.untraced
def test_the_best_order_is_the_best_of_all_orders_around_whatever_is_fixed(
    weights: tuple[int, ...],
) -> None:
    # Exhaustive: every count of three types up to four positions, and every way to fix some.
    for counts in product(range(5), repeat=3):
        length = sum(counts)
        if length > 4:
            continue
        every = list(orders(counts, {}))
        masks = list(product((False, True), repeat=length))
        ways = {
            tuple((i, order[i]) for i in range(length) if m[i]) for order in every for m in masks
        }
        for way in ways:
            check_best(weights, counts, dict(way))


@pytest.mark.parametrize("types", [1, 2, 3, 4])
@pytest.mark.parametrize("share_fixed", [0, 0.3, 0.7])
@pytest.mark.untraced
def test_the_best_order_is_the_best_of_all_orders_up_to_nine_positions(
    types: int, share_fixed: float
) -> None:
    # Sampled with a seed: 60 lines of 7, 8 or 9 posts, half of them on quota; then all orders.
    random = Random(f"{types} {share_fixed}")
    for each in range(60):
        weights = random_shares(random, types)
        length = random.choice((7, 8, 9))
        counts = target(weights, length) if each % 2 else split(random, types, length)
        check_best(weights, counts, some_fixed(random, counts, share_fixed))


@pytest.mark.parametrize("share_fixed", [0, 0.2, 0.6])
@pytest.mark.untraced
def test_the_best_order_of_a_month_is_that_of_the_slow_method(share_fixed: float) -> None:
    random = Random(f"month {share_fixed}")
    for _ in range(12):
        weights = [random.randint(0, 9) for _ in range(random.randint(2, 5))] + [5]
        counts = target(weights, random.randint(20, 40))
        fixed = some_fixed(random, counts, share_fixed)

        answer = best_order(weights, counts, fixed)

        assert answer[0] == slow_order(weights, counts, fixed)[0]
        check_answer(weights, counts, fixed, answer)


@pytest.mark.untraced
def test_without_the_shift_for_fixed_posts_the_method_goes_wrong() -> None:
    """The canary: both what it promises and what it orders are seen to differ."""
    random = Random("no shift")
    wrong, shifted_wrong = [0, 0], 0
    for _ in range(60):
        counts = split(random, 3, 8)
        fixed = some_fixed(random, counts, 0.4)
        best = least(SHARES[0], counts, fixed)
        shifted_wrong += slow_order(SHARES[0], counts, fixed)[0] != best
        promised, order = slow_order(SHARES[0], counts, fixed, shifts=False)
        wrong[0] += promised != best
        wrong[1] += deviation(SHARES[0], order) != best

    assert shifted_wrong == 0
    assert min(wrong) > 10


@pytest.mark.parametrize(
    ("weights", "best", "order"),
    [
        ((60, 20, 20), Fraction(3, 5), "IEIAI"),
        ((6000, 2000, 2000), Fraction(3, 5), "IEIAI"),
        ((4, 2, 1), Fraction(3, 7), "IEIAIEI"),
    ],
)
def test_known_shares_have_their_known_best_order(
    weights: tuple[int, ...], best: Fraction, order: str
) -> None:
    counts = [6 * order.count(letter) for letter in "IEA"]

    found, types = best_order(weights, counts)

    assert (found, "".join("IEA"[each] for each in types)) == (best, 6 * order)


def test_sixty_twenty_twenty_is_one_week_over_and_over() -> None:
    order = tijdeman((60, 20, 20), 300)

    assert "".join("IEA"[each] for each in order) == 60 * "IEIAI"
    assert deviation((60, 20, 20), order) == Fraction(3, 5)
    assert worst_window((60, 20, 20), order[:40]) == Fraction(4, 5)


@pytest.mark.parametrize("types", range(2, 9))
@pytest.mark.untraced
def test_tijdeman_stays_within_its_bound(types: int) -> None:
    random = Random(types)
    bound = 1 - Fraction(1, 2 * (types - 1))
    vectors = [random_shares(random, types) for _ in range(400)]

    worst = max(deviation(weights, tijdeman(weights, 300)) for weights in vectors)

    assert bound * Fraction(19, 20) < worst <= bound


@pytest.mark.parametrize("types", [3, 4])
@pytest.mark.untraced
def test_giving_to_the_largest_deficit_breaks_the_bound(types: int) -> None:
    """The canary: the obvious rule on the same vectors leaves the bound."""
    random = Random(types)
    bound = 1 - Fraction(1, 2 * (types - 1))
    vectors = [random_shares(random, types) for _ in range(400)]

    worst = max(deviation(weights, largest_deficit(weights, 300)) for weights in vectors)

    assert worst > bound


def test_every_stretch_deviates_by_at_most_twice_as_much() -> None:
    random = Random("stretches")
    for _ in range(40):
        weights = random_shares(random, random.randint(2, 5))
        line = tijdeman(weights, 40)
        counts = split(random, len(weights), 30)
        best, order = best_order(weights, counts, some_fixed(random, counts, 0.2))

        assert worst_window(weights, line) <= 2 * deviation(weights, line)
        assert worst_window(weights, order) <= 2 * best


@given(st.lists(st.integers(0, 50), min_size=1, max_size=7).filter(any), st.integers(0, 60))
def test_a_target_is_in_quota_grows_with_the_posts_and_knows_only_shares(
    weights: list[int], n: int
) -> None:
    whole = sum(weights)

    order = tijdeman(weights, n)
    counts = target(weights, n)

    assert [order.count(index) for index in range(len(weights))] == counts
    assert sum(counts) == n
    for weight, count in zip(weights, counts, strict=True):
        assert weight * n // whole <= count <= -(-weight * n // whole)
    assert tijdeman(weights, n + 1)[:n] == order
    assert tijdeman([7 * weight for weight in weights], n) == order
    present = [index for index, weight in enumerate(weights) if weight]
    assert [present[each] for each in tijdeman([weights[i] for i in present], n)] == order


def test_the_smallest_lines_have_an_order() -> None:
    assert tijdeman([3], 4) == [0, 0, 0, 0]
    assert tijdeman([0, 2, 2], 5) == [1, 2, 1, 2, 1]
    assert tijdeman([1, 1], 0) == []
    assert target([0, 1], 0) == [0, 0]
    assert best_order([1, 2], [0, 0]) == (Fraction(0), [])
    assert best_order([5], [3], {1: 0}) == (Fraction(0), [0, 0, 0])
    assert best_order([1, 0], [0, 2], {0: 1}) == (Fraction(2), [1, 1])


@pytest.mark.parametrize(
    ("weights", "counts", "fixed", "sentence"),
    [
        ([1, -1], [1, 1], {}, "a weight is not negative"),
        ([0, 0], [0, 0], {}, "at least one weight is positive"),
        ([], [], {}, "at least one weight is positive"),
        ([1, 1], [1], {}, "there are as many counts as weights"),
        ([1, 1], [2, -1], {}, "a count is not negative"),
        ([1, 1], [1, 1], {2: 0}, "a fixed position lies within the order"),
        ([1, 1], [1, 1], {-1: 0}, "a fixed position lies within the order"),
        ([1, 1], [1, 1], {0: 2}, "a fixed position has one of the types"),
        ([1, 1], [1, 1], {0: -1}, "a fixed position has one of the types"),
        ([1, 1], [1, 1], {0: 0, 1: 0}, "the count of a type includes its fixed positions"),
    ],
)
def test_arguments_that_make_no_sense_are_a_bug(
    weights: list[int], counts: list[int], fixed: dict[int, int], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        best_order(weights, counts, fixed)


def test_an_order_of_negative_length_is_a_bug() -> None:
    with pytest.raises(ValueError, match="an order has no negative length"):
        tijdeman([1, 1], -1)
    with pytest.raises(ValueError, match="at least one weight is positive"):
        target([0], 3)
