"""`pilar backup` and `pilar restore`: what they do, what they ask, and what they refuse."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app import cli_progress
from store import audit, workspaces
from store.audit import CLI
from store.blobs import FolderBlobs
from store.db import Store
from store.instance import check_keys
from tests.app.commands import pilar
from tests.backing import entries, everything
from tests.conftest import RING, Clock
from tests.world import World

pytestmark = pytest.mark.own_database

KEYS = RING.text()


@pytest.fixture
async def world(beside: str, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> World:
    """An office whose commands have the right keys, and of which nobody has the database open."""
    monkeypatch.setenv("PILAR_SECRET_KEYS", KEYS)
    await check_keys(store, RING, clock())
    world = await World.found(store, clock)
    await store.close()
    return world


async def media(world: World, data_folder: Path, content: bytes) -> str:
    digest = sha256(content).hexdigest()
    put_there(data_folder / "incoming", content)
    await FolderBlobs(data_folder / "media").put(digest, data_folder / "incoming")
    await world.media(digest)
    await world.store.close()
    return digest


def put_there(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def take_away(path: Path) -> None:
    path.unlink()


async def test_what_was_backed_up_comes_back_and_waits(
    world: World, data_folder: Path, database: str
) -> None:
    digest = await media(world, data_folder, b"gambar")
    before = await everything(world.store)
    await world.store.close()
    taken = (await pilar("backup", "kept", "--json")).json()
    await world.channel("sesudah")
    await world.store.close()
    blob = data_folder / "media" / digest[:2] / digest[2:4] / digest
    take_away(blob)

    done = (await pilar("restore", "kept", "--yes", "--replace", "--json")).json()
    doctor = await pilar("doctor", "--json")

    assert taken | {"taken_at": "", "bytes": 0, "sha256": ""} == {
        "directory": "kept",
        "taken_at": "",
        "database": database,
        "revision": taken["revision"],
        "bytes": 0,
        "sha256": "",
        "workspaces": ["biro"],
        "media": {"files": 1, "bytes": 1, "copied": True, "missing": []},
        "keys": False,
    }
    aside = done.pop("put_aside")
    assert done == {
        "taken_at": taken["taken_at"],
        "revision": taken["revision"],
        "workspaces": ["biro"],
        "media": {"brought_back": 1, "missing": []},
        "publications": {"needs_review": 0, "unproved": 0, "missed": 0},
        "held": True,
    }
    assert (aside is not None) == (database == "sqlite")
    after = await everything(world.store)
    assert (after["channel"], after["media"]) == ([], before["media"])
    said = {each["name"]: each["verdict"] for each in json.loads(doctor.out)["findings"]}
    assert (said["keys"], said["restored"]) == ("fine", "wrong")
    async with world.store.reading() as db:
        workspace = await workspaces.by_slug(db, "biro")
        assert await audit.verify(db, workspace.id) is None
        newest = (await audit.entries(db, workspace.id, limit=1))[0]
    assert (newest.actor, newest.action, newest.data["taken_at"]) == (
        str(CLI),
        "restore",
        taken["taken_at"],
    )


async def test_both_say_what_comes_next(world: World, data_folder: Path) -> None:
    await media(world, data_folder, b"gambar")

    taken = await pilar("backup", "kept")
    done = await pilar("restore", "kept", "--replace", typed="y\n")

    assert (taken.code, done.code) == (0, 0)
    assert "1 file came along." in taken.out
    assert "keep a copy of PILAR_SECRET_KEYS" in taken.out
    assert "1 workspace." in done.out
    assert "hold --release" in done.out
    for told in (taken, done):
        assert KEYS not in told.out + told.err


async def test_without_a_yes_nothing_is_restored(world: World) -> None:
    await pilar("backup", "kept")
    await world.channel("sesudah")
    before = await everything(world.store)
    await world.store.close()

    told = await pilar("restore", "kept", "--replace", typed="n\n")

    assert told.code == 1
    assert await everything(world.store) == before


async def test_a_backup_does_not_write_over_another(world: World) -> None:
    await pilar("backup", "kept")

    told = await pilar("backup", "kept")

    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("pilar: Something is there already.")


async def test_what_is_missing_is_listed(world: World) -> None:
    gone = "f" * 64
    await world.media(gone)
    await world.store.close()

    taken = await pilar("backup", "kept")
    done = await pilar("restore", "kept", "--yes", "--replace")

    assert f"1 file is gone already: a restore will not bring them back.\n  {gone}\n" in taken.out
    assert f"1 file is missing: posts that show them fail with media_missing.\n  {gone}" in done.out


async def test_keys_are_not_made_anew_for_a_backup_that_has_some(
    world: World, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pilar("backup", "kept")
    monkeypatch.delenv("PILAR_SECRET_KEYS")

    told = await pilar("restore", "kept", "--yes", "--replace")

    assert told.code == 1
    assert told.err.startswith("pilar: The keys are missing.")
    assert "keys" not in entries(data_folder)


async def test_a_database_that_is_not_there_is_not_made(data_folder: Path, tmp_path: Path) -> None:
    told = await pilar("backup", "kept")

    assert told.code == 1
    assert told.err.startswith("pilar: There is nothing to back up.")
    assert not (entries(tmp_path) & {"kept", "data"}) or not entries(data_folder)


async def test_a_folder_that_is_no_backup_is_named(data_folder: Path) -> None:
    told = await pilar("restore", "nothing", "--yes")

    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("pilar: No such backup.")


@pytest.mark.parametrize("database", ["postgresql"])
async def test_no_password_is_shown(
    world: World, beside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = make_url(beside).set(password="r4hasia").render_as_string(hide_password=False)
    monkeypatch.setenv("PILAR_DATABASE_URL", known)

    told = [
        await pilar("backup", "kept"),
        await pilar("restore", "kept", "--yes"),
        await pilar("restore", "kept", typed="n\n"),
    ]

    assert [each.code for each in told] == [0, 1, 1]
    assert told[1].err.startswith("pilar: The database is not empty.")
    assert "***" in told[2].out
    assert "r4hasia" not in "".join(each.out + each.err for each in told)


def test_progress_is_said_only_when_it_takes_long(capsys: pytest.CaptureFixture[str]) -> None:
    with cli_progress.Progressing() as told:
        told("database", 1, 2)

    assert capsys.readouterr() == ("", "")
