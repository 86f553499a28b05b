"""A TikTok on loopback that tells a Pilar on loopback what happens."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlmodel import select

from app.deps import House
from app.sandbox.tiktok.hooks import signature
from app.sandbox.tiktok.wire import Wire, work
from store import channels, publications, workspaces
from store.tables import Alert, Channel
from tests.app.ticking import publish_due
from tests.conftest import Clock
from tests.schedulers.stages import KEY, ME, SECRET, Stage

HOME = "/hooks/tiktok"
LATER = timedelta(hours=1)


@dataclass
class Scene:
    """A TikTok, a Pilar that it calls, and the wire between them."""

    stage: Stage
    house: House
    wire: Wire
    url: str

    @property
    def clock(self) -> Clock:
        clock: Clock = self.stage.world.clock
        return clock

    async def tell(self) -> list[list[int | None]]:
        """Let TikTok do and tell what is due; return how each event was answered so far."""
        await work(self.stage.tiktok, self.wire)
        return [each.answers for each in self.stage.tiktok.hooks]

    async def uploaded(self, **options: Any) -> UUID:
        """Return a publication that TikTok works on, and that is not asked after for long."""
        row = await self.stage.due(**options)
        await publish_due(self.house)
        async with self.house.store.transaction() as db:
            workspace = await workspaces.lock(db, self.stage.world.slug)
            found = await publications.of(db, workspace.id, row)
            assert found.status == "processing"
            found.poll_at = self.clock.now + LATER
        self.clock.forward(seconds=30)
        return row

    async def handed_over(self) -> tuple[UUID, str]:
        """Return a video that waits in the person's inbox, and its `publish_id`."""
        row = await self.uploaded(options={})
        await self.tell()
        await publish_due(self.house)
        found = await self.stage.world.row(row)
        assert (found.status, found.handle is not None) == ("handed_over", True)
        return row, found.handle or ""

    async def post(self, body: bytes, signed: str) -> httpx.Response:
        headers = {"Content-Type": "application/json", "TikTok-Signature": signed}
        async with httpx.AsyncClient() as http:
            return await http.post(self.url, content=body, headers=headers)

    async def channel(self) -> Channel:
        workspace = await self.stage.world.workspace()
        async with self.house.store.reading() as db:
            return await channels.of(db, workspace.id, self.stage.channel.id)

    async def alerts(self) -> list[tuple[str, Any]]:
        async with self.house.store.reading() as db:
            return [(each.kind, each.data) for each in (await db.exec(select(Alert))).all()]

    async def sequence(self) -> int:
        return (await self.stage.world.workspace()).change_seq


def event(name: str, scene: Scene, **content: Any) -> bytes:
    """Return an event as TikTok writes it."""
    told = {
        "client_key": KEY,
        "event": name,
        "create_time": int(scene.clock.now.timestamp()),
        "user_openid": scene.stage.tiktok.accounts[ME].open_id,
        "content": json.dumps(content),
    }
    return json.dumps(told).encode()


def signed(scene: Scene, body: bytes, secret: str = SECRET) -> str:
    return signature(secret, int(scene.clock.now.timestamp()), body)
