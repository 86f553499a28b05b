"""Tallies: the parts of a window added up, weighed against their shares, and carried forward.

Source: design note "mix", sections 0.6 to 0.8, 1.1, 1.6 and 4.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import groupby
from typing import Self
from uuid import UUID

from planner.compliance import (
    Backdrop,
    Detail,
    Entry,
    Group,
    MixStatus,
    Part,
    Placed,
    Streak,
    TypeLine,
)
from planner.mix import WHOLE_BP, MixMode, allowed_types, quota_band, repair_number
from planner.sequence import target

MANY_EXEMPT = Fraction(1, 10)
"""Where more than this part of all posts is exempt, it is worth a word."""


def entry(
    of: tuple[UUID, str] | None,
    first: date,
    until: date,
    parts: Sequence[Part],
    backdrop: Backdrop,
    *,
    closed: bool,
) -> Entry:
    """Return the line of a window: of a channel (id and name), or of all of them (None)."""
    judged = [each for each in parts if each.shares is not None]
    sums = _Sums.of(judged or parts)
    known = {each.shares.mode for each in judged if each.shares}
    tolerances = {each.shares.tolerance_bp for each in judged if each.shares}
    lines = sums.lines(backdrop.names)
    return Entry(
        channel_id=of[0] if of else None,
        channel_name=of[1] if of else None,
        first=first,
        until=until,
        closed=closed,
        mode=known.pop() if len(known) == 1 else None,
        tolerance_bp=tolerances.pop() if len(tolerances) == 1 else None,
        slots=sums.add(lambda each: each.slots),
        placed=sums.posts,
        open=sums.open,
        lost=sums.lost,
        expected=sums.add(lambda each: each.expected),
        total=sums.total,
        exempt=sum(sums.exempt),
        overrides=sums.add(lambda each: each.overrides),
        retyped=sums.add(lambda each: each.retyped),
        without_mix=sum(each.posts for each in parts if each.shares is None),
        grain_bp=Fraction(WHOLE_BP, sums.posts) if sums.posts else None,
        repair_number=None if sums.weights is None else sums.repairs,
        status=sums.status(lines, backdrop.ready, closed=closed),
        types=lines,
        detail=_detail(sums, backdrop, in_order=of is not None) if backdrop.full else None,
    )


@dataclass(frozen=True, slots=True)
class _Sums:
    """Parts added up, by type: first those of the mix, then others that posts are of.

    `weights` is None without a mix; else target and band go by it, in any unit.
    """

    parts: Sequence[Part]
    keys: tuple[str, ...]
    weights: tuple[int, ...] | None
    placed: tuple[int, ...]
    exempt: tuple[int, ...]
    tolerance_bp: int

    @classmethod
    def of(cls, parts: Sequence[Part]) -> Self:
        placed: Counter[str] = Counter()
        exempt: Counter[str] = Counter()
        for each in parts:
            placed.update(each.placed)
            exempt.update(each.exempt)
        versions = [each.shares for each in parts if each.shares]
        wanted = dict.fromkeys(key for shares in versions for key in shares.keys)
        keys = tuple(dict.fromkeys([*wanted, *sorted(+placed), *sorted(+exempt)]))
        return cls(
            parts=parts,
            keys=keys,
            weights=_weights(parts, keys, lambda each: each.total) if versions else None,
            placed=tuple(placed[key] for key in keys),
            exempt=tuple(exempt[key] for key in keys),
            tolerance_bp=max((shares.tolerance_bp for shares in versions), default=0),
        )

    def add(self, figure: Callable[[Part], int]) -> int:
        return sum(map(figure, self.parts))

    @property
    def posts(self) -> int:
        return sum(self.placed)

    @property
    def open(self) -> int:
        return self.add(lambda each: each.open)

    @property
    def lost(self) -> int:
        return self.add(lambda each: each.lost)

    @property
    def total(self) -> int:
        return self.add(lambda each: each.total)

    def tells_shares(self, posts: int) -> bool:
        """Say whether there are posts enough for percentages: one of the smallest type at least."""
        if self.weights is None:
            return False
        least = min(weight for weight in self.weights if weight)
        return posts * least >= sum(self.weights)

    def share(self, count: int, posts: int) -> Fraction | None:
        return Fraction(count * WHOLE_BP, posts) if self.tells_shares(posts) else None

    def lines(self, names: Mapping[str, str]) -> tuple[TypeLine, ...]:
        """Return what is told of each type."""
        posts = self.posts
        every = posts + sum(self.exempt)
        against = self._against() if self.weights else [_NO_MIX] * len(self.keys)
        return tuple(
            TypeLine(
                key=key,
                name=names.get(key, key),
                count=count,
                count_with_exempt=count + exempt,
                share_bp=self.share(count, posts),
                share_with_exempt_bp=self.share(count + exempt, every),
                target_bp=told.target_bp,
                lower=told.lower,
                upper=told.upper,
                best=told.best,
                deviation_posts=told.deviation,
                deviation_bp=_points(told, posts) if self.tells_shares(posts) else None,
                needed=None if told.lower is None else max(0, told.lower - count),
                room=None if told.upper is None else told.upper - count,
                forecast=told.forecast,
            )
            for key, count, exempt, told in zip(
                self.keys, self.placed, self.exempt, against, strict=True
            )
        )

    def _against(self) -> list["_Wanted"]:
        weights = self.weights or ()
        whole, total = sum(weights), self.total
        lower, upper = quota_band(weights, total, self.tolerance_bp)
        best = target(weights, total)
        forecast = self._forecast(lower, upper)
        return [
            _Wanted(
                Fraction(weight * WHOLE_BP, whole),
                lower[index],
                upper[index],
                best[index],
                self.placed[index] - Fraction(weight * self.posts, whole),
                forecast[index],
            )
            for index, weight in enumerate(weights)
        ]

    def _forecast(self, lower: Sequence[int], upper: Sequence[int]) -> list[int]:
        """Return the counts at the end: what is missing first, then whatever is furthest behind."""
        weights, counts = self.weights or (), list(self.placed)
        whole, total = sum(weights), self.total
        completable = not self.repairs
        if completable:
            counts = list(map(max, counts, lower))
        for _ in range(total - sum(counts)):
            able = [
                index
                for index, count in enumerate(counts)
                if not completable or count < upper[index]
            ]
            behind = max(able, key=lambda index: weights[index] * total - whole * counts[index])
            counts[behind] += 1
        return counts

    @property
    def repairs(self) -> int:
        """How many posts must get another type before the window can end in its band."""
        return repair_number(self.weights or (), self.total, self.placed, self.tolerance_bp)

    def status(
        self, lines: Sequence[TypeLine], ready: Mapping[str, int], *, closed: bool
    ) -> MixStatus:
        """Return how the window stands; of two that hold, the graver one."""
        versions = [each.shares for each in self.parts if each.shares]
        if self.weights is None:
            return MixStatus.NO_MIX
        if all(shares.mode is MixMode.OFF for shares in versions):
            return MixStatus.OFF
        if closed:
            return self._closed_status()
        if self.repairs:
            return MixStatus.OFF_TARGET
        if any((each.needed or 0) > ready.get(each.key, 0) for each in lines):
            return MixStatus.AT_RISK
        allowed = allowed_types(self.weights, self.total, self.placed, self.tolerance_bp)
        return MixStatus.FORCED if self.open and len(allowed) == 1 else MixStatus.ON_TRACK

    def _closed_status(self) -> MixStatus:
        lost, exempt = self.lost, sum(self.exempt)
        if not self.repairs and (self.posts or not lost):
            many = exempt > MANY_EXEMPT * (self.posts + exempt)
            return MixStatus.MET_WITH_EXEMPTIONS if many else MixStatus.MET
        if lost:
            planned = _weights(self.parts, self.keys, lambda each: each.posts + each.lost)
            _, upper = quota_band(planned, self.posts + lost, self.tolerance_bp)
            if all(count <= most for count, most in zip(self.placed, upper, strict=True)):
                return MixStatus.SHORT
        return MixStatus.NOT_MET


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a mix says about one type of a window."""

    target_bp: Fraction | None
    lower: int | None
    upper: int | None
    best: int | None
    deviation: Fraction | None
    forecast: int | None


_NO_MIX = _Wanted(None, None, None, None, None, None)


def _points(told: _Wanted, posts: int) -> Fraction | None:
    return None if told.deviation is None else told.deviation * WHOLE_BP / posts


def _weights(
    parts: Iterable[Part], keys: Sequence[str], size: Callable[[Part], int]
) -> tuple[int, ...]:
    """Return the shares of the parts weighted by their size; plain sums where none has any."""
    sized = [(each.shares, size(each)) for each in parts if each.shares]
    if not any(number for _, number in sized):
        sized = [(shares, 1) for shares, _ in sized]
    weights: Counter[str] = Counter()
    for shares, number in sized:
        for key, weight in zip(shares.keys, shares.weights, strict=True):
            weights[key] += weight * number
    return tuple(weights[key] for key in keys)


def _detail(sums: _Sums, backdrop: Backdrop, *, in_order: bool) -> Detail:
    seats = sorted(seat for part in sums.parts for seat in part.seats)
    order = [seat.type for seat in seats]
    shortage = None
    if sums.weights is not None:
        lower, _ = quota_band(sums.weights, sums.total, sums.tolerance_bp)
        shortage = sum(max(0, least - had) for least, had in zip(lower, sums.placed, strict=True))
    return Detail(
        slack=None if shortage is None else sums.total - sums.posts - shortage,
        worst_prefix_deviation=_worst(sums, order) if in_order and sums.weights else None,
        longest_streak=_streak(order) if in_order else None,
        days_since_last={key: backdrop.days_since.get(key) for key in sums.keys},
        pillars=_by_pillar(sums, seats, backdrop),
        campaigns=_by_campaign(sums, seats, backdrop),
    )


def _worst(sums: _Sums, order: Sequence[str]) -> Fraction:
    """Return how far any type was from its share, in posts, at the worst moment."""
    weights = sums.weights or ()
    whole = sum(weights)
    counts: Counter[str] = Counter()
    worst = 0
    for number, kind in enumerate(order, 1):
        counts[kind] += 1
        for key, weight in zip(sums.keys, weights, strict=True):
            worst = max(worst, abs(whole * counts[key] - weight * number))
    return Fraction(worst, whole)


def _streak(order: Iterable[str]) -> Streak | None:
    runs = [Streak(kind, len(list(run))) for kind, run in groupby(order)]
    return max(runs, key=lambda each: each.posts, default=None)


def _by_pillar(sums: _Sums, seats: Iterable[Placed], backdrop: Backdrop) -> tuple[Group, ...]:
    """Return the pillars that have a share or a post, by name; then the posts without one."""
    counts = Counter(seat.pillar_id for seat in seats)
    found = [
        Group(pillar_id, name, counts[pillar_id], sums.share(counts[pillar_id], sums.posts), wanted)
        for pillar_id, (name, wanted) in backdrop.pillars.items()
        if counts[pillar_id] or wanted is not None
    ]
    found.sort(key=lambda each: (each.name or "", each.id))
    if none := counts[None]:
        found.append(Group(None, None, none, sums.share(none, sums.posts), None))
    return tuple(found)


def _by_campaign(sums: _Sums, seats: Iterable[Placed], backdrop: Backdrop) -> tuple[Group, ...]:
    """Return the campaigns that have a post, by name."""
    counts = Counter(seat.campaign_id for seat in seats if seat.campaign_id is not None)
    found = [
        Group(each, backdrop.campaigns[each], count, sums.share(count, sums.posts), None)
        for each, count in counts.items()
    ]
    return tuple(sorted(found, key=lambda each: (each.name or "", each.id)))
