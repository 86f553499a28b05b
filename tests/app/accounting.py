"""Compliance by hand: every figure of an answer, reckoned slowly from all the rows."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import SQLModel, select

from store.db import Store
from store.tables import (
    Campaign,
    Channel,
    Day,
    MixVersion,
    Pillar,
    Post,
    Publication,
    Slot,
    Workspace,
)
from tests.app.weighing import Share, Weighed, near

TABLES: tuple[type[SQLModel], ...] = (
    *(Campaign, Channel, Day, MixVersion, Pillar, Post, Publication, Slot, Workspace),
)
DAY = timedelta(days=1)


async def rows_of(store: Store) -> dict[type[SQLModel], list[Any]]:
    """Return every row of the tables that compliance is about."""
    async with store.reading() as db:
        return {table: list((await db.exec(select(table))).all()) for table in TABLES}


def days_between(first: date, until: date) -> list[date]:
    return [first + DAY * number for number in range((until - first).days)]


def window_around(grain: str, day: date) -> tuple[date, date]:
    """Return the window in which a day lies, found a day at a time."""

    def name(each: date) -> Any:
        number = {"month": each.month, "quarter": (each.month + 2) // 3}.get(grain)
        return each.isocalendar()[:2] if number is None else (each.year, number)

    first = until = day
    while name(first - DAY) == name(day):
        first -= DAY
    while name(until) == name(day):
        until += DAY
    return first, until


class Books:
    """All the rows of a database, and the instant at which they are looked at."""

    def __init__(self, rows: dict[type[SQLModel], list[Any]], slug: str, now: datetime) -> None:
        (self.workspace,) = (row for row in rows[Workspace] if row.slug == slug)
        self.now = now

        def own(table: type[SQLModel]) -> list[Any]:
            return [row for row in rows[table] if row.workspace_id == self.workspace.id]

        self.channels = sorted(own(Channel), key=lambda each: each.id)
        self.publications, self.posts, self.slots = own(Publication), own(Post), own(Slot)
        self.special = {row.date: row for row in own(Day)}
        self.versions = sorted(
            own(MixVersion), key=lambda each: (each.effective_from, each.id), reverse=True
        )
        self.pillars = sorted(own(Pillar), key=lambda each: (each.name, each.id))
        self.campaigns = {row.id: row for row in own(Campaign)}
        self.by_day: dict[tuple[UUID, date], list[Any]] = {}
        for each in self.publications:
            self.by_day.setdefault((each.channel_id, each.day), []).append(each)
        self.times = {each.id: self._times(each) for each in self.channels}

    def zone(self, channel: Any) -> ZoneInfo:
        return ZoneInfo(channel.timezone or self.workspace.timezone)

    def today(self, channel: Any) -> date:
        return self.now.astimezone(self.zone(channel)).date()

    def earliest(self) -> date:
        return min(map(self.today, self.channels))

    def _times(self, channel: Any) -> dict[date, list[datetime]]:
        """Return the instants of a channel's slots by day; two at one instant are one."""
        found: dict[date, list[datetime]] = {}
        for day in days_between(date(2025, 6, 1), date(2026, 12, 1)):
            special = self.special.get(day)
            clocks = [
                each.time
                for each in self.slots
                if each.channel_id == channel.id
                and each.weekday == day.weekday()
                and each.valid_from <= day
                and (each.valid_until is None or day < each.valid_until)
                and (special is None or special.slots != "none")
            ]
            clocks += special.extra_times if special and special.slots == "extra" else []
            locals_ = [datetime.combine(day, time.fromisoformat(each)) for each in clocks]
            zone = self.zone(channel)
            found[day] = sorted({each.replace(tzinfo=zone).astimezone(UTC) for each in locals_})
        return found

    def version_on(self, channel: Any, day: date) -> Any:
        """Return the version with shares that governs a channel's day."""

        def newest(owner: UUID | None) -> Any:
            for each in self.versions:
                over = each.effective_until is not None and each.effective_until <= day
                if each.channel_id == owner and each.effective_from <= day and not over:
                    return each
            return None

        own = newest(channel.id)
        if own is None or own.source == "inherit":
            return newest(None)
        return own if own.source == "own" else None

    def would_count(self, row: Any) -> bool:
        """Say whether an exempt publication would hold a seat if it were not exempt."""
        if row.status in {"failed", "missed"}:
            today = self.now.astimezone(ZoneInfo(row.timezone)).date()
            return row.dismissed_at is None and today <= row.day + 2 * DAY
        return bool(row.status != "cancelled")

    def shares(self, channel: Any, first: date, until: date) -> list[Share]:
        """Cut the days of a channel wherever another version governs."""
        found: list[Share] = []
        for day in days_between(first, until):
            version = self.version_on(channel, day)
            if not found or found[-1].version is not version:
                found.append(Share([], version))
            found[-1].days.append(day)
        for each in found:
            self._fill(channel, each)
        return found

    def _fill(self, channel: Any, share: Share) -> None:
        for day in share.days:
            of_day = self.by_day.get((channel.id, day), [])
            seats = [each for each in of_day if each.holds_seat]
            slots = self.times[channel.id].get(day, [])
            ahead = sum(each > self.now for each in slots)
            due_ahead = sum(each.due_at > self.now for each in seats)
            free = max(0, min(ahead - due_ahead, len(slots) - len(seats)))
            share.seats += seats
            share.exempt += [each for each in of_day if each.exempt and self.would_count(each)]
            share.slots += len(slots)
            share.open += free
            share.lost += max(0, len(slots) - len(seats) - free)
        is_open = share.days[-1] >= self.today(channel)
        if share.version is not None and not share.slots and is_open:
            share.expected = 3

    def ready(self) -> Counter[str]:
        placed = {each.post_id for each in self.publications if each.status != "cancelled"}
        able = {"draft", "in_review", "approved"}
        return Counter(
            each.type for each in self.posts if each.status in able and each.id not in placed
        )

    def names(self) -> dict[str, str]:
        base = [each for each in self.versions if each.channel_id is None]
        today = self.earliest()
        valid = [
            each
            for each in base
            if each.effective_from <= today
            and (each.effective_until is None or today < each.effective_until)
        ]
        named: dict[str, str] = {}
        for version in [*valid[:1], *base]:
            for each in version.types:
                named.setdefault(each["key"], each["name"])
        return named

    def since(self, channels: list[Any], key: str) -> int | None:
        found = [
            (self.today(channel) - each.day).days
            for channel in channels
            for (channel_id, _), rows in self.by_day.items()
            for each in rows
            if channel_id == channel.id and each.holds_seat and each.type == key
        ]
        return min((each for each in found if 0 <= each <= 366), default=None)

    def streak(self, order: list[str]) -> Any:
        runs = [(kind, len(list(run))) for kind, run in groupby(order)]
        longest = max((length for _, length in runs), default=0)
        return next(({"type": k, "posts": n} for k, n in runs if n == longest), None)

    def answer(
        self,
        *,
        grain: str,
        scope: str,
        first: date,
        until: date,
        full: bool,
        channel: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return the entries of an answer."""
        on = [each for each in self.channels if channel in {None, str(each.id)}]
        windows = [window_around(grain, first)]
        while windows[-1][1] < until:
            windows.append(window_around(grain, windows[-1][1]))
        of: list[list[Any]] = [on] if scope == "workspace" else [[each] for each in on]
        found = []
        for window in windows:
            for channels in of:
                single = channels[0] if scope == "channel" else None
                told = self.window(single, channels, window, full=full)
                is_last = window == windows[-1]
                told["trend"] = self.trend(single, channels, grain, window) if is_last else None
                found.append(told)
        return found

    def trend(
        self, single: Any, channels: list[Any], grain: str, newest: tuple[date, date]
    ) -> list[dict[str, Any]]:
        """Go back from the newest window, and keep six that are closed."""
        found: list[dict[str, Any]] = []
        day = newest[0] - DAY
        while len(found) < 6:
            first, until = window_around(grain, day)
            told = self.window(single, channels, (first, until), full=False)
            if told["closed"]:
                points = {each["key"]: each["deviation_points"] for each in told["types"]}
                found.insert(
                    0, {"from": told["from"], "to": told["to"], "deviation_points": points}
                )
            day = first - DAY
        return found

    def window(
        self, single: Any, channels: list[Any], window: tuple[date, date], *, full: bool
    ) -> dict[str, Any]:
        """Return the line of a window, and its pieces where a channel has several."""
        shares = [each for channel in channels for each in self.shares(channel, *window)]
        told = self.line(single, channels, window, shares, full=full)
        pieces = []
        if single and len(shares) > 1:
            for each in shares:
                span = each.days[0], each.days[-1] + DAY
                pieces.append(self.line(single, channels, span, [each], full=full))
        return told | {"pieces": pieces, "trend": None}

    def line(
        self,
        single: Any,
        channels: list[Any],
        span: tuple[date, date],
        shares: list[Share],
        *,
        full: bool,
    ) -> dict[str, Any]:
        """Return one line: first what is counted, then what the mix says of it."""
        today = self.today(single) if single else min(map(self.today, channels))
        closed = span[1] <= today
        outside = sum(len(each.seats) for each in shares if each.version is None)
        used = [each for each in shares if each.version is not None] or shares
        versions = [each.version for each in used if each.version is not None]
        seats = [row for each in used for row in each.seats]
        exempt = [row for each in used for row in each.exempt]
        sums = {
            name: sum(getattr(each, name) for each in used)
            for name in ("slots", "open", "lost", "expected", "total")
        }
        keys = [each["key"] for version in versions for each in version.types]
        keys = list(dict.fromkeys([*keys, *sorted({row.type for row in seats})]))
        every = list(dict.fromkeys([*keys, *sorted({row.type for row in exempt})]))
        mix = Weighed(used, keys, every, seats, exempt, sums, self.ready(), closed=closed)
        names = self.names()
        told: dict[str, Any] = {
            "from": span[0].isoformat(),
            "to": span[1].isoformat(),
            "closed": closed,
            "channel": str(single.id) if single else None,
            "channel_name": single.name if single else None,
            "mode": mix.common("mode"),
            "tolerance": None
            if mix.common("tolerance_bp") is None
            else mix.common("tolerance_bp") / 100,
            "placed": len(seats),
            "exempt": len(exempt),
            "overrides": sum(row.override is not None for row in seats),
            "retyped_after_refusal": sum(row.retyped_at is not None for row in seats),
            "without_mix": outside,
            "grain": near(Fraction(100, len(seats)), 1) if seats else None,
            "status": mix.status(),
            "types": [mix.type(index) | {"name": names.get(k, k)} for index, k in enumerate(every)],
            "detail": None,
        }
        if full:
            told["detail"] = mix.order(single is not None) | {
                "days_since_last": {key: self.since(channels, key) for key in every},
                "longest_streak": self.streak(mix.in_order()) if single else None,
                "pillars": self.by_pillar(mix),
                "campaigns": self.by_campaign(mix),
            }
        return told | sums

    def by_pillar(self, mix: Weighed) -> list[dict[str, Any]]:
        found = []
        for each in [*self.pillars, None]:
            pillar_id = each.id if each else None
            count = sum(row.pillar_id == pillar_id for row in mix.seats)
            wanted = each.share_bp if each else None
            if count or wanted is not None:
                told = {"id": str(pillar_id) if each else None, "name": each.name if each else None}
                target = None if wanted is None else near(Fraction(wanted, 100), 2)
                found.append(told | {"count": count, "share": mix.part(count), "target": target})
        return found

    def by_campaign(self, mix: Weighed) -> list[dict[str, Any]]:
        posts = {each.id: each for each in self.posts}
        counts = Counter(posts[row.post_id].campaign_id for row in mix.seats)
        named = sorted((self.campaigns[each].name, each) for each in counts if each)
        return [{"id": str(each), "name": name, "count": counts[each]} for name, each in named]
