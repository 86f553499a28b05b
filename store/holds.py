"""Holds: placed, looked at with every claim and every intent, and released.

A hold is written with the workspace's row locked, as an intent is: either the intent committed
before, and is on the wire, or it sees the hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select, true

from planner.errors import Conflict, NotFound
from planner.holds import Held, Reach, Scope, Stops
from planner.publications import NoSuchStep, Status, settled_as
from store import audit, campaigns, channels, mixes, publications, workspaces
from store.audit import CLI, Actor
from store.db import Db, Store
from store.instance import THE_INSTANCE
from store.lookup import one
from store.tables import Hold, Instance, Post, Publication, Workspace

ON_THE_WIRE = (Status.SUBMITTING, Status.PROCESSING)
"""Where it is too late: the platform has it, or may have it. A claim looks for holds once more."""

OVER = frozenset({Status.PUBLISHED, Status.HANDED_OVER})


class NoSuchHold(NotFound):
    """There is no such hold."""


class HeldAlready(Conflict):
    """A hold of just this reach stands already."""


class NothingHeld(Conflict):
    """The instance is not stopped."""


@dataclass(frozen=True, slots=True)
class Case:
    """A publication that a stop was too late for, or that a release leaves to people."""

    workspace: str  # slug
    publication_id: UUID
    channel: str  # name
    status: Status


async def covering(
    db: Db, workspace: Workspace, publication: Publication, campaign_id: UUID | None
) -> Held | None:
    """Return what holds a publication of a (locked) workspace; None: nothing does."""
    return over(await stops(db, workspace.id), publication, campaign_id)


async def stops(db: Db, workspace_id: UUID) -> Stops:
    """Return all that keeps publications of a workspace back now, in one query."""
    standing = (col(Hold.workspace_id) == col(Workspace.id)) & col(Hold.released_at).is_(None)
    query = (
        select(Instance.held_at, Instance.held_why, Instance.restored_at, Hold)
        .select_from(Workspace)
        .outerjoin(Instance, col(Instance.id) == THE_INSTANCE)
        .outerjoin(Hold, standing)
        .where(Workspace.id == workspace_id)
        .order_by(col(Hold.id))
        .execution_options(populate_existing=True)
    )
    rows = (await db.exec(query)).all()
    held_at, why, restored_at, _ = rows[0]
    holds: list[Hold | None] = [row[3] for row in rows]
    return Stops(
        restored=Held("restored", why) if restored_at else None,
        instance=Held("instance", why) if held_at else None,
        holds=tuple(
            (reach_of(hold), Held(hold.scope, hold.reason, hold.id)) for hold in holds if hold
        ),
    )


def reach_of(hold: Hold) -> Reach:
    """Return what a hold reaches."""
    return Reach(Scope(hold.scope), hold.channel_id, hold.campaign_id, hold.type)


async def of(db: Db, workspace_id: UUID, hold_id: UUID) -> Hold:
    """Return a hold, standing or released; raises `NoSuchHold`."""
    return await one(db, Hold, workspace_id, hold_id, NoSuchHold)


async def all_of(
    db: Db, workspace_id: UUID, after: UUID | None, limit: int, *, released: bool
) -> Sequence[Hold]:
    """Return the holds that stand, or those that were released, by id, one more than `limit`."""
    is_released = col(Hold.released_at).is_not(None)
    query = select(Hold).where(
        Hold.workspace_id == workspace_id, is_released if released else ~is_released
    )
    if after is not None:
        query = query.where(col(Hold.id) > after)
    return (await db.exec(query.order_by(col(Hold.id)).limit(limit + 1))).all()


async def place(
    db: Db, workspace: Workspace, actor: Actor, reach: Reach, reason: str, now: datetime
) -> Hold:
    """Hold what a reach covers from now on, and note what is on the wire already.

    Raises `HeldAlready`, `NoSuchChannel`, `NoSuchCampaign`, `NoSuchType`.
    """
    await _check_reach(db, workspace, reach)
    for standing, held in (await stops(db, workspace.id)).holds:
        if standing == reach:
            raise HeldAlready(id=str(held.hold_id), reason=held.reason)
    hold = Hold(
        workspace_id=workspace.id,
        scope=reach.scope,
        channel_id=reach.channel_id,
        campaign_id=reach.campaign_id,
        type=reach.type,
        reason=reason,
        placed_by=str(actor),
        on_the_wire=[str(row.id) for row in await _on_the_wire(db, workspace.id, reach)],
        created_at=now,
        updated_at=now,
    )
    db.add(hold)
    await db.flush()
    data = _said(reach) | {"reason": reason, "on_the_wire": hold.on_the_wire}
    await audit.record(db, workspace, actor, "add", "hold", hold.id, now, data)
    return hold


async def release(
    db: Db, workspace: Workspace, actor: Actor, hold: Hold, now: datetime
) -> list[Publication]:
    """Let what a hold covers go again, from now on; return what fell due meanwhile.

    That does not go out late by itself: it is missed, and what may be live is looked at. A hold
    that was released stays as it is.
    """
    if hold.released_at is not None:
        return []
    hold.released_at = hold.updated_at = now
    hold.released_by = str(actor)
    await db.flush()
    left = await _let_lie(db, workspace, actor, reach_of(hold), now)
    data = _said(reach_of(hold)) | {"left": [str(row.id) for row in left]}
    await audit.record(db, workspace, actor, "release", "hold", hold.id, now, data)
    return left


async def _let_lie(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    reach: Reach,
    now: datetime,
    *,
    prove: bool = False,
) -> list[Publication]:
    """Leave to people what is due in a reach that nothing holds any more; return it.

    With `prove`, what may be live stays scheduled, and the engine finds out first.
    """
    found = await stops(db, workspace.id)
    query = (
        select(Publication, Post.campaign_id)
        .join(Post, col(Post.id) == col(Publication.post_id))
        .where(*scheduled(workspace.id, reach), Publication.due_at <= now)
        .where(col(Publication.through_hold).is_(None))
        .order_by(col(Publication.due_at), col(Publication.id))
    )
    left = []
    for row, campaign_id in (await db.exec(query)).all():
        if over(found, row, campaign_id) or (prove and row.unproved):
            continue
        after = settled_as(Status.MISSED, may_be_live=publications.may_be_live(row))
        await publications.step(db, workspace, actor, row, after, now, reason="held")
        left.append(row)
    return left


async def let_through(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    reason: str | None,
    now: datetime,
) -> None:
    """Let a publication go through every hold, with a reason, or hold it like others (None).

    Raises `NoSuchStep` for one that has gone out.
    """
    if publication.status in OVER:
        raise NoSuchStep(before=publication.status, after=Status.SCHEDULED.value)
    before = publication.through_hold
    publication.through_hold, publication.updated_at = reason, now
    data = {"before": before, "after": reason}
    await audit.record(
        db, workspace, actor, "through_hold", "publication", publication.id, now, data
    )


async def hold_all(store: Store, reason: str | None, now: datetime) -> list[Case]:
    """Stop the whole instance; return what is on the wire already.

    Said again, it gives the new reason and looks once more. The stop commits first; then each
    workspace is locked in turn, so that an intent that has not seen it is waited for.
    """
    async with store.transaction() as db:
        row = await _locked_instance(db)
        row.held_at, row.held_why, row.updated_at = row.held_at or now, reason, now
    found: list[Case] = []
    async with store.reading() as db:
        slugs = await workspaces.slugs(db)
    for slug in slugs:
        async with store.transaction() as db:
            workspace = await workspaces.lock(db, slug)
            rows = await _on_the_wire(db, workspace.id, Reach(Scope.WORKSPACE))
            data = {"reason": reason, "on_the_wire": [str(each.id) for each in rows]}
            await audit.record(db, workspace, CLI, "hold", "instance", THE_INSTANCE, now, data)
            found += await _cases(db, workspace, rows)
    return found


async def release_all(store: Store, now: datetime) -> list[Case]:
    """Let the instance publish again, from now on; return what fell due meanwhile.

    That is left to people, as `release` does; but of a restored instance what may be live stays
    scheduled: the engine proves it first. Raises `NothingHeld`.
    """
    found: list[Case] = []
    async with store.transaction() as db:
        held = [await workspaces.lock(db, slug) for slug in await workspaces.slugs(db)]
        row = await _locked_instance(db)
        restored = row.restored_at is not None
        if not restored and row.held_at is None:
            raise NothingHeld
        row.held_at = row.held_why = row.restored_at = None
        row.updated_at = now
        await db.flush()
        for workspace in held:
            left = await _let_lie(db, workspace, CLI, Reach(Scope.WORKSPACE), now, prove=restored)
            data = {"restored": restored, "left": [str(each.id) for each in left]}
            await audit.record(db, workspace, CLI, "release", "instance", THE_INSTANCE, now, data)
            found += await _cases(db, workspace, left)
    return found


async def _locked_instance(db: Db) -> Instance:
    query = select(Instance).where(Instance.id == THE_INSTANCE).with_for_update()
    return (await db.exec(query)).one()


async def _cases(db: Db, workspace: Workspace, rows: Sequence[Publication]) -> list[Case]:
    names = {each.id: each.name for each in await channels.all_of(db, workspace.id)}
    return [Case(workspace.slug, row.id, names[row.channel_id], Status(row.status)) for row in rows]


def over(found: Stops, publication: Publication, campaign_id: UUID | None) -> Held | None:
    """Return which of some stops holds a publication; None: none does."""
    return found.over(
        publication.channel_id,
        campaign_id,
        publication.type,
        let_through=publication.through_hold is not None,
    )


def scheduled(workspace_id: UUID, reach: Reach) -> tuple[Any, ...]:
    """Return the conditions of what waits for its time in a reach."""
    return (
        col(Publication.workspace_id) == workspace_id,
        col(Publication.status) == Status.SCHEDULED,
        within(reach),
    )


def within(reach: Reach) -> Any:
    """Return what `Reach.covers` says, as a query on publications says it."""
    match reach.scope:
        case Scope.WORKSPACE:
            return true()
        case Scope.CHANNEL:
            return col(Publication.channel_id) == reach.channel_id
        case Scope.CAMPAIGN:
            of_it = select(Post.id).where(Post.campaign_id == reach.campaign_id)
            return col(Publication.post_id).in_(of_it)
        case Scope.TYPE:
            return col(Publication.type) == reach.type


async def _on_the_wire(db: Db, workspace_id: UUID, reach: Reach) -> Sequence[Publication]:
    query = select(Publication).where(
        Publication.workspace_id == workspace_id,
        col(Publication.status).in_(ON_THE_WIRE),
        within(reach),
    )
    return (await db.exec(query.order_by(col(Publication.due_at), col(Publication.id)))).all()


async def _check_reach(db: Db, workspace: Workspace, reach: Reach) -> None:
    if reach.channel_id is not None:
        await channels.of(db, workspace.id, reach.channel_id)
    if reach.campaign_id is not None:
        await campaigns.of(db, workspace.id, reach.campaign_id)
    if reach.type is not None:
        await mixes.check_type(db, workspace.id, reach.type)


def _said(reach: Reach) -> dict[str, Any]:
    return {
        "scope": reach.scope.value,
        "channel": audit.plain(reach.channel_id),
        "campaign": audit.plain(reach.campaign_id),
        "type": reach.type,
    }
