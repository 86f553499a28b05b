"""`pilar rotate-keys`: what it says, and what it leaves to people."""

import re
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from store import calendar_links, workspaces
from store.audit import CLI
from store.db import Store
from store.tables import Channel
from store.vault import KeyRing
from tests.app.commands import pilar
from tests.conftest import RING, Clock
from tests.sealing import BOTH_KEYS, NEW, NEW_KEYS, Safe, changed, enter, furnished, opened
from tests.sources import ROOT
from tests.world import World


@pytest.fixture
async def safe(beside: str, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Safe:
    """An office whose secrets the old key sealed, and commands that know both."""
    monkeypatch.setenv("PILAR_SECRET_KEYS", BOTH_KEYS)
    return await furnished(await World.found(store, clock), 3)


async def give_link(safe: Safe) -> None:
    world = safe.world
    async with world.store.transaction() as db:
        workspace = await workspaces.lock(db, world.slug)
        more = {"name": "Ponsel", "channel": None, "now": world.clock()}
        await calendar_links.add(db, RING, workspace, CLI, **more)


async def test_it_seals_anew_and_says_when_the_older_key_may_go(safe: Safe) -> None:
    told = await pilar("rotate-keys")
    again = (await pilar("rotate-keys", "--json")).json()

    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines() == [
        "Sealed anew under k2: 3 channels, 1 alert target.",
        "Nothing here needs the older keys (k1) any more; backups of before still do.",
    ]
    assert again == {
        "key": "k2",
        "older": ["k1"],
        "sealed": {"channel": 0, "alert_target": 0, "publication": 0, "authorization": 0},
        "settled": True,
        "does_not_open": [],
        "waiting": {"api_keys": 0, "sessions": 0, "invitations": 0, "calendar_links": 0},
        "over": True,
    }
    assert await opened(safe.world.store, NEW) == safe.known


async def test_it_counts_what_needs_the_older_key_still(safe: Safe) -> None:
    await give_link(safe)

    told = await pilar("rotate-keys")

    assert told.code == 0
    assert told.out.splitlines()[1:] == [
        "Good only while the older keys (k1) stay: 1 calendar link.",
        "Each moves over when it is used next; otherwise replace it, or let it expire.",
    ]


async def test_what_does_not_open_is_named_and_its_exit_code_is_1(safe: Safe) -> None:
    row = safe.rows[0]
    async with changed(safe.world.store, Channel, row) as secrets:
        secrets["access"] = secrets["refresh"]

    told = await pilar("rotate-keys")
    as_json = await pilar("rotate-keys", "--json")

    assert (told.code, as_json.code) == (1, 1)
    assert told.out.splitlines() == [
        "Sealed anew under k2: 3 channels, 1 alert target.",
        f"Does not open, left as it is: biro, channel Kait 0 ({row}), access: tampered, key k1",
    ]
    assert told.err.startswith("pilar: Some secrets do not open. 1 did not open with any key")
    assert f'"id": "{row}"' in as_json.out


@pytest.mark.parametrize("keys", [NEW_KEYS, "k1:" + "C" * 43], ids=["new only", "other"])
async def test_with_the_wrong_keys_nothing_is_touched(
    safe: Safe, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    monkeypatch.setenv("PILAR_SECRET_KEYS", keys)

    told = await pilar("rotate-keys")

    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("pilar: These are not the keys of this database.")
    assert await opened(safe.world.store, RING) == safe.known


async def test_with_one_key_there_is_nothing_to_say_of_older_ones(
    safe: Safe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILAR_SECRET_KEYS", RING.text())

    told = await pilar("rotate-keys")

    assert told.out.splitlines() == ["Sealed anew under k1: nothing was left."]


async def test_a_credential_that_is_entered_anew_needs_no_rotation(safe: Safe) -> None:
    row: UUID = safe.rows[0]
    await enter(safe.world, row, safe.known[row], NEW)

    told = (await pilar("rotate-keys", "--json")).json()

    assert (told["sealed"]["channel"], told["sealed"]["alert_target"]) == (2, 1)


def test_the_new_key_of_the_documentation_comes_first_in_a_private_file(tmp_path: Path) -> None:
    before = KeyRing.load_or_create(tmp_path / "data" / "keys")
    text = (ROOT / "docs" / "running.md").read_text("utf-8")
    (block,) = [
        each for each in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "data/keys" in each
    ]

    subprocess.run(["sh", "-e"], input=block, text=True, cwd=tmp_path, check=True)

    after = KeyRing.load_or_create(tmp_path / "data" / "keys")
    assert (before.ids, after.ids) == (("k1",), ("k2", "k1"))
    assert after.text().endswith(f",{before.text()}")
