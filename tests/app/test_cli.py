"""Commands: what they do, what they refuse, and the exit codes that tell."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app import house as composition
from app.main import create_app
from planner.access import Role
from store import channels, instance, keys, migrating, people, sessions, workers, workspaces
from store.audit import CLI
from store.db import Store
from tests.app.commands import Told, pilar
from tests.world import World

INIT = ("init", "--workspace", "Biro Humas", "--slug", "biro", "--timezone", "Asia/Jakarta")
OWNER = ("--email", "Ayu@biro.example")
PASSWORD = "kuda laut membaca naskah"
OTHER_KEYS = "k1:" + "B" * 43


def real_clock() -> datetime:
    return datetime.now(UTC)


async def ask(method: str, path: str, **more: object) -> httpx.Response:
    """Ask the API over the house that the commands' settings build."""
    settings = composition.read_settings()
    async with composition.visit(settings, real_clock()) as house:
        transport = httpx.ASGITransport(create_app(house))
        async with httpx.AsyncClient(
            transport=transport, base_url=house.base_url, follow_redirects=False
        ) as http:
            return await http.request(method, f"/api/v1{path}", **more)  # type: ignore[arg-type]


def is_there(path: Path) -> bool:
    return path.exists()


def open_to_others(folder: Path) -> None:
    folder.chmod(0o755)


def lines(told: Told) -> list[str]:
    return told.err.splitlines()


async def test_init_creates_a_workspace_whose_key_opens_it(beside: str) -> None:
    told = await pilar(*INIT, *OWNER, "--country", "ID", "--json")

    founded = told.json()
    assert founded | {"api_key": ""} == {
        "workspace": "biro",
        "owner": "ayu@biro.example",
        "api_key": "",
        "url": "http://127.0.0.1:8000",
    }
    headers = {"Authorization": f"Bearer {founded['api_key']}"}
    answer = await ask("GET", "/workspaces/biro", headers=headers)
    found = answer.json()
    assert (found["name"], found["timezone"], found["country"]) == (
        "Biro Humas",
        "Asia/Jakarta",
        "ID",
    )


async def test_init_shows_the_key_once_and_says_what_comes_next(beside: str) -> None:
    told = await pilar(*INIT, *OWNER)

    assert told.code == 0
    assert len(set(re.findall(r"pilar_\w{36}", told.out))) == 1
    assert "password ayu@biro.example" in told.out


async def test_init_with_a_password_lets_the_owner_log_in(beside: str) -> None:
    await pilar(*INIT, *OWNER, "--password-stdin", typed=f"{PASSWORD}\n")

    answer = await ask(
        "POST", "/sessions", json={"email": "ayu@biro.example", "password": PASSWORD}
    )

    assert answer.status_code == 201


async def test_an_owner_may_have_a_second_workspace(beside: str, store: Store) -> None:
    await pilar(*INIT, *OWNER)

    told = await pilar(*INIT, *OWNER, "--slug", "cabang")

    assert told.code == 0
    async with store.reading() as db:
        ayu = await people.by_email(db, "ayu@biro.example")
        assert ayu is not None
        found = await workspaces.of_person(db, ayu.id, None, 10)
    assert [workspace.slug for workspace in found] == ["biro", "cabang"]


async def test_a_slug_is_taken_once(beside: str) -> None:
    await pilar(*INIT, *OWNER)

    told = await pilar(*INIT, *OWNER)

    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("pilar: The slug is taken. Another workspace is called “biro”.")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--slug", "Biro Humas"), "--slug"),
        (("--timezone", "Asia/Jakart"), "--timezone"),
        (("--workspace", ""), "--workspace"),
        (("--country", "QQ"), "--country"),
        (("--email", "ayu"), "--email"),
        (("--locale", "fr"), "--locale"),
    ],
)
async def test_an_option_that_can_never_be_right_is_named(
    data_folder: Path, options: tuple[str, str], named: str
) -> None:
    told = await pilar(*INIT, *OWNER, *options)

    assert told.code == 2
    assert [line.split(":")[0].strip() for line in lines(told)[1:]] == [named]
    assert not is_there(data_folder)


async def test_init_gives_an_empty_file_its_tables(data_folder: Path) -> None:
    told = await pilar(*INIT, *OWNER)

    assert told.code == 0
    kept = {each.name: each.stat().st_mode & 0o777 for each in (data_folder, data_folder / "keys")}
    assert kept == {"data": 0o700, "keys": 0o600}


async def test_short_commands_work_beside_an_owner_and_migrate_does_not(data_folder: Path) -> None:
    await pilar("migrate")
    server = instance.open_store(composition.read_settings().store.url)
    server.own()

    codes = {
        "init": (await pilar(*INIT, *OWNER)).code,
        "password": (
            await pilar("password", "ayu@biro.example", "--stdin", typed=f"{PASSWORD}\n")
        ).code,
        "migrate": (await pilar("migrate")).code,
    }

    await server.close()
    assert codes == {"init": 0, "password": 0, "migrate": 1}


async def test_a_new_password_ends_every_session(beside: str, store: Store) -> None:
    await pilar(*INIT, *OWNER)
    ring = composition.key_ring(composition.read_settings())
    async with store.transaction() as db:
        ayu = await people.by_email(db, "ayu@biro.example")
        assert ayu is not None
        await sessions.add(db, ring, ayu, "tests", real_clock())

    told = await pilar("password", "AYU@biro.example", "--stdin", typed=f"{PASSWORD}\n")

    assert told.code == 0
    async with store.reading() as db:
        assert await sessions.all_of(db, ayu.id, None, 10, real_clock()) == []
    answer = await ask(
        "POST", "/sessions", json={"email": "ayu@biro.example", "password": PASSWORD}
    )
    assert answer.status_code == 201


async def test_a_password_that_is_typed_is_typed_twice(beside: str) -> None:
    await pilar(*INIT, *OWNER)

    told = await pilar("password", "ayu@biro.example", typed=f"{PASSWORD}\n{PASSWORD}\n")

    assert told.code == 0
    assert PASSWORD not in told.out + told.err


async def test_a_short_password_and_a_stranger_are_refused(beside: str) -> None:
    short = await pilar("password", "ayu@biro.example", "--stdin", typed="pendek\n")
    stranger = await pilar("password", "ayu@biro.example", "--stdin", typed=f"{PASSWORD}\n")

    assert (short.code, stranger.code) == (2, 1)
    assert "ayu@biro.example" in stranger.err


async def test_migrate_brings_an_empty_database_to_the_newest_revision(data_folder: Path) -> None:
    first = await pilar("migrate")
    again = await pilar("migrate")

    newest = migrating.expected_revision()
    assert (first.out, again.out) == (f"empty → {newest}\n", f"The database is at {newest}.\n")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PILAR_PORT", "many", "PILAR_PORT"),
        ("PILAR_LOG_FORMAT", "xml", "PILAR_LOG_FORMAT"),
        ("PILAR_DATABASE_URL", "mysql://user:sandi@host/name", "PILAR_DATABASE_URL"),
        ("PILAR_DATABASE_URL", "postgresql://u:sandi@127.0.0.1:1/x", "does not answer"),
        ("PILAR_SECRET_KEYS", "sandi", "PILAR_SECRET_KEYS"),
    ],
)
async def test_a_wrong_setting_is_said_in_a_sentence_without_its_secret(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)

    told = await pilar(*INIT, *OWNER)

    assert told.code == 1
    assert sentence in told.err
    assert "sandi" not in told.err
    assert "Traceback" not in told.err


async def test_other_keys_than_the_first_are_refused(
    beside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pilar(*INIT, *OWNER)
    monkeypatch.setenv("PILAR_SECRET_KEYS", OTHER_KEYS)

    told = await pilar(*INIT, *OWNER, "--slug", "cabang")

    assert told.code == 1
    assert told.err.startswith("pilar: These are not the keys of this database.")


async def test_keys_that_were_put_before_the_old_ones_open_the_database(
    beside: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pilar(*INIT, *OWNER)
    old = (data_folder / "keys").read_text().strip()
    monkeypatch.setenv("PILAR_SECRET_KEYS", f"{OTHER_KEYS.replace('k1', 'k2')},{old}")

    told = await pilar(*INIT, *OWNER, "--slug", "cabang")

    assert told.code == 0


def verdicts(told: Told) -> dict[str, str]:
    found = json.loads(told.out)["findings"]
    return {finding["name"]: finding["verdict"] for finding in found}


async def test_doctor_finds_nothing_wrong_while_the_clock_ticks(beside: str, store: Store) -> None:
    await pilar(*INIT, *OWNER)
    await instance.note_tick(store, real_clock())
    await workers.note(store, "host:1", "all", real_clock())

    told = await pilar("doctor", "--json")

    assert told.json()["ok"] is True
    names = ["settings", "data directory", "disk", "database", "revision", "keys"]
    names += ["clock", "engine", "due", "publications"]
    assert verdicts(told) == dict.fromkeys(names, "fine")


async def test_doctor_says_what_is_wrong(
    beside: str, data_folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pilar(*INIT, *OWNER)
    open_to_others(data_folder)
    hour_ago = real_clock() - timedelta(hours=1)
    await instance.note_tick(store, hour_ago)
    world = await World.found(store, lambda: hour_ago, "lama")
    channel = await world.channel()
    await world.placed(await world.post(), channel, hour_ago)
    lost = await world.channel("hilang")
    async with store.transaction() as db:
        workspace = await workspaces.lock(db, "lama")
        row = await channels.of(db, workspace.id, lost.id)
        await channels.change(db, workspace, CLI, row, {"connection": "needs_reauth"}, hour_ago)
    monkeypatch.setenv("PILAR_SECRET_KEYS", OTHER_KEYS)

    told = await pilar("doctor", "--json")

    assert told.code == 1
    assert verdicts(told) == {
        "settings": "fine",
        "data directory": "note",
        "disk": "fine",
        "database": "fine",
        "revision": "fine",
        "keys": "wrong",
        "clock": "wrong",
        "engine": "wrong",
        "due": "wrong",
        "publications": "fine",
        "channel": "wrong",
    }


async def test_doctor_makes_nothing(data_folder: Path) -> None:
    told = await pilar("doctor")

    assert told.code == 1
    assert "is not there yet" in told.out
    assert not is_there(data_folder)


async def test_doctor_misses_the_key_file_and_does_not_make_another(
    data_folder: Path,
) -> None:
    await pilar(*INIT, *OWNER)
    (data_folder / "keys").unlink()

    told = await pilar("doctor")

    assert told.code == 1
    assert "is gone" in told.out
    assert not is_there(data_folder / "keys")


async def test_roles_of_the_founder_and_scopes_of_the_key(beside: str, store: Store) -> None:
    await pilar(*INIT, *OWNER)

    async with store.reading() as db:
        workspace = await workspaces.by_slug(db, "biro")
        members = await people.members(db, workspace.id, None, 10)
        known = await keys.all_of(db, workspace.id, None, 10)

    assert [(person.email, membership.role) for membership, person in members] == [
        ("ayu@biro.example", Role.OWNER)
    ]
    assert [key.scopes for key in known] == [["admin", "approve", "publish", "read", "write"]]
