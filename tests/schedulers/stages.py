"""A TikTok on loopback with an office whose channel is connected to it, and videos to send."""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from app.sandbox.tiktok.accounts import SCOPES
from app.sandbox.tiktok.control import Control, obey
from app.sandbox.tiktok.publications import COMPLETE, Publication
from app.sandbox.tiktok.server import create_sandbox
from app.sandbox.tiktok.state import Grant, TikTok, Token
from store import channels, workspaces
from store.audit import CLI
from store.blobs import FolderBlobs
from store.tables import Channel, Media
from tests.conftest import RING
from tests.files import tiny_jpeg
from tests.schedulers.wires import served
from tests.world import World

ME = "warisan.privat"
MANY = 10_000
KEY, SECRET = "sandboxawkey", "sandbox-client-secret"
PRIVACY = "SELF_ONLY"
LENGTH_MS = 9_000


@dataclass
class Stage:
    """The office, its channel, and the platform's own memory."""

    world: World
    blobs: FolderBlobs
    tiktok: TikTok
    channel: Channel
    folder: Path
    size: int = 1_000

    def order(self, **order: Any) -> None:
        """Tell the sandbox to be or to do something."""
        obey(self.tiktok, Control.model_validate(order))

    async def due(
        self,
        *,
        options: dict[str, Any] | None = None,
        media: UUID | None = None,
    ) -> UUID:
        """Return a publication of a video, by default one of its own, whose time has come."""
        shown = [media or await self.video()]
        return await self.placed(shown, {"privacy_level": PRIVACY} if options is None else options)

    async def placed(
        self, shown: Sequence[UUID], chosen: dict[str, Any], form: str = "reel"
    ) -> UUID:
        """Return a publication of some files whose time has come."""
        media = [{"id": str(each), "alt": ""} for each in shown]
        content: dict[str, Any] = {
            "parts": [{"text": "Naskah kuno #warisan", "media": media}],
            "format": form,
        }
        chosen = {"platform": "tiktok", **chosen} if chosen else {}
        content["variants"] = {str(self.channel.id): {"options": chosen}}
        post = await self.world.post(**content)
        row = await self.world.placed(post, self.channel)
        self.world.clock.forward(minutes=1)
        return row

    async def video(self) -> UUID:
        """Return the id of a video that nobody has sent yet."""
        number = self._next()
        content = (f"{number:08d}".encode() * (self.size // 8 + 1))[: self.size]
        return await self.known(await self._stored(number, content), self.size)

    async def photo(self) -> UUID:
        """Return the id of a photo that nobody has sent yet."""
        number = self._next()
        content = tiny_jpeg(1080, 1080 + number)
        return await self.known(await self._stored(number, content), len(content), "image/jpeg")

    def _next(self) -> int:
        self.folder.mkdir(exist_ok=True)
        return len(list(self.folder.iterdir()))

    async def _stored(self, number: int, content: bytes) -> str:
        draft = self.folder / str(number)
        draft.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        await self.blobs.put(sha256, draft)
        draft.touch()
        return sha256

    async def known(self, sha256: str, size: int, mime: str = "video/mp4") -> UUID:
        """Return the id of a file of whose bytes this is the hash."""
        now = self.world.clock()
        async with self.world.store.transaction() as db:
            workspace = await workspaces.lock(db, self.world.slug)
            row = Media(
                workspace_id=workspace.id,
                sha256=sha256,
                mime=mime,
                bytes=size,
                width=1080,
                height=1920,
                duration_ms=LENGTH_MS if mime == "video/mp4" else None,
                created_at=now,
                updated_at=now,
            )
            db.add(row)
            await db.flush()
            return row.id

    def posted(self) -> list[Publication]:
        """Return what is on the platform's profiles."""
        return [each for each in self.tiktok.publications.values() if each.status == COMPLETE]


@asynccontextmanager
async def stage(
    world: World, blobs: FolderBlobs, folder: Path, mode: str = "direct"
) -> AsyncIterator[Stage]:
    """Open a TikTok that goes by the world's clock, and connect a channel to it."""
    tiktok = TikTok(now=world.clock)
    tiktok.developer.rates = dict.fromkeys(tiktok.developer.rates, MANY)
    account = tiktok.accounts[ME]
    account.posts_cap = account.pending_cap = MANY
    async with served(create_sandbox(tiktok)) as url:
        tiktok.base_url = url
        settings = {"client_key": KEY, "mode": mode, "sandbox_url": url}
        channel = await world.channel(ME, "tiktok", settings=settings)
        await connect(world, tiktok, channel, world.clock)
        yield Stage(world, blobs, tiktok, channel, folder)


async def connect(
    world: World, tiktok: TikTok, channel: Channel, clock: Callable[[], datetime]
) -> None:
    """Give a channel tokens of the sandbox, as if a person had consented a moment ago."""
    grant = Grant(ME, SCOPES)
    tiktok.grants.append(grant)
    tiktok.access["act.one"] = Token(grant, clock() + timedelta(days=30))
    tiktok.refresh["rft.one"] = Token(grant, clock() + timedelta(days=180))
    secrets = {
        "client_secret": SECRET,
        "access_token": "act.one",
        "refresh_token": "rft.one",
        "open_id": tiktok.accounts[ME].open_id,
        "scope": ",".join(SCOPES),
    }
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        row = await channels.of(db, workspace.id, channel.id)
        await channels.set_secrets(db, workspace, CLI, row, secrets, RING, clock())
