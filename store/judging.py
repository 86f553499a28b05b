"""Judging: one net change of the calendar is held against the mix before it is kept.

A judge looks at each channel's month before something is moved in it, and again when all is done,
in the transaction that holds the workspace's row. A change that does harm is refused, unless it
only takes things off, or somebody who may answers for it. Recorded history, retries, late sending
and what people say of the past are never brought before a judge.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from planner.periods import Period, Seat, Standing, WindowName, joined, judge, month_of, readings
from planner.slots import local_day, open_counts
from planner.timing import Timing
from planner.windows import Reading, Verdict
from store import channels, standings
from store.audit import Actor
from store.db import Db
from store.standings import Month
from store.tables import Channel, Post, Publication, Workspace

WITHIN_DAYS = 366
"""How far ahead seats are looked at when slots, days or shares change."""


class Outcome(StrEnum):
    """What the mix says of a change that was kept."""

    OK = "ok"
    WARN = "warn"
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, slots=True)
class Relies:
    """Posts of a type that a window still needs, and the last local day for them."""

    channel_id: UUID
    window: WindowName
    type: str
    posts: int
    by: date


@dataclass(frozen=True, slots=True)
class Held:
    """A window that a change touches: what stands in it afterwards, and stood before, if it did."""

    period: Period
    standing: Standing
    after: Reading
    before: Reading | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a change does to the mix: whether it may be kept, and the windows it touches."""

    outcome: Outcome
    held: tuple[Held, ...] = ()
    relies_on: tuple[Relies, ...] = ()
    verdict: Verdict = field(default_factory=Verdict)


@dataclass(slots=True)
class Wish:
    """A post of a type that is asked for on a channel at a time.

    `publication` is the one that is moved, gets another type (`retypes`) or is to count again
    (`counts_again`), with the `version` and the seat (`stood`) it had; a new one is known once it
    is `placed`.
    """

    post: Post
    channel: Channel
    timing: Timing
    type: str
    publication: Publication | None = None
    retypes: bool = False
    version: int = 0
    stood: Seat | None = None
    placed: Publication | None = None
    counts_again: bool = False

    @classmethod
    def of(
        cls, post: Post, channel: Channel, publication: Publication, timing: Timing, type_: str
    ) -> "Wish":
        """Return the wish that a publication stood elsewhere, or had another type."""
        row = publication
        stood = Seat(row.day, row.due_at, row.type) if row.holds_seat else None
        retypes = type_ != row.type
        again = row.exempt is not None
        return cls(
            post, channel, timing, type_, row, retypes, row.version, stood, counts_again=again
        )

    @classmethod
    def staying(cls, post: Post, channel: Channel, publication: Publication, type_: str) -> "Wish":
        """Return the wish that a publication counts where it stands, as a type."""
        row = publication
        timing = Timing(row.due_at, datetime.fromisoformat(row.local), row.timezone, row.day)
        return cls.of(post, channel, row, timing, type_)


class Step(NamedTuple):
    """A seat that is taken on a channel, or left."""

    channel_id: UUID
    seat: Seat
    leaves: bool = False


@dataclass(slots=True)
class Judge:
    """One net change: what it touches, what was wished for, and how it ends.

    `override` is the reason of somebody who may breach the mix; `may_except` says whether the
    caller may (approvers and above), so that it is offered to nobody else.
    """

    db: Db
    workspace: Workspace
    actor: Actor
    now: datetime
    override: str | None = None
    may_except: bool = False
    offers_fixes: bool = True
    wishes: list[Wish] = field(default_factory=list)
    binding: bool = False
    judgement: Judgement | None = None
    touched: dict[UUID, Publication] = field(default_factory=dict)
    _reshaped: tuple[list[Channel], date, date] | None = None
    _before: dict[tuple[UUID, date], Month] = field(default_factory=dict)

    @property
    def channel_names(self) -> dict[UUID, str]:
        """The names of the channels that were looked at."""
        return {key[0]: month.ground.channel.name for key, month in self._before.items()}

    async def look(self, channel_id: UUID, day: date) -> Month:
        """Return a channel's month as it was before this change, which has not touched it."""
        key = channel_id, month_of(day)[0]
        if key not in self._before:
            channel = await channels.of(self.db, self.workspace.id, channel_id)
            ground = await standings.ground(self.db, self.workspace, channel, day)
            self._before[key] = await standings.month(self.db, ground, self.now)
        return self._before[key]

    async def look_at(self, publication: Publication) -> None:
        """Look at the month in which a publication stands, before it is touched."""
        self.touched[publication.id] = publication
        await self.look(publication.channel_id, publication.day)

    async def look_ahead(self, channel_id: UUID | None = None, day: date | None = None) -> None:
        """Look at every month that is not over in which something stands, before a reshaping.

        Of one channel or of all; with `day` only at the month around it.
        """
        self.binding = True
        every = await channels.all_of(self.db, self.workspace.id)
        on = [each for each in every if channel_id in {None, each.id}]
        zones = [channels.zone_of(each, self.workspace) for each in on]
        today = min((local_day(self.now, zone) for zone in zones), default=self.now.date())
        first, until = (
            month_of(day) if day else (month_of(today)[0], today + timedelta(days=WITHIN_DAYS))
        )
        self._reshaped = on, first, until
        for month in await self._months_reshaped():
            if month.seats:
                self._before[month.ground.channel.id, month.ground.first] = month

    async def _months_reshaped(self) -> list[Month]:
        if self._reshaped is None or not self._reshaped[0]:
            return []
        grounds = await standings.grounds(self.db, self.workspace, *self._reshaped)
        return await standings.months(self.db, grounds, self.now)

    async def wish(self, wish: Wish) -> Wish:
        """Note what is asked for, and look at the months around it, before it is done."""
        self.binding = True
        self.wishes.append(wish)
        await self.look(wish.channel.id, wish.timing.day)
        if wish.publication is not None:
            await self.look_at(wish.publication)
        return wish

    async def weigh(self) -> Judgement:
        """Return what was done since the judge looked, and what it does to the mix."""
        await self.db.flush()
        verdicts, held, relies = [], [], []
        for before, after in await self._pairs():
            verdicts.append(judge(before.standings, after.standings))
            held += _held(before, after)
            relies += _relies(after)
        verdict = joined(verdicts)
        if verdict.blocked and self._least_evil():
            harmed = (*verdict.worse, *verdict.broken)
            verdict = replace(verdict, worse=(), broken=(), warned=(*verdict.warned, *harmed))
        warned = bool(verdict.warned) or (verdict.blocked and not self.binding)
        outcome = Outcome.WARN if warned else Outcome.OK
        self.judgement = Judgement(outcome, tuple(held), tuple(relies), verdict)
        return self.judgement

    def _least_evil(self) -> bool:
        """Say whether one post was added to what is off already, and every other does more harm.

        So that a calendar is never frozen. Source: design note "mix", section 1.5.
        """
        if len(self.wishes) != 1 or self.touched:
            return False
        wish, day = self.wishes[0], self.wishes[0].timing.day
        month = self._before[wish.channel.id, month_of(day)[0]]
        standing = month.at(day)
        if standing is None or standing.tree.completable:
            return False
        seats = [(seat.day, seat.due_at) for seat in month.seats]
        free = dict(open_counts(month.ground.times, seats, self.now)).get(day, 0)
        return wish.type in standing.allowed(day, extra=free == 0)

    async def _pairs(self) -> list[tuple[Month, Month]]:
        """Return the months that are not what they were, before and after."""
        if self._reshaped is not None:
            found = await self._months_reshaped()
            now = {(month.ground.channel.id, month.ground.first): month for month in found}
            return [(before, now[key]) for key, before in self._before.items() if key in now]
        pairs = [
            (before, await standings.month(self.db, before.ground, self.now))
            for before in self._before.values()
        ]
        return [pair for pair in pairs if sorted(pair[0].seats) != sorted(pair[1].seats)]

    async def allows(self, steps: Sequence[Step]) -> bool:
        """Say whether another change would be kept, made in place of this one."""
        touched: dict[int, tuple[Month, list[Seat]]] = {}
        for step in steps:
            month = await self.look(step.channel_id, step.seat.day)
            _, seats = touched.setdefault(id(month), (month, list(month.seats)))
            if step.leaves:
                seats.remove(step.seat)
            else:
                seats.append(step.seat)
        return not any(
            judge(month.standings, standings.standings(month.ground, seats, self.now)).blocked
            for month, seats in touched.values()
        )


def _held(before: Month, after: Month) -> list[Held]:
    stood = {reading.window.key: reading for _, reading in readings(before.standings)}
    return [
        Held(reading.window.key, each, reading, stood.get(reading.window.key))
        for each, reading in readings(after.standings)
        if reading != stood.get(reading.window.key)
    ]


def _relies(after: Month) -> list[Relies]:
    """Return what the windows still need that no window inside them needs already."""
    found: list[Relies] = []
    for standing in after.standings:
        met = [0] * len(standing.keys)
        for reading in standing.tree.readings():
            if not reading.window.hard:
                continue
            period = reading.window.key
            short = [
                max(0, least - count)
                for least, count in zip(reading.lower, reading.placed, strict=True)
            ]
            for index, posts in enumerate(short):
                if posts > met[index]:
                    key = standing.keys[index]
                    found.append(Relies(period.channel_id, period.name, key, posts, period.last))
            met = [max(pair) for pair in zip(met, short, strict=True)]
    return found
