"""Days over HTTP: holidays, blackouts, notes, and the slots they keep, drop or add."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Manager, Now, Reads, Viewer
from app.fields import Answer, Body, Line, Moment
from app.schemas.dates import LocalDay, check_range
from app.schemas.mix import MixAnswer, Override, reason_of
from planner.days import Locale, national_holidays
from store import admission, days
from store.tables import Day, Workspace

router = APIRouter(prefix="/workspaces/{ws}/days", tags=["calendar"])

Clock = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["19:30"])]


class DayIn(Body):
    """What is special about a day, for every channel; it replaces a national holiday's name."""

    kind: Literal["holiday", "blackout", "note"]
    title: Annotated[Line, Field(max_length=120, examples=["Cuti bersama Idulfitri"])]
    slots: Annotated[
        Literal["kept", "none", "extra"] | None,
        Field(description="What happens to the slots; a blackout has none unless it says so."),
    ] = None
    extra_times: Annotated[
        list[Clock],
        Field(max_length=48, description="Wall-clock times of every channel, with slots = extra."),
    ] = []
    override: Override = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.slots == "extra") != bool(self.extra_times):
            raise PydanticCustomError("extra-times", "extra times go with slots = extra")
        return self


class DayOut(Answer):
    """What is special about a day."""

    id: UUID
    date: date
    kind: Literal["holiday", "blackout", "note"]
    title: str
    slots: Literal["kept", "none", "extra"]
    extra_times: list[str]
    created_at: Moment
    updated_at: Moment
    version: int


class DaySet(DayOut):
    """What is special about a day after a change, and the mix that it leads to."""

    mix: MixAnswer


class HolidayOut(Answer):
    """A national holiday, from the library `holidays`; days to come are its estimates."""

    day: date
    name: str
    category: str


class Days(Answer):
    """The days of [from, to) of which something is said, and the national holidays besides."""

    days: list[DayOut]
    holidays: list[HolidayOut]


@router.get("")
async def list_days(
    db: Reads,
    access: Viewer,
    first: Annotated[LocalDay, Query(alias="from", description="The first local day.")],
    until: Annotated[LocalDay, Query(alias="to", description="The day after the last.")],
) -> Days:
    """List special days; a day of the workspace's own takes a national holiday's place."""
    check_range(first, until)
    own = await days.in_days(db, access.workspace.id, first, until)
    return Days(
        days=[DayOut.model_validate(row) for row in own],
        holidays=besides(access.workspace, own, first, until),
    )


@router.get("/{date}")
async def read_day(
    date: LocalDay, request: Request, response: Response, db: Reads, access: Viewer
) -> DayOut:
    """Read what is said about a day."""
    row = await days.of(db, access.workspace.id, date)
    answer_if_new(request, response, etag_of(row))
    return DayOut.model_validate(row)


@router.put("/{date}", responses={201: {"model": DaySet, "description": "It is new."}})
async def set_day(
    date: LocalDay,
    body: DayIn,
    request: Request,
    response: Response,
    db: Db,
    access: Manager,
    now: Now,
    if_match: IfMatch = None,
) -> DaySet:
    """Say what is special about a day; one of which something is said needs `If-Match`.

    What stands on the calendar stays there: a day changes the open slots only. The mix refuses a
    day with which a month that can be met no longer could.
    """
    row = await days.at(db, access.workspace.id, date)
    if row is not None:
        check_match(row, if_match)
    else:
        response.status_code = 201
        response.headers["Location"] = request.url.path
    slots = body.slots or ("none" if body.kind == "blackout" else "kept")
    fields = {
        "kind": body.kind,
        "title": body.title,
        "slots": slots,
        "extra_times": sorted(set(body.extra_times)),
    }
    judge = access.judge(db, now, reason_of(body.override, access.abilities))
    await judge.look_ahead(day=date)
    row = await days.put(db, access.workspace, access.actor, date, row, fields, now)
    judgement = await admission.settle(judge)
    await db.flush()
    tag(response, row)
    return DaySet(**DayOut.model_validate(row).model_dump(), mix=MixAnswer.of(judgement))


@router.delete("/{date}", status_code=204)
async def remove_day(
    date: LocalDay, db: Db, access: Manager, now: Now, if_match: IfMatch = None
) -> None:
    """Say nothing about a day any more: its slots are the weekly ones again."""
    row = await days.of(db, access.workspace.id, date)
    check_match(row, if_match)
    judge = access.judge(db, now)
    judge.may_except = False  # a DELETE has no body to say why
    await judge.look_ahead(day=date)
    await days.remove(db, access.workspace, access.actor, row, now)
    await admission.settle(judge)


def besides(workspace: Workspace, own: Sequence[Day], first: date, until: date) -> list[HolidayOut]:
    """Return the national holidays whose day the workspace itself says nothing about."""
    if workspace.country is None:
        return []
    taken = {row.date for row in own}
    locale: Locale = "id" if workspace.locale == "id" else "en"
    found = national_holidays(workspace.country, first, until, locale)
    return [HolidayOut.model_validate(each) for each in found if each.day not in taken]
