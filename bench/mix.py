"""Keeping the mix without a database: the checks beside one `repair_number`, orders beside less.

The floor of a check is the closed form for one window. Tijdeman's order stands beside a loop that
looks at the shares once for each position, and the best order beside Tijdeman's.
"""

from collections.abc import Callable, Hashable

from bench.grounds import Ratio, median_of
from planner.mix import allowed_types, repair_number
from planner.sequence import best_order, target, tijdeman
from planner.windows import Change, Window, WindowTree

NOWHERE = "none"
SHARES = (6000, 2000, 2000)
CHANNELS, CHECKPOINTS = 20, 5
POSITIONS = (30, 450, 1_000, 7_000)
TIMES, OF = 30, 100
"""A median of so many runs; what takes microseconds is done so many times in each."""


async def measure() -> list[Ratio]:
    """Measure each check in months that are two thirds full, and each order."""
    floor = await _each(lambda: repair_number(SHARES, 30, (12, 4, 4), 500))
    month = channel_months(1)
    office = channel_months(CHANNELS)
    first, last = ((0, cell) for cell in (0, CHECKPOINTS - 1))
    checks: dict[str, Callable[[], object]] = {
        "which types fit one window": lambda: allowed_types(SHARES, 30, (12, 4, 4), 500),
        "a post, channel-month, first week": lambda: month.check([Change(first, 0, 1, -1)]),
        "a post, channel-month, last week": lambda: month.check([Change(last, 0, 1, -1)]),
        f"a post, {CHANNELS} channels in a month": lambda: office.check([Change(first, 0, 1, -1)]),
        f"building {CHANNELS} channels in a month": lambda: channel_months(CHANNELS),
    }
    found = [Ratio(what, NOWHERE, await _each(deed), floor) for what, deed in checks.items()]
    for number in POSITIONS:
        found += await _orders(number)
    return found


def channel_months(channels: int) -> WindowTree:
    """Return months of channels with checkpoints, in a workspace month where there are several.

    A channel has 4 of 6 slots taken in each stretch between checkpoints.
    """
    cells: list[Hashable] = [
        (each, cell) for each in range(channels) for cell in range(CHECKPOINTS)
    ]
    windows = [
        Window(
            (each, end),
            frozenset((each, cell) for cell in range(end + 1)),
            SHARES,
            500,
            int(end + 1 < CHECKPOINTS),
        )
        for each in range(channels)
        for end in range(CHECKPOINTS)
    ]
    if channels > 1:
        windows.append(Window("workspace", frozenset(cells), SHARES, 500))
    return WindowTree(windows, dict.fromkeys(cells, (2, 1, 1)), dict.fromkeys(cells, 2))


async def _orders(number: int) -> list[Ratio]:
    counts = target(SHARES, number)
    # A fifth of the positions is fixed, each to the type that Tijdeman gives to another one.
    fixed = dict(zip(range(0, number, 5), tijdeman(SHARES, -(-number // 5)), strict=True))
    loop = await median_of(11, lambda: [min(SHARES) for _ in range(number)])
    plain = await median_of(11, lambda: tijdeman(SHARES, number))
    best = await median_of(11, lambda: best_order(SHARES, counts))
    around = await median_of(11, lambda: best_order(SHARES, counts, fixed))
    return [
        Ratio(f"tijdeman, {number} posts", NOWHERE, plain, loop),
        Ratio(f"best_order, {number} posts", NOWHERE, best, plain),
        Ratio(f"best_order, a fifth of {number} fixed", NOWHERE, around, plain),
    ]


async def _each(deed: Callable[[], object]) -> float:
    """Return the median of what one of many runs takes, in seconds."""
    return await median_of(TIMES, lambda: [deed() for _ in range(OF)]) / OF
