"""Following the calendar: how long an answer holds, and the tokens that ask what changed since.

An answer holds until the workspace's change sequence moves, or until an instant at which a slot
passes without any write. Entity tags and sync tokens say both, so 304 is right about time too.
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from fastapi import Request

from app import paging
from app.conditions import NotModified, tags_known
from app.speech import LANGUAGE
from planner.errors import Invalid, PilarError
from store import changes
from store.db import Db
from store.tables import Workspace
from store.vault import KeyRing

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
TAG = re.compile(r'"(\d{1,18})-(\d{1,18})-[a-z]{2}"')


class FullSyncRequired(PilarError):
    """The sync token is expired, foreign, or none of ours: begin again without one."""


class WhichDays(Invalid):
    """The calendar is asked for by its days, or by a sync token alone."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What part of the calendar an answer shows: local days in [first, until), and filters."""

    first: date
    until: date
    channel: UUID | None = None
    type: str | None = None
    pillar: UUID | None = None

    @property
    def filters(self) -> dict[str, Any]:
        """The filters as columns of a publication."""
        wanted = {"channel_id": self.channel, "type": self.type, "pillar_id": self.pillar}
        return {name: value for name, value in wanted.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Point:
    """When an answer was right: at a change sequence, and until an instant (None: no such)."""

    seq: int
    until: datetime | None

    @classmethod
    def at(cls, seq: int, coming: Iterable[datetime], now: datetime) -> Self:
        """Return the point of an answer given now, from the instants that change it by passing."""
        return cls(seq, min((each for each in coming if each > now), default=None))

    def holds(self, seq: int, now: datetime) -> bool:
        """Say whether an answer given then would be given again."""
        return self.seq == seq and (self.until is None or now < self.until)

    @property
    def etag(self) -> str:
        """The entity tag of an answer at this point, in the language of the request."""
        return f'"{self.seq}-{_number(self.until)}-{LANGUAGE.get()}"'


def answer_if_it_holds(request: Request, seq: int, now: datetime) -> None:
    """End a request whose caller has an answer that still holds; raises `NotModified`."""
    for tag in tags_known(request):
        match = TAG.fullmatch(tag)
        if match is None:
            continue
        point = Point(int(match[1]), _instant(int(match[2])))
        if tag == point.etag and point.holds(seq, now):
            raise NotModified(tag)


def token(ring: KeyRing, place: str, stretch: Stretch, point: Point) -> str:
    """Return the signed token that asks what changed in a stretch since a point."""
    shown = [None if value is None else str(value) for value in asdict(stretch).values()]
    return paging.encode(ring, place, [*shown, point.seq, _number(point.until)])


async def read(
    db: Db, ring: KeyRing, place: str, workspace: Workspace, text: str
) -> tuple[Stretch, Point]:
    """Return what a sync token asks for; raises `FullSyncRequired`."""
    try:
        first, until, channel, kind, pillar, seq, number = paging.decode(ring, place, text)
    except paging.WrongCursor:
        raise FullSyncRequired from None
    if not await changes.are_kept(db, workspace, seq):
        raise FullSyncRequired
    stretch = Stretch(
        date.fromisoformat(first),
        date.fromisoformat(until),
        UUID(channel) if channel else None,
        kind,
        UUID(pillar) if pillar else None,
    )
    return stretch, Point(seq, _instant(number))


def _number(moment: datetime | None) -> int:
    return 0 if moment is None else (moment - EPOCH) // MICROSECOND


def _instant(number: int) -> datetime | None:
    return EPOCH + number * MICROSECOND if number else None
