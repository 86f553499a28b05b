"""Campaigns over HTTP."""

import unicodedata
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Manager, Now, Reads, Viewer
from app.fields import Answer, Body, Line, Moment, Text
from app.idempotency import Remembered
from app.paging import Pages
from app.schemas.dates import FIRST, LAST, LocalDay
from store import campaigns

router = APIRouter(route_class=Remembered, prefix="/workspaces/{ws}/campaigns", tags=["campaigns"])


def _hashtag(text: str) -> str:
    # Letters of many scripts carry marks, which `\w` leaves out.
    body = (unicodedata.category(each)[0] in "LMN" or each == "_" for each in text[1:])
    if text[0] != "#" or not all(body):
        raise PydanticCustomError("hashtag", "# and then letters, digits and underscores")
    return text


def _distinct(hashtags: list[str]) -> list[str]:
    if len({each.casefold() for each in hashtags}) < len(hashtags):
        raise PydanticCustomError("hashtag-twice", "a hashtag stands twice")
    return hashtags


Hashtag = Annotated[
    str,
    StringConstraints(min_length=2, max_length=100),
    AfterValidator(_hashtag),
    Field(examples=["#HariPahlawan"]),
]
Hashtags = Annotated[
    list[Hashtag],
    Field(max_length=30, description="Appended to the first part of its posts."),
    AfterValidator(_distinct),
]


class CampaignIn(Body):
    """A named push."""

    name: Annotated[Line, Field(max_length=80, examples=["Pekan Naskah Kuno"])]
    description: Annotated[Text, Field(max_length=2000)] = ""
    starts_on: LocalDay
    ends_on: Annotated[LocalDay, Field(description="Its last day.")]
    hashtags: Hashtags = []


class CampaignChange(Body):
    """What to change; fields that are left out stay."""

    # Factories, so that the schema names no defaults: what is left out has none.
    name: Annotated[Line, Field(max_length=80)] = Field(default_factory=str)
    description: Annotated[Text, Field(max_length=2000)] = Field(default_factory=str)
    starts_on: LocalDay = Field(default_factory=lambda: FIRST)
    ends_on: LocalDay = Field(default_factory=lambda: LAST)
    hashtags: Hashtags = Field(default_factory=list)


class CampaignOut(Answer):
    """A campaign."""

    id: UUID
    name: str
    description: str
    starts_on: date
    ends_on: date
    hashtags: list[str]
    created_at: Moment
    updated_at: Moment
    version: int


class CampaignPage(Answer):
    """Some campaigns, and where the next page begins."""

    items: list[CampaignOut]
    next: str | None


@router.get("")
async def list_campaigns(
    pages: Pages,
    db: Reads,
    access: Viewer,
) -> CampaignPage:
    """List the campaigns."""
    rows = await campaigns.all_of(db, access.workspace.id, pages.after_id(), pages.limit)
    rows, cursor = pages.cut(rows)
    return CampaignPage(items=[CampaignOut.model_validate(row) for row in rows], next=cursor)


@router.post("", status_code=201)
async def add_campaign(
    body: CampaignIn, request: Request, response: Response, db: Db, access: Manager, now: Now
) -> CampaignOut:
    """Add a campaign."""
    fields = body.model_dump()
    campaign = await campaigns.add(db, access.workspace, access.actor, fields, now)
    response.headers["Location"] = f"{request.url.path}/{campaign.id}"
    tag(response, campaign)
    return CampaignOut.model_validate(campaign)


@router.get("/{campaign_id}")
async def read_campaign(
    campaign_id: UUID, request: Request, response: Response, db: Reads, access: Viewer
) -> CampaignOut:
    """Read a campaign."""
    campaign = await campaigns.of(db, access.workspace.id, campaign_id)
    answer_if_new(request, response, etag_of(campaign))
    return CampaignOut.model_validate(campaign)


@router.patch("/{campaign_id}")
async def change_campaign(
    campaign_id: UUID,
    body: CampaignChange,
    response: Response,
    db: Db,
    access: Manager,
    now: Now,
    if_match: IfMatch = None,
) -> CampaignOut:
    """Change a campaign.

    Hashtags are copied into a post when it is written: other hashtags do not change posts that
    were written, and perhaps approved, before.
    """
    campaign = await campaigns.of(db, access.workspace.id, campaign_id)
    check_match(campaign, if_match)
    fields = body.model_dump(exclude_unset=True)
    await campaigns.change(db, access.workspace, access.actor, campaign, fields, now)
    await db.flush()
    tag(response, campaign)
    return CampaignOut.model_validate(campaign)


@router.delete("/{campaign_id}", status_code=204)
async def remove_campaign(
    campaign_id: UUID, db: Db, access: Manager, now: Now, if_match: IfMatch = None
) -> None:
    """Delete a campaign that no post belongs to."""
    campaign = await campaigns.of(db, access.workspace.id, campaign_id)
    check_match(campaign, if_match)
    await campaigns.remove(db, access.workspace, access.actor, campaign, now)
