"""The mix over HTTP: versions of the workspace's and of a channel's."""

from typing import Any

import pytest

from tests.app.conftest import Office
from tests.app.writing import add_channel, place, write_post
from tests.conftest import Clock


def types(**shares: float) -> list[dict[str, Any]]:
    return [{"key": key, "name": key.title(), "share": share} for key, share in shares.items()]


def shares(version: Any) -> dict[str, float]:
    return {each["key"]: each["share"] for each in version["types"]}


HALVES = types(informative=50, interactive=30, edutainment=20)
TIKTOK = types(informative=0, edutainment=80, interactive=20)


async def test_a_new_office_has_the_default_mix_from_the_beginning(office: Office) -> None:
    answer = await office.viewer("GET", office.path("/mix"))

    mix = answer.json()
    version = {
        "id": mix["in_force"]["id"],
        "source": "own",
        "types": [
            {"key": "informative", "name": "Informatif", "share": 60},
            {"key": "interactive", "name": "Interaktif", "share": 20},
            {"key": "edutainment", "name": "Edutainment", "share": 20},
        ],
        "tolerance": 5,
        "mode": "enforce",
        "effective_from": None,
        "effective_until": None,
        "created_at": "2026-03-02T01:00:00Z",
    }
    assert mix == {"source": "own", "in_force": version, "history": [version], "version": 1}
    assert answer.headers["ETag"].startswith('"1-')


async def test_a_new_version_is_in_force_from_today(office: Office) -> None:
    read = await office.manager("GET", office.path("/mix"))
    body = {"types": HALVES, "tolerance": 7.5, "mode": "warn"}

    put = await office.manager("PUT", office.path("/mix"), body, match=read.headers["ETag"])

    new = put.json()["in_force"]
    assert put.status_code == 200
    assert (shares(new), new["tolerance"], new["mode"], new["effective_from"]) == (
        {"informative": 50, "interactive": 30, "edutainment": 20},
        7.5,
        "warn",
        "2026-03-02",
    )
    assert put.json()["history"] == [new, read.json()["in_force"]]
    again = await office.viewer("GET", office.path("/mix"))
    told = put.json()
    leads_to = {"outcome": "ok", "relies_on": [], "windows": []}
    assert (told.pop("mix"), told.pop("too_small")) == (leads_to, [])
    assert (again.json(), again.headers["ETag"]) == (told, put.headers["ETag"])


async def test_a_campaign_gives_way_to_the_version_before_it(office: Office, clock: Clock) -> None:
    campaign = {"types": TIKTOK, "effective_from": "2026-03-10", "effective_until": "2026-03-20"}
    await office.manager.ok("PUT", office.path("/mix"), campaign, match=1)

    seen = {}
    for day in (2, 9, 10, 19, 20):
        clock.now = clock.now.replace(day=day)
        seen[day] = shares((await office.key.ok("GET", office.path("/mix")))["in_force"])

    usual = {"informative": 60, "interactive": 20, "edutainment": 20}
    pushed = {"informative": 0, "edutainment": 80, "interactive": 20}
    assert seen == {2: usual, 9: usual, 10: pushed, 19: pushed, 20: usual}


async def test_midnight_in_the_offices_zone_makes_another_answer(
    office: Office, clock: Clock
) -> None:
    tomorrow = {"types": HALVES, "effective_from": "2026-03-03"}
    put = await office.manager("PUT", office.path("/mix"), tomorrow, match=1)
    known = {"If-None-Match": put.headers["ETag"]}

    same = await office.viewer("GET", office.path("/mix"), headers=known)
    clock.now = clock.now.replace(hour=17)  # midnight in Jakarta
    other = await office.viewer("GET", office.path("/mix"), headers=known)
    late = await office.manager("PUT", office.path("/mix"), tomorrow, match=put.headers["ETag"])

    assert (same.status_code, other.status_code) == (304, 200)
    assert other.json()["in_force"]["effective_from"] == "2026-03-03"
    assert late.status_code == 200


async def test_a_change_names_the_version_that_it_changes(office: Office) -> None:
    body = {"types": HALVES}
    await office.manager.ok("PUT", office.path("/mix"), body, match=1)

    stale = await office.manager("PUT", office.path("/mix"), body, match=1)
    blind = await office.manager("PUT", office.path("/mix"), body)
    any_version = await office.manager("PUT", office.path("/mix"), body, match="*")

    assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
    assert (blind.status_code, any_version.status_code) == (428, 200)


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"types": types(a1=50, b1=49.99)}, [("/types", "shares-total")]),
        ({"types": types(a1=33.333, b1=66.667)}, [("/types/0/share", "decimal-max-places")] * 1),
        ({"types": types(a1=100)}, [("/types", "type-count")]),
        ({"types": types(a1=50) * 2}, [("/types/1/key", "duplicate-type")]),
        ({"types": types(A=50, b1=50)}, [("/types/0/key", "string-pattern-mismatch")]),
        ({"effective_from": "2026-03-01"}, [("/effective_from", "mix-in-the-past")]),
        (
            {"effective_until": "2026-03-02"},
            [("/effective_until", "mix-over-before-it-begins")],
        ),
        ({"tolerance": 100.5}, [("/tolerance", "less-than-equal")]),
        ({"mode": "strict"}, [("/mode", "enum")]),
        ({"source": "none"}, [("/source", "extra-forbidden")]),
    ],
)
async def test_what_is_no_mix_is_refused(
    office: Office, change: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    body = {"types": HALVES} | change

    refused = await office.manager("PUT", office.path("/mix"), body, match=1)

    found = [(each["pointer"], each["code"]) for each in refused.json()["errors"]]
    assert (refused.status_code, found[: len(errors)]) == (422, errors)


async def test_thirds_add_up(office: Office) -> None:
    thirds = types(informative=33.34, interactive=33.33, edutainment=33.33)

    put = await office.manager.ok("PUT", office.path("/mix"), {"types": thirds}, match=1)

    assert shares(put["in_force"]) == {
        "informative": 33.34,
        "interactive": 33.33,
        "edutainment": 33.33,
    }


async def placed_edutainment(office: Office, channel: Any, day: str) -> Any:
    post = await write_post(office, f"Video tentang {day}.", type="edutainment")
    (row,) = await place(office, post, channel, when={"local": f"{day}T09:00"})
    return row


async def test_a_type_that_holds_seats_keeps_a_share(office: Office) -> None:
    channel = await add_channel(office)
    for day in ("2026-03-05", "2026-04-06"):
        await placed_edutainment(office, channel, day)
    dropped = types(informative=60, interactive=40)

    refused = await office.manager("PUT", office.path("/mix"), {"types": dropped}, match=1)
    shares: dict[str, Any] = {"types": dropped + types(edutainment=0)}
    harmful = await office.manager("PUT", office.path("/mix"), shares, match=1)
    shares |= {"override": {"reason": "Bulan ini tanpa edutainment yang baru."}}
    kept = await office.manager("PUT", office.path("/mix"), shares, match=1)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/type-holds-seats")
    assert "edutainment (2)" in refused.json()["detail"]
    assert (harmful.status_code, harmful.json()["type"]) == (409, "/problems/mix-violation")
    assert (kept.status_code, kept.json()["mix"]["outcome"]) == (200, "overridden")


@pytest.mark.parametrize(
    ("span", "status"),
    [
        ({"effective_from": "2026-03-05"}, 409),
        ({"effective_from": "2026-03-06"}, 200),
        ({"effective_until": "2026-03-05"}, 200),
        ({"effective_until": "2026-03-06"}, 409),
    ],
)
async def test_only_seats_on_its_own_days_bind_a_version(
    office: Office, span: dict[str, str], status: int
) -> None:
    await placed_edutainment(office, await add_channel(office), "2026-03-05")
    body = {"types": types(informative=60, interactive=40)} | span

    put = await office.manager("PUT", office.path("/mix"), body, match=1)

    assert put.status_code == status


async def test_seats_on_the_days_of_a_later_version_are_its_own_affair(office: Office) -> None:
    await placed_edutainment(office, await add_channel(office), "2026-03-12")
    campaign = {"types": TIKTOK, "effective_from": "2026-03-10", "effective_until": "2026-03-20"}
    await office.manager.ok("PUT", office.path("/mix"), campaign, match=1)

    body = {"types": types(informative=60, interactive=40)}
    put = await office.manager("PUT", office.path("/mix"), body, match=2)

    assert put.status_code == 200


async def test_a_seat_that_is_given_up_binds_nobody(office: Office) -> None:
    row = await placed_edutainment(office, await add_channel(office), "2026-03-05")
    path = office.path(f"/publications/{row['id']}")
    await office.editor.ok("DELETE", path, match=row["version"])

    body = {"types": types(informative=60, interactive=40)}
    put = await office.manager("PUT", office.path("/mix"), body, match=1)

    assert put.status_code == 200


async def test_a_channel_inherits_has_its_own_or_none(office: Office, clock: Clock) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}/mix")
    usual = (await office.viewer.ok("GET", office.path("/mix")))["in_force"]

    inherited = await office.viewer("GET", path)
    assert inherited.json() == {
        "source": "inherit",
        "in_force": usual,
        "history": [],
        "version": 0,
    }

    own = await office.manager("PUT", path, {"types": TIKTOK}, match=inherited.headers["ETag"])
    assert (own.json()["source"], shares(own.json()["in_force"])) == (
        "own",
        {"informative": 0, "edutainment": 80, "interactive": 20},
    )

    none = await office.manager.ok("PUT", path, {"source": "none"}, match=1)
    assert (none["source"], none["in_force"]) == ("none", None)
    newest = none["history"][0]
    assert (newest["types"], newest["tolerance"], newest["mode"]) == ([], None, None)

    clock.forward(days=1)
    back = await office.manager.ok("PUT", path, {"source": "inherit"}, match=2)
    assert (back["source"], back["in_force"], back["version"]) == ("inherit", usual, 3)


async def test_an_inheriting_channels_answer_changes_with_the_workspaces_mix(
    office: Office,
) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}/mix")
    first = await office.viewer("GET", path)

    await office.manager.ok("PUT", office.path("/mix"), {"types": HALVES}, match=1)
    again = await office.viewer("GET", path, headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, shares(again.json()["in_force"])["informative"]) == (200, 50)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (
            {"types": types(informative=50, quiz=50)},
            [("/types/1/key", "type-unknown-to-workspace")],
        ),
        (
            {"source": "inherit", "types": HALVES, "mode": "off"},
            [("/types", "mix-not-own"), ("/mode", "mix-not-own")],
        ),
        ({"source": "none", "tolerance": 5}, [("/tolerance", "mix-not-own")]),
        ({}, [("/types", "type-count"), ("/types", "shares-total")]),
    ],
)
async def test_what_is_no_mix_of_a_channel_is_refused(
    office: Office, body: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    channel = await add_channel(office)

    path = office.path(f"/channels/{channel['id']}/mix")
    refused = await office.manager("PUT", path, body, match=0)

    found = [(each["pointer"], each["code"]) for each in refused.json()["errors"]]
    assert (refused.status_code, found) == (422, errors)


async def test_a_channel_may_use_types_of_earlier_and_later_versions(office: Office) -> None:
    later = {"types": [*HALVES[:2], *types(quiz=20)], "effective_from": "2026-04-01"}
    await office.manager.ok("PUT", office.path("/mix"), later, match=1)
    channel = await add_channel(office)

    path = office.path(f"/channels/{channel['id']}/mix")
    put = await office.manager("PUT", path, {"types": types(quiz=50, edutainment=50)}, match=0)

    assert put.status_code == 200


async def test_a_channels_own_seats_bind_its_mix(office: Office) -> None:
    busy, idle = await add_channel(office, "sibuk"), await add_channel(office, "senggang")
    await placed_edutainment(office, busy, "2026-03-05")
    body = {"types": types(informative=60, interactive=40)}

    answers = {
        name: (
            await office.manager("PUT", office.path(f"/channels/{each['id']}/mix"), body, match=0)
        ).status_code
        for name, each in (("busy", busy), ("idle", idle))
    }

    assert answers == {"busy": 409, "idle": 200}


async def test_a_channel_inherits_only_a_mix_that_has_its_types(office: Office) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}/mix")
    later = {"types": types(informative=60, interactive=40), "effective_from": "2026-04-01"}
    await office.manager.ok("PUT", path, {"types": TIKTOK}, match=0)
    await office.manager.ok("PUT", office.path("/mix"), later, match=1)
    await placed_edutainment(office, channel, "2026-04-02")

    refused = await office.manager("PUT", path, {"source": "inherit"}, match=1)
    briefly = await office.manager(
        "PUT", path, {"source": "inherit", "effective_until": "2026-04-01"}, match=1
    )
    freed = await office.manager("PUT", path, {"source": "none"}, match=2)

    assert [refused.status_code, briefly.status_code, freed.status_code] == [409, 200, 200]


async def test_a_channel_goes_by_its_own_midnight(office: Office, clock: Clock) -> None:
    clock.now = clock.now.replace(hour=20)  # 3 March in Jakarta, still 2 March in Lisbon
    channel = await add_channel(office, timezone="Europe/Lisbon")
    path = office.path(f"/channels/{channel['id']}/mix")

    put = await office.manager.ok("PUT", path, {"types": TIKTOK}, match=0)
    refused = await office.manager(
        "PUT", office.path("/mix"), {"types": TIKTOK, "effective_from": "2026-03-02"}, match=1
    )

    assert put["in_force"]["effective_from"] == "2026-03-02"
    assert refused.status_code == 422


async def test_the_mix_is_a_managers_and_its_own_offices(
    office: Office, other_office: Office
) -> None:
    channel = await add_channel(office)
    mix, of_channel = office.path("/mix"), office.path(f"/channels/{channel['id']}/mix")
    foreign = other_office.path(f"/channels/{channel['id']}/mix")

    seen = [
        (await office.approver("PUT", mix, {"types": HALVES}, match=1)).status_code,
        (await office.approver("PUT", of_channel, {"types": HALVES}, match=0)).status_code,
        (await other_office.owner("GET", of_channel)).status_code,
        (await other_office.owner("GET", foreign)).status_code,
        (await other_office.owner("PUT", foreign, {"types": HALVES}, match=0)).status_code,
    ]

    assert seen == [403, 403, 404, 404, 404]


async def test_every_version_is_on_record(office: Office) -> None:
    put = await office.manager.ok("PUT", office.path("/mix"), {"types": HALVES}, match=1)

    entries = await office.owner.ok("GET", office.path("/audit?noun=mix"))

    assert [(each["action"], each["row_id"]) for each in entries["items"]] == [
        ("add", put["in_force"]["id"])
    ]
    assert entries["items"][0]["data"] == {
        "source": "own",
        "types": [
            {"key": "informative", "name": "Informative", "share_bp": 5000},
            {"key": "interactive", "name": "Interactive", "share_bp": 3000},
            {"key": "edutainment", "name": "Edutainment", "share_bp": 2000},
        ],
        "tolerance_bp": 500,
        "mode": "enforce",
        "effective_from": "2026-03-02",
        "effective_until": None,
        "channel": None,
    }
