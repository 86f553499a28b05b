"""A channel's weekly slots over HTTP."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.conditions import IfMatch, answer_if_new
from app.daily import check_match, etag_of
from app.deps import Access, Db, Manager, Now, Reads, Viewer
from app.fields import Answer, Body
from app.schemas.dates import LocalDay
from app.schemas.mix import MixAnswer, Override, reason_of
from planner.errors import Fault
from planner.slots import WrongSlots, check_slots, local_day
from store import admission, channels
from store.db import Db as Session
from store.tables import Channel, Slot

router = APIRouter(prefix="/workspaces/{ws}/channels/{channel_id}/slots", tags=["channels"])

MOST = 7 * 48
"""A slot every half hour."""


class SlotIn(Body):
    """A weekly posting time on the channel's wall clock."""

    weekday: Annotated[int, Field(ge=0, le=6, description="0 is Monday.")]
    time: Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["09:00"])]


class SlotsIn(Body):
    """The whole weekly list from a day on."""

    slots: Annotated[list[SlotIn], Field(max_length=MOST)]
    effective_from: Annotated[
        LocalDay | None,
        Field(description="The first local day of the list; tomorrow if left out, today at least."),
    ] = None
    override: Override = None


class WeeklySlotOut(Answer):
    """A weekly posting time; `valid_until` is the first day without it."""

    id: UUID
    weekday: int
    time: str
    valid_from: date
    valid_until: date | None


class SlotsOut(Answer):
    """The weekly list that is valid today, and the slots that begin later, by time of the week.

    `timezone` is the zone of the times: the channel's own or the workspace's.
    """

    timezone: str
    slots: list[WeeklySlotOut]
    upcoming: list[WeeklySlotOut]
    version: int

    @classmethod
    def of(cls, rows: list[Slot], channel: Channel, timezone: str, today: date) -> Self:
        """Return rows as they are answered."""
        given = [WeeklySlotOut.model_validate(row) for row in rows]
        return cls(
            timezone=timezone,
            slots=[each for each in given if each.valid_from <= today],
            upcoming=[each for each in given if each.valid_from > today],
            version=channel.version,
        )


class SlotsSet(SlotsOut):
    """The weekly list after a change, and the mix that it leads to."""

    mix: MixAnswer


@router.get("")
async def read_slots(
    channel_id: UUID, request: Request, response: Response, db: Reads, access: Viewer, now: Now
) -> SlotsOut:
    """Read a channel's weekly slots: today's list and what is to change."""
    channel = await channels.of(db, access.workspace.id, channel_id)
    answer = await _slots(db, access, channel, now)
    answer_if_new(request, response, etag_of(channel.version, answer))
    return answer


@router.put("")
async def set_slots(
    channel_id: UUID,
    body: SlotsIn,
    response: Response,
    db: Db,
    access: Manager,
    now: Now,
    if_match: IfMatch = None,
) -> SlotsSet:
    """Replace a channel's weekly slots from a day on; earlier days stay as they were.

    What stands on the calendar stays there, in a slot or not. The mix refuses a list with which
    a month that can be met no longer could.
    """
    channel = await channels.of(db, access.workspace.id, channel_id)
    check_match(channel.version, if_match)
    wanted = [(each.weekday, each.time) for each in body.slots]
    check_slots([(weekday, time.fromisoformat(clock)) for weekday, clock in wanted])
    today = local_day(now, channels.zone_of(channel, access.workspace))
    first = body.effective_from or today + timedelta(days=1)
    if first < today:
        facts = {"today": today.isoformat()}
        raise WrongSlots(Fault("/effective_from", "slots-in-the-past", facts))
    judge = access.judge(db, now, reason_of(body.override, access.abilities))
    await judge.look_ahead(channel.id)
    await channels.set_slots(db, access.workspace, access.actor, channel, wanted, first, now)
    judgement = await admission.settle(judge)
    await db.flush()
    answer = await _slots(db, access, channel, now)
    response.headers["ETag"] = etag_of(channel.version, answer)
    return SlotsSet(**answer.model_dump(), mix=MixAnswer.of(judgement))


async def _slots(db: Session, access: Access, channel: Channel, now: datetime) -> SlotsOut:
    zone = channels.zone_of(channel, access.workspace)
    today = local_day(now, zone)
    rows = await channels.slot_rows(db, channel, today)
    return SlotsOut.of(list(rows), channel, zone.key, today)
