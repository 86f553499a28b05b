"""What the judges' tests have in common: a judge, or the reason why there is none."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.app.conftest import knows_pasar, office
from tests.platforms.judging import Judge, install, judging

__all__ = ["knows_pasar", "office"]


@pytest.fixture(scope="session")
def installed() -> None:
    if why := install():
        pytest.skip(f"oidc-provider could not be installed from npm: {why}")


@pytest.fixture
def delay_milliseconds() -> int:
    """How long the judge takes for a token."""
    return 200


@pytest.fixture
async def judge(installed: None, tmp_path: Path, delay_milliseconds: int) -> AsyncIterator[Judge]:
    async with judging(tmp_path, delay_milliseconds) as judge:
        yield judge
