"""Posts over HTTP: written, found, approved by other eyes."""

from datetime import timedelta

from planner.access import Role
from tests.app.conftest import Office
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Clock


async def test_a_post_is_written_and_read(office: Office) -> None:
    post = await write_post(office, external_id="humas-1")

    read = await office.viewer("GET", office.path(f"/posts/{post['id']}"))

    assert (read.json(), read.headers["ETag"]) == (post, '"1"')
    assert (post["status"], post["content_version"], post["approved_version"]) == ("draft", 1, None)
    assert post["owner"] == str(office.people[Role.EDITOR])


async def test_a_known_version_is_not_sent_again(office: Office) -> None:
    post = await write_post(office)

    again = await office.viewer(
        "GET", office.path(f"/posts/{post['id']}"), headers={"If-None-Match": '"1"'}
    )

    assert (again.status_code, again.content) == (304, b"")


async def test_posts_are_found_by_what_they_are(office: Office) -> None:
    channel = await add_channel(office)
    first = await write_post(office, title="Kuis sejarah", type="interactive", external_id="a")
    second = await write_post(office, title="Naskah 100%", external_id="b")
    await place(office, second, channel, when={"local": "2026-03-03T09:00"})

    async def found(query: str) -> list[str]:
        page = await office.viewer.ok("GET", office.path(f"/posts?{query}"))
        return [post["id"] for post in page["items"]]

    assert await found("") == [second["id"], first["id"]]
    assert await found("type=interactive") == [first["id"]]
    assert await found("q=KUIS") == [first["id"]]
    assert await found("q=100%25") == [second["id"]]
    assert await found("external_id=b") == [second["id"]]
    assert await found(f"channel={channel['id']}") == [second["id"]]
    assert await found("status=approved") == []


async def test_what_a_post_names_must_exist(office: Office) -> None:
    nobody = "01a20c80-e019-75d6-a9ac-a01c8d35d13b"
    body = {
        "title": "Naskah",
        "type": "informative",
        "pillar": nobody,
        "parts": [{"text": "x", "media": [{"id": nobody}]}],
        "variants": {nobody: {"parts": [{"text": "y"}]}},
        "owner": nobody,
    }

    refused = await office.editor("POST", office.path("/posts"), body)

    places = {(error["pointer"], error["code"]) for error in refused.json()["errors"]}
    assert refused.status_code == 422
    assert places == {
        ("/pillar", "no-such-pillar"),
        ("/parts/0/media/0", "no-such-media"),
        (f"/variants/{nobody}", "no-such-channel"),
    }


async def test_a_type_must_be_of_the_mix(office: Office) -> None:
    refused = await office.editor(
        "POST", office.path("/posts"), {"title": "x", "type": "gossip", "parts": [{"text": "x"}]}
    )

    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/no-such-type")


async def test_an_external_id_is_of_one_post(office: Office) -> None:
    first = await write_post(office, external_id="humas-1")

    refused = await office.editor(
        "POST",
        office.path("/posts"),
        {"title": "x", "type": "informative", "parts": [{"text": "x"}], "external_id": "humas-1"},
    )

    assert refused.status_code == 409
    assert first["id"] in refused.json()["detail"]


async def test_the_one_who_wrote_does_not_approve(office: Office) -> None:
    post = await office.approver.ok(
        "POST",
        office.path("/posts"),
        {"title": "x", "type": "informative", "parts": [{"text": "x"}]},
    )
    path = office.path(f"/posts/{post['id']}")
    await office.approver.ok("POST", f"{path}/submit", match=1)

    own = await office.approver("POST", f"{path}/approve", {}, match=2)
    other = await office.manager("POST", f"{path}/approve", {}, match=2)

    assert (own.status_code, own.json()["type"]) == (403, "/problems/own-words")
    assert (other.status_code, other.json()["status"]) == (200, "approved")


async def test_a_key_approves_only_where_the_office_lets_it(office: Office) -> None:
    post = await write_post(office)
    path = office.path(f"/posts/{post['id']}")
    await office.editor.ok("POST", f"{path}/submit", match=1)

    before = await office.key("POST", f"{path}/approve", {}, match=2)
    settings = await office.owner("GET", office.path())
    await office.owner.ok(
        "PATCH", office.path(), {"keys_may_approve": True}, match=settings.headers["ETag"]
    )
    after = await office.key("POST", f"{path}/approve", {}, match=2)

    assert (before.json()["type"], after.json()["status"]) == (
        "/problems/keys-may-not-approve",
        "approved",
    )


async def test_two_approvals_are_of_two_people(office: Office) -> None:
    settings = await office.owner("GET", office.path())
    await office.owner.ok(
        "PATCH", office.path(), {"approval_policy": "two"}, match=settings.headers["ETag"]
    )
    post = await write_post(office)
    path = office.path(f"/posts/{post['id']}")
    await office.editor.ok("POST", f"{path}/submit", match=1)

    first = await office.approver.ok("POST", f"{path}/approve", {}, match=2)
    again = await office.approver("POST", f"{path}/approve", {}, match=first["version"])
    second = await office.manager.ok("POST", f"{path}/approve", {}, match=first["version"])

    assert (first["status"], again.json()["type"], second["status"]) == (
        "in_review",
        "/problems/already-approved",
        "approved",
    )


async def test_an_owner_breaks_the_glass_and_a_second_look_is_asked_for(office: Office) -> None:
    post = await office.owner.ok(
        "POST",
        office.path("/posts"),
        {"title": "x", "type": "informative", "parts": [{"text": "x"}]},
    )
    path = office.path(f"/posts/{post['id']}")
    await office.owner.ok("POST", f"{path}/submit", match=1)

    body = {"break_glass": "Presiden datang satu jam lagi."}
    manager = await office.manager("POST", f"{path}/approve", body, match=2)
    broken = await office.owner.ok("POST", f"{path}/approve", body, match=2)
    looked = await office.approver.ok("POST", f"{path}/approve", {}, match=broken["version"])

    assert manager.status_code == 403
    assert (broken["status"], broken["second_approval_due"]) == ("approved", True)
    assert (looked["status"], looked["second_approval_due"]) == ("approved", False)


async def test_policy_none_approves_what_is_submitted(office: Office) -> None:
    settings = await office.owner("GET", office.path())
    await office.owner.ok(
        "PATCH", office.path(), {"approval_policy": "none"}, match=settings.headers["ETag"]
    )
    channel = await add_channel(office)
    post = await write_post(office)
    (draft,) = await place(office, post, channel, when={"local": "2026-03-03T09:00"})

    submitted = await office.editor.ok("POST", office.path(f"/posts/{post['id']}/submit"), match=1)
    armed = await office.viewer.ok("GET", office.path(f"/publications/{draft['id']}"))

    assert (draft["status"], submitted["status"], armed["status"]) == (
        "planned",
        "approved",
        "scheduled",
    )


async def test_an_approval_arms_and_a_rejection_disarms(office: Office, clock: Clock) -> None:
    channel = await add_channel(office)
    post = await write_post(office)
    (row,) = await place(office, post, channel, when=at(clock.now + timedelta(days=1)))
    path = office.path(f"/publications/{row['id']}")

    approved = await approve_post(office, post)
    armed = await office.viewer.ok("GET", path)
    rejected = await office.approver.ok(
        "POST",
        office.path(f"/posts/{post['id']}/reject"),
        {"reason": "Tanggalnya salah."},
        match=approved["version"],
    )
    disarmed = await office.viewer.ok("GET", path)

    assert (armed["status"], disarmed["status"], disarmed["holds_seat"]) == (
        "scheduled",
        "planned",
        True,
    )
    assert (rejected["status"], rejected["rejection"], rejected["approved_version"]) == (
        "draft",
        "Tanggalnya salah.",
        None,
    )


async def test_mending_one_variant_disarms_that_channel_only(office: Office, clock: Clock) -> None:
    first, second = await add_channel(office, "satu"), await add_channel(office, "dua")
    post = await write_post(office, variants={second["id"]: {"parts": [{"text": "Untuk dua."}]}})
    await place(office, post, first, second, when=at(clock.now + timedelta(days=1)))
    approved = await approve_post(office, post)

    mended = await office.editor.ok(
        "PATCH",
        office.path(f"/posts/{post['id']}"),
        {"variants": {second["id"]: {"parts": [{"text": "Untuk dua!"}]}}},
        match=approved["version"],
    )

    rows = (await office.viewer.ok("GET", office.path(f"/publications?post={post['id']}")))["items"]
    states = {row["channel"]: row["status"] for row in rows}
    assert states == {first["id"]: "scheduled", second["id"]: "planned"}
    assert (mended["status"], mended["content_version"], mended["approved_version"]) == (
        "draft",
        2,
        1,
    )


async def test_an_edit_that_says_nothing_new_changes_nothing(office: Office, clock: Clock) -> None:
    channel = await add_channel(office)
    post = await write_post(office, "Isi.")
    await place(office, post, channel, when=at(clock.now + timedelta(days=1)))
    approved = await approve_post(office, post)

    same = await office.editor.ok(
        "PATCH",
        office.path(f"/posts/{post['id']}"),
        {"parts": [{"text": "Isi."}]},
        match=approved["version"],
    )

    assert (same["status"], same["content_version"]) == ("approved", 1)


async def test_words_that_were_replaced_do_not_come_back_by_themselves(
    office: Office, clock: Clock
) -> None:
    channel = await add_channel(office)
    post = await write_post(office, "Salah.")
    (row,) = await place(office, post, channel, when=at(clock.now + timedelta(days=1)))
    path = office.path(f"/posts/{post['id']}")
    first = await approve_post(office, post)
    second = await office.editor.ok(
        "PATCH", path, {"parts": [{"text": "Betul."}]}, match=first["version"]
    )
    third = await approve_post(office, second)

    await office.editor.ok("PATCH", path, {"parts": [{"text": "Salah."}]}, match=third["version"])

    now = await office.viewer.ok("GET", office.path(f"/publications/{row['id']}"))
    assert now["status"] == "planned"


async def test_versions_say_who_wrote_and_who_approved_what(office: Office) -> None:
    post = await write_post(office, "Satu.")
    approved = await approve_post(office, post)
    await office.editor.ok(
        "PATCH",
        office.path(f"/posts/{post['id']}"),
        {"parts": [{"text": "Dua."}]},
        match=approved["version"],
    )

    versions = (await office.viewer.ok("GET", office.path(f"/posts/{post['id']}/versions")))[
        "items"
    ]

    told = [
        (
            each["number"],
            each["content"]["parts"][0]["text"],
            [a["actor"] for a in each["approvals"]],
        )
        for each in versions
    ]
    approver = office.people[Role.APPROVER]
    assert told == [(2, "Dua.", []), (1, "Satu.", [f"person:{approver}"])]


async def test_comments_are_kept_in_order(office: Office) -> None:
    post = await write_post(office)
    path = office.path(f"/posts/{post['id']}/comments")

    for text in ("Cek tanggal.", "Sudah."):
        await office.editor.ok("POST", path, {"text": text})

    page = await office.viewer.ok("GET", path)
    assert [each["text"] for each in page["items"]] == ["Cek tanggal.", "Sudah."]


async def test_archiving_takes_what_waits_off_the_calendar(office: Office, clock: Clock) -> None:
    channel = await add_channel(office)
    post = await write_post(office)
    (row,) = await place(office, post, channel, when=at(clock.now + timedelta(days=1)))

    archived = await office.editor.ok(
        "POST", office.path(f"/posts/{post['id']}/archive"), match=post["version"]
    )

    gone = await office.viewer("GET", office.path(f"/publications/{row['id']}"))
    changed = await office.editor(
        "PATCH", office.path(f"/posts/{post['id']}"), {"title": "x"}, match=archived["version"]
    )
    assert (archived["status"], gone.status_code) == ("archived", 404)
    assert changed.json()["type"] == "/problems/post-archived"


async def test_a_post_that_was_nowhere_can_be_deleted(office: Office) -> None:
    post = await write_post(office)
    used = await write_post(office)
    await place(office, used, await add_channel(office), when={"local": "2026-03-03T09:00"})

    gone = await office.editor("DELETE", office.path(f"/posts/{post['id']}"), match=1)
    kept = await office.editor("DELETE", office.path(f"/posts/{used['id']}"), match=1)

    assert (gone.status_code, kept.status_code) == (204, 409)
    assert (await office.viewer("GET", office.path(f"/posts/{post['id']}"))).status_code == 404
