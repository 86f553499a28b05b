"""Campaigns over HTTP."""

import pytest

from tests.app.conftest import Office
from tests.app.writing import write_post

CAMPAIGN = {
    "name": "Pekan Naskah Kuno",
    "starts_on": "2026-03-10",
    "ends_on": "2026-03-19",
    "hashtags": ["#NaskahKuno", "#ᮞᮥᮔ᮪ᮓ", "#हिन्दी_१"],
}


async def test_a_campaign_is_added_read_changed_and_deleted(office: Office) -> None:
    added = await office.manager("POST", office.path("/campaigns"), CAMPAIGN)

    location = added.headers["Location"].removeprefix("/api/v1")
    body = added.json()
    assert (added.status_code, added.headers["ETag"]) == (201, '"1"')
    assert {name: body[name] for name in CAMPAIGN} == CAMPAIGN
    assert await office.viewer.ok("GET", location) == body

    changed = await office.manager("PATCH", location, {"ends_on": "2026-03-10"}, match=1)
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert changed.json() == body | {"ends_on": "2026-03-10", "version": 2}

    assert (await office.manager("DELETE", location, match=1)).status_code == 412
    assert (await office.manager("DELETE", location)).status_code == 428
    assert (await office.manager("DELETE", location, match=2)).status_code == 204
    assert (await office.viewer("GET", location)).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"ends_on": "2026-03-09"}, "/ends_on", "ends-before-it-starts"),
        ({"starts_on": 1}, "/starts_on", "not-a-day"),
        ({"starts_on": "2026-03-10T00:00:00"}, "/starts_on", "not-a-day"),
        ({"starts_on": "2026-02-30"}, "/starts_on", "not-a-day"),
        ({"ends_on": "9999-12-31"}, "/ends_on", "day-out-of-range"),
        ({"hashtags": ["NaskahKuno"]}, "/hashtags/0", "hashtag"),
        ({"hashtags": ["#Naskah Kuno"]}, "/hashtags/0", "hashtag"),
        ({"hashtags": ["#naskah-kuno"]}, "/hashtags/0", "hashtag"),
        ({"hashtags": ["##kuno"]}, "/hashtags/0", "hashtag"),
        ({"hashtags": ["#"]}, "/hashtags/0", "string-too-short"),
        ({"hashtags": ["#" + "a" * 100]}, "/hashtags/0", "string-too-long"),
        ({"hashtags": ["#Kuno", "#kuno"]}, "/hashtags", "hashtag-twice"),
        ({"hashtags": [f"#t{number}" for number in range(31)]}, "/hashtags", "too-long"),
        ({"name": ""}, "/name", "string-too-short"),
        ({"colour": "#112233"}, "/colour", "extra-forbidden"),
    ],
)
async def test_what_is_no_campaign_is_refused(
    office: Office, change: dict[str, object], pointer: str, code: str
) -> None:
    refused = await office.manager("POST", office.path("/campaigns"), CAMPAIGN | change)

    errors = [(each["pointer"], each["code"]) for each in refused.json()["errors"]]
    assert (refused.status_code, errors) == (422, [(pointer, code)])


async def test_dates_are_held_against_those_that_stay(office: Office) -> None:
    campaign = await office.manager.ok("POST", office.path("/campaigns"), CAMPAIGN)

    path = office.path(f"/campaigns/{campaign['id']}")
    refused = await office.manager("PATCH", path, {"starts_on": "2026-03-20"}, match=1)

    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/wrong-dates")


async def test_two_campaigns_have_two_names(office: Office) -> None:
    await office.manager.ok("POST", office.path("/campaigns"), CAMPAIGN)
    other = await office.manager.ok("POST", office.path("/campaigns"), CAMPAIGN | {"name": "Lain"})

    again = await office.manager("POST", office.path("/campaigns"), CAMPAIGN)
    renamed = await office.manager(
        "PATCH", office.path(f"/campaigns/{other['id']}"), {"name": CAMPAIGN["name"]}, match=1
    )

    assert [again.status_code, renamed.status_code] == [409, 409]
    assert again.json()["type"] == "/problems/campaign-name-taken"


async def test_other_hashtags_leave_the_posts_that_were_written(office: Office) -> None:
    campaign = await office.manager.ok("POST", office.path("/campaigns"), CAMPAIGN)
    path = office.path(f"/campaigns/{campaign['id']}")
    before = await write_post(office, campaign=campaign["id"])

    await office.manager.ok("PATCH", path, {"hashtags": ["#Baru"]}, match=1)
    after = await write_post(office, campaign=campaign["id"])

    read = await office.viewer.ok("GET", office.path(f"/posts/{before['id']}"))
    assert (read["hashtags"], after["hashtags"]) == (CAMPAIGN["hashtags"], ["#Baru"])


async def test_a_campaign_with_posts_stays(office: Office) -> None:
    campaign = await office.manager.ok("POST", office.path("/campaigns"), CAMPAIGN)
    await write_post(office, campaign=campaign["id"])

    refused = await office.manager("DELETE", office.path(f"/campaigns/{campaign['id']}"), match=1)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/in-use")
    assert "1 posts" in refused.json()["detail"]


async def test_campaigns_are_a_managers_and_their_own_offices(
    office: Office, other_office: Office
) -> None:
    campaign = await office.manager.ok("POST", office.path("/campaigns"), CAMPAIGN)

    seen = [
        (await office.approver("POST", office.path("/campaigns"), CAMPAIGN)).status_code,
        (
            await other_office.owner("GET", other_office.path(f"/campaigns/{campaign['id']}"))
        ).status_code,
        (await other_office.owner("GET", office.path("/campaigns"))).status_code,
    ]

    assert seen == [403, 404, 404]
