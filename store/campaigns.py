"""Campaigns: named pushes with dates and hashtags."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select

from planner.errors import Conflict, Fault, Invalid, NotFound
from store import audit
from store.audit import Actor
from store.db import Db
from store.lookup import InUse, one, page_of
from store.tables import Campaign, Hold, Post, Workspace


class NoSuchCampaign(NotFound):
    """There is no such campaign."""


class CampaignNameTaken(Conflict):
    """Another campaign of the workspace has this name."""


class WrongDates(Invalid):
    """A campaign ends before it begins."""


async def of(db: Db, workspace_id: UUID, campaign_id: UUID) -> Campaign:
    """Return a campaign; raises `NoSuchCampaign`."""
    return await one(db, Campaign, workspace_id, campaign_id, NoSuchCampaign)


async def all_of(db: Db, workspace_id: UUID, after: UUID | None, limit: int) -> Sequence[Campaign]:
    """Return campaigns by id, one more than `limit`."""
    return await page_of(db, Campaign, workspace_id, after, limit)


async def add(
    db: Db, workspace: Workspace, actor: Actor, fields: dict[str, Any], now: datetime
) -> Campaign:
    """Add a campaign; raises `CampaignNameTaken` and `WrongDates`."""
    campaign = Campaign(**fields, workspace_id=workspace.id, created_at=now, updated_at=now)
    await _check(db, campaign, campaign.name, campaign.starts_on, campaign.ends_on)
    db.add(campaign)
    await db.flush()
    data = {name: audit.plain(value) for name, value in fields.items()}
    await audit.record(db, workspace, actor, "add", "campaign", campaign.id, now, data)
    return campaign


async def change(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    campaign: Campaign,
    fields: dict[str, Any],
    now: datetime,
) -> None:
    """Change a campaign; raises `CampaignNameTaken` and `WrongDates`.

    Hashtags are copied into a post when it is written: other hashtags change no words that were
    written, and perhaps approved, before.
    """
    wanted = {name: getattr(campaign, name) for name in ("name", "starts_on", "ends_on")} | fields
    await _check(db, campaign, wanted["name"], wanted["starts_on"], wanted["ends_on"])
    await audit.change(db, workspace, actor, "campaign", campaign, fields, now)


async def remove(
    db: Db, workspace: Workspace, actor: Actor, campaign: Campaign, now: datetime
) -> None:
    """Delete a campaign that no post belongs to, and that was never held; raises `InUse`."""
    of_it = (("posts", Post, Post.campaign_id), ("holds", Hold, Hold.campaign_id))
    counts = {}
    for noun, table, column in of_it:
        query = select(func.count()).select_from(table).where(column == campaign.id)
        counts[noun] = (await db.exec(query)).one()
    if users := {noun: count for noun, count in counts.items() if count}:
        raise InUse(by=users)
    await db.delete(campaign)
    data = {"name": campaign.name}
    await audit.record(
        db, workspace, actor, "delete", "campaign", campaign.id, now, data, deleted=True
    )


async def _check(db: Db, campaign: Campaign, name: str, first: date, last: date) -> None:
    if last < first:
        raise WrongDates(Fault("/ends_on", "ends-before-it-starts", {"first": first.isoformat()}))
    query = select(Campaign.id).where(
        Campaign.workspace_id == campaign.workspace_id,
        Campaign.name == name,
        col(Campaign.id) != campaign.id,
    )
    if (await db.exec(query)).first():
        raise CampaignNameTaken(name=name)
