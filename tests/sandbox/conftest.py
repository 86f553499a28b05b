"""A TikTok for each test of the sandbox."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.platform import Stage, stage


@pytest.fixture
async def tiktok() -> AsyncIterator[Stage]:
    async with stage() as opened:
        yield opened
