"""What the judges' tests have in common: a judge, or the reason why there is none."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.app.conftest import office
from tests.app.oauth import pasar
from tests.platforms.judging import Judge, install, judging

__all__ = ["office"]


@pytest.fixture(scope="session")
def installed() -> None:
    if why := install():
        pytest.skip(f"oidc-provider could not be installed from npm: {why}")


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with pasar():
        yield


@pytest.fixture
def delay_milliseconds() -> int:
    """How long the judge takes for a token."""
    return 200


@pytest.fixture
async def judge(installed: None, tmp_path: Path, delay_milliseconds: int) -> AsyncIterator[Judge]:
    async with judging(tmp_path, delay_milliseconds) as judge:
        yield judge
