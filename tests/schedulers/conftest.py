"""A world with a publisher, on both databases."""

from pathlib import Path

import pytest

from store.blobs import FolderBlobs
from store.db import Store
from tests.conftest import Clock
from tests.world import World


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    return await World.found(store, clock)


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "media")
