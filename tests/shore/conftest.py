"""A test platform that runs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.shore.running import Shore


@pytest.fixture
async def shore(tmp_path: Path) -> AsyncIterator[Shore]:
    shore = Shore(tmp_path)
    await shore.start()
    yield shore
    await shore.kill()
