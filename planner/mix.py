"""The mix: the wanted shares of the types of content."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

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
