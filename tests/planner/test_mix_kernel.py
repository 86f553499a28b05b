"""The quota kernel against enumeration: bands, repairs, and what an open slot may take."""

import random
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.mix import allowed_types, quota_band, repair_number
from tests.planner.calendars import Counts, stepped, vectors

SHARES: list[Counts] = [
    *[(1, 1), (3, 1), (5, 0), (9999, 1)],
    *[(6, 2, 2), (1, 1, 1), (5, 3, 2), (4, 2, 1), (7, 3, 0)],
    *[(4, 3, 2, 1), (1, 1, 1, 1), (6, 2, 1, 1), (5, 5, 0, 0), (97, 1, 1, 1)],
]
TOLERANCES, CREDITS = (0, 500), (0, 1)
LARGEST = 9


def band(weights: Counts, n: int, tolerance_bp: int, credit: int) -> list[tuple[int, int]]:
    """Return least and most by type as the definition is written: fractions, floors, ceilings."""
    slack = Fraction(tolerance_bp, 10_000)
    bounds = []
    for weight in weights:
        share = Fraction(weight, sum(weights))
        least = min(floor(share * n), ceil((share - slack) * n)) - credit
        most = max(ceil(share * n), floor((share + slack) * n)) + credit
        bounds.append((max(0, least), min(n, most)))
    return bounds


def completable(weights: Counts, n: int, tolerance_bp: int, credit: int) -> set[Counts]:
    """Return every count of posts that n slots in all can still bring into the band.

    Taken from the end: the counts in band, then whatever has a post fewer, and so on.
    """
    bounds = band(weights, n, tolerance_bp, credit)
    layer = {
        counts
        for counts in vectors(n, len(weights))
        if all(least <= count <= most for count, (least, most) in zip(counts, bounds, strict=True))
    }
    found = set(layer)
    while layer:
        layer = {
            stepped(counts, index, -1)
            for counts in layer
            for index, count in enumerate(counts)
            if count
        }
        found |= layer
    return found


def repairs(placed: int, types: int, good: set[Counts]) -> dict[Counts, int]:
    """Return the least number of retypes to a good one, by breadth-first search from those."""
    layer = [counts for counts in vectors(placed, types) if counts in good]
    distance = dict.fromkeys(layer, 0)
    while layer:
        reached = []
        for counts in layer:
            for out, into in product(range(types), repeat=2):
                if counts[out] and out != into:
                    other = stepped(stepped(counts, out, -1), into, 1)
                    if other not in distance:
                        distance[other] = distance[counts] + 1
                        reached.append(other)
        layer = reached
    return distance


def states() -> Iterator[tuple[Counts, int, Counts, int, int, int, list[int]]]:
    """Give every state with up to nine slots, with its repairs and types by enumeration."""
    for weights, tolerance_bp, credit in product(SHARES, TOLERANCES, CREDITS):
        types = len(weights)
        for slots in range(LARGEST + 1):
            good = completable(weights, slots, tolerance_bp, credit)
            for used in range(slots + 1):
                for placed, least in repairs(used, types, good).items():
                    after = [stepped(placed, index, 1) for index in range(types)]
                    fit = [] if least else [i for i, each in enumerate(after) if each in good]
                    yield weights, slots, placed, tolerance_bp, credit, least, fit


def random_states(seed: int, number: int) -> Iterator[tuple[Counts, int, Counts, int, int]]:
    """Give states of up to sixty slots and six types, near their shares and far from them."""
    rng = random.Random(seed)
    for _ in range(number):
        types = rng.randint(1, 6)
        weights = (rng.randint(1, 100), *(rng.choice([0, 1, 7, 30, 60]) for _ in range(types - 1)))
        slots = rng.randint(0, 60)
        lean = weights if rng.random() < 0.7 else [1] * types
        drawn = rng.choices(range(types), lean, k=rng.randint(0, slots))
        placed = tuple(drawn.count(index) for index in range(types))
        yield weights, slots, placed, rng.choice([0, 250, 500, 2000]), rng.randint(0, 2)


@given(
    weights=st.lists(st.integers(0, 10_000), min_size=1, max_size=8).filter(any),
    n=st.integers(0, 10_000),
    tolerance_bp=st.integers(0, 10_000),
    credit=st.integers(0, 3),
)
def test_a_band_is_what_its_definition_says_and_never_empty(
    weights: list[int], n: int, tolerance_bp: int, credit: int
) -> None:
    lower, upper = quota_band(weights, n, tolerance_bp, credit)

    assert list(zip(lower, upper, strict=True)) == band(tuple(weights), n, tolerance_bp, credit)
    assert sum(lower) <= n <= sum(upper)
    assert all(0 <= least <= most <= n for least, most in zip(lower, upper, strict=True))


def test_rounded_shares_alone_would_be_an_empty_band() -> None:
    thirds = (1, 1, 1)

    rounded = [n for n in range(1, 10) if 3 * round(Fraction(n, 3)) != n]

    assert rounded == [1, 2, 4, 5, 7, 8]
    assert quota_band(thirds, 1) == ([0, 0, 0], [1, 1, 1])


@pytest.mark.parametrize(("weights", "n"), [((0, 0), 5), ((), 5), ((-1, 2), 5), ((1, 1), -1)])
def test_shares_without_a_sum_and_fewer_than_no_posts_have_no_band(
    weights: Sequence[int], n: int
) -> None:
    with pytest.raises(ValueError, match="no band for"):
        quota_band(weights, n)


@pytest.mark.untraced
def test_repairs_and_allowed_types_equal_enumeration_in_every_small_state() -> None:
    compared, wrong, stuck = 0, [], []

    for weights, slots, placed, tolerance_bp, credit, least, fit in states():
        compared += 1
        given_ = (weights, slots, placed, tolerance_bp, credit)
        if (repair_number(*given_), allowed_types(*given_)) != (least, fit):
            wrong.append((given_, least, fit))
        if not least and sum(placed) < slots and not fit:
            stuck.append(given_)

    assert (compared, wrong, stuck) == (57_860, [], [])


@pytest.mark.parametrize("slots", [0, 3, 5])
def test_more_posts_than_slots_enlarge_the_window(slots: int) -> None:
    over = [(5, 0, 0), (3, 1, 1), (4, 2, 1), (0, 3, 3)]

    assert [repair_number((6, 2, 2), slots, each) for each in over] == [
        repair_number((6, 2, 2), sum(each), each) for each in over
    ]
    assert [allowed_types((6, 2, 2), slots, each) for each in over] == [[], [], [], []]


def test_nobody_gets_stuck_and_a_post_taken_back_never_hurts() -> None:
    wrong: list[tuple[str, object]] = []

    for state in random_states(seed=4, number=4000):
        weights, slots, placed, *rules = state
        needed, fit = repair_number(*state), allowed_types(*state)
        if sum(placed) < slots and bool(needed) == bool(fit):
            wrong.append(("stuck, or admitted where it is lost", state))
        for index, count in enumerate(placed):
            later = repair_number(weights, slots, stepped(placed, index, 1), *rules)
            if sum(placed) < slots and not needed and (later == 0) != (index in fit):
                wrong.append(("allowed and repaired disagree", state))
            if count and repair_number(weights, slots, stepped(placed, index, -1), *rules) > needed:
                wrong.append(("hurt", state))

    assert wrong == []


def test_allowed_types_played_to_the_end_finish_in_band() -> None:
    rng = random.Random(5)
    steps, wrong = 0, []

    for weights, slots, _, tolerance_bp, credit in random_states(seed=5, number=200):
        placed: Counts = (0,) * len(weights)
        for _ in range(slots):
            fit = allowed_types(weights, slots, placed, tolerance_bp, credit)
            placed = stepped(placed, rng.choice(fit), 1)
            steps += 1
        bounds = band(weights, slots, tolerance_bp, credit)
        if not all(low <= each <= high for each, (low, high) in zip(placed, bounds, strict=True)):
            wrong.append((weights, slots, placed))

    assert (steps > 5000, wrong) == (True, [])


def near(counts: Iterable[int], weights: Counts, points: int) -> bool:
    """Say whether every share lies within so many points of the wanted one: the naive rule."""
    counts = list(counts)
    return all(
        abs(Fraction(count, sum(counts)) - Fraction(weight, sum(weights))) <= Fraction(points, 100)
        for count, weight in zip(counts, weights, strict=True)
    )


@pytest.mark.parametrize(
    ("points", "blocked", "admitted"), [(5, 129, 0), (10, 102, 6), (20, 53, 19), (30, 31, 31)]
)
def test_the_naive_share_check_is_wrong_in_most_steps(
    points: int, blocked: int, admitted: int
) -> None:
    weights, slots = (6, 2, 2), 10
    good = completable(weights, slots, 0, 0)
    steps = [
        stepped(counts, index, 1) for counts in good if sum(counts) < slots for index in range(3)
    ]

    wrongly_blocked = [each for each in steps if each in good and not near(each, weights, points)]
    wrongly_admitted = [each for each in steps if each not in good and near(each, weights, points)]

    assert (len(steps), len(wrongly_blocked), len(wrongly_admitted)) == (186, blocked, admitted)
    assert [each in good for each in steps] == [
        repair_number(weights, slots, each) == 0 for each in steps
    ]
