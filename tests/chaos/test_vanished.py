"""Media whose bytes have vanished, or are others: nothing of their post is sent."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from schedulers.publishing import publish
from store import acts, publications, workspaces
from store.audit import CLI
from store.blobs import FolderBlobs, receive
from store.db import Store
from tests.conftest import Clock
from tests.world import Scripted, World

BYTES = b"naskah asli"
OTHERS = b"naskah lain"
SHA256 = hashlib.sha256(BYTES).hexdigest()


@dataclass
class Gallery:
    """A post with a picture that is due, and where its bytes are."""

    world: World
    folder: Path
    blobs: FolderBlobs
    there: Scripted
    row: UUID

    async def bring(self, content: bytes) -> None:
        """Keep bytes under the picture's name."""

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        received = await receive(chunks(), self.folder, len(content))
        await self.blobs.put(SHA256, received.path)

    async def publish(self) -> tuple[str, str | None, int]:
        """Publish; return where that leads, why, and how much was ever sent."""
        await publish(self.world.publisher({"feed": self.there}, self.blobs), self.row)
        row = await self.world.row(self.row)
        return row.status, row.reason, len(self.there.sent)

    async def retry(self) -> None:
        """Let a person send it again."""
        world = self.world
        async with world.store.transaction() as db:
            workspace = await workspaces.lock(db, world.slug)
            row = await publications.of(db, workspace.id, self.row)
            await acts.retry(db, workspace, CLI, row, world.clock())


@pytest.fixture
async def gallery(store: Store, clock: Clock, tmp_path: Path) -> Gallery:
    world = await World.found(store, clock)
    media = await world.media(SHA256)
    part = {"text": "Isi.", "media": [{"id": str(media), "alt": "Naskah"}]}
    row = await world.placed(await world.post(parts=[part]), await world.channel())
    clock.forward(minutes=1)
    return Gallery(world, tmp_path, FolderBlobs(tmp_path / "media"), Scripted(), row)


async def test_what_is_there_is_sent(gallery: Gallery) -> None:
    await gallery.bring(BYTES)

    assert await gallery.publish() == ("published", None, 1)


async def test_what_vanished_is_sent_when_it_is_back(gallery: Gallery) -> None:
    await gallery.bring(BYTES)
    await gallery.blobs.delete(SHA256)

    vanished = await gallery.publish()
    await gallery.bring(BYTES)
    await gallery.retry()

    assert vanished == ("failed", "media_missing", 0)
    assert await gallery.publish() == ("published", None, 1)
    assert (await gallery.world.row(gallery.row)).attempts == 1


@pytest.mark.parametrize("content", [OTHERS, BYTES[:-1], b""])
async def test_other_bytes_under_its_name_are_not_sent(gallery: Gallery, content: bytes) -> None:
    await gallery.bring(content)

    damaged = await gallery.publish()
    await gallery.bring(BYTES)
    await gallery.retry()

    assert damaged == ("failed", "media_damaged", 0)
    assert await gallery.publish() == ("published", None, 1)
