"""Members: invited, promoted, leaving; and an office never without an owner."""

import asyncio
from typing import Any

from app.deps import House
from planner.access import Role
from tests.app.conftest import Office
from tests.app.logins import HTTPS, PASSWORD, browser, give_password, log_in
from tests.conftest import Clock

NEW = "baru@biro.example"


async def member(office: Office, role: Role) -> Any:
    """Return the member who began with this role."""
    members = await office.owner.ok("GET", office.path("/members"))
    person = str(office.people[role])
    return next(each for each in members["items"] if each["person"] == person)


async def invite(office: Office, email: str = NEW, role: str = "editor") -> Any:
    body = {"email": email, "role": role}
    return await office.owner.ok("POST", office.path("/invitations"), body)


def joining(invitation: Any, **more: Any) -> Any:
    return {"token": invitation["token"], "name": "Sari", "password": PASSWORD} | more


async def audit(office: Office, noun: str) -> list[tuple[str, Any]]:
    """Return what the audit says of a noun, oldest first."""
    page = await office.owner.ok("GET", office.path(f"/audit?noun={noun}"))
    return [(each["action"], each["data"]) for each in reversed(page["items"])]


async def test_members_are_listed_page_by_page(office: Office) -> None:
    first = await office.viewer("GET", office.path("/members?limit=3"))
    link = first.headers["Link"].removeprefix("</api/v1").split(">")[0]
    second = await office.viewer.ok("GET", link)

    roles = [each["role"] for each in first.json()["items"] + second["items"]]
    assert (sorted(roles), second["next"]) == (sorted(Role), None)


async def test_a_member_gets_another_role(office: Office) -> None:
    editor = await member(office, Role.EDITOR)
    path = office.path(f"/members/{editor['id']}")

    read = await office.viewer("GET", path)
    stale = await office.owner("PATCH", path, {"role": "manager"}, match=7)
    changed = await office.owner("PATCH", path, {"role": "manager"}, match=1)
    added = await office.editor("POST", office.path("/pillars"), {"name": "Sejarah"})

    assert (read.json(), read.headers["ETag"]) == (editor, '"1"')
    assert (stale.status_code, stale.json()["current_version"]) == (412, 1)
    assert changed.json() == editor | {"role": "manager", "version": 2}
    assert (changed.headers["ETag"], added.status_code) == ('"2"', 201)
    assert (await audit(office, "member"))[-1] == (
        "change",
        {"before": {"role": "editor"}, "after": {"role": "manager"}},
    )


async def test_an_office_keeps_an_owner(office: Office) -> None:
    owner, manager = await member(office, Role.OWNER), await member(office, Role.MANAGER)
    own, other = (office.path(f"/members/{each['id']}") for each in (owner, manager))

    demoted = await office.owner("PATCH", own, {"role": "editor"}, match=1)
    left = await office.owner("DELETE", own, match=1)
    await office.owner.ok("PATCH", other, {"role": "owner"}, match=1)
    later = await office.owner("DELETE", own, match=1)

    problems = {(each.status_code, each.json()["type"]) for each in (demoted, left)}
    assert problems == {(409, "/problems/last-owner")}
    assert later.status_code == 204


async def test_two_owners_do_not_leave_at_once(office: Office) -> None:
    owner, manager = await member(office, Role.OWNER), await member(office, Role.MANAGER)
    own, other = (office.path(f"/members/{each['id']}") for each in (owner, manager))
    await office.owner.ok("PATCH", other, {"role": "owner"}, match=1)

    left = await asyncio.gather(
        office.owner("DELETE", own, match=1), office.manager("DELETE", other, match=2)
    )

    assert sorted(each.status_code for each in left) == [204, 409]


async def test_everybody_may_leave(office: Office) -> None:
    viewer, editor = await member(office, Role.VIEWER), await member(office, Role.EDITOR)

    other = await office.viewer("DELETE", office.path(f"/members/{editor['id']}"), match=1)
    blind = await office.viewer("DELETE", office.path(f"/members/{viewer['id']}"))
    own = await office.viewer("DELETE", office.path(f"/members/{viewer['id']}"), match=1)
    after = await office.viewer("GET", office.path())
    me = await office.viewer.ok("GET", "/me")

    assert (other.status_code, other.json()["type"]) == (403, "/problems/may-not")
    assert (blind.status_code, own.status_code, after.status_code) == (428, 204, 404)
    assert me["workspaces"] == []
    assert (await audit(office, "member"))[-1] == (
        "delete",
        {"person": str(office.people[Role.VIEWER]), "role": "viewer"},
    )


async def test_someone_new_joins_by_a_link_and_logs_in(
    house: House, office: Office, clock: Clock
) -> None:
    async with browser(house) as page:
        await give_password(house, "owner@biro.example")
        await log_in(page, "owner@biro.example")
        body = {"email": "Baru@Biro.example", "role": "editor"}
        made = await page("POST", office.path("/invitations"), body)
        invitation = made.json()
        joined = await page("POST", "/invitations/accept", joining(invitation))
        read = await page("GET", joined.headers["Location"].removeprefix("/api/v1"))
        await log_in(page, NEW)
        me = await page.ok("GET", "/me")
        shown = await office.owner.ok("GET", office.path("/invitations"))

    place = made.headers["Location"].removeprefix("/api/v1")
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    assert place == office.path(f"/invitations/{invitation['id']}")
    assert invitation["link"] == f"{HTTPS}/join#{invitation['token']}"
    assert (joined.status_code, joined.headers["ETag"]) == (201, '"1"')
    assert joined.json() == {"workspace": "biro", "member": read.json()}
    assert (read.json()["email"], read.json()["role"]) == (NEW, "editor")
    assert (me["person"]["name"], me["person"]["locale"]) == ("Sari", "id")
    accepted = {"accepted_at": "2026-03-02T01:00:00Z", "version": 2}
    secret = {"token", "link"}
    assert shown["items"] == [
        {name: value for name, value in (invitation | accepted).items() if name not in secret}
    ]
    assert await audit(office, "invitation") == [
        ("add", {"email": NEW, "role": "editor"}),
        ("accept", {}),
    ]


async def test_an_invitation_is_accepted_once(house: House, office: Office) -> None:
    first, second = await invite(office), await invite(office)

    async with browser(house) as page:
        answers = [
            await page("POST", "/invitations/accept", joining(first)),
            await page("POST", "/invitations/accept", joining(first)),
            await page("POST", "/invitations/accept", joining(second)),
        ]
        await log_in(page, NEW)
        answers += [
            await page("POST", "/invitations/accept", joining(second)),
            await page("POST", "/invitations/accept", joining(second)),
            await page("POST", "/invitations/accept", joining(first)),
        ]

    assert [(each.status_code, each.json().get("type")) for each in answers] == [
        (201, None),
        (409, "/problems/invitation-used"),
        (403, "/problems/not-the-invited"),
        (409, "/problems/already-member"),
        (409, "/problems/already-member"),
        (409, "/problems/invitation-used"),
    ]


async def test_two_invitations_are_accepted_by_one_person_at_once(
    house: House, office: Office, other_office: Office
) -> None:
    here, there = await invite(office), await invite(other_office)

    async with browser(house) as page:
        answers = await asyncio.gather(
            *(
                page("POST", "/invitations/accept", joining(each))
                for each in (here, there, here, there)
            )
        )

    # One makes the person; the others come too late for it, and must log in.
    statuses = sorted(each.status_code for each in answers)
    assert statuses.count(201) == 1
    assert set(statuses) <= {201, 403, 409}


async def test_someone_known_joins_another_office_logged_in_as_themselves(
    house: House, office: Office, other_office: Office
) -> None:
    await give_password(house, "editor@biro.example")
    invitation = await invite(other_office, "editor@biro.example", "approver")
    token = {"token": invitation["token"]}

    async with browser(house) as page:
        anonymous = await page("POST", "/invitations/accept", token)
        hijack = await page("POST", "/invitations/accept", joining(invitation))
        key = await page("POST", "/invitations/accept", token, headers=office.key.headers)
        await give_password(house, "viewer@biro.example")
        await log_in(page, "viewer@biro.example")
        other = await page("POST", "/invitations/accept", token)
        await log_in(page, "editor@biro.example")
        joined = await page("POST", "/invitations/accept", token)
        me = await page.ok("GET", "/me")

    refused = {(each.status_code, each.json()["type"]) for each in (anonymous, hijack, key, other)}
    assert refused == {(403, "/problems/not-the-invited")}
    assert joined.status_code == 201
    assert [(each["slug"], each["role"]) for each in me["workspaces"]] == [
        ("biro", "editor"),
        ("lain", "approver"),
    ]


async def test_someone_new_says_who_they_are(house: House, office: Office) -> None:
    invitation = await invite(office)

    async with browser(house) as page:
        refused = await page("POST", "/invitations/accept", {"token": invitation["token"]})
        short = await page("POST", "/invitations/accept", joining(invitation, password="pendek"))
        joined = await page("POST", "/invitations/accept", joining(invitation))

    places = [(each["pointer"], each["code"]) for each in refused.json()["errors"]]
    assert (refused.status_code, places) == (422, [("/name", "missing"), ("/password", "missing")])
    assert [each["pointer"] for each in short.json()["errors"]] == ["/password"]
    assert joined.status_code == 201


async def test_an_invitation_lasts_seven_days(house: House, office: Office, clock: Clock) -> None:
    early, late = await invite(office), await invite(office, "telat@biro.example")

    async with browser(house) as page:
        clock.forward(days=7, seconds=-1)
        joined = await page("POST", "/invitations/accept", joining(early))
        clock.forward(seconds=1)
        refused = await page("POST", "/invitations/accept", joining(late))

    assert joined.status_code == 201
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/invitation-expired")


async def test_a_withdrawn_invitation_opens_nothing(house: House, office: Office) -> None:
    invitation = await invite(office)
    path = office.path(f"/invitations/{invitation['id']}")

    async with browser(house) as page:
        await office.owner.ok("DELETE", path, match=1)
        refused = await page("POST", "/invitations/accept", joining(invitation))
        guessed = await page("POST", "/invitations/accept", joining(invitation, token="x" * 43))

    assert (refused.status_code, guessed.status_code) == (404, 404)
    assert refused.json()["type"] == "/problems/no-such-invitation"
    assert (await office.owner("GET", path)).status_code == 404


async def test_an_accepted_invitation_is_not_withdrawn(house: House, office: Office) -> None:
    invitation = await invite(office)
    path = office.path(f"/invitations/{invitation['id']}")

    async with browser(house) as page:
        await page.ok("POST", "/invitations/accept", joining(invitation))
    refused = await office.owner("DELETE", path, match=2)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/invitation-used")


async def test_the_links_of_a_former_owner_open_nothing(house: House, office: Office) -> None:
    manager = await member(office, Role.MANAGER)
    path = office.path(f"/members/{manager['id']}")
    await office.owner.ok("PATCH", path, {"role": "owner"}, match=1)
    body = {"email": NEW, "role": "owner"}
    back_door = await office.manager.ok("POST", office.path("/invitations"), body)
    await office.owner.ok("PATCH", path, {"role": "manager"}, match=2)

    async with browser(house) as page:
        refused = await page("POST", "/invitations/accept", joining(back_door))

    assert refused.status_code == 404
    assert (await audit(office, "invitation"))[-1] == ("delete", body)


async def test_a_member_is_not_invited_again(office: Office) -> None:
    body = {"email": "Viewer@biro.example", "role": "editor"}

    refused = await office.owner("POST", office.path("/invitations"), body)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/already-member")


async def test_an_address_is_of_plain_letters(office: Office) -> None:
    wrong = ["baru", "baru@", "@biro", "ba ru@biro", "b\u0430ru@biro", "a@b@c", "a\u0000@b"]

    answers = [
        await office.owner("POST", office.path("/invitations"), {"email": each, "role": "viewer"})
        for each in [*wrong, "x" * 250 + "@biro"]
    ]

    assert {each.status_code for each in answers} == {422}


async def test_nobody_joins_over_plain_http(house: House, office: Office) -> None:
    invitation = await invite(office)

    async with browser(house, "http://pilar.test") as page:
        refused = await page("POST", "/invitations/accept", joining(invitation))

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/https-needed")
