"""A line of compliance by hand: what a mix says of posts, as the definitions have it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from math import ceil, floor
from typing import Any


def near(value: Fraction, places: int) -> float:
    """Return a number as the nearest with so many decimals; of two, the one away from zero."""
    scaled = abs(value) * 10**places
    whole = floor(scaled) + (scaled - floor(scaled) >= Fraction(1, 2))
    return float(Fraction(whole if value > 0 else -whole, 10**places)) + 0.0


def bands(weights: list[int], total: int, tolerance: int) -> list[tuple[int, int]]:
    """Return the least and the most of each type, as the definition has it."""
    found = []
    for weight in weights:
        share, slack = Fraction(weight, sum(weights)), Fraction(tolerance, 10_000)
        least = min(floor(share * total), ceil((share - slack) * total))
        most = max(ceil(share * total), floor((share + slack) * total))
        found.append((max(0, least), min(total, most)))
    return found


def best_split(weights: list[int], total: int) -> list[int]:
    """Return the counts of the first positions of Tijdeman's order."""
    shares = [Fraction(weight, sum(weights)) for weight in weights]
    types = sum(weight > 0 for weight in weights)
    margin = Fraction(1, max(1, 2 * (types - 1)))
    counts = [0] * len(weights)
    for position in range(1, total + 1):
        ahead = [share * position - count for share, count in zip(shares, counts, strict=True)]
        able = [each for each, share in enumerate(shares) if share and ahead[each] >= margin]
        due = min(able, key=lambda each: ((1 - margin - ahead[each]) / shares[each], each))
        counts[due] += 1
    return counts


def reachable(placed: list[int], limits: list[tuple[int, int]], total: int) -> bool:
    missing = sum(max(0, least - had) for had, (least, _) in zip(placed, limits, strict=True))
    over = any(had > most for had, (_, most) in zip(placed, limits, strict=True))
    return not over and missing <= total - sum(placed)


def repairs(placed: list[int], limits: list[tuple[int, int]], total: int) -> int:
    """Return how many must change: too many of some, or more missing than there is room."""
    over = sum(max(0, had - most) for had, (_, most) in zip(placed, limits, strict=True))
    missing = sum(max(0, least - had) for had, (least, _) in zip(placed, limits, strict=True))
    return max(over, missing - (total - sum(placed)), 0)


@dataclass
class Share:
    """Days of a channel under one version, with everything in them listed."""

    days: list[date]
    version: Any
    seats: list[Any] = field(default_factory=list)
    exempt: list[Any] = field(default_factory=list)
    slots: int = 0
    open: int = 0
    lost: int = 0
    expected: int = 0

    @property
    def total(self) -> int:
        return len(self.seats) + self.open + self.expected


class Weighed:
    """A line's posts beside what the mix says of them; without a mix everything of it is None."""

    def __init__(
        self,
        used: list[Share],
        keys: list[str],
        every: list[str],
        seats: list[Any],
        exempt: list[Any],
        sums: dict[str, int],
        ready: Counter[str],
        *,
        closed: bool,
    ) -> None:
        self.versions = [each.version for each in used if each.version is not None]
        self.used, self.keys, self.every, self.seats, self.exempt = used, keys, every, seats, exempt
        self.sums, self.ready, self.closed, self.total = sums, ready, closed, sums["total"]
        self.counts = [sum(row.type == key for row in seats) for key in every]
        self.besides = [sum(row.type == key for row in exempt) for key in every]
        self.tolerance = max((each.tolerance_bp for each in self.versions), default=0)
        self.weights = self.weigh([each.total for each in used])
        self.limits = bands(self.weights, self.total, self.tolerance) if self.versions else []

    def weigh(self, sizes: list[int]) -> list[int]:
        sizes = sizes if any(sizes) else [1] * len(sizes)
        return [
            sum(
                each["share_bp"] * size
                for share, size in zip(self.used, sizes, strict=True)
                for each in (share.version.types if share.version else ())
                if each["key"] == key
            )
            for key in self.every
        ]

    def common(self, name: str) -> Any:
        values = {getattr(each, name) for each in self.versions}
        return values.pop() if len(values) == 1 else None

    def enough(self, posts: int) -> bool:
        least = min((each for each in self.weights if each), default=0)
        return bool(self.versions) and posts >= Fraction(sum(self.weights), least)

    def part(self, count: int) -> float | None:
        return (
            near(Fraction(100 * count, len(self.seats)), 1)
            if self.enough(len(self.seats))
            else None
        )

    def type(self, index: int) -> dict[str, Any]:
        """Return what is told of one type."""
        count, posts = self.counts[index], len(self.seats)
        every, together = count + self.besides[index], posts + len(self.exempt)
        told: dict[str, Any] = {
            "key": self.every[index],
            "count": count,
            "share": self.part(count),
            "count_with_exempt": every,
            "share_with_exempt": near(Fraction(100 * every, together), 1)
            if self.enough(together)
            else None,
        }
        of_mix = ("target", "band", "best", "deviation_posts", "deviation_points")
        if not self.versions:
            return told | dict.fromkeys([*of_mix, "needed", "room", "forecast"])
        share = Fraction(self.weights[index], sum(self.weights))
        least, most = self.limits[index]
        off = count - share * posts
        return told | {
            "target": near(share * 100, 2),
            "band": {"lower": least, "upper": most},
            "best": best_split(self.weights, self.total)[index],
            "deviation_posts": near(off, 2),
            "deviation_points": near(off * 100 / posts, 1) if self.enough(posts) else None,
            "needed": max(0, least - count),
            "room": most - count,
            "forecast": self.forecast()[index],
        }

    def forecast(self) -> list[int]:
        fits = reachable(self.counts, self.limits, self.total)
        end = list(self.counts)
        if fits:
            end = [max(had, least) for had, (least, _) in zip(end, self.limits, strict=True)]
        while sum(end) < self.total:
            behind = [
                (Fraction(weight * self.total, sum(self.weights)) - had, -index)
                for index, (weight, had) in enumerate(zip(self.weights, end, strict=True))
                if not fits or had < self.limits[index][1]
            ]
            end[-max(behind)[1]] += 1
        return end

    def status(self) -> str:
        """Return how it stands, the gravest first."""
        if not self.versions:
            return "no_mix"
        if {each.mode for each in self.versions} == {"off"}:
            return "off"
        return self.closed_status() if self.closed else self.open_status()

    def closed_status(self) -> str:
        posts, lost = len(self.seats), self.sums["lost"]
        if reachable(self.counts, self.limits, self.total) and (posts or not lost):
            many = 10 * len(self.exempt) > posts + len(self.exempt)
            return "met_with_exemptions" if many else "met"
        sizes = [len(each.seats) + each.lost for each in self.used]
        planned = bands(self.weigh(sizes), sum(sizes), self.tolerance)
        over = any(had > most for had, (_, most) in zip(self.counts, planned, strict=True))
        return "short" if lost and not over else "not_met"

    def open_status(self) -> str:
        if not reachable(self.counts, self.limits, self.total):
            return "off_target"
        needs = zip(self.every, self.counts, self.limits, strict=True)
        if any(least > had and least - had > self.ready[key] for key, had, (least, _) in needs):
            return "at_risk"
        able = []
        for index in range(len(self.keys)):
            more = [had + (each == index) for each, had in enumerate(self.counts)]
            if reachable(more, self.limits, self.total) and sum(more) <= self.total:
                able.append(index)
        return "forced" if self.sums["open"] and len(able) == 1 else "on_track"

    def in_order(self) -> list[str]:
        return [row.type for row in sorted(self.seats, key=lambda each: (each.due_at, each.id))]

    def order(self, of_channel: bool) -> dict[str, Any]:
        """Return what details say of repairs, and of the order of posts."""
        none = {"repair_number": None, "slack": None, "worst_prefix_deviation": None}
        if not self.versions:
            return none
        worst, seen = Fraction(0), Counter[str]()
        for number, kind in enumerate(self.in_order(), 1):
            seen[kind] += 1
            for key, weight in zip(self.every, self.weights, strict=True):
                off = seen[key] - Fraction(weight * number, sum(self.weights))
                worst = max(worst, abs(off))
        pairs = zip(self.counts, self.limits, strict=True)
        missing = sum(max(0, least - had) for had, (least, _) in pairs)
        return {
            "repair_number": repairs(self.counts, self.limits, self.total),
            "slack": self.total - len(self.seats) - missing,
            "worst_prefix_deviation": near(worst, 2) if of_channel else None,
        }
