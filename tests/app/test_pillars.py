"""Pillars over HTTP."""

from tests.app.conftest import Office


async def test_a_pillar_is_added_read_changed_and_deleted(office: Office) -> None:
    added = await office.manager("POST", office.path("/pillars"), {"name": "Sejarah", "share": 40})

    location = added.headers["Location"].removeprefix("/api/v1")
    assert (added.status_code, added.json()["share"], added.headers["ETag"]) == (201, 40, '"1"')
    assert (await office.viewer.ok("GET", location)) == added.json()

    changed = await office.manager("PATCH", location, {"share": None}, match=1)
    assert (changed.status_code, changed.json()["share"], changed.json()["version"]) == (
        200,
        None,
        2,
    )

    assert (await office.manager("DELETE", location, match=1)).status_code == 412
    assert (await office.manager("DELETE", location)).status_code == 428
    assert (await office.manager("DELETE", location, match=2)).status_code == 204
    assert (await office.viewer("GET", location)).status_code == 404


async def test_pillars_take_no_more_than_everything(office: Office) -> None:
    await office.manager.ok("POST", office.path("/pillars"), {"name": "Satu", "share": 60.5})

    refused = await office.manager("POST", office.path("/pillars"), {"name": "Dua", "share": 40})

    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/shares-overflow"
    assert "100.5" in refused.json()["detail"]


async def test_a_page_of_pillars_leads_to_the_next(office: Office) -> None:
    for name in ("Satu", "Dua", "Tiga"):
        await office.manager.ok("POST", office.path("/pillars"), {"name": name})

    first = await office.viewer("GET", office.path("/pillars?limit=2"))
    link = first.headers["Link"].removeprefix("</api/v1").split(">")[0]
    second = await office.viewer.ok("GET", link)

    names = [pillar["name"] for pillar in first.json()["items"] + second["items"]]
    assert (names, second["next"]) == (["Satu", "Dua", "Tiga"], None)


async def test_another_office_does_not_see_it(office: Office, other_office: Office) -> None:
    pillar = await office.manager.ok("POST", office.path("/pillars"), {"name": "Sejarah"})

    seen = [
        (await other_office.owner("GET", office.path(f"/pillars/{pillar['id']}"))).status_code,
        (
            await other_office.owner("GET", other_office.path(f"/pillars/{pillar['id']}"))
        ).status_code,
        (await other_office.key("GET", office.path("/pillars"))).status_code,
    ]

    assert seen == [404, 404, 404]


async def test_an_editor_may_not_add_a_pillar(office: Office) -> None:
    refused = await office.editor("POST", office.path("/pillars"), {"name": "Sejarah"})

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/may-not")


async def test_a_problem_speaks_indonesian_where_it_is_asked_to(office: Office) -> None:
    refused = await office.editor(
        "GET",
        office.path("/pillars/01a20c80-e019-75d6-a9ac-a01c8d35d13b"),
        headers={"Accept-Language": "id-ID,en;q=0.5"},
    )

    assert refused.json()["title"] == "Pilar tidak ada"
