"""An office with a Telegram channel, whose bot is known to a Bot API on loopback."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from schedulers.publishing import publish
from store import channels, workspaces
from store.audit import CLI
from store.blobs import FolderBlobs
from store.tables import Channel, Media
from tests.chaos.mortal import LOOPBACK
from tests.conftest import RING
from tests.schedulers.bot_api import TOKEN, Bot, telegram
from tests.world import World

PHOTO, VIDEO = "image/jpeg", "video/mp4"


@dataclass
class Newsroom:
    """The office, its channel, and what Telegram has of it."""

    world: World
    blobs: FolderBlobs
    bot: Bot
    channel: Channel
    folder: Path

    async def file(self, mime: str, content: bytes, width: int = 1080, height: int = 810) -> UUID:
        """Return the id of a file with these bytes."""
        self.folder.mkdir(exist_ok=True)
        draft = self.folder / "draft"
        draft.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        await self.blobs.put(sha256, draft)
        return await self.known(sha256, len(content), mime, width, height)

    async def known(
        self, sha256: str, size: int, mime: str, width: int = 1080, height: int = 810
    ) -> UUID:
        """Return the id of a file of whose bytes this is the hash."""
        now = self.world.clock()
        async with self.world.store.transaction() as db:
            workspace = await workspaces.lock(db, self.world.slug)
            row = Media(
                workspace_id=workspace.id,
                sha256=sha256,
                mime=mime,
                bytes=size,
                width=width,
                height=height,
                duration_ms=9_400 if mime == VIDEO else None,
                created_at=now,
                updated_at=now,
            )
            db.add(row)
            await db.flush()
            return row.id

    async def due(
        self, *parts: tuple[str, Sequence[UUID]], form: str = "post", **options: Any
    ) -> UUID:
        """Return a publication whose time has come; each part is a text with its files."""
        chosen = {"platform": "telegram", **options} if options else {}
        content: dict[str, Any] = {
            "parts": [
                {"text": text, "media": [{"id": str(each), "alt": ""} for each in shown]}
                for text, shown in parts or (("Naskah kuno #warisan", ()),)
            ],
            "format": form,
            "variants": {str(self.channel.id): {"options": chosen}},
        }
        row = await self.world.placed(await self.world.post(**content), self.channel)
        self.world.clock.forward(minutes=1)
        return row

    async def sent(self, row: UUID) -> Any:
        """Let a worker try once; return the row."""
        outbound = Outbound(LOOPBACK)
        try:
            await publish(self.world.publisher(connectors(outbound), self.blobs), row)
        finally:
            await outbound.aclose()
        return await self.world.row(row)

    def texts(self) -> list[str]:
        """Return the texts that are in the chats, in order."""
        return [each.text for each in self.bot.messages]


async def connect(world: World, channel: Channel, token: str = TOKEN) -> None:
    """Give a channel its bot's token."""
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await channels.of(db, workspace.id, channel.id)
        secrets = {"bot_token": token}
        await channels.set_secrets(db, workspace, CLI, row, secrets, RING, world.clock())


@asynccontextmanager
async def newsroom(
    world: World, blobs: FolderBlobs, folder: Path, chat: str = "@warisan_kota"
) -> AsyncIterator[Newsroom]:
    """Open a Telegram, and connect a channel to it."""
    async with telegram() as bot:
        settings = {"chat": chat, "api_url": bot.url}
        channel = await world.channel("warisan", "telegram", settings=settings)
        await connect(world, channel)
        yield Newsroom(world, blobs, bot, channel, folder)
