"""Webhooks: signed, told again, and the events of a publication's life."""

import hashlib
import hmac
import json
from typing import Any

from app.sandbox.tiktok.hooks import signature
from app.sandbox.tiktok.state import Fetched
from tests.sandbox.cases import PHOTO, SMALL, draft_body
from tests.sandbox.platform import JPEG, KEYS, MEDIA, PRIVATE, PUBLIC, Stage
from tests.sandbox.test_tiktok_statuses import EVERYONE, post

HOME = "https://pilar.example/hooks/tiktok"
VECTOR = (
    b'{"client_key":"ck","event":"post.publish.complete","create_time":1767225600,'
    b'"user_openid":"act.user","content":"{\\"publish_id\\":\\"v_pub_file~v2.1\\",'
    b'\\"publish_type\\":\\"DIRECT_PUBLISH\\"}"}'
)


def events(s: Stage) -> list[tuple[str, dict[str, Any]]]:
    bodies = [json.loads(body) for _, _, body in s.told]
    return [(body["event"], json.loads(body["content"])) for body in bodies]


async def listening(s: Stage, *tricks: str) -> str:
    """Set the callback URL and tricks; return the token of an account that posts publicly."""
    mischief = [{"endpoint": "webhook", "do": do} for do in tricks]
    told = {"callback_url": HOME, "audited": True}
    await s.control(developer=told, mischief=mischief)
    return await s.token(PUBLIC)


def test_the_signature_is_the_documented_one() -> None:
    told = signature("tiktok-client-secret-for-tests", 1767225600, VECTOR)

    expected = "5c42d6d3ad769a93957e43fed44a5f58453273aff7d5dff00a16876360cc935a"
    assert told == f"t=1767225600,s={expected}"


async def test_a_public_post_tells_of_its_completion_its_id_and_its_end(tiktok: Stage) -> None:
    publish_id = await post(tiktok, await listening(tiktok), EVERYONE)
    for seconds in (2, 1):
        tiktok.wait(seconds)
        await tiktok.work()
    await tiktok.control(hide=[publish_id])
    await tiktok.work()

    number = int((await tiktok.state())["posts"][0]["post_id"])
    kind = {"publish_id": publish_id, "publish_type": "DIRECT_PUBLISH"}
    assert events(tiktok) == [
        ("post.publish.complete", kind),
        ("post.publish.publicly_available", kind | {"post_id": number}),
        ("post.publish.no_longer_publicaly_available", kind | {"post_id": number}),
    ]
    url, headers, body = tiktok.told[0]
    moment, sent = (each.partition("=")[2] for each in headers["TikTok-Signature"].split(","))
    signed = f"{moment}.".encode() + body
    expected = hmac.new(KEYS["client_secret"].encode(), signed, hashlib.sha256).hexdigest()
    assert (url, sent) == (HOME, expected)
    assert json.loads(body) | {"content": ""} == {
        "client_key": KEYS["client_key"],
        "event": "post.publish.complete",
        "create_time": int(moment),
        "user_openid": "-000sandbox-open-id-publik",
        "content": "",
    }


async def test_an_inbox_tells_of_delivery_and_of_each_post(tiktok: Stage) -> None:
    token = await listening(tiktok)
    tiktok.sites |= {f"{MEDIA}{n}.jpg": Fetched(200, "image/jpeg", JPEG) for n in range(3)}
    begun = await tiktok.call(PHOTO, token, draft_body())
    publish_id = begun.json()["data"]["publish_id"]
    await tiktok.work()
    tiktok.wait(2)
    await tiktok.work()

    await tiktok.control(
        inbox=[{"publish_id": publish_id, "do": "post", "posts": 2, "public": False}]
    )
    await tiktok.work()

    kind = {"publish_id": publish_id, "publish_type": "INBOX_SHARE"}
    assert events(tiktok) == [
        ("post.publish.inbox_delivered", kind),
        ("post.publish.complete", kind),
        ("post.publish.complete", kind),
    ]


async def test_failure_and_the_end_of_consent_are_told_with_their_reasons(tiktok: Stage) -> None:
    token = await listening(tiktok)
    await tiktok.control(next=[{"fail_reason": "spam_risk_text"}])
    publish_id = await post(tiktok, token, EVERYONE)
    tiktok.wait(2)
    await tiktok.control(withdraw=[{"account": PUBLIC, "reason": 4}])
    await tiktok.work()

    assert events(tiktok) == [
        ("authorization.removed", {"reason": 4}),
        (
            "post.publish.failed",
            {"publish_id": publish_id, "reason": "auth_removed", "publish_type": "DIRECT_PUBLISH"},
        ),
    ]


async def test_a_webhook_is_told_again_later_each_time_for_three_days(tiktok: Stage) -> None:
    token = await listening(tiktok)
    tiktok.hook_status = 503
    await post(tiktok, token, EVERYONE)
    tiktok.wait(2)
    await tiktok.work()
    pauses = []
    hook = tiktok.tiktok.hooks[0]
    while hook.due_at:
        pauses.append((hook.due_at - tiktok.at[0]).total_seconds())
        tiktok.at[0] = hook.due_at
        await tiktok.work()

    assert pauses[:5] == [1, 2, 4, 8, 16]
    assert sum(pauses) <= 72 * 3600 < sum(pauses) + pauses[-1]
    assert set(hook.answers) == {503}


async def test_a_webhook_that_is_answered_is_told_once(tiktok: Stage) -> None:
    token = await listening(tiktok)
    tiktok.hook_status = None
    await post(tiktok, token, EVERYONE)
    tiktok.wait(2)
    await tiktok.work()
    tiktok.hook_status = 200
    tiktok.wait(0.5)
    await tiktok.work()
    tiktok.wait(0.5)
    await tiktok.work()
    await tiktok.work()

    state = await tiktok.state()
    assert [each["answers"] for each in state["webhooks"]] == [[None, 200], [200]]


async def test_webhooks_come_twice_forged_or_not_at_all_on_order(tiktok: Stage) -> None:
    token = await listening(tiktok, "duplicate", "forge", "withhold")
    for _ in range(3):
        await post(tiktok, token, {"privacy_level": "SELF_ONLY"})
    tiktok.wait(2)
    await tiktok.work()

    def genuine(headers: dict[str, str], body: bytes) -> bool:
        seconds = int(headers["TikTok-Signature"].split(",")[0][2:])
        return headers["TikTok-Signature"] == signature(KEYS["client_secret"], seconds, body)

    said = [genuine(headers, body) for _, headers, body in tiktok.told]
    assert said == [True, True, False]
    assert tiktok.told[0] == tiktok.told[1]


async def test_without_a_callback_url_events_are_kept_and_told_to_nobody(tiktok: Stage) -> None:
    token = await tiktok.token(PRIVATE)
    await post(tiktok, token)
    tiktok.wait(2)
    await tiktok.work()

    state = await tiktok.state()
    assert [each["event"] for each in state["webhooks"]] == ["post.publish.complete"]
    assert (tiktok.told, SMALL) == ([], 1000)
