"""A small world below HTTP: an office, its channels and posts, and a publisher."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from planner.access import Role
from planner.mix import DEFAULT_TYPES, MixMode, MixSource
from schedulers.connector import Connector, Outcome, Outgoing, Published
from schedulers.publisher import Publisher
from store import (
    approving,
    channels,
    mixes,
    people,
    placing,
    posts,
    publications,
    workspaces,
    writing,
)
from store.audit import CLI, Actor
from store.blobs import FolderBlobs
from store.db import Db, Store
from store.liveness import Alone
from store.placing import When
from store.tables import Channel, Media, Post, Publication, Workspace
from store.vault import KeyRing


@dataclass
class Scripted:
    """A platform that answers what it was told to, and remembers what it was asked."""

    outcomes: list[Outcome | Exception] = field(default_factory=list)
    sent: list[Outgoing] = field(default_factory=list)

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        self.sent.append(outgoing)
        outcome = self.outcomes.pop(0) if self.outcomes else Published("remote", None)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def let_be(db: Db, workspace: Workspace, now: datetime) -> None:
    """Let a workspace's mix judge nothing, where what is tested is something else."""
    types = [
        {"key": each.key, "name": each.name, "share_bp": each.share_bp}
        for each in DEFAULT_TYPES["en"]
    ]
    fields = {
        "source": MixSource.OWN,
        "types": types,
        "mode": MixMode.OFF,
        "effective_from": date.min + timedelta(days=1),
        "effective_until": None,
    }
    await mixes.add(db, workspace, CLI, None, fields, now)


@dataclass
class World:
    """An office with the approval policy `one`, below HTTP."""

    store: Store
    clock: Any
    slug: str
    writer: Actor
    approver: Actor
    base_url: str = "http://pilar.test"

    @classmethod
    async def found(cls, store: Store, clock: Any, slug: str = "biro", **fields: Any) -> "World":
        async with store.transaction() as db:
            owner = await people.add(db, f"owner@{slug}.example", "Owner", "id", clock())
            other = await people.add(db, f"other@{slug}.example", "Other", "id", clock())
            known = {"slug": slug, "name": slug, "timezone": "Asia/Jakarta", "locale": "id"}
            workspace = await workspaces.add(db, CLI, owner.id, known | fields, clock())
            await people.join(db, workspace, CLI, other, Role.APPROVER, clock())
            await let_be(db, workspace, clock())
        return cls(store, clock, slug, Actor("person", owner.id), Actor("person", other.id))

    async def channel(self, handle: str = "berita", platform: str = "feed", **more: Any) -> Channel:
        fields = {"platform": platform, "handle": handle, "name": handle, "settings": {}} | more
        async with self.store.transaction() as db:
            workspace = await workspaces.lock(db, self.slug)
            return await channels.add(db, workspace, CLI, fields, self.clock())

    async def post(self, text: str = "Isi.", *, approved: bool = True, **words: Any) -> Post:
        content = {
            "title": "Naskah kuno",
            "type": "informative",
            "parts": [{"text": text, "media": []}],
        } | words
        async with self.store.transaction() as db:
            workspace = await workspaces.lock(db, self.slug)
            now = self.clock()
            post, _ = await writing.add(db, workspace, self.writer, content, {}, now)
            if approved:
                await approving.submit(db, workspace, self.writer, post, now)
                await approving.approve(db, workspace, self.approver, post, now)
            return post

    async def media(self, sha256: str, mime: str = "image/png") -> UUID:
        """Return the id of a file that is known, whether or not its bytes are there."""
        now = self.clock()
        async with self.store.transaction() as db:
            workspace = await workspaces.lock(db, self.slug)
            row = Media(
                workspace_id=workspace.id,
                sha256=sha256,
                mime=mime,
                bytes=1,
                created_at=now,
                updated_at=now,
            )
            db.add(row)
            await db.flush()
            return row.id

    async def placed_now(self, post: Post, channel: Channel) -> UUID:
        """Put a post on a channel for at once, whatever second it is by then."""
        return await self.placed(post, channel, when=When(now=True))

    async def placed(
        self,
        post: Post,
        channel: Channel,
        at: datetime | None = None,
        *,
        when: When | None = None,
        **more: Any,
    ) -> UUID:
        """Put a post on a channel; the default is a minute from now."""
        when = when or When(at=at or self.clock() + timedelta(minutes=1))
        async with self.store.transaction() as db:
            workspace = await workspaces.lock(db, self.slug)
            rows = await placing.place(
                db, workspace, self.writer, post, [channel], when, self.clock(), **more
            )
            return rows[0].id

    async def due(self, channel: Channel, text: str = "Isi.") -> UUID:
        """Return an approved publication whose time has come."""
        publication_id = await self.placed(await self.post(text), channel)
        self.clock.forward(minutes=1)
        return publication_id

    async def edit(self, post: Post, text: str) -> None:
        async with self.store.transaction() as db:
            workspace = await workspaces.lock(db, self.slug)
            row = await posts.of(db, workspace.id, post.id)
            words = {"parts": [{"text": text, "media": []}]}
            await writing.change(db, workspace, self.writer, row, words, {}, self.clock())

    async def workspace(self) -> Workspace:
        async with self.store.reading() as db:
            return await workspaces.by_slug(db, self.slug)

    async def row(self, publication_id: UUID) -> Publication:
        workspace = await self.workspace()
        async with self.store.reading() as db:
            return await publications.of(db, workspace.id, publication_id)

    async def steps(self, publication_id: UUID) -> list[tuple[str, str | None]]:
        """Return the states a publication went through, with the reasons."""
        row = await self.row(publication_id)
        async with self.store.reading() as db:
            return [(each.after, each.reason) for each in await publications.transitions(db, row)]

    def publisher(
        self,
        connectors: Mapping[str, Connector],
        blobs: FolderBlobs,
        *,
        worker: str = "w1",
        lease_seconds: int = 120,
    ) -> Publisher:
        return Publisher(
            store=self.store,
            ring=KeyRing.parse("k1:" + "A" * 43),
            blobs=blobs,
            connectors=connectors,
            base_url=self.base_url,
            liveness=Alone(worker),
            lease_seconds=lease_seconds,
            now=self.clock,
        )
