"""API keys: made by owners, shown once, useless when revoked."""

import asyncio
from typing import Any

from planner.access import Role
from store import keys
from tests.app.conftest import Office
from tests.app.test_members import audit
from tests.conftest import Client, Clock

NOBODY = "01a20c80-e019-75d6-a9ac-a01c8d35d13b"


async def make(office: Office, **more: Any) -> Any:
    body = {"name": "Dasbor", "scopes": ["read"]} | more
    return await office.owner.ok("POST", office.path("/api-keys"), body)


def machine(office: Office, made: Any) -> Client:
    return Client(office.owner.http, {"Authorization": f"Bearer {made['key']}"})


async def share(office: Office, other_office: Office) -> None:
    """Make the owner of an office an owner of the other one too."""
    body = {"email": "owner@biro.example", "role": "owner"}
    invitation = await other_office.owner.ok("POST", other_office.path("/invitations"), body)
    await office.owner.ok("POST", "/invitations/accept", {"token": invitation["token"]})


async def test_a_key_is_shown_once(office: Office) -> None:
    body = {
        "name": "Dasbor",
        "scopes": ["write", "read", "read"],
        "expires_at": "2026-04-01T00:00:00+07:00",
    }

    made = await office.owner("POST", office.path("/api-keys"), body)

    key = made.json().pop("key")
    place = made.headers["Location"].removeprefix("/api/v1")
    read = await office.owner("GET", place)
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    assert keys.looks_right(key)
    assert read.json() == {
        "id": place.rpartition("/")[2],
        "name": "Dasbor",
        "hint": key[:10],
        "scopes": ["read", "write"],
        "workspaces": ["biro"],
        "created_by": str(office.people[Role.OWNER]),
        "expires_at": "2026-03-31T17:00:00Z",
        "revoked_at": None,
        "last_used_at": None,
        "created_at": "2026-03-02T01:00:00Z",
        "updated_at": "2026-03-02T01:00:00Z",
        "version": 1,
    }
    assert made.json() == read.json() | {"key": key}
    assert (made.headers["ETag"], read.headers["ETag"]) == ('"1"', '"1"')


async def test_a_key_may_what_its_scopes_say(office: Office) -> None:
    body = {"name": "Sejarah"}
    reader = machine(office, await make(office, scopes=["read"]))
    admin = machine(office, await make(office, scopes=["admin"]))

    answers = [
        await reader("GET", office.path("/pillars")),
        await reader("POST", office.path("/pillars"), body),
        await admin("POST", office.path("/pillars"), body),
        await admin("GET", office.path("/api-keys")),
    ]

    assert [each.status_code for each in answers] == [200, 403, 201, 403]


async def test_the_last_use_of_a_key_is_known(office: Office, clock: Clock) -> None:
    made = await make(office)
    path = office.path(f"/api-keys/{made['id']}")

    clock.forward(hours=1)
    await machine(office, made).ok("GET", "/me")
    read = await office.owner.ok("GET", path)

    assert (read["last_used_at"], read["version"]) == ("2026-03-02T02:00:00Z", 1)


async def test_a_key_is_renamed(office: Office) -> None:
    made = await make(office)
    path = office.path(f"/api-keys/{made['id']}")

    blind = await office.owner("PATCH", path, {"name": "Layar"})
    renamed = await office.owner("PATCH", path, {"name": "Layar"}, match=1)
    stale = await office.owner("PATCH", path, {"name": "Layar"}, match=1)
    more = await office.owner("PATCH", path, {"name": "Layar", "scopes": ["admin"]}, match=2)

    assert (blind.status_code, stale.status_code, more.status_code) == (428, 412, 422)
    assert (renamed.json()["name"], renamed.headers["ETag"]) == ("Layar", '"2"')
    assert (await audit(office, "api_key"))[-2:] == [
        ("add", {"name": "Dasbor", "scopes": ["read"], "expires_at": None}),
        ("change", {"before": {"name": "Dasbor"}, "after": {"name": "Layar"}}),
    ]


async def test_a_revoked_key_stays_on_the_list(office: Office) -> None:
    made = await make(office)
    path = office.path(f"/api-keys/{made['id']}")

    first = await office.owner("DELETE", path, match=1)
    again = await office.owner("DELETE", path, match=2)
    listed = await office.owner.ok("GET", office.path("/api-keys"))

    assert (first.status_code, again.status_code) == (204, 204)
    assert [(each["name"], each["revoked_at"]) for each in listed["items"]] == [
        ("tests", None),
        ("Dasbor", "2026-03-02T01:00:00Z"),
    ]
    revocations = [each for each in await audit(office, "api_key") if each[0] == "revoke"]
    assert revocations == [("revoke", {"name": "Dasbor"})]


async def test_a_key_reaches_every_workspace_that_it_was_made_for(
    office: Office, other_office: Office
) -> None:
    await share(office, other_office)
    made = await make(office, workspaces=["lain", "biro", "lain"])
    robot = machine(office, made)
    path = other_office.path(f"/api-keys/{made['id']}")

    reached = [(await robot("GET", each.path())).status_code for each in (office, other_office)]
    partly = await other_office.owner.ok("GET", path)
    await other_office.owner.ok("DELETE", path, match=1)
    after = await robot("GET", office.path())

    assert (made["workspaces"], partly["workspaces"]) == (["biro", "lain"], ["lain"])
    assert (reached, after.status_code) == ([200, 200], 401)
    # Each office's record tells of it, whoever's owner did it.
    for each in (office, other_office):
        assert [action for action, _ in await audit(each, "api_key")] == ["add", "add", "revoke"]


async def test_a_key_reaches_only_what_its_maker_owns(office: Office, other_office: Office) -> None:
    await share(office, other_office)
    members = (await other_office.owner.ok("GET", other_office.path("/members")))["items"]
    guest = next(each for each in members if each["email"] == "owner@biro.example")

    async def faults(*slugs: str) -> list[tuple[str, str]]:
        body = {"name": "Dasbor", "scopes": ["read"], "workspaces": slugs}
        refused = await office.owner("POST", office.path("/api-keys"), body)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/wrong-reach")
        return [(each["pointer"], each["code"]) for each in refused.json()["errors"]]

    missing = await faults("biro", "tidak-ada")
    elsewhere = await faults("lain")
    path = other_office.path(f"/members/{guest['id']}")
    await other_office.owner.ok("PATCH", path, {"role": "manager"}, match=1)
    managed = await faults("lain", "biro")
    await other_office.owner.ok("DELETE", path, match=2)
    foreign = await faults("lain", "biro")

    assert missing == [("/workspaces/1", "not-owned")]
    assert elsewhere == [("/workspaces", "without-this")]
    assert managed == foreign == [("/workspaces/0", "not-owned")]


async def test_keys_of_several_workspaces_are_made_at_once(
    office: Office, other_office: Office
) -> None:
    await share(office, other_office)
    here, there = office.path("/api-keys"), other_office.path("/api-keys")
    body = {"name": "Dasbor", "scopes": ["read"]}
    slugs = [["biro", "lain"], ["lain", "biro"]]

    answers = await asyncio.gather(
        *(
            office.owner("POST", place, body | {"workspaces": slugs[each % 2]})
            for each in range(10)
            for place in (here, there)
        )
    )

    assert [each.status_code for each in answers] == [201] * 20


async def test_the_keys_of_another_office_are_not_there(
    office: Office, other_office: Office
) -> None:
    made = await make(office)
    path = other_office.path(f"/api-keys/{made['id']}")

    answers = [
        await other_office.owner("GET", path),
        await other_office.owner("PATCH", path, {"name": "x"}, match="*"),
        await other_office.owner("DELETE", path, match="*"),
        await other_office.owner("DELETE", other_office.path(f"/api-keys/{NOBODY}"), match="*"),
    ]

    assert {(each.status_code, each.json()["type"]) for each in answers} == {
        (404, "/problems/no-such-key")
    }
    assert (await machine(office, made)("GET", "/me")).status_code == 200


async def test_a_key_that_would_be_dead_is_not_made(office: Office, clock: Clock) -> None:
    wrong: list[dict[str, Any]] = [
        {"expires_at": clock.now.isoformat()},
        {"scopes": []},
        {"scopes": ["own"]},
        {"name": " "},
        {"workspaces": []},
        {"key": "pilar_"},
    ]
    body = {"name": "Dasbor", "scopes": ["read"]}

    answers = [await office.owner("POST", office.path("/api-keys"), body | each) for each in wrong]

    assert [each.status_code for each in answers] == [422] * 6
    assert answers[0].json()["errors"][0]["code"] == "expiry-passed"
