"""Random calendars, judged by trying every way to fill their slots."""

import random
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import comb, prod

from planner.mix import quota_band, repair_number
from planner.windows import Change, Verdict, Window, WindowTree

Counts = tuple[int, ...]

SIXTY = (6, 2, 2)


@dataclass
class Calendar:
    """Windows and what stands in their cells, judged by trying every way to fill the slots."""

    windows: list[Window]
    placed: dict[Hashable, Counts]
    open: dict[Hashable, int]

    @property
    def types(self) -> int:
        return len(self.windows[0].weights)

    @property
    def hard(self) -> list[Window]:
        return [each for each in self.windows if each.hard]

    @property
    def roots(self) -> list[Window]:
        return [each for each in self.hard if not any(each.cells < o.cells for o in self.hard)]

    def tree(self) -> WindowTree:
        return WindowTree(self.windows, self.placed, self.open)

    def changed(self, changes: Collection[Change]) -> "Calendar":
        placed, free = dict(self.placed), dict(self.open)
        for each in changes:
            placed[each.cell] = stepped(placed[each.cell], each.type, each.placed)
            free[each.cell] += each.open
        return Calendar(self.windows, placed, free)

    def repair(self, window: Window) -> int:
        placed = summed((self.placed[cell] for cell in window.cells), self.types)
        slots = sum(placed) + sum(self.open[cell] for cell in window.cells)
        return repair_number(window.weights, slots, placed, window.tolerance_bp, window.credit)

    def completable(self, root: Window) -> bool:
        """Try every way to fill the open slots of a window and look at all within it."""
        inner = [each for each in self.hard if each.cells <= root.cells]
        cells = sorted(root.cells, key=str)
        fills = [list(vectors(self.open[cell], self.types)) for cell in cells]
        for fill in product(*fills):
            final = {
                cell: tuple(map(int.__add__, self.placed[cell], more))
                for cell, more in zip(cells, fill, strict=True)
            }
            if all(in_band(each, final) for each in inner):
                return True
        return False

    def needs(self, root: Window) -> int:
        worst = max(self.repair(each) for each in self.hard if each.cells <= root.cells)
        return worst if self.completable(root) else max(worst, 1)

    def verdict(self, changes: Collection[Change]) -> Verdict:
        """Judge changes as the rule is written: rises of repairs, and trees that break."""
        after = self.changed(changes)
        cells = {each.cell for each in changes}
        risen = [each for each in self.windows if after.repair(each) > self.repair(each)]
        roots = [each for each in self.roots if cells & each.cells]
        return Verdict(
            worse=tuple(each.key for each in risen if each.hard),
            broken=tuple(
                each.key for each in roots if self.completable(each) and not after.completable(each)
            ),
            warned=tuple(each.key for each in risen if not each.hard),
            before=sum(self.needs(each) for each in roots),
            after=sum(after.needs(each) for each in roots),
        )


def stepped(counts: Counts, index: int, step: int) -> Counts:
    return (*counts[:index], counts[index] + step, *counts[index + 1 :])


def summed(many: Iterator[Counts], types: int) -> Counts:
    return tuple(map(sum, zip((0,) * types, *many, strict=True)))


def vectors(n: int, types: int) -> Iterator[Counts]:
    """Give every way to spread n posts over the types."""
    if types == 1:
        yield (n,)
        return
    for first in range(n + 1):
        for rest in vectors(n - first, types - 1):
            yield (first, *rest)


def in_band(window: Window, final: Mapping[Hashable, Counts]) -> bool:
    counts = summed((final[cell] for cell in window.cells), len(window.weights))
    lower, upper = quota_band(window.weights, sum(counts), window.tolerance_bp, window.credit)
    return all(low <= each <= high for each, low, high in zip(counts, lower, upper, strict=True))


def shapes(cells: int) -> dict[str, list[list[int]]]:
    """Return nested periods by the cells they cover, the outermost last."""
    every = list(range(cells))
    half = cells // 2
    chains = [every[: end + 1] for end in range(half)] + [
        every[half : end + 1] for end in range(half, cells)
    ]
    return {
        "month to date inside a month": [every[: end + 1] for end in every],
        "weeks inside a month": [[each] for each in every] + [every],
        "channels with their months to date inside a workspace": [*chains, every],
        "two channels by themselves": chains,
    }


def calendars(seed: int, number: int, ways: int = 400, most_open: int = 4) -> Iterator[Calendar]:
    """Give random calendars of 2 to 4 types and up to 4 cells with so many ways to fill them."""
    rng = random.Random(seed)
    while number:
        types, cells = rng.choice([2, 3, 3, 4]), rng.randint(2, 4)
        periods = rng.choice(list(shapes(cells).values()))
        free = {cell: rng.randint(0, most_open) for cell in range(cells)}
        if prod(comb(each + types - 1, types - 1) for each in free.values()) > ways:
            continue
        weights = random_weights(rng, types)
        windows = [
            Window(
                f"window {index}",
                frozenset(period),
                random_weights(rng, types) if rng.random() < 0.15 else weights,
                rng.choice([0, 0, 500, 1000]),
                rng.choice([0, 0, 1]),
            )
            for index, period in enumerate({frozenset(each): None for each in periods})
        ]
        watched = frozenset(rng.sample(range(cells), k=rng.randint(1, cells)))
        windows.append(Window("watched", watched, random_weights(rng, types), 500, 0, hard=False))
        number -= 1
        yield Calendar(
            windows,
            {cell: drawn(rng, weights, rng.randint(0, 5)) for cell in range(cells)},
            {cell: free[cell] for cell in range(cells)},
        )


def random_weights(rng: random.Random, types: int) -> Counts:
    return (rng.randint(1, 6), *(rng.choice([0, 1, 2, 3, 6]) for _ in range(types - 1)))


def drawn(rng: random.Random, weights: Counts, n: int) -> Counts:
    found = rng.choices(range(len(weights)), weights, k=n)
    return tuple(found.count(index) for index in range(len(weights)))


def random_changes(rng: random.Random, calendar: Calendar) -> list[Change]:
    """Return what one user does: an extra post, a removal, a retype, a swap, a move, many adds."""
    into = rng.randrange(calendar.types)
    slots = [cell for cell, free in calendar.open.items() if free]
    posts = [
        (cell, index)
        for cell, counts in calendar.placed.items()
        for index, count in enumerate(counts)
        if count
    ]
    deeds = [[Change(rng.choice(list(calendar.placed)), into, 1)]]
    if slots:
        deeds.append([Change(each, rng.randrange(calendar.types), 1, -1) for each in slots])
    if posts:
        (cell, index), (other, kept) = rng.choice(posts), rng.choice(posts)
        out = Change(cell, index, -1)
        deeds.append([Change(cell, index, -1, rng.choice([0, 1]))])
        deeds.append([out, Change(cell, into, 1)])
        if (cell, index) != (other, kept):
            back = [Change(cell, kept, 1), Change(other, index, 1)]
            deeds.append([out, Change(other, kept, -1), *back])
    if posts and slots:
        deeds.append([Change(cell, index, -1, 1), Change(rng.choice(slots), index, 1, -1)])
    return rng.choice(deeds)


def office(channels: int, weeks: int, rng: random.Random) -> Calendar:
    """Return channels with checkpoints at the ends of weeks, inside a hard workspace month."""
    cells = [(channel, week) for channel in range(channels) for week in range(weeks)]
    windows = [
        Window(
            (channel, week),
            frozenset(cells[channel * weeks : channel * weeks + week + 1]),
            SIXTY,
            500,
            int(week < weeks - 1),
        )
        for channel in range(channels)
        for week in range(weeks)
    ]
    windows.append(Window("workspace", frozenset(cells), SIXTY, 500))
    return Calendar(
        windows, dict.fromkeys(cells, (0, 0, 0)), {cell: rng.randint(0, 5) for cell in cells}
    )
