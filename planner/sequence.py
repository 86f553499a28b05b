"""Orders of types that stay near their shares at every moment: Tijdeman's, and the best there is.

The deviation of an order is the maximum of |x_t(k) - w_t k / W| over its prefixes k and types t,
in posts: x_t(k) counts type t among the first k, and W is the sum of the weights. Every stretch
in the middle of an order deviates by at most twice as much. All numbers here are integers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heappop, heappush
from math import gcd, lcm


def tijdeman(weights: Sequence[int], n: int) -> list[int]:
    """Return the type (index) of each of the first n positions, never far from any share.

    With T types of positive weight the deviation is at most 1 - 1/(2(T - 1)), whatever n is, and
    a longer order begins with every shorter one. Types of weight 0 do not occur; among equals
    the lowest index comes first. Weights or an n that make no sense are a bug: ValueError.

    Source: R. Tijdeman, The chairman assignment problem, Discrete Math. 32 (1980) 323-330. Of the
    types that are behind by at least 1/(2(T - 1)) post, the one that is due first is next.
    """
    reduced = _reduced(weights)
    if n < 0:
        raise ValueError("an order has no negative length")
    types = [index for index, weight in enumerate(reduced) if weight]
    margin = max(1, 2 * (len(types) - 1))
    # Time is counted in units so small that everything below falls on a whole one.
    position = margin * lcm(*(reduced[each] for each in types))
    paces = [position * sum(reduced) // reduced[each] for each in types]
    opens = [pace // margin for pace in paces]
    dues = [pace - opening for pace, opening in zip(paces, opens, strict=True)]
    order = []
    for now in range(position, (n + 1) * position, position):
        chosen = min((dues[i], i) for i, opening in enumerate(opens) if opening <= now)[1]
        opens[chosen] += paces[chosen]
        dues[chosen] += paces[chosen]
        order.append(types[chosen])
    return order


def target(weights: Sequence[int], n: int) -> list[int]:
    """Return how many of n posts each type should have: the best attainable split.

    The counts of the first n positions of `tijdeman`: each is its exact quota w_t n / W rounded
    down or up, and one more post takes nothing away from any type.
    """
    order = tijdeman(weights, n)
    return [order.count(index) for index in range(len(weights))]


def best_order(
    weights: Sequence[int], counts: Sequence[int], fixed: Mapping[int, int] | None = None
) -> tuple[Fraction, list[int]]:
    """Return the least possible deviation, exactly, and an order (type indices) that has it.

    The order has `counts[t]` posts of type t, in quota or not, among them those of `fixed`: the
    types at positions from 0 on. Arguments that contradict each other are a bug: ValueError.

    Source: bisection over integers W B, each tried by earliest due date, as in G. Steiner and
    S. Yeomans, Level schedules for mixed-model, just-in-time processes, Management Science 39
    (1993) 728-735. O(N log(N W) log N) for N posts.
    """
    line = _Line.of(weights, counts, fixed or {})
    low = line.final_deviation()
    high, stride = low, line.whole
    # Most lines end on quota and need less than one post; those that are far off end far off too.
    while (chosen := line.within(high)) is None:
        low, high, stride = high + 1, high + stride, 2 * stride
    while low < high:
        middle = (low + high) // 2
        found = line.within(middle)
        if found is None:
            low = middle + 1
        else:
            high, chosen = middle, found
    return Fraction(high, line.whole), line.filled(chosen)


def _reduced(weights: Sequence[int]) -> list[int]:
    """Return the weights without their common divisor: smaller numbers, the same shares."""
    if any(weight < 0 for weight in weights):
        raise ValueError("a weight is not negative")
    divisor = gcd(*weights)
    if not divisor:
        raise ValueError("at least one weight is positive")
    return [weight // divisor for weight in weights]


def _check(types: int, counts: Sequence[int], fixed: Mapping[int, int]) -> None:
    if len(counts) != types:
        raise ValueError("there are as many counts as weights")
    if any(count < 0 for count in counts):
        raise ValueError("a count is not negative")
    if any(not 0 <= position < sum(counts) for position in fixed):
        raise ValueError("a fixed position lies within the order")
    if any(not 0 <= index < types for index in fixed.values()):
        raise ValueError("a fixed position has one of the types")
    placed = list(fixed.values())
    if any(placed.count(index) > count for index, count in enumerate(counts)):
        raise ValueError("the count of a type includes its fixed positions")


@dataclass(frozen=True, slots=True)
class _Type:
    """A type on a line; `posts` are its fixed positions, ascending, counted from 1."""

    index: int
    weight: int
    count: int
    posts: tuple[int, ...]

    def windows(self, whole: int, length: int, bound: int) -> list[tuple[int, int, int]] | None:
        """Return first position, last position and type of each post that is not fixed.

        None if a fixed post alone breaks the bound, which is in posts times `whole`.
        """
        firsts, lasts = self._ranks(whole, length, bound)
        if self.posts:
            free = self.count - len(self.posts)
            # A fixed post has before it at least the fixed ones, and at most all the others.
            within = zip(firsts, self.posts, lasts[free:], strict=False)
            if any(not first <= post <= last for first, post, last in within):
                return None
            firsts, lasts = self._firsts(firsts, free), self._lasts(lasts, free)
        return [(first, last, self.index) for first, last in zip(firsts, lasts, strict=True)]

    def _ranks(self, whole: int, length: int, bound: int) -> tuple[list[int], list[int]]:
        """Return where the i-th post of the type may stand, fixed or not: firsts and lasts.

        It may come once w k + bound >= i W, and must not be missing once w k - bound > (i - 1) W.
        """
        if not self.weight:  # no post is ever due, and the bound is never below all of them
            return [1] * self.count, [length] * self.count
        edges = range(0, self.count * whole, whole)
        firsts = [-((bound - whole - edge) // self.weight) for edge in edges]
        lasts = [(edge + bound) // self.weight + 1 for edge in edges]
        return firsts, lasts

    def _firsts(self, firsts: list[int], free: int) -> list[int]:
        """Return the first position of each free post.

        With the j-th free post in place, the m-th fixed post has rank j + m at least. As long as
        that is too early for it, the free post waits behind it and has the higher rank itself.
        """
        found = []
        passed = len(self.posts)
        for before in range(free - 1, -1, -1):
            while passed and firsts[before + passed] <= self.posts[passed - 1]:
                passed -= 1
            found.append(firsts[before + passed])
        return found[::-1]

    def _lasts(self, lasts: list[int], free: int) -> list[int]:
        """Return the last position of each free post: behind every fixed post that may precede."""
        found = []
        passed = 0
        for before in range(free):
            while passed < len(self.posts) and lasts[before + passed] >= self.posts[passed]:
                passed += 1
            found.append(lasts[before + passed])
        return found


@dataclass(frozen=True, slots=True)
class _Line:
    """Positions, counted from 1, of which `free` are still to be given a type."""

    whole: int
    length: int
    types: tuple[_Type, ...]
    free: tuple[int, ...]

    @classmethod
    def of(cls, weights: Sequence[int], counts: Sequence[int], fixed: Mapping[int, int]) -> "_Line":
        reduced = _reduced(weights)
        _check(len(reduced), counts, fixed)
        posts: list[list[int]] = [[] for _ in reduced]
        for position in sorted(fixed):
            posts[fixed[position]].append(position + 1)
        types = tuple(
            _Type(index, weight, counts[index], tuple(posts[index]))
            for index, weight in enumerate(reduced)
        )
        free = tuple(each + 1 for each in range(sum(counts)) if each not in fixed)
        return cls(sum(reduced), sum(counts), types, free)

    def final_deviation(self) -> int:
        """Return the deviation, times `whole`, that the counts alone bring about at the end."""
        return max(abs(self.whole * each.count - each.weight * self.length) for each in self.types)

    def within(self, bound: int) -> list[int] | None:
        """Return the types of the free positions of an order within the bound, or None.

        The posts of a type are interchangeable and their windows open and close in turn, so the
        rest is a convex bipartite matching: at each position the open post that is due first.
        """
        jobs: list[tuple[int, int, int]] = []
        for each in self.types:
            windows = each.windows(self.whole, self.length, bound)
            if windows is None:
                return None
            jobs += windows
        jobs.sort(reverse=True)
        waiting: list[tuple[int, int]] = []
        chosen = []
        for position in self.free:
            while jobs and jobs[-1][0] <= position:
                heappush(waiting, jobs.pop()[1:])
            # There are as many posts as positions: one that stays empty leaves a post over.
            if not waiting or waiting[0][0] < position:
                return None
            chosen.append(heappop(waiting)[1])
        return chosen

    def filled(self, chosen: Sequence[int]) -> list[int]:
        """Return the type of every position, with `chosen` in the free ones."""
        fixed = [(post, each.index) for each in self.types for post in each.posts]
        return [index for _, index in sorted([*fixed, *zip(self.free, chosen, strict=True)])]
