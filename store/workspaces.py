"""Workspaces: found by slug, locked first by every write."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from planner.errors import Conflict, NotFound
from planner.mix import DEFAULT_TYPES, MixMode, MixSource
from store import audit, channels
from store.audit import Actor
from store.db import Db
from store.tables import KeyWorkspace, Membership, MixVersion, Workspace
from store.tables.rows import OwnedRow

DEFAULT_TOLERANCE_BP = 500


class NoSuchWorkspace(NotFound):
    """There is no such workspace, or none that this caller may see."""


class SlugTaken(Conflict):
    """Another workspace has this slug."""


async def by_slug(db: Db, slug: str) -> Workspace:
    """Return a workspace; raises `NoSuchWorkspace`."""
    return await _found(db, slug, lock=False)


async def lock(db: Db, slug: str) -> Workspace:
    """Return a workspace and hold its row until the transaction ends: the first lock of all."""
    return await _found(db, slug, lock=True)


async def lock_by_id(db: Db, workspace_id: UUID) -> Workspace:
    """Hold a workspace that is known by its id."""
    query = select(Workspace).where(Workspace.id == workspace_id).with_for_update()
    return (await db.exec(query)).one()


async def lock_of(db: Db, table: type[OwnedRow], row_id: UUID) -> Workspace | None:
    """Hold the workspace that owns a row; None where there is no such row."""
    owner = select(table.workspace_id).where(table.id == row_id).scalar_subquery()
    query = select(Workspace).where(Workspace.id == owner).with_for_update()
    return (await db.exec(query)).first()


async def _found(db: Db, slug: str, *, lock: bool) -> Workspace:
    query = select(Workspace).where(Workspace.slug == slug)
    row = (await db.exec(query.with_for_update() if lock else query)).first()
    if row is None:
        raise NoSuchWorkspace(slug=slug)
    return row


async def of_person(db: Db, person_id: UUID, after: UUID | None, limit: int) -> Sequence[Workspace]:
    """Return the workspaces a person is a member of, by id, one more than `limit`."""
    query = select(Workspace).join(Membership, col(Membership.workspace_id) == col(Workspace.id))
    return await _page(db, query.where(Membership.person_id == person_id), after, limit)


async def of_key(db: Db, key_id: UUID, after: UUID | None, limit: int) -> Sequence[Workspace]:
    """Return the workspaces an API key reaches, by id, one more than `limit`."""
    query = select(Workspace).join(
        KeyWorkspace, col(KeyWorkspace.workspace_id) == col(Workspace.id)
    )
    return await _page(db, query.where(KeyWorkspace.api_key_id == key_id), after, limit)


async def _page(db: Db, query: Any, after: UUID | None, limit: int) -> Sequence[Workspace]:
    if after is not None:
        query = query.where(col(Workspace.id) > after)
    rows: Sequence[Workspace] = (
        await db.exec(query.order_by(col(Workspace.id)).limit(limit + 1))
    ).all()
    return rows


async def slugs(db: Db) -> Sequence[str]:
    """Return the slug of every workspace, in order."""
    return (await db.exec(select(Workspace.slug).order_by(col(Workspace.slug)))).all()


async def add(
    db: Db, actor: Actor, owner_id: UUID, fields: dict[str, Any], now: datetime
) -> Workspace:
    """Create a workspace with its owner and the default mix; raises `SlugTaken`.

    The mix is in force from the beginning, so that every past and future day has one.
    """
    slug = fields["slug"]
    if (await db.exec(select(Workspace.id).where(Workspace.slug == slug))).first():
        raise SlugTaken(slug=slug)
    stamps: dict[str, Any] = {"created_at": now, "updated_at": now}
    workspace = Workspace(**fields, **stamps)
    db.add(workspace)
    await db.flush()
    db.add(Membership(workspace_id=workspace.id, person_id=owner_id, role="owner", **stamps))
    db.add(
        MixVersion(
            workspace_id=workspace.id,
            source=MixSource.OWN,
            types=[
                {"key": each.key, "name": each.name, "share_bp": each.share_bp}
                for each in DEFAULT_TYPES[workspace.locale]
            ],
            tolerance_bp=DEFAULT_TOLERANCE_BP,
            mode=MixMode.ENFORCE,
            effective_from=date.min,
            **stamps,
        )
    )
    await audit.record(db, workspace, actor, "add", "workspace", workspace.id, now, fields)
    return workspace


async def change(
    db: Db, actor: Actor, workspace: Workspace, fields: dict[str, Any], now: datetime
) -> None:
    """Change fields of a workspace; another zone keeps the wall clock of what waits."""
    before = workspace.timezone
    await audit.change(db, workspace, actor, "workspace", workspace, fields, now)
    if workspace.timezone == before:
        return
    for channel in await channels.all_of(db, workspace.id):
        if channel.timezone is None:
            zone = channels.zone_of(channel, workspace)
            await channels.keep_wall_clock(db, workspace, actor, channel, zone, now)
