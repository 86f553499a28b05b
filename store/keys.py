"""API keys: their form, and the rows that know them by digest only.

A key is `pilar_`, 30 random base62 characters and 6 base62 characters of the CRC-32 of what
stands before them, so that junk is refused without asking the database.
"""

import secrets
import string
import zlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from planner.errors import NotFound
from store import audit
from store.audit import Actor
from store.db import Db
from store.tables import ApiKey, KeyWorkspace, Membership, Workspace
from store.vault import Digests, KeyRing

PREFIX = "pilar_"
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_CHARACTERS = 30
CHECK_CHARACTERS = 6


class NoSuchKey(NotFound):
    """There is no such API key."""


def make_key() -> str:
    """Return a new key."""
    body = PREFIX + "".join(secrets.choice(BASE62) for _ in range(RANDOM_CHARACTERS))
    return body + _checksum(body)


def looks_right(key: str) -> bool:
    """Say whether a text has the form and checksum of a key."""
    length = len(PREFIX) + RANDOM_CHARACTERS + CHECK_CHARACTERS
    if len(key) != length or not key.startswith(PREFIX) or not key.isascii():
        return False
    return key[-CHECK_CHARACTERS:] == _checksum(key[:-CHECK_CHARACTERS])


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECK_CHARACTERS):
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return digits


def digests(ring: KeyRing, key: str) -> Digests:
    """Return the digests under which a key may stand in the database."""
    return ring.digests_of("api-key", key)


async def add(
    db: Db,
    ring: KeyRing,
    workspaces: Sequence[Workspace],
    actor: Actor,
    *,
    name: str,
    scopes: Collection[str],
    created_by: UUID,
    expires_at: datetime | None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """Make a key for these (locked) workspaces; return its row and the key, kept nowhere."""
    secret = make_key()
    known = digests(ring, secret)
    stamps: dict[str, Any] = {"created_at": now, "updated_at": now}
    key = ApiKey(
        name=name,
        digest=known.newest,
        digest_key=known.key,
        hint=secret[: len(PREFIX) + 4],
        scopes=sorted(scopes),
        created_by=created_by,
        expires_at=expires_at,
        **stamps,
    )
    db.add(key)
    await db.flush()
    data = {"name": name, "scopes": sorted(scopes), "expires_at": audit.plain(expires_at)}
    for workspace in workspaces:
        db.add(KeyWorkspace(workspace_id=workspace.id, api_key_id=key.id, **stamps))
        await audit.record(db, workspace, actor, "add", "api_key", key.id, now, data)
    return key, secret


async def all_of(db: Db, workspace_id: UUID, after: UUID | None, limit: int) -> Sequence[ApiKey]:
    """Return the keys that reach a workspace, by id, one more than `limit`."""
    query = (
        select(ApiKey)
        .join(KeyWorkspace, col(KeyWorkspace.api_key_id) == col(ApiKey.id))
        .where(KeyWorkspace.workspace_id == workspace_id)
    )
    if after is not None:
        query = query.where(col(ApiKey.id) > after)
    return (await db.exec(query.order_by(col(ApiKey.id)).limit(limit + 1))).all()


async def of(db: Db, workspace_id: UUID, key_id: UUID) -> ApiKey:
    """Return a key that reaches a workspace; raises `NoSuchKey`."""
    query = (
        select(ApiKey)
        .join(KeyWorkspace, col(KeyWorkspace.api_key_id) == col(ApiKey.id))
        .where(KeyWorkspace.workspace_id == workspace_id, ApiKey.id == key_id)
    )
    key = (await db.exec(query)).first()
    if key is None:
        raise NoSuchKey(id=str(key_id))
    return key


async def slugs_of(db: Db, key_id: UUID) -> list[str]:
    """Return the slugs of all workspaces that a key reaches, in order; they never change."""
    query = (
        select(Workspace.slug)
        .join(KeyWorkspace, col(KeyWorkspace.workspace_id) == col(Workspace.id))
        .where(KeyWorkspace.api_key_id == key_id)
    )
    return sorted((await db.exec(query)).all())


async def seen_by(db: Db, person_id: UUID, key_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Return the slugs of the workspaces that keys reach, those where a person is a member."""
    query = (
        select(KeyWorkspace.api_key_id, Workspace.slug)
        .join(Workspace, col(Workspace.id) == col(KeyWorkspace.workspace_id))
        .join(Membership, col(Membership.workspace_id) == col(Workspace.id))
        .where(Membership.person_id == person_id, col(KeyWorkspace.api_key_id).in_(key_ids))
    )
    seen: dict[UUID, list[str]] = {key_id: [] for key_id in key_ids}
    for key_id, slug in await db.exec(query):
        seen[key_id].append(slug)
    return {key_id: sorted(slugs) for key_id, slugs in seen.items()}


async def rename(
    db: Db, workspaces: Sequence[Workspace], actor: Actor, key: ApiKey, name: str, now: datetime
) -> None:
    """Give a key another name; `workspaces` are all that it reaches, locked."""
    data = {"before": {"name": key.name}, "after": {"name": name}}
    key.name, key.updated_at = name, now
    for workspace in workspaces:
        await audit.record(db, workspace, actor, "change", "api_key", key.id, now, data)


async def revoke(
    db: Db, workspaces: Sequence[Workspace], actor: Actor, key: ApiKey, now: datetime
) -> None:
    """Make a key useless at once, in all the (locked) workspaces it reaches."""
    if key.revoked_at:
        return
    key.revoked_at = key.updated_at = now
    for workspace in workspaces:
        data = {"name": key.name}
        await audit.record(db, workspace, actor, "revoke", "api_key", key.id, now, data)
