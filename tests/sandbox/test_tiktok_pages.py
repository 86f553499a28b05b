"""Pages and the state: what people see, escaped, and no token anywhere."""

import json

from tests.sandbox.platform import Stage
from tests.sandbox.test_tiktok_statuses import post

EVIL = "<script>alert(1)</script>"


async def test_the_home_page_shows_what_was_posted_and_what_was_refused(tiktok: Stage) -> None:
    empty = (await tiktok.http.get("/")).text
    token = await tiktok.token()
    publish_id = await post(tiktok, token, {"title": EVIL})
    await tiktok.call("/v2/post/publish/status/fetch/", token, {"publish_id": EVIL})
    tiktok.wait(2)

    page = (await tiktok.http.get("/")).text

    number = (await tiktok.state())["posts"][0]["post_id"]
    assert empty.count("Nothing.") == 3
    for text in (publish_id, number, "warisan.privat", "SELF_ONLY", "No such publish_id"):
        assert text in page
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


async def test_a_creator_has_a_picture(tiktok: Stage) -> None:
    info = await tiktok.call("/v2/post/publish/creator_info/query/", await tiktok.token())

    picture = await tiktok.http.get(info.json()["data"]["creator_avatar_url"])
    icon = await tiktok.http.get("/favicon.ico")

    assert (picture.headers["content-type"], ">W</text>" in picture.text) == ("image/svg+xml", True)
    assert icon.status_code == 404
    assert (await tiktok.state())["refusals"] == []


async def test_the_state_has_no_token_in_it(tiktok: Stage) -> None:
    pair = await tiktok.pair()
    await post(tiktok, pair["access_token"])

    state = json.dumps(await tiktok.state())

    platform = tiktok.tiktok
    secrets = [*platform.access, *platform.refresh, *platform.codes]
    secrets += [each.upload.token for each in platform.publications.values() if each.upload]
    secrets.append(platform.developer.client_secret)
    assert [secret for secret in secrets if secret in state] == []
    assert len(secrets) == 5


async def test_time_is_moved_on_order(tiktok: Stage) -> None:
    token = await tiktok.token()
    await post(tiktok, token)

    state = await tiktok.control(advance_seconds=7200)
    refused = await tiktok.call("/v2/post/publish/creator_info/query/", token)

    assert state["now"] == "2026-01-01T02:00:00+00:00"
    assert [each["public"] for each in state["posts"]] == [False]
    assert refused.status_code == 401


async def test_an_access_token_may_end_early(tiktok: Stage) -> None:
    token, other = await tiktok.token(), await tiktok.token("warisan.publik")

    await tiktok.control(expire_access=["warisan.privat"])

    said = [
        (await tiktok.call("/v2/post/publish/creator_info/query/", each)).status_code
        for each in (token, other)
    ]
    assert said == [401, 200]


async def test_a_web_page_cannot_give_orders(tiktok: Stage) -> None:
    answer = await tiktok.http.post(
        "/_sandbox/control", content='{"clear": true}', headers={"Content-Type": "text/plain"}
    )

    assert answer.status_code == 415
