"""What becomes of what was begun: statuses, reasons, ids, the inbox, the end of consent."""

from typing import Any

import pytest

from app.sandbox.tiktok.rules import FAIL_REASONS
from tests.sandbox.cases import (
    CANCEL,
    CREATOR,
    INBOX,
    PHOTO,
    SMALL,
    STATUS,
    VIDEO,
    draft_body,
    video_body,
)
from tests.sandbox.platform import PRIVATE, PUBLIC, STRICT, Stage, body_of, part, source

EVERYONE = {"privacy_level": "PUBLIC_TO_EVERYONE"}
MISSPELT = "publicaly_available_post_id"


async def post(s: Stage, token: str, info: dict[str, Any] | None = None) -> str:
    """Post a small video directly, as far as the last chunk; return its publish_id."""
    await s.call(CREATOR, token)
    return await send(s, token, VIDEO, video_body(info))


async def send(s: Stage, token: str, path: str, body: dict[str, Any]) -> str:
    answer = await s.call(path, token, body)
    data = answer.json()["data"]
    headers, content = part(body_of(SMALL), 0, SMALL - 1)
    done = await s.http.put(data["upload_url"], headers=headers, content=content)
    assert done.status_code == 201
    return str(data["publish_id"])


async def status(s: Stage, token: str, publish_id: str) -> dict[str, Any]:
    answer = await s.call(STATUS, token, {"publish_id": publish_id})
    assert answer.json()["error"]["code"] == "ok", answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def audited(s: Stage) -> str:
    await s.control(developer={"audited": True})
    return await s.token(PUBLIC)


async def test_a_public_post_has_an_id_once_moderation_let_it_through(tiktok: Stage) -> None:
    token = await audited(tiktok)

    publish_id = await post(tiktok, token, EVERYONE)
    seen = []
    for seconds in (0, 2, 1):
        tiktok.wait(seconds)
        seen.append(await status(tiktok, token, publish_id))

    number = seen[2][MISSPELT][0]
    assert [each["status"] for each in seen] == [
        "PROCESSING_UPLOAD",
        "PUBLISH_COMPLETE",
        "PUBLISH_COMPLETE",
    ]
    assert [each.get(MISSPELT) for each in seen] == [None, [], [number]]
    assert 2**53 < number < 2**63


async def test_a_post_for_its_author_alone_never_has_an_id(tiktok: Stage) -> None:
    token = await tiktok.token()

    publish_id = await post(tiktok, token)
    tiktok.wait(86400)
    tiktok_says = await status(tiktok, await tiktok.token(), publish_id)

    assert tiktok_says[MISSPELT] == []
    assert len((await tiktok.state())["posts"]) == 1


@pytest.mark.parametrize("reason", sorted(FAIL_REASONS))
async def test_every_reason_can_be_provoked(tiktok: Stage, reason: str) -> None:
    token = await tiktok.token()
    await tiktok.control(next=[{"fail_reason": reason}])

    failed = await post(tiktok, token)
    posted = await post(tiktok, token)
    tiktok.wait(2)

    assert await status(tiktok, token, failed) == {
        "status": "FAILED",
        "fail_reason": reason,
        "uploaded_bytes": SMALL,
    }
    assert (await status(tiktok, token, posted))["status"] == "PUBLISH_COMPLETE"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("list", {MISSPELT: ["N"]}),
        ("absent", {}),
        ("number", {MISSPELT: "N"}),
        ("text", {MISSPELT: ["N"]}),
        ("respelt", {"publicly_available_post_id": ["N"]}),
    ],
)
async def test_the_id_comes_in_the_shapes_that_were_seen(
    tiktok: Stage, shape: str, expected: dict[str, Any]
) -> None:
    token = await audited(tiktok)
    await tiktok.control(next=[{"id_shape": shape}])

    publish_id = await post(tiktok, token, EVERYONE)
    tiktok.wait(2)
    await status(tiktok, token, publish_id)
    tiktok.wait(1)
    said = await status(tiktok, token, publish_id)

    number = (await tiktok.state())["posts"][0]["post_id"]
    ids = {name: value for name, value in said.items() if name.endswith("post_id")}
    read = {
        name: [str(each) for each in value] if isinstance(value, list) else str(value)
        for name, value in ids.items()
    }
    wanted = {
        name: [number] if isinstance(value, list) else number for name, value in expected.items()
    }
    assert read == wanted


async def test_a_public_post_may_stay_without_an_id_and_a_status_may_be_odd(
    tiktok: Stage,
) -> None:
    token = await audited(tiktok)
    await tiktok.control(next=[{"without_post_id": True, "odd_status": "PROCESSING_MAGIC"}])

    publish_id = await post(tiktok, token, EVERYONE)
    early = await status(tiktok, token, publish_id)
    tiktok.wait(3600)
    late = await status(tiktok, token, publish_id)

    assert (early["status"], late["status"], late[MISSPELT]) == (
        "PROCESSING_MAGIC",
        "PUBLISH_COMPLETE",
        [],
    )


async def test_a_person_posts_a_draft_several_times_or_throws_it_away(tiktok: Stage) -> None:
    token = await tiktok.token()
    body = {"source_info": source(SMALL)}
    kept, thrown = [await send(tiktok, token, INBOX, body) for _ in range(2)]
    tiktok.wait(2)

    delivered = await status(tiktok, token, kept)
    waiting = (await tiktok.state())["pending"]
    await tiktok.control(
        inbox=[
            {"publish_id": kept, "do": "post", "posts": 2},
            {"publish_id": thrown, "do": "discard"},
        ]
    )
    tiktok.wait(1)

    assert delivered == {"status": "SEND_TO_USER_INBOX", "uploaded_bytes": SMALL}
    assert waiting == [kept, thrown]
    assert (await tiktok.state())["pending"] == []
    assert len((await status(tiktok, token, kept))[MISSPELT]) == 2
    assert (await status(tiktok, token, thrown))["status"] == "SEND_TO_USER_INBOX"


async def test_a_draft_that_is_posted_makes_room_for_another(tiktok: Stage) -> None:
    token = await tiktok.token()
    body = {"source_info": source(SMALL)}
    drafts = [await send(tiktok, token, INBOX, body) for _ in range(5)]
    tiktok.wait(60)

    full = await tiktok.call(INBOX, token, body)
    await tiktok.control(inbox=[{"publish_id": drafts[0], "do": "post"}])
    room = await tiktok.call(INBOX, token, body)

    assert [full.status_code, room.status_code] == [403, 200]


async def test_a_pull_that_is_cancelled_fails_and_is_not_pulled(tiktok: Stage) -> None:
    token = await tiktok.token()
    begun = await tiktok.call(PHOTO, token, draft_body())
    publish_id = begun.json()["data"]["publish_id"]

    cancelled = await tiktok.call(CANCEL, token, {"publish_id": publish_id})
    await tiktok.work()

    assert cancelled.json()["error"]["code"] == "ok"
    assert await status(tiktok, token, publish_id) == {
        "status": "FAILED",
        "fail_reason": "publish_cancelled",
        "downloaded_bytes": 0,
    }
    assert (await tiktok.state())["pulled"] == []


async def test_consent_that_ends_fails_what_is_under_way(tiktok: Stage) -> None:
    token = await tiktok.token()
    publish_id = await post(tiktok, token)

    await tiktok.control(withdraw=[{"account": PRIVATE, "reason": 1}])
    refused = await tiktok.call(STATUS, token, {"publish_id": publish_id})
    again = await status(tiktok, await tiktok.token(), publish_id)

    assert refused.status_code == 401
    assert (again["status"], again["fail_reason"]) == ("FAILED", "auth_removed")


async def test_posts_that_pass_the_cap_together_do_not_all_appear(tiktok: Stage) -> None:
    token = await tiktok.token()
    await tiktok.control(accounts={PRIVATE: {"posts_cap": 1}})
    urls = []
    for _ in range(2):
        await tiktok.call(CREATOR, token)
        urls.append((await tiktok.call(VIDEO, token, video_body())).json()["data"])
    headers, content = part(body_of(SMALL), 0, SMALL - 1)
    for each in urls:
        await tiktok.http.put(each["upload_url"], headers=headers, content=content)
    tiktok.wait(2)

    said = [await status(tiktok, token, each["publish_id"]) for each in urls]

    assert [(each["status"], each.get("fail_reason")) for each in said] == [
        ("PUBLISH_COMPLETE", None),
        ("FAILED", "spam_risk_too_many_posts"),
    ]


async def test_what_the_account_forbids_is_switched_off_whatever_was_sent(tiktok: Stage) -> None:
    token = await tiktok.token(STRICT)

    await post(tiktok, token, {"disable_comment": False})
    tiktok.wait(2)

    info = (await tiktok.state())["posts"][0]["info"]
    assert [info[f"disable_{name}"] for name in ("comment", "duet", "stitch")] == [True] * 3


async def test_progress_is_told_while_chunks_come_and_nothing_is_posted_before_the_last(
    tiktok: Stage,
) -> None:
    token = await tiktok.token()
    await tiktok.call(CREATOR, token)
    size, chunk = 11_000_000, 5_500_000
    begun = await tiktok.call(VIDEO, token, video_body(told=source(size, chunk)))
    data = begun.json()["data"]

    before = await status(tiktok, token, data["publish_id"])
    headers, content = part(body_of(size), 0, chunk - 1)
    await tiktok.http.put(data["upload_url"], headers=headers, content=content)
    tiktok.wait(3000)
    after = await status(tiktok, token, data["publish_id"])

    assert [before["uploaded_bytes"], after["uploaded_bytes"]] == [0, chunk]
    assert after["status"] == "PROCESSING_UPLOAD"
    assert (await tiktok.state())["posts"] == []
