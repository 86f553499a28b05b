"""Offices whose channels and alert targets have secrets, and which key sealed them."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from store import alert_targets, channels, instance, workspaces
from store.audit import CLI
from store.db import Store
from store.tables import AlertTarget, Channel, Instance
from store.vault import KeyRing
from tests.conftest import RING
from tests.world import World

SECRET = "whsec_" + "A" * 43 + "="
NEW_KEYS = "k2:" + "B" * 43
BOTH_KEYS = f"{NEW_KEYS},{RING.text()}"
NEW, BOTH = KeyRing.parse(NEW_KEYS), KeyRing.parse(BOTH_KEYS)

Known = dict[UUID, dict[str, str]]
"""What every row keeps secret, in clear, by field."""


@dataclass
class Safe:
    """An office, the rows of it that keep secrets, and what they are."""

    world: World
    known: Known

    @property
    def rows(self) -> list[UUID]:
        return list(self.known)


async def furnished(world: World, count: int, ring: KeyRing = RING) -> Safe:
    """Give an office so many channels with secrets, and two alert targets, one without any."""
    safe = Safe(world, {})
    await instance.check_keys(world.store, ring, world.clock())
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        for number in range(count):
            fields: dict[str, Any] = {"platform": "feed", "settings": {}}
            fields |= {"handle": f"kait-{number}", "name": f"Kait {number}"}
            channel = await channels.add(db, workspace, CLI, fields, world.clock())
            plain = {"access": f"akses {world.slug} {number}", "refresh": f"segar {number}"}
            await channels.set_secrets(db, workspace, CLI, channel, plain, ring, world.clock())
            safe.known[channel.id] = plain
        hook: Any = {"medium": "webhook", "address": "https://x.example/", "name": "Kait"}
        mail: Any = {"medium": "email", "address": "ayu@biro.example", "name": "Surel"}
        now = world.clock()
        target, _ = await alert_targets.add(db, ring, workspace, CLI, hook, SECRET, now)
        await alert_targets.add(db, ring, workspace, CLI, mail, None, now)
        safe.known[target.id] = {"secret": SECRET}
    return safe


async def enter(
    world: World, row: UUID, plain: Mapping[str, str], ring: KeyRing, **more: Any
) -> None:
    """Let a person enter a channel's credentials anew."""
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        channel = await channels.of(db, workspace.id, row)
        now = world.clock()
        await channels.set_secrets(db, workspace, CLI, channel, plain, ring, now, **more)


async def opened(store: Store, ring: KeyRing) -> Known:
    """Return all secrets in clear; raises `CannotOpen`."""
    async with store.reading() as db:
        found = {
            row.id: channels.open_secrets(row, ring)
            for row in (await db.exec(select(Channel).order_by(col(Channel.id)))).all()
        }
        targets = (await db.exec(select(AlertTarget).order_by(col(AlertTarget.id)))).all()
        return found | {
            row.id: {"secret": alert_targets.open_secret(row, ring)}
            for row in targets
            if row.secrets
        }


async def keys_in_use(store: Store) -> Counter[str]:
    """Count the sealed texts by the key that they name, the instance's check among them."""
    async with store.reading() as db:
        rows: list[Any] = []
        for table in (Channel, AlertTarget):
            rows += (await db.exec(select(table))).all()
        texts = [text for row in rows for text in row.secrets.values()]
        texts += [row.sealed_check for row in (await db.exec(select(Instance))).all()]
    return Counter(text.split(".")[1] for text in texts)


async def secrets_of(store: Store, table: Any, row_id: UUID) -> dict[str, str]:
    """Return the sealed texts of a row."""
    async with store.reading() as db:
        row: Any = await db.get(table, row_id)
        return dict(row.secrets)


@asynccontextmanager
async def changed(store: Store, table: Any, row_id: UUID) -> AsyncIterator[dict[str, str]]:
    """Let a test tamper with the sealed texts of a row."""
    async with store.transaction() as db:
        row: Any = await db.get(table, row_id)
        secrets = dict(row.secrets)
        yield secrets
        row.secrets = secrets
