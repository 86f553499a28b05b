"""Channels over HTTP: accounts, credentials, zones."""

from typing import Any

import pytest

from app.deps import House
from store import channels, workspaces
from tests.app.conftest import Office
from tests.app.writing import add_channel, approve_post, place, write_post

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
WEBHOOK = {
    "platform": "webhook",
    "handle": "situs",
    "name": "Situs kantor",
    "settings": {"url": "https://kantor.example/hook"},
}


async def test_a_channel_is_added_read_changed_and_deleted(office: Office) -> None:
    body = {"platform": "feed", "handle": "Berita.kita", "name": "Berita"}
    added = await office.manager("POST", office.path("/channels"), body)

    location = added.headers["Location"].removeprefix("/api/v1")
    whole = added.json()
    assert (added.status_code, added.headers["ETag"]) == (201, '"1"')
    assert whole == body | {
        "id": whole["id"],
        "timezone": None,
        "connection": "connected",
        "connection_reason": None,
        "settings": {},
        "credentials": [],
        "left_out": {},
        "created_at": "2026-03-02T01:00:00Z",
        "updated_at": "2026-03-02T01:00:00Z",
        "version": 1,
    }
    assert await office.viewer.ok("GET", location) == whole
    assert (await office.viewer.ok("GET", office.path("/channels")))["items"] == [whole]

    change = {"name": "Berita kantor", "timezone": "Asia/Makassar"}
    changed = await office.manager("PATCH", location, change, match=1)
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert changed.json() == whole | change | {"version": 2}

    assert (await office.manager("DELETE", location, match=1)).status_code == 412
    assert (await office.manager("DELETE", location)).status_code == 428
    assert (await office.manager("DELETE", location, match=2)).status_code == 204
    assert (await office.viewer("GET", location)).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"platform": "gopher"}, "/platform", "no-such-platform"),
        ({"handle": "dua kata"}, "/handle", "string-pattern-mismatch"),
        ({"handle": "a" * 61}, "/handle", "string-pattern-mismatch"),
        ({"handle": "berita\n"}, "/handle", "string-pattern-mismatch"),
        ({"timezone": "Asia/Atlantis"}, "/timezone", "no-such-zone"),
        ({"settings": {}}, "/settings/url", "field-missing"),
        ({"settings": {"url": "file:///etc"}}, "/settings/url", "url-scheme"),
        ({"settings": {"url": ["https://x.example"]}}, "/settings/url", "field-kind"),
        ({"settings": {"url": "https://x.example/\u0000"}}, "/settings", "control-character"),
        (
            {"settings": {"url": "https://x.example", "receiver_deduplicates": 1}},
            "/settings/receiver_deduplicates",
            "field-kind",
        ),
        (
            {"settings": {"url": "https://x.example", "secret": SECRET}},
            "/settings/secret",
            "field-unknown",
        ),
        ({"secrets": {}}, "/secrets", "extra-forbidden"),
    ],
)
async def test_what_is_no_channel_is_refused(
    office: Office, change: dict[str, Any], pointer: str, code: str
) -> None:
    refused = await office.manager("POST", office.path("/channels"), WEBHOOK | change)

    errors = [(each["pointer"], each["code"]) for each in refused.json()["errors"]]
    assert (refused.status_code, errors) == (422, [(pointer, code)])


async def test_an_account_is_one_channel_however_it_is_written(office: Office) -> None:
    await add_channel(office, "Berita")
    other = await add_channel(office, "lain")
    path = office.path(f"/channels/{other['id']}")

    body = {"platform": "feed", "handle": "bERITA", "name": "Lagi"}
    again = await office.manager("POST", office.path("/channels"), body)
    renamed = await office.manager("PATCH", path, {"handle": "berita"}, match=1)
    elsewhere = await add_channel(office, "berita", platform="manual")
    itself = await office.manager("PATCH", path, {"handle": "LAIN"}, match=1)

    assert [again.status_code, renamed.status_code, itself.status_code] == [409, 409, 200]
    assert again.json()["type"] == "/problems/handle-taken"
    assert elsewhere["handle"] == "berita"


async def test_settings_are_replaced_as_a_whole_and_checked(office: Office) -> None:
    channel = await office.manager.ok("POST", office.path("/channels"), WEBHOOK)
    path = office.path(f"/channels/{channel['id']}")
    settings = {"url": "https://kantor.example/baru", "receiver_deduplicates": True}

    refused = await office.manager(
        "PATCH", path, {"settings": {"receiver_deduplicates": True}}, match=1
    )
    changed = await office.manager.ok("PATCH", path, {"settings": settings}, match=1)

    assert refused.json()["errors"][0]["pointer"] == "/settings/url"
    assert changed["settings"] == settings


async def test_credentials_are_kept_sealed_and_never_answered(office: Office, house: House) -> None:
    added = await office.manager.ok("POST", office.path("/channels"), WEBHOOK)
    path = office.path(f"/channels/{added['id']}")

    put = await office.manager("PUT", f"{path}/credentials", {"secret": SECRET}, match=1)

    read = await office.viewer("GET", path)
    audit = await office.owner("GET", office.path("/audit?noun=channel"))
    async with house.store.reading() as db:
        workspace = await workspaces.by_slug(db, office.slug)
        (row,) = await channels.all_of(db, workspace.id)
    before = (added["connection"], added["connection_reason"], added["credentials"])
    assert before == ("disconnected", "no_credentials", [])
    assert (put.status_code, put.content, put.headers["ETag"]) == (204, b"", '"2"')
    after = [read.json()[name] for name in ("connection", "connection_reason", "credentials")]
    assert after == ["connected", None, ["secret"]]
    assert SECRET not in read.text + audit.text + str(row.secrets)
    assert channels.open_secrets(row, house.ring) == {"secret": SECRET}


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/secret", "field-missing"),
        ({"secret": "hunter2hunter2"}, "/secret", "webhook-secret"),
        ({"secret": SECRET, "token": "hunter2"}, "/token", "field-unknown"),
        ({"secret": ["hunter2"]}, "/secret", "string-type"),
        ({"secret": SECRET + "\u0000"}, "/secret", "webhook-secret"),
    ],
)
async def test_what_are_no_credentials_is_refused_without_repeating_them(
    office: Office, body: dict[str, Any], pointer: str, code: str
) -> None:
    channel = await office.manager.ok("POST", office.path("/channels"), WEBHOOK)

    path = office.path(f"/channels/{channel['id']}/credentials")
    refused = await office.manager("PUT", path, body, match=1)

    errors = [(each["pointer"], each["code"]) for each in refused.json()["errors"]]
    assert (refused.status_code, errors) == (422, [(pointer, code)])
    assert "hunter2" not in refused.text


async def test_credentials_name_the_version_that_they_change(office: Office) -> None:
    channel = await office.manager.ok("POST", office.path("/channels"), WEBHOOK)
    path = office.path(f"/channels/{channel['id']}/credentials")

    seen = [
        (await office.manager("PUT", path, {"secret": SECRET})).status_code,
        (await office.manager("PUT", path, {"secret": SECRET}, match=7)).status_code,
        (await office.approver("PUT", path, {"secret": SECRET}, match=1)).status_code,
    ]

    assert seen == [428, 412, 403]


async def planned(office: Office, *on: Any) -> list[Any]:
    post = await approve_post(office, await write_post(office))
    draft = await write_post(office, "Belum disetujui.")
    return [
        *await place(office, post, *on, when={"local": "2026-03-03T09:00"}),
        *await place(office, draft, *on, when={"at": "2026-03-29T01:30:00Z"}),
    ]


async def timings(office: Office, rows: list[Any]) -> list[tuple[str, ...]]:
    found = [
        await office.viewer.ok("GET", office.path(f"/publications/{row['id']}")) for row in rows
    ]
    names = ("status", "due_at", "local", "timezone", "day")
    return [tuple(row[name] for name in names) for row in found]


async def test_another_zone_keeps_the_wall_clock_of_what_waits(office: Office) -> None:
    channel = await add_channel(office)
    rows = await planned(office, channel)

    before = await timings(office, rows)
    path = office.path(f"/channels/{channel['id']}")
    await office.manager.ok("PATCH", path, {"timezone": "Europe/Berlin"}, match=1)

    jakarta, berlin = "Asia/Jakarta", "Europe/Berlin"
    scheduled, draft = ("2026-03-03T09:00:00", "2026-03-03"), ("2026-03-29T08:30:00", "2026-03-29")
    assert before == [
        ("scheduled", "2026-03-03T02:00:00Z", scheduled[0], jakarta, scheduled[1]),
        ("planned", "2026-03-29T01:30:00Z", draft[0], jakarta, draft[1]),
    ]
    assert await timings(office, rows) == [
        ("scheduled", "2026-03-03T08:00:00Z", scheduled[0], berlin, scheduled[1]),
        ("planned", "2026-03-29T06:30:00Z", draft[0], berlin, draft[1]),
    ]


async def test_the_offices_zone_moves_the_channels_that_inherit_it(office: Office) -> None:
    inherits = await add_channel(office, "ikut")
    own = await add_channel(office, "sendiri", timezone="Asia/Makassar")
    (first, second, *_) = await planned(office, inherits, own)

    workspace = await office.viewer.ok("GET", office.path())
    change = {"timezone": "Asia/Jayapura"}
    await office.manager.ok("PATCH", office.path(), change, match=workspace["version"])

    assert [timing[1:4] for timing in await timings(office, [first, second])] == [
        ("2026-03-03T00:00:00Z", "2026-03-03T09:00:00", "Asia/Jayapura"),
        ("2026-03-03T01:00:00Z", "2026-03-03T09:00:00", "Asia/Makassar"),
    ]


async def test_a_zone_that_is_taken_back_leads_to_the_offices(office: Office) -> None:
    channel = await add_channel(office, timezone="Europe/Berlin")
    rows = await planned(office, channel)

    path = office.path(f"/channels/{channel['id']}")
    changed = await office.manager.ok("PATCH", path, {"timezone": None}, match=1)

    assert changed["timezone"] is None
    assert [timing[3] for timing in await timings(office, rows)] == ["Asia/Jakarta"] * 2


async def test_a_channel_that_something_stands_on_stays(office: Office) -> None:
    channel = await add_channel(office)
    await planned(office, channel)

    refused = await office.manager("DELETE", office.path(f"/channels/{channel['id']}"), match=1)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/in-use")
    assert "2 publications" in refused.json()["detail"]


async def test_a_channel_that_a_post_says_something_else_on_stays(office: Office) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}")
    variants = {channel["id"]: {"parts": [{"text": "Untuk kanal ini."}]}}
    post = await write_post(office, variants=variants)

    refused = await office.manager("DELETE", path, match=1)
    post_path = office.path(f"/posts/{post['id']}")
    await office.editor.ok("PATCH", post_path, {"variants": {}}, match=1)
    gone = await office.manager("DELETE", path, match=1)

    assert [refused.status_code, gone.status_code] == [409, 204]
    assert "1 posts" in refused.json()["detail"]


async def test_an_unused_channel_goes_with_its_slots_and_mix(office: Office) -> None:
    channel = await add_channel(office)
    path = office.path(f"/channels/{channel['id']}")
    await office.manager.ok("PUT", f"{path}/mix", {"source": "none"}, match=0)
    slots = {"slots": [{"weekday": 0, "time": "09:00"}]}
    await office.manager.ok("PUT", f"{path}/slots", slots, match=1)

    gone = await office.manager("DELETE", path, match=2)

    assert gone.status_code == 204
    assert (await office.viewer("GET", f"{path}/slots")).status_code == 404


async def test_channels_are_a_managers_and_their_own_offices(
    office: Office, other_office: Office
) -> None:
    channel = await add_channel(office)
    foreign = other_office.path(f"/channels/{channel['id']}")

    seen = [
        (await office.approver("POST", office.path("/channels"), WEBHOOK)).status_code,
        (await other_office.owner("GET", foreign)).status_code,
        (await other_office.owner("PATCH", foreign, {"name": "X"}, match=1)).status_code,
        (await other_office.owner("PUT", f"{foreign}/credentials", {}, match=1)).status_code,
        (await other_office.owner("POST", f"{foreign}/check")).status_code,
        (await other_office.owner("GET", office.path("/channels"))).status_code,
    ]

    assert seen == [403, 404, 404, 404, 404, 404]
