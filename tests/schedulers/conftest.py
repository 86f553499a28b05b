"""A world with a publisher, on both databases, and the connector of webhooks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schedulers.connectors.webhook import WebhookConnector
from schedulers.outbound import Outbound
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


@pytest.fixture
async def webhook() -> AsyncIterator[WebhookConnector]:
    outbound = Outbound({"127.0.0.1"})
    yield WebhookConnector(outbound)
    await outbound.aclose()
