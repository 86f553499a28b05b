"""The mix: the wanted shares of the types of content, and what still fits into them."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from planner.errors import Fault, Invalid

WHOLE_BP = 10_000
"""All posts, in basis points."""

KEY = re.compile(r"[a-z][a-z0-9_]{0,38}[a-z0-9]")


class MixMode(StrEnum):
    """What happens to a change that breaks the mix."""

    ENFORCE = "enforce"
    WARN = "warn"
    OFF = "off"


class MixSource(StrEnum):
    """Where a channel's mix comes from."""

    OWN = "own"
    INHERIT = "inherit"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ContentType:
    """A kind of content and its wanted share in basis points of all posts."""

    key: str
    name: str
    share_bp: int


DEFAULT_TYPES = {
    "en": (
        ContentType("informative", "Informative", 6000),
        ContentType("interactive", "Interactive", 2000),
        ContentType("edutainment", "Edutainment", 2000),
    ),
    "id": (
        ContentType("informative", "Informatif", 6000),
        ContentType("interactive", "Interaktif", 2000),
        ContentType("edutainment", "Edutainment", 2000),
    ),
}


class WrongMix(Invalid):
    """The types, shares, source or days cannot be a version of a mix."""


def basis_points(percent: Decimal) -> int:
    """Return a percentage with up to two decimals as basis points (60.25 → 6025)."""
    return int(percent * 100)


def percent(basis_points: int) -> Decimal:
    """Return basis points as a percentage without trailing zeros (6025 → 60.25, 6000 → 60)."""
    value = Decimal(basis_points) / 100
    return value.quantize(Decimal(1)) if value == value.to_integral() else value.normalize()


def check_types(types: Sequence[ContentType]) -> None:
    """Refuse what is no mix: 2 to 6 types, distinct keys, shares adding up to 100 percent.

    Raises `WrongMix` with one fault for each thing that is wrong.
    """
    faults: list[Fault] = []
    if not 2 <= len(types) <= 6:
        faults.append(Fault("/types", "type-count", {"count": len(types)}))
    seen: set[str] = set()
    for index, each in enumerate(types):
        if not KEY.fullmatch(each.key):
            faults.append(Fault(f"/types/{index}/key", "type-key", {"key": each.key}))
        if each.key in seen:
            faults.append(Fault(f"/types/{index}/key", "duplicate-type", {"key": each.key}))
        seen.add(each.key)
    total = sum(each.share_bp for each in types)
    if total != WHOLE_BP:
        faults.append(Fault("/types", "shares-total", {"total": str(percent(total))}))
    if faults:
        raise WrongMix(*faults)


def check_source(source: MixSource, types: Sequence[ContentType], given: Collection[str]) -> None:
    """Refuse a version that is not its own mix and yet says something about one.

    `given` names the other fields of a mix that the request holds. Raises `WrongMix` with a
    fault for each; of a mix of its own it checks the types (`check_types`).
    """
    if source is MixSource.OWN:
        check_types(types)
        return
    named = [*(["types"] if types else []), *sorted(given)]
    if named:
        facts = {"source": source.value}
        raise WrongMix(*(Fault(f"/{name}", "mix-not-own", facts) for name in named))


def check_known_types(types: Sequence[ContentType], known: Collection[str]) -> None:
    """Refuse types of a channel that the workspace does not have; raises `WrongMix`."""
    words = ", ".join(sorted(known))
    faults = [
        Fault(f"/types/{index}/key", "type-unknown-to-workspace", {"key": each.key, "known": words})
        for index, each in enumerate(types)
        if each.key not in known
    ]
    if faults:
        raise WrongMix(*faults)


def check_span(first: date, until: date | None, today: date) -> None:
    """Refuse a version that begins before today or is over before it begins; raises `WrongMix`.

    `until` is exclusive; None means without end.
    """
    faults = []
    if first < today:
        faults.append(Fault("/effective_from", "mix-in-the-past", {"today": today.isoformat()}))
    if until is not None and until <= first:
        facts = {"first": first.isoformat()}
        faults.append(Fault("/effective_until", "mix-over-before-it-begins", facts))
    if faults:
        raise WrongMix(*faults)


def quota_band(
    weights: Sequence[int], n: int, tolerance_bp: int = 0, credit: int = 0
) -> tuple[list[int], list[int]]:
    """Return the fewest and the most posts of each type that `n` posts may have.

    `weights` are shares in any unit; the tolerance is in basis points of all posts and never
    tighter than whole posts force it to be; `credit` widens the band by that many posts on both
    sides. Never empty: the lower bounds add up to at most `n`, the upper ones to at least `n`.
    Source: design note "mix", sections 0.5 and 1.1 (T0).
    """
    lower, upper = _band(tuple(weights), n, tolerance_bp, credit)
    return list(lower), list(upper)


@lru_cache(maxsize=4096)
def _band(
    weights: tuple[int, ...], n: int, tolerance_bp: int, credit: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    whole = sum(weights)
    if n < 0 or whole <= 0 or min(weights) < 0:
        raise ValueError(f"no band for {n} posts of the shares {weights}")
    slack, scale = tolerance_bp * whole, WHOLE_BP * whole
    lower, upper = [], []
    for weight in weights:
        fewest = min(weight * n // whole, -((slack - weight * WHOLE_BP) * n // scale))
        most = max(-(-weight * n // whole), (slack + weight * WHOLE_BP) * n // scale)
        lower.append(max(0, fewest - credit))
        upper.append(min(n, most + credit))
    return tuple(lower), tuple(upper)


def repair_number(
    weights: Sequence[int],
    slots: int,
    placed: Sequence[int],
    tolerance_bp: int = 0,
    credit: int = 0,
) -> int:
    """Return how many posts must get another type before a window can still end in its band.

    `placed` counts the posts of each type; `slots` are those and the open ones; more posts than
    slots enlarge the window. 0 means that it is completable: no type is above its upper bound and
    what is missing fits into the open slots. Source: design note "mix", section 1.2 (T1, T2).
    """
    used = sum(placed)
    total = max(slots, used)
    lower, upper = _band(tuple(weights), total, tolerance_bp, credit)
    excess = shortage = 0
    for count, least, most in zip(placed, lower, upper, strict=True):
        if count > most:
            excess += count - most
        elif count < least:
            shortage += least - count
    return max(excess, shortage - total + used, 0)


def allowed_types(
    weights: Sequence[int],
    slots: int,
    placed: Sequence[int],
    tolerance_bp: int = 0,
    credit: int = 0,
) -> list[int]:
    """Return the types (indices, ascending) that an open slot may take.

    After each of them the window is completable. None where no slot is open or the window is not
    completable now; otherwise always at least one. Arguments as for `repair_number`.
    Source: design note "mix", section 1.2 (T3).
    """
    room = slots - sum(placed)
    if room <= 0 or repair_number(weights, slots, placed, tolerance_bp, credit):
        return []
    lower, upper = _band(tuple(weights), slots, tolerance_bp, credit)
    bounds = list(zip(placed, lower, upper, strict=True))
    spare = room - sum(max(0, least - count) for count, least, _ in bounds)
    return [
        index
        for index, (count, least, most) in enumerate(bounds)
        if count < most and (count < least or spare > 0)
    ]
