"""Calendar links: made by managers, shown once, useless when revoked."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.deps import House
from planner.access import Role
from store import calendar_links
from store.vault import KeyRing
from tests.app.conftest import Office
from tests.app.test_members import audit
from tests.app.writing import add_channel
from tests.conftest import Clock

NOBODY = "01a20c80-e019-75d6-a9ac-a01c8d35d13b"


async def make(office: Office, **more: Any) -> Any:
    body = {"name": "Ponsel Ayu"} | more
    return await office.manager.ok("POST", office.path("/calendar-links"), body)


def token_of(made: Any) -> str:
    query = urlsplit(str(made["url"])).query
    return parse_qs(query)["token"][0]


async def test_a_link_is_shown_once(office: Office) -> None:
    channel = await add_channel(office)
    body = {"name": "Ponsel Ayu", "channel": channel["id"]}

    made = await office.manager("POST", office.path("/calendar-links"), body)

    place = made.headers["Location"].removeprefix("/api/v1")
    read = await office.manager("GET", place)
    known = made.json()
    url = known.pop("url")
    address = r"http://pilar\.test/api/v1/workspaces/biro/calendar\.ics\?token=[\w-]{43}"
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    assert re.fullmatch(address, url)
    assert known == read.json()
    assert known == {
        "id": place.rpartition("/")[2],
        "name": "Ponsel Ayu",
        "channel": channel["id"],
        "created_by": f"person:{office.people[Role.MANAGER]}",
        "revoked_at": None,
        "last_used_at": None,
        "created_at": "2026-03-02T01:00:00Z",
        "updated_at": "2026-03-02T01:00:00Z",
        "version": 1,
    }
    assert (made.headers["ETag"], read.headers["ETag"]) == ('"1"', '"1"')


async def test_a_link_is_renamed_and_revoked_and_stays_on_the_list(
    office: Office, clock: Clock
) -> None:
    made = await make(office)
    path = office.path(f"/calendar-links/{made['id']}")

    blind = [
        await office.manager("PATCH", path, {"name": "Layar"}),
        await office.manager("DELETE", path),
    ]
    renamed = await office.manager("PATCH", path, {"name": "Layar"}, match=1)
    stale = await office.manager("DELETE", path, match=1)
    clock.forward(hours=1)
    revoked = await office.manager("DELETE", path, match=2)
    again = await office.manager("DELETE", path, match=3)
    listed = await office.manager.ok("GET", office.path("/calendar-links"))

    assert [each.status_code for each in blind] == [428, 428]
    assert (renamed.json()["name"], renamed.headers["ETag"]) == ("Layar", '"2"')
    assert (stale.status_code, revoked.status_code, again.status_code) == (412, 204, 204)
    assert [(each["name"], each["revoked_at"], each["version"]) for each in listed["items"]] == [
        ("Layar", "2026-03-02T02:00:00Z", 3)
    ]
    assert await audit(office, "calendar_link") == [
        ("add", {"name": "Ponsel Ayu", "channel": None}),
        ("change", {"before": {"name": "Ponsel Ayu"}, "after": {"name": "Layar"}}),
        ("revoke", {"name": "Layar"}),
    ]


async def test_a_page_of_links_leads_to_the_next(office: Office) -> None:
    for name in ("Satu", "Dua", "Tiga"):
        await make(office, name=name)

    first = await office.manager("GET", office.path("/calendar-links?limit=2"))
    link = first.headers["Link"].removeprefix("</api/v1").split(">")[0]
    second = await office.manager.ok("GET", link)

    names = [each["name"] for each in first.json()["items"] + second["items"]]
    assert (names, second["next"]) == (["Satu", "Dua", "Tiga"], None)


async def test_links_are_for_managers_of_the_office(office: Office, other_office: Office) -> None:
    made = await make(office)
    path = office.path(f"/calendar-links/{made['id']}")
    strange = other_office.path(f"/calendar-links/{made['id']}")

    answers = [
        await office.approver("GET", office.path("/calendar-links")),
        await office.approver("POST", office.path("/calendar-links"), {"name": "Ayu"}),
        await office.approver("GET", path),
        await office.approver("PATCH", path, {"name": "Ayu"}, match=1),
        await office.approver("DELETE", path, match=1),
        await other_office.owner("GET", path),
        await other_office.owner("GET", strange),
        await other_office.owner("DELETE", strange, match=1),
    ]

    assert [each.status_code for each in answers] == [403] * 5 + [404] * 3


async def test_a_link_is_to_a_channel_that_exists(office: Office) -> None:
    path = office.path("/calendar-links")

    refused = [
        await office.manager("POST", path, {"name": "Ayu", "channel": NOBODY}),
        await office.manager("POST", path, {"name": " "}),
        await office.manager("POST", path, {"name": "Ayu", "token": "rahasia"}),
    ]

    assert [each.status_code for each in refused] == [404, 422, 422]


async def test_a_token_opens_the_calendar_after_the_instance_has_a_new_key(
    office: Office, house: House
) -> None:
    made = await make(office)
    newer = KeyRing.parse("k2:" + "B" * 43 + "," + house.ring.text())

    async with house.store.reading() as db:
        opened = await calendar_links.opened_by(db, newer, office.slug, token_of(made))

    assert str(opened.link.id) == made["id"]


async def test_a_channel_is_deleted_with_its_calendar_links(office: Office) -> None:
    channel = await add_channel(office)
    link = await office.manager.ok(
        "POST", office.path("/calendar-links"), {"name": "Ponsel", "channel": channel["id"]}
    )

    path = office.path(f"/channels/{channel['id']}")
    gone = await office.manager("DELETE", path, match=channel["version"])

    assert gone.status_code == 204
    read = await office.manager("GET", office.path(f"/calendar-links/{link['id']}"))
    assert read.status_code == 404
