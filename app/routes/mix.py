"""The mix over HTTP: the wanted shares of a workspace and of each channel, by version."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.conditions import IfMatch, answer_if_new
from app.daily import check_match, etag_of
from app.deps import Access, Db, Manager, Now, Reads, Viewer
from app.fields import Answer, Body, Line, Moment, Percent
from app.schemas.dates import LocalDay
from app.schemas.mix import MixAnswer, Override, reason_of
from app.speech import LANGUAGE, messages
from planner.mix import (
    ContentType,
    MixMode,
    MixSource,
    basis_points,
    check_source,
    check_span,
    percent,
)
from planner.slots import local_day
from store import admission, channels, mixes, standings
from store.db import Db as Session
from store.tables import Channel, MixVersion

router = APIRouter(prefix="/workspaces/{ws}", tags=["mix"])

TypeKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,38}[a-z0-9]$", examples=["informative"])]
Tolerance = Annotated[Percent, Field(description="Percentage points of the whole.")]


class TypeIn(Body):
    """A kind of content and its wanted share."""

    key: TypeKey
    name: Annotated[Line, Field(max_length=60, examples=["Informatif"])]
    share: Percent


Types = Annotated[list[TypeIn], Field(max_length=6, description="Two to six.")]


class MixIn(Body):
    """A new version of the wanted shares; shares add up to 100."""

    types: Types
    tolerance: Tolerance = Field(
        default_factory=lambda: Decimal(5), json_schema_extra={"default": 5, "examples": [5]}
    )
    mode: MixMode = MixMode.ENFORCE
    effective_from: Annotated[
        LocalDay | None, Field(description="Its first local day; today if left out.")
    ] = None
    effective_until: Annotated[
        LocalDay | None,
        Field(description="The day on which the former version returns: for a campaign."),
    ] = None
    override: Override = None


class ChannelMixIn(MixIn):
    """A new version of a channel's shares: its own, the workspace's (`inherit`), or none.

    With `inherit` and `none` nothing is said about types, tolerance and mode.
    """

    source: MixSource = MixSource.OWN
    types: Types = []


class TypeOut(Answer):
    """A kind of content and its wanted share."""

    key: str
    name: str
    share: Percent


class MixVersionOut(Answer):
    """One version; a null `effective_from` is the beginning of time.

    Tolerance and mode are null where it has no types.
    """

    id: UUID
    source: MixSource
    types: list[TypeOut]
    tolerance: Percent | None
    mode: MixMode | None
    effective_from: date | None
    effective_until: date | None
    created_at: Moment

    @classmethod
    def of(cls, row: MixVersion) -> Self:
        """Return a row as it is answered."""
        own = row.source == MixSource.OWN
        return cls(
            id=row.id,
            source=MixSource(row.source),
            types=[
                TypeOut(key=each["key"], name=each["name"], share=percent(each["share_bp"]))
                for each in row.types
            ],
            tolerance=percent(row.tolerance_bp) if own else None,
            mode=MixMode(row.mode) if own else None,
            effective_from=None if row.effective_from == date.min else row.effective_from,
            effective_until=row.effective_until,
            created_at=row.created_at,
        )


class MixOut(Answer):
    """The mix today and all its versions, newest first.

    `in_force` is the version that governs today, the workspace's where a channel inherits, null
    where a channel has none. `version` counts the versions.
    """

    source: MixSource
    in_force: MixVersionOut | None
    history: list[MixVersionOut]
    version: int

    @classmethod
    def of(
        cls, source: MixSource, now_valid: MixVersion | None, history: Sequence[MixVersion]
    ) -> Self:
        """Return versions as they are answered."""
        return cls(
            source=source,
            in_force=MixVersionOut.of(now_valid) if now_valid else None,
            history=[MixVersionOut.of(each) for each in history],
            version=len(history),
        )


class SmallShare(Answer):
    """A share that a channel's month is too small to hold, and how many posts it would take."""

    channel: UUID
    type: str
    posts: int
    needed: int
    text: str


class MixSet(MixOut):
    """The mix after a change, what the change leads to, and what it cannot hold."""

    mix: MixAnswer
    too_small: list[SmallShare]


@router.get("/mix")
async def read_mix(
    request: Request, response: Response, db: Reads, access: Viewer, now: Now
) -> MixOut:
    """Read the workspace's mix: what is in force today, and every version."""
    mix = await _mix(db, access, None, now)
    answer_if_new(request, response, etag_of(mix.version, mix))
    return mix


@router.put("/mix")
async def set_mix(
    body: MixIn, response: Response, db: Db, access: Manager, now: Now, if_match: IfMatch = None
) -> MixSet:
    """Put a new version of the workspace's mix into force from a day on.

    Each type that still holds a seat on a day of the new version keeps a share; 0 will do.
    """
    return await _set(db, access, None, body, MixSource.OWN, response, if_match, now)


@router.get("/channels/{channel_id}/mix")
async def read_channel_mix(
    channel_id: UUID, request: Request, response: Response, db: Reads, access: Viewer, now: Now
) -> MixOut:
    """Read a channel's mix; without a version of its own it inherits the workspace's."""
    channel = await channels.of(db, access.workspace.id, channel_id)
    mix = await _mix(db, access, channel, now)
    answer_if_new(request, response, etag_of(mix.version, mix))
    return mix


@router.put("/channels/{channel_id}/mix")
async def set_channel_mix(
    channel_id: UUID,
    body: ChannelMixIn,
    response: Response,
    db: Db,
    access: Manager,
    now: Now,
    if_match: IfMatch = None,
) -> MixSet:
    """Give a channel shares of its own for the workspace's types, the workspace's, or none."""
    channel = await channels.of(db, access.workspace.id, channel_id)
    return await _set(db, access, channel, body, body.source, response, if_match, now)


async def _set(
    db: Session,
    access: Access,
    channel: Channel | None,
    body: MixIn,
    source: MixSource,
    response: Response,
    if_match: str | None,
    now: datetime,
) -> MixSet:
    known = await mixes.history(db, access.workspace.id, channel.id if channel else None)
    check_match(len(known), if_match)
    today = local_day(now, _zone(access, channel))
    fields = _fields(body, source, today)
    judge = access.judge(db, now, reason_of(body.override, access.abilities))
    await judge.look_ahead(channel.id if channel else None)
    await mixes.add(db, access.workspace, access.actor, channel, fields, now)
    judgement = await admission.settle(judge)
    mix = await _mix(db, access, channel, now)
    response.headers["ETag"] = etag_of(mix.version, mix)
    return MixSet(
        **mix.model_dump(),
        mix=MixAnswer.of(judgement),
        too_small=await _too_small(db, access, channel, fields["effective_from"]),
    )


async def _too_small(
    db: Session, access: Access, channel: Channel | None, day: date
) -> list[SmallShare]:
    """Explain the shares that the slots of a whole month are too few for."""
    on = [channel] if channel else await channels.all_of(db, access.workspace.id)
    sentence = messages(LANGUAGE.get())["mix"]["share-too-small"]
    return [
        SmallShare(
            channel=small.channel.id,
            type=small.key,
            posts=small.posts,
            needed=small.needed,
            text=sentence.format(
                name=small.name,
                share=percent(small.share_bp),
                channel=small.channel.name,
                posts=small.posts,
                needed=small.needed,
            ),
        )
        for small in await standings.small_shares(db, access.workspace, on, day)
    ]


def _fields(body: MixIn, source: MixSource, today: date) -> dict[str, Any]:
    types = [ContentType(each.key, each.name, basis_points(each.share)) for each in body.types]
    check_source(source, types, body.model_fields_set & {"tolerance", "mode"})
    first = body.effective_from or today
    check_span(first, body.effective_until, today)
    return {
        "source": source,
        "types": [
            {"key": each.key, "name": each.name, "share_bp": each.share_bp} for each in types
        ],
        "tolerance_bp": basis_points(body.tolerance),
        "mode": body.mode,
        "effective_from": first,
        "effective_until": body.effective_until,
    }


def _zone(access: Access, channel: Channel | None) -> ZoneInfo:
    if channel is None:
        return ZoneInfo(access.workspace.timezone)
    return channels.zone_of(channel, access.workspace)


async def _mix(db: Session, access: Access, channel: Channel | None, now: datetime) -> MixOut:
    today = local_day(now, _zone(access, channel))
    base = await mixes.history(db, access.workspace.id, None)
    if channel is None:
        return MixOut.of(MixSource.OWN, mixes.in_force(base, today), base)
    own = await mixes.history(db, access.workspace.id, channel.id)
    chosen = mixes.in_force(own, today)
    source = MixSource(chosen.source) if chosen else MixSource.INHERIT
    return MixOut.of(source, mixes.governing(base, own, today), own)
