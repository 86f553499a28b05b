"""The mix by definition: calendars read from rows, filled in every way there is, and weighed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import ceil, floor
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from app.deps import House
from store.tables import Day, MixVersion, Post, Publication, Slot, Workspace

ZONE = ZoneInfo("Asia/Jakarta")
Counts = tuple[int, ...]


@dataclass(frozen=True)
class Standing:
    """A publication as the mix sees it; all of them wait."""

    post: str
    channel: str
    local: datetime
    type: str
    counts: bool = True

    @property
    def at(self) -> datetime:
        return self.local.replace(tzinfo=ZONE).astimezone(UTC)


@dataclass(frozen=True)
class Weekly:
    """A weekly time of a channel, from a day on and (or None) until one."""

    channel: str
    weekday: int
    time: str
    first: date
    until: date | None = None

    def on(self, day: date) -> bool:
        begun = self.first <= day and (self.until is None or day < self.until)
        return begun and day.weekday() == self.weekday


@dataclass(frozen=True)
class Version:
    """A version of the mix, of the workspace (None) or of a channel."""

    channel: str | None
    source: str
    shares: tuple[tuple[str, int], ...]
    tolerance: int
    mode: str
    first: date
    until: date | None

    def on(self, day: date) -> bool:
        return self.first <= day and (self.until is None or day < self.until)


@dataclass(frozen=True)
class Stretch:
    """Days up to a week's end: posts by type, open slots; whether it is over, and hard so far."""

    until: date
    posts: Counts
    open: int


@dataclass(frozen=True)
class Piece:
    """Days of a channel's month under one version: `shares` of `keys`, stretch by stretch."""

    first: date
    version: Version
    keys: tuple[str, ...]
    stretches: tuple[Stretch, ...]
    today: date

    @property
    def shape(self) -> Any:
        return self.first, self.version, self.keys, [each.until for each in self.stretches]

    @property
    def weights(self) -> Counts:
        known = dict(self.version.shares)
        return tuple(known.get(key, 0) for key in self.keys)

    def windows(self) -> Iterator[tuple[Counts, int, int, date]]:
        """Return posts and open slots of the hard windows to come, their credit and their end."""
        posts, free = (0,) * len(self.keys), 0
        for each in self.stretches:
            posts, free = _plus(posts, each.posts), free + each.open
            last = each is self.stretches[-1]
            if self.version.mode == "enforce" and each.until > self.today:
                yield posts, free, 0 if last else 1, each.until

    def repairs(self) -> list[int]:
        return [
            repair(self.weights, posts, free, self.version.tolerance, credit)
            for posts, free, credit, _ in self.windows()
        ]

    def completable(self) -> bool:
        """Fill the open slots in every way, and see whether one is in every band on its way."""
        ends = {
            until: set(in_band(self.weights, sum(posts) + free, self.version.tolerance, credit))
            for posts, free, credit, until in self.windows()
        }
        ways = {(0,) * len(self.keys)}
        for each in self.stretches:
            ways = {
                _plus(_plus(way, each.posts), more)
                for way in ways
                for more in compositions(each.open, len(self.keys))
            }
            if each.until in ends:
                ways &= ends[each.until]
        return bool(ways)

    def changes_needed(self) -> int:
        return max([0 if self.completable() else 1, *self.repairs()])


@cache
def compositions(total: int, parts: int) -> tuple[Counts, ...]:
    """Return every way to write a number as a sum of so many."""
    if parts == 1:
        return ((total,),)
    return tuple(
        (first, *rest)
        for first in range(total + 1)
        for rest in compositions(total - first, parts - 1)
    )


@cache
def in_band(weights: Counts, total: int, tolerance: int, credit: int) -> tuple[Counts, ...]:
    """Return the ways in which so many posts may end, as the definition has it."""
    slack, limits = Fraction(tolerance, 10_000), []
    for weight in weights:
        share = Fraction(weight, sum(weights))
        least = min(floor(share * total), ceil((share - slack) * total)) - credit
        most = max(ceil(share * total), floor((share + slack) * total)) + credit
        limits.append((least, most))
    return tuple(
        way
        for way in compositions(total, len(weights))
        if all(least <= count <= most for count, (least, most) in zip(way, limits, strict=True))
    )


@cache
def repair(weights: Counts, posts: Counts, free: int, tolerance: int, credit: int) -> int:
    """Return how many posts must get another type, at least, for some way to be in band."""
    return min(
        sum(max(0, had - may) for had, may in zip(posts, way, strict=True))
        for way in in_band(weights, sum(posts) + free, tolerance, credit)
    )


def _plus(one: Counts, other: Counts) -> Counts:
    return tuple(a + b for a, b in zip(one, other, strict=True))


@dataclass(frozen=True)
class Calendar:
    """All that the mix is judged by, as plain values; `versions` oldest first as they were made."""

    now: datetime
    rows: Mapping[str, Standing]
    weekly: tuple[Weekly, ...]
    days: Mapping[date, tuple[str, tuple[str, ...]]]
    versions: tuple[Version, ...]

    @property
    def today(self) -> date:
        return self.now.astimezone(ZONE).date()

    def with_rows(self, **rows: Standing | None) -> "Calendar":
        """Return the calendar with other rows of these ids, or without them (None)."""
        known = {**self.rows, **rows}
        return replace(self, rows={key: row for key, row in known.items() if row})

    def slots(self, channel: str, day: date) -> set[datetime]:
        """Return the instants of a channel's slots on a day."""
        kept, extra = self.days.get(day, ("kept", ()))
        times = {each.time for each in self.weekly if each.channel == channel and each.on(day)}
        times = (set() if kept == "none" else times) | set(extra)
        return {
            datetime.combine(day, time.fromisoformat(each), ZONE).astimezone(UTC) for each in times
        }

    def open(self, channel: str, day: date) -> int:
        """Return how many slots of a day are open."""
        slots = self.slots(channel, day)
        posts = [each.at for each in self.seats(channel) if each.local.date() == day]
        ahead = sum(at > self.now for at in slots) - sum(at > self.now for at in posts)
        return max(0, min(ahead, len(slots) - len(posts)))

    def seats(self, channel: str) -> list[Standing]:
        return [each for each in self.rows.values() if each.channel == channel and each.counts]

    def governs(self, channel: str, day: date) -> Version | None:
        """Return the version that a channel goes by on a day."""
        own, shared = (
            max((each for each in self._of(whose) if each.on(day)), key=self._age, default=None)
            for whose in (channel, None)
        )
        if own is None or own.source == "inherit":
            return shared
        return own if own.source == "own" else None

    def _of(self, whose: str | None) -> list[Version]:
        return [each for each in self.versions if each.channel == whose]

    def _age(self, version: Version) -> tuple[date, int]:
        return version.first, self.versions.index(version)

    def pieces(self, channel: str, month: date) -> list[Piece]:
        """Return what a channel's month is judged by; days without a mix are left out."""
        days = [month]
        while (days[-1] + timedelta(days=1)).month == month.month:
            days.append(days[-1] + timedelta(days=1))
        found: list[tuple[Version | None, list[date]]] = []
        for day in days:
            version = self.governs(channel, day)
            if not found or found[-1][0] is not version:
                found.append((version, []))
            found[-1][1].append(day)
        return [self._piece(channel, version, inside) for version, inside in found if version]

    def _piece(self, channel: str, version: Version, days: list[date]) -> Piece:
        until = days[-1] + timedelta(days=1)
        posts = [each for each in self.seats(channel) if days[0] <= each.local.date() < until]
        strange = {each.type for each in posts} - {key for key, _ in version.shares}
        keys = (*(key for key, _ in version.shares), *sorted(strange))
        regular = any(self.slots(channel, day) for day in days)
        ends = [days[0], *(day for day in days[1:] if regular and day.weekday() == 0), until]
        stretches = []
        for first, end in pairwise(ends):
            count = Counter(each.type for each in posts if first <= each.local.date() < end)
            free = sum(self.open(channel, day) for day in days if first <= day < end)
            if not regular and until > self.today:
                free = 3
            stretches.append(Stretch(end, tuple(count[key] for key in keys), free))
        return Piece(days[0], version, keys, tuple(stretches), self.today)

    def harmed_by(self, after: "Calendar", channels: list[str], months: list[date]) -> list[Any]:
        """Return the channels' months that a change to another calendar harms."""
        return [
            (channel, month)
            for month in months
            for channel in channels
            if _harms(self.pieces(channel, month), after.pieces(channel, month))
        ]


def _harms(before: list[Piece], after: list[Piece]) -> bool:
    if [each.shape for each in before] != [each.shape for each in after]:
        needed, needs = (sum(each.changes_needed() for each in some) for some in (before, after))
        return needs > needed and any(each.version.mode == "enforce" for each in before)
    for old, new in zip(before, after, strict=True):
        if old.stretches == new.stretches:
            continue
        if old.completable() and not new.completable():
            return True
        if any(x < y for x, y in zip(old.repairs(), new.repairs(), strict=True)):
            return True
    return False


async def read_calendar(
    house: House, slug: str
) -> tuple[Calendar, dict[str, int], dict[str, Post]]:
    """Return a workspace's calendar from its rows; publications' versions, and the posts."""
    async with house.store.reading() as db:
        workspace = (await db.exec(select(Workspace).where(Workspace.slug == slug))).one()

        async def those(table: Any) -> Any:
            query = select(table).where(table.workspace_id == workspace.id)
            return (await db.exec(query.order_by(col(table.id)))).all()

        rows = [each for each in await those(Publication) if each.status != "cancelled"]
        calendar = Calendar(
            house.clock(),
            {str(each.id): _standing(each) for each in rows},
            tuple(
                Weekly(
                    str(each.channel_id), each.weekday, each.time, each.valid_from, each.valid_until
                )
                for each in await those(Slot)
            ),
            {each.date: (each.slots, tuple(each.extra_times)) for each in await those(Day)},
            tuple(_version(each) for each in await those(MixVersion)),
        )
        posts = {str(each.id): each for each in await those(Post)}
    return calendar, {str(each.id): each.version for each in rows}, posts


def _standing(row: Publication) -> Standing:
    local = datetime.fromisoformat(row.local)
    return Standing(str(row.post_id), str(row.channel_id), local, row.type, row.holds_seat)


def _version(row: MixVersion) -> Version:
    return Version(
        str(row.channel_id) if row.channel_id else None,
        row.source,
        tuple((each["key"], each["share_bp"]) for each in row.types),
        row.tolerance_bp,
        row.mode,
        row.effective_from,
        row.effective_until,
    )
