"""`pilar sandbox`: what it prints, what it refuses, and that it stops when told to."""

from pathlib import Path
from typing import get_args

import httpx
import pytest
from pydantic import BaseModel

from app.sandbox.tiktok.control import (
    AccountOrder,
    Control,
    DeveloperOrder,
    FateOrder,
    InboxOrder,
    TrickOrder,
    WithdrawOrder,
)
from app.sandbox.tiktok.mischief import ENDPOINTS, WEBHOOK
from app.sandbox.tiktok.tricks import Deed
from tests.app.commands import pilar
from tests.processes import ended, free_port, run_module
from tests.sources import ROOT
from tests.waiting import until


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def test_the_sandbox_says_what_to_put_into_the_settings(tmp_path: Path) -> None:
    port = free_port()
    expected = f"""\
The tiktok sandbox listens on http://127.0.0.1:{port}

Put into Pilar's settings:
  client key     sandboxawkey
  client secret  sandbox-client-secret
  API base URL   http://127.0.0.1:{port}
  authorize URL  http://127.0.0.1:{port}/v2/auth/authorize/

Pilar may reach it with PILAR_ALLOW_PRIVATE_HOSTS=127.0.0.1:{port}
Accounts: warisan.privat, warisan.publik, warisan.ketat.
Bounds of direct posts: none.
What was posted: http://127.0.0.1:{port}/
To provoke something: POST http://127.0.0.1:{port}/_sandbox/control (docs/sandbox.md).
"""
    log = tmp_path / "sandbox.log"
    words = ("app.cli", "sandbox", "tiktok", "--port", str(port), "--audited")
    process = await run_module(*words, log=log, PILAR_PUBLIC_URL="https://pilar.example")
    await until(lambda: "control" in log.read_text(), 20)

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        state = (await http.get("/_sandbox/state")).json()
    process.terminate()

    assert await ended(process, log) == 0
    assert log.read_text() == expected
    assert state["developer"]["redirect_uris"] == ["https://pilar.example/oauth/callback"]
    assert state["developer"]["url_prefixes"] == ["https://pilar.example/"]
    assert state["developer"]["allow_loopback"] is False


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("instagram",), 2, "tiktok only"),
        (("tiktok", "--redirect-uri", "http://pilar.example/"), 2, "does not register"),
    ],
)
async def test_what_cannot_be_opened_is_said(words: tuple[str, ...], code: int, said: str) -> None:
    told = await pilar("sandbox", *words)

    assert told.code == code
    assert said in " ".join(told.err.split())


def words_of(*models: type[BaseModel]) -> set[str]:
    return {name for model in models for name in model.model_fields}


def test_the_page_names_everything_that_can_be_ordered() -> None:
    page = (ROOT / "docs" / "sandbox.md").read_text("utf-8")
    orders = (Control, TrickOrder, FateOrder, InboxOrder, WithdrawOrder, DeveloperOrder)
    names = words_of(*orders, AccountOrder) | {*ENDPOINTS.values(), WEBHOOK, *get_args(Deed)}

    assert sorted(name for name in names if name not in page) == []
