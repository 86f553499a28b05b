"""People log in and out, and nobody learns who has an account."""

import json
import statistics
import time
from uuid import uuid4

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr

from app import passwords
from app.deps import House
from planner.access import Role
from store import people
from tests.app.conftest import Office
from tests.app.logins import (
    HTTPS,
    PASSWORD,
    browser,
    give_password,
    log_in,
    password_hash,
    said,
)
from tests.conftest import Clock

EDITOR = "editor@biro.example"


async def test_a_person_logs_in_with_a_cookie_and_out_again(house: House, office: Office) -> None:
    await give_password(house, EDITOR)

    async with browser(house) as page:
        begun = await log_in(page, "Editor@Biro.example")
        me = await page("GET", "/me")
        out = await page("DELETE", "/sessions/current")
        after = await page("GET", "/me")

    name, *parts = begun.headers["Set-Cookie"].split("; ")
    assert begun.status_code == 201
    assert name.startswith("__Host-pilar=")
    assert len(name) == len("__Host-pilar=") + 43
    assert parts == ["HttpOnly", "Max-Age=1209600", "Path=/", "SameSite=lax", "Secure"]
    assert begun.headers["Location"] == f"/api/v1/sessions/{begun.json()['id']}"
    assert begun.headers["Cache-Control"] == "no-store"
    assert begun.json() == {
        "id": begun.json()["id"],
        "person": {
            "id": str(office.people[Role.EDITOR]),
            "name": "Editor",
            "email": EDITOR,
            "locale": "id",
        },
        "expires_at": "2026-03-16T01:00:00Z",
    }
    assert me.json()["person"] == begun.json()["person"]
    assert out.headers["Set-Cookie"].startswith('__Host-pilar=""; HttpOnly; Max-Age=0; Path=/;')
    assert (out.status_code, after.status_code) == (204, 401)


async def test_a_session_ends_after_two_weeks(house: House, office: Office, clock: Clock) -> None:
    await give_password(house, EDITOR)

    async with browser(house) as page:
        await log_in(page, EDITOR)
        clock.forward(days=14, seconds=-1)
        last = await page("GET", "/me")
        clock.forward(seconds=1)
        after = await page("GET", "/me")

    assert (last.status_code, after.status_code) == (200, 401)


async def test_a_refused_login_does_not_say_what_was_wrong(house: House, office: Office) -> None:
    await give_password(house, EDITOR)

    async with browser(house) as page:
        wrong = await log_in(page, EDITOR, "another password")
        nobody = await log_in(page, "nobody@biro.example")
        without = await log_in(page, "viewer@biro.example", "x")

    assert said(wrong) == said(nobody) == said(without)
    assert (wrong.status_code, wrong.json()["type"]) == (401, "/problems/wrong-login")


async def test_a_password_that_is_not_there_takes_as_long_to_refuse() -> None:
    known = await passwords.hashed(SecretStr(PASSWORD))

    async def cost(of: str | None) -> float:
        costs = []
        for _ in range(5):
            before = time.process_time()
            await passwords.verified(SecretStr("another password"), of)
            costs.append(time.process_time() - before)
        return statistics.median(costs)

    assert not Argon2Hasher().check_needs_rehash(passwords.NOBODYS_HASH)
    assert 0.5 < await cost(None) / await cost(known) < 2


async def test_guessing_ends_after_ten_passwords(
    house: House, office: Office, clock: Clock
) -> None:
    await give_password(house, EDITOR)

    async with browser(house) as page:
        guesses = [(await log_in(page, EDITOR, f"guess {each}")).status_code for each in range(10)]
        refused = await log_in(page, EDITOR)
        other = await log_in(page, "viewer@biro.example")
        clock.forward(minutes=15)
        later = await log_in(page, EDITOR)

    assert guesses == [401] * 10
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "900")
    assert refused.json()["type"] == "/problems/too-many-logins"
    assert (other.status_code, later.status_code) == (401, 201)


async def test_guessing_is_counted_alike_for_people_who_are_not_there(house: House) -> None:
    async with browser(house) as page:
        guesses = [await log_in(page, "nobody@biro.example") for _ in range(11)]

    assert [each.status_code for each in guesses] == [401] * 10 + [429]


@pytest.mark.parametrize(
    ("base_url", "status", "cookie"),
    [
        ("http://pilar.test", 403, None),
        ("http://10.0.0.5:8000", 403, None),
        ("http://127.0.0.1:8000", 201, "pilar="),
        ("http://localhost:8000", 201, "pilar="),
        ("http://[::1]:8000", 201, "pilar="),
        (HTTPS, 201, "__Host-pilar="),
    ],
)
async def test_passwords_travel_over_https_or_not_at_all(
    house: House, office: Office, base_url: str, status: int, cookie: str | None
) -> None:
    await give_password(house, EDITOR)

    async with browser(house, base_url) as page:
        answer = await log_in(page, EDITOR)

    assert answer.status_code == status
    if cookie is None:
        assert answer.json()["type"] == "/problems/https-needed"
        assert base_url in answer.json()["detail"]
        assert "Set-Cookie" not in answer.headers
    else:
        assert answer.headers["Set-Cookie"].startswith(cookie)
        assert ("Secure" in answer.headers["Set-Cookie"]) == base_url.startswith("https")


async def test_an_old_hash_is_replaced_at_the_next_login(house: House, office: Office) -> None:
    old = Argon2Hasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    async with house.store.transaction() as db:
        person = await people.by_email(db, EDITOR)
        assert person is not None
        people.set_password(person, old, house.clock())

    async with browser(house) as page:
        refused = await log_in(page, EDITOR, "another password")
        before = await password_hash(house.store, office.people[Role.EDITOR])
        begun = [(await log_in(page, EDITOR)).status_code for _ in range(2)]

    after = await password_hash(house.store, office.people[Role.EDITOR])
    assert (refused.status_code, before, begun) == (401, old, [201, 201])
    assert after is not None
    assert after.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_the_sessions_of_a_person_are_listed_and_ended(house: House, office: Office) -> None:
    await give_password(house, EDITOR)

    async with browser(house) as page, browser(house) as phone:
        await log_in(page, EDITOR, **{"User-Agent": "Meja"})
        telephone = (await log_in(phone, EDITOR, **{"User-Agent": "Telepon"})).json()["id"]
        listed = await page.ok("GET", "/sessions")
        one = await page("GET", f"/sessions/{telephone}")
        current = await phone.ok("GET", "/sessions/current")
        blind = await page("DELETE", f"/sessions/{telephone}")
        ended = await page("DELETE", f"/sessions/{telephone}", match=1)
        gone = await phone("GET", "/me")
        missing = await page("GET", f"/sessions/{telephone}")

    agents = [(each["user_agent"], each["current"]) for each in listed["items"]]
    assert agents == [("tests", False), ("Meja", True), ("Telepon", False)]
    assert (one.json(), one.headers["ETag"]) == (listed["items"][2], '"1"')
    assert current == one.json() | {"current": True}
    assert (blind.status_code, ended.status_code, gone.status_code) == (428, 204, 401)
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/no-such-session")


async def test_the_session_of_another_person_is_not_there(house: House, office: Office) -> None:
    theirs = (await office.owner.ok("GET", "/sessions/current"))["id"]

    read = await office.editor("GET", f"/sessions/{theirs}")
    ended = await office.editor("DELETE", f"/sessions/{theirs}", match="*")

    assert (read.status_code, ended.status_code) == (404, 404)
    assert (await office.owner("GET", "/me")).status_code == 200


async def test_a_browser_that_logs_in_again_has_one_session(house: House, office: Office) -> None:
    await give_password(house, EDITOR)

    async with browser(house) as page:
        await log_in(page, EDITOR)
        await log_in(page, EDITOR)
        listed = await page.ok("GET", "/sessions")

    assert [each["current"] for each in listed["items"]] == [False, True]


async def test_a_key_has_no_session_and_no_password(office: Office) -> None:
    answers = [
        await office.key("GET", "/sessions"),
        await office.key("GET", "/sessions/current"),
        await office.key("GET", f"/sessions/{uuid4()}"),
        await office.key("DELETE", "/sessions/current"),
    ]

    assert {(each.status_code, each.json()["type"]) for each in answers} == {
        (403, "/problems/people-only")
    }


async def test_another_password_ends_all_other_sessions(house: House, office: Office) -> None:
    await give_password(house, EDITOR)
    new = {"current": PASSWORD, "new": "sepuluh huruf lebih"}

    async with browser(house) as page, browser(house) as phone:
        await log_in(page, EDITOR)
        await log_in(phone, EDITOR)
        changed = await page("PUT", "/me/password", new)
        here, there = await page("GET", "/me"), await phone("GET", "/me")
        old = await log_in(phone, EDITOR)
        fresh = await log_in(phone, EDITOR, "sepuluh huruf lebih")

    assert (changed.status_code, changed.content) == (204, b"")
    assert (here.status_code, there.status_code) == (200, 401)
    assert (old.status_code, fresh.status_code) == (401, 201)


@pytest.mark.parametrize(
    ("current", "new", "status", "what"),
    [
        ("another password", "sepuluh huruf lebih", 403, "/problems/wrong-password"),
        (PASSWORD, "sembilan9", 422, "/new too-short"),
        (PASSWORD, "x" * 201, 422, "/new too-long"),
        (PASSWORD, "naskah\u0000kuno lama", 422, "/new control-character"),
        (PASSWORD, "naskah\ud800kuno lama", 422, "/new control-character"),
    ],
)
async def test_a_password_is_kept_where_the_new_one_cannot_be(
    house: House, office: Office, current: str, new: str, status: int, what: str
) -> None:
    await give_password(house, EDITOR)
    before = await password_hash(house.store, office.people[Role.EDITOR])

    async with browser(house) as page:
        await log_in(page, EDITOR)
        body = json.dumps({"current": current, "new": new})  # of ASCII: surrogates are escaped
        kind = {"Content-Type": "application/json"}
        refused = await page("PUT", "/me/password", content=body, headers=kind)

    problem = refused.json()
    errors = [f"{each['pointer']} {each['code']}" for each in problem.get("errors", ())]
    assert (refused.status_code, [*errors, problem["type"]][0]) == (status, what)
    assert json.dumps(new)[1:-1] not in refused.text
    assert await password_hash(house.store, office.people[Role.EDITOR]) == before


async def test_half_a_character_is_no_password(house: House) -> None:
    body = json.dumps({"email": EDITOR, "password": "naskah\ud800"})
    kind = {"Content-Type": "application/json"}

    async with browser(house) as page:
        refused = await page("POST", "/sessions", content=body, headers=kind)

    assert refused.status_code == 422


async def test_a_stolen_session_does_not_guess_the_password(house: House, office: Office) -> None:
    await give_password(house, EDITOR)
    guess = {"current": "another password", "new": "sepuluh huruf lebih"}

    async with browser(house) as page:
        await log_in(page, EDITOR)
        answers = [(await page("PUT", "/me/password", guess)).status_code for _ in range(11)]

    assert answers == [403] * 10 + [429]


async def test_the_same_letters_typed_elsewhere_are_the_same_password(
    house: House, office: Office
) -> None:
    await give_password(house, EDITOR, "kaf\u00e9 dan naskah")

    async with browser(house) as page:
        begun = await log_in(page, EDITOR, "kafe\u0301 dan naskah")

    assert begun.status_code == 201
