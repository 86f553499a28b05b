"""Who comes in, as what, and who does not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from asgi_lifespan import LifespanManager
from fastapi import Request

from app import auth
from app.deps import House
from app.main import create_app
from planner.access import Role
from store import keys
from store.vault import KeyRing
from tests.app.conftest import Office
from tests.app.logins import HTTPS, PASSWORD, browser, dump, give_password, log_in
from tests.conftest import RING, Client, Clock

OWNER = "owner@biro.example"

CALLERS = ("anonymous", "stranger", "viewer", "editor", "approver", "manager", "owner", "key")

DEEDS = {  # in the order of CALLERS; the key has every scope that there is
    ("GET", "/members"): (401, 404, 200, 200, 200, 200, 200, 200),
    ("GET", "/members/{member}"): (401, 404, 200, 200, 200, 200, 200, 200),
    ("PATCH", "/members/{member}"): (401, 404, 403, 403, 403, 403, 200, 403),
    ("DELETE", "/members/{member}"): (401, 404, 403, 403, 403, 403, 204, 403),
    ("GET", "/invitations"): (401, 404, 403, 403, 403, 403, 200, 403),
    ("POST", "/invitations"): (401, 404, 403, 403, 403, 403, 201, 403),
    ("GET", "/invitations/{invitation}"): (401, 404, 403, 403, 403, 403, 200, 403),
    ("DELETE", "/invitations/{invitation}"): (401, 404, 403, 403, 403, 403, 204, 403),
    ("GET", "/api-keys"): (401, 404, 403, 403, 403, 403, 200, 403),
    ("POST", "/api-keys"): (401, 404, 403, 403, 403, 403, 201, 403),
    ("GET", "/api-keys/{key}"): (401, 404, 403, 403, 403, 403, 200, 403),
    ("PATCH", "/api-keys/{key}"): (401, 404, 403, 403, 403, 403, 200, 403),
    ("DELETE", "/api-keys/{key}"): (401, 404, 403, 403, 403, 403, 204, 403),
}

BODIES: dict[tuple[str, str], Any] = {
    ("PATCH", "/members/{member}"): {"role": "editor"},
    ("POST", "/invitations"): {"email": "baru@biro.example", "role": "viewer"},
    ("POST", "/api-keys"): {"name": "Dasbor", "scopes": ["read"]},
    ("PATCH", "/api-keys/{key}"): {"name": "Layar"},
}


async def things(office: Office) -> dict[str, str]:
    """Return the ids of what the deeds are done to."""
    invited = {"email": "sari@biro.example", "role": "editor"}
    made = {"name": "Mesin", "scopes": ["read"]}
    members = await office.owner.ok("GET", office.path("/members"))
    approver = str(office.people[Role.APPROVER])
    return {
        "member": next(each["id"] for each in members["items"] if each["person"] == approver),
        "invitation": (await office.owner.ok("POST", office.path("/invitations"), invited))["id"],
        "key": (await office.owner.ok("POST", office.path("/api-keys"), made))["id"],
    }


@pytest.mark.parametrize("deed", DEEDS, ids=" ".join)
async def test_each_caller_may_what_the_table_says(
    office: Office, other_office: Office, deed: tuple[str, str]
) -> None:
    ids = await things(office)
    clients = {role.value: client for role, client in office.clients.items()}
    clients |= {"anonymous": Client(office.owner.http), "stranger": other_office.owner}
    # The approver is the member of the table, whom everybody may let go who is that member.
    if deed == ("DELETE", "/members/{member}"):
        clients["approver"] = clients["manager"]
    clients["key"] = office.key
    method, path = deed

    statuses = {}
    for name in sorted(CALLERS, key="owner".__eq__):  # who may change comes last
        answer = await clients[name](
            method, office.path(path.format(**ids)), BODIES.get(deed), match="*"
        )
        statuses[name] = answer.status_code

    assert tuple(statuses[name] for name in CALLERS) == DEEDS[deed]


async def test_a_person_is_told_who_they_are_and_where(office: Office) -> None:
    me = await office.editor("GET", "/me")
    again = await office.editor("GET", "/me", headers={"If-None-Match": me.headers["ETag"]})

    place = await office.editor.ok("GET", office.path())
    assert me.json() == {
        "kind": "person",
        "person": {
            "id": str(office.people[Role.EDITOR]),
            "name": "Editor",
            "email": "editor@biro.example",
            "locale": "id",
        },
        "key": None,
        "workspaces": [
            {
                "id": place["id"],
                "slug": "biro",
                "name": "Biro",
                "role": "editor",
                "abilities": ["read", "write"],
            }
        ],
    }
    assert again.status_code == 304


async def test_a_key_is_told_what_it_may(office: Office) -> None:
    me = await office.key.ok("GET", "/me")

    scopes = ["read", "write", "approve", "publish", "admin"]
    assert (me["kind"], me["person"]) == ("key", None)
    assert (me["key"]["name"], set(me["key"]["scopes"])) == ("tests", set(scopes))
    assert [(each["slug"], each["role"], each["abilities"]) for each in me["workspaces"]] == [
        ("biro", None, scopes)
    ]


async def make_key(office: Office, **more: Any) -> tuple[Client, Any]:
    body = {"name": "Mesin", "scopes": ["read"]} | more
    made = await office.owner.ok("POST", office.path("/api-keys"), body)
    return Client(office.owner.http, {"Authorization": f"Bearer {made['key']}"}), made


async def test_a_key_ends_when_it_is_revoked(office: Office) -> None:
    machine, made = await make_key(office)

    before = await machine("GET", office.path())
    await office.owner.ok("DELETE", office.path(f"/api-keys/{made['id']}"), match=1)
    after = await machine("GET", office.path())

    assert (before.status_code, after.status_code) == (200, 401)
    assert after.headers["WWW-Authenticate"] == 'Bearer realm="pilar"'


async def test_a_key_ends_when_it_expires(office: Office, clock: Clock) -> None:
    expires = clock.now + timedelta(hours=1)
    machine, _ = await make_key(office, expires_at=expires.isoformat())

    clock.forward(minutes=59, seconds=59)
    before = await machine("GET", office.path())
    clock.forward(seconds=1)
    after = await machine("GET", office.path())

    assert (before.status_code, after.status_code) == (200, 401)


def another(key: str) -> str:
    """Return a key with another character and the checksum of the one before."""
    return key[:10] + ("A" if key[10] != "A" else "B") + key[11:]


async def test_junk_is_no_key(office: Office) -> None:
    _, made = await make_key(office)
    junk = [
        "",
        "Bearer",
        f"Basic {made['key']}",
        f"Bearer {another(made['key'])}",
        f"Bearer {made['key'][:-1]}",
        f"Bearer {made['key']}0",
        f"Bearer {keys.make_key()}",
        f"Bearer {made['hint']}",
    ]

    statuses = [
        (await office.viewer("GET", office.path(), headers={"Authorization": each})).status_code
        for each in junk[1:]
    ]

    assert statuses == [401] * 7


class Nowhere:
    """A database that nobody may ask."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


async def test_a_wrong_checksum_is_refused_before_the_database_is_asked() -> None:
    def request(key: str) -> Request:
        headers = [(b"authorization", f"Bearer {key}".encode())]
        scope = {"type": "http", "method": "GET", "headers": headers, "state": {"request_id": "r"}}
        return Request(scope)

    async def ask(key: str, db: Any) -> None:
        await auth.identify(request(key), db, RING, HTTPS, Clock().now)

    key = keys.make_key()

    with pytest.raises(auth.LoginNeeded):
        await ask(another(key), Nowhere())
    with pytest.raises(AssertionError, match="exec"):  # a right one is looked up
        await ask(key, Nowhere())


async def test_a_cookie_opens_only_the_offices_of_its_person(
    office: Office, other_office: Office
) -> None:
    own = await office.owner("GET", office.path("/members"))
    others = await office.owner("GET", other_office.path("/members"))
    change = await office.owner(
        "POST", other_office.path("/invitations"), {"email": OWNER, "role": "owner"}
    )

    assert (own.status_code, others.status_code, change.status_code) == (200, 404, 404)
    assert others.json()["type"] == "/problems/no-such-workspace"


async def test_cookies_and_keys_of_another_installation_open_nothing(
    house: House, office: Office
) -> None:
    ring = KeyRing.parse("k1:" + "B" * 43)
    app = create_app(replace(house, ring=ring))

    async with LifespanManager(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=house.base_url) as http:
            cookie = await Client(http, office.owner.headers)("GET", "/me")
            key = await Client(http, office.key.headers)("GET", "/me")

    assert (cookie.status_code, key.status_code) == (401, 401)


SITES: list[tuple[dict[str, str], bool]] = [
    ({}, True),
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": HTTPS}, False),
    ({"Origin": HTTPS}, True),
    ({"Origin": "https://evil.example"}, False),
    ({"Origin": "https://pilar.test.evil.example"}, False),
    ({"Origin": "http://pilar.test"}, False),
    ({"Origin": "null"}, False),
]


@pytest.mark.parametrize(("headers", "welcome"), SITES)
async def test_another_site_does_nothing_with_the_browsers_cookie(
    house: House, office: Office, headers: dict[str, str], welcome: bool
) -> None:
    await give_password(house, OWNER)
    invited = {"email": "baru@biro.example", "role": "viewer"}

    async with browser(house) as page:
        login = await log_in(page, OWNER, **headers)
        await log_in(page, OWNER)
        change = await page("POST", office.path("/invitations"), invited, headers=headers)
        read = await page("GET", "/me", headers=headers)
        out = await page("DELETE", "/sessions/current", headers=headers)

    wanted = (201, 201, 200, 204) if welcome else (403, 403, 200, 403)
    statuses = (login.status_code, change.status_code, read.status_code, out.status_code)
    assert statuses == wanted
    if not welcome:
        assert login.json()["type"] == change.json()["type"] == "/problems/cross-site"


async def test_a_key_comes_from_any_site(office: Office) -> None:
    answer = await office.key(
        "POST", office.path("/pillars"), {"name": "Sejarah"}, headers=SITES[4][0]
    )

    assert answer.status_code == 201


async def test_the_database_holds_no_secret_in_clear(house: House, office: Office) -> None:
    await give_password(house, OWNER)
    invited = {"email": "baru@biro.example", "role": "viewer"}
    _, made = await make_key(office)
    invitation = await office.owner.ok("POST", office.path("/invitations"), invited)
    joining = {"token": invitation["token"], "name": "Baru", "password": "ikan paus bernyanyi"}

    async with browser(house) as page:
        cookie = (await log_in(page, OWNER)).cookies["__Host-pilar"]
        await page.ok("POST", "/invitations/accept", joining)

    secrets = [PASSWORD, joining["password"], made["key"], invitation["token"], cookie]
    everything = await dump(house.store)
    spelled = [each for secret in secrets for each in (secret, secret.encode().hex())]
    assert [each for each in spelled if each in everything] == []
    assert everything.count("'$argon2id$v=19$m=65536,t=3,p=4$") == 2
    assert made["hint"] in everything  # the dump does see what is there


async def test_no_session_is_no_answer(office: Office) -> None:
    nobody = Client(office.owner.http)

    paths = ["/me", "/sessions", f"/sessions/{uuid4()}", office.path("/members")]

    assert [(await nobody("GET", path)).status_code for path in paths] == [401] * 4
