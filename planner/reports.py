"""Reports: what became of a month's publications, sorted and counted for people who account for it.

A publication belongs to the month of the channel-local day that was meant. It is published, was
not sent, is unclear or still waits: exactly one of these; it may be exempt, overridden, withdrawn
or retyped besides. Every figure is the length of a list.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from planner.publications import UNSENT, Status


class Section(StrEnum):
    """A list of a report; the first four hold every publication once."""

    PUBLISHED = "published"
    WAITING = "waiting"
    UNSENT = "unsent"
    NEEDS_REVIEW = "needs_review"
    EXEMPT = "exempt"
    OVERRIDES = "overrides"
    WITHDRAWN = "withdrawn"
    RETYPED = "retyped"


FATES = (Section.PUBLISHED, Section.WAITING, Section.UNSENT, Section.NEEDS_REVIEW)
"""The lists of which each publication is in exactly one."""


@dataclass(frozen=True, slots=True)
class Line:
    """A publication of the month, with the names of what it refers to.

    `local` is the naive wall-clock time that was meant, `day` its date, `timezone` the zone
    (IANA) that both are in. `title` is the one that was sent, or else the post's.
    """

    id: UUID
    post_id: UUID
    title: str
    channel_id: UUID
    channel: str
    platform: str
    handle: str
    type: str
    type_name: str
    pillar_id: UUID | None
    pillar: str | None
    status: Status
    reason: str | None
    day: date
    local: str
    timezone: str
    due_at: datetime
    published_at: datetime | None
    holds_seat: bool
    recorded: bool
    exempt: str | None
    exempt_note: str | None
    override: str | None
    retyped_at: datetime | None
    withdrawn_at: datetime | None
    dismissed_at: datetime | None
    permalink: str | None

    def here(self, at: datetime) -> datetime:
        """Return an instant in the zone that its time was meant in."""
        return at.astimezone(ZoneInfo(self.timezone))

    @property
    def meant(self) -> datetime:
        """The wall-clock time that was meant, in its zone."""
        return datetime.fromisoformat(self.local).replace(tzinfo=ZoneInfo(self.timezone))

    @property
    def published_local(self) -> datetime | None:
        """When it went out, in the zone that its time was meant in."""
        return None if self.published_at is None else self.here(self.published_at)

    @property
    def marks(self) -> list[str]:
        """What a reader of the list of published ones must know of it besides."""
        marks = {
            "recorded": self.recorded,
            "exempt": self.exempt is not None,
            "override": self.override is not None,
            "withdrawn": self.withdrawn_at is not None,
        }
        return [mark for mark, holds in marks.items() if holds]

    @property
    def fate(self) -> Section:
        """Which of `FATES` it is."""
        if self.status is Status.PUBLISHED:
            return Section.PUBLISHED
        if self.status is Status.NEEDS_REVIEW:
            return Section.NEEDS_REVIEW
        return Section.UNSENT if self.status in UNSENT else Section.WAITING


_BESIDES: Mapping[Section, Callable[[Line], bool]] = {
    Section.EXEMPT: lambda line: line.exempt is not None,
    Section.OVERRIDES: lambda line: line.override is not None,
    Section.WITHDRAWN: lambda line: line.withdrawn_at is not None,
    Section.RETYPED: lambda line: line.retyped_at is not None,
}


def sections(lines: Iterable[Line]) -> dict[Section, list[Line]]:
    """Return the lists of a report, each in the order of `lines`."""
    found: dict[Section, list[Line]] = {section: [] for section in Section}
    for line in lines:
        found[line.fate].append(line)
        for section, holds in _BESIDES.items():
            if holds(line):
                found[section].append(line)
    return found


@dataclass(frozen=True, slots=True)
class Tally:
    """How many publications of a kind were published: those that count, and the exempt beside."""

    key: Hashable
    name: str | None
    published: int
    exempt: int


def tallies(
    published: Sequence[Line], of: Callable[[Line], Hashable], names: Mapping[Hashable, str | None]
) -> list[Tally]:
    """Return a tally for each key in `names`, in that order; no line may have another key."""
    regular, exempt = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for line in published:
        (regular if line.exempt is None else exempt)[of(line)] += 1
    return [Tally(key, name, regular[key], exempt[key]) for key, name in names.items()]
