"""Caps and rates: how many calls a minute, posts a day, creators a day (section 2.6)."""

from typing import Any

import pytest

from tests.sandbox.cases import (
    CANCEL,
    CREATOR,
    INBOX,
    LIST,
    PHOTO,
    QUERY,
    SMALL,
    STATUS,
    VIDEO,
    draft_body,
    video_body,
)
from tests.sandbox.platform import PRIVATE, PUBLIC, Stage, source
from tests.sandbox.test_tiktok_statuses import post

CALLS = [
    (CREATOR, None, 20),
    (VIDEO, video_body(), 6),
    (INBOX, {"source_info": source(SMALL)}, 6),
    (PHOTO, draft_body(), 6),
    (STATUS, {"publish_id": "x"}, 30),
    (CANCEL, {"publish_id": "x"}, 30),
    (f"{LIST}?fields=id", {}, 600),
    (f"{QUERY}?fields=id", {"filters": {"video_ids": ["1"]}}, 600),
]


@pytest.mark.parametrize(("path", "body", "most"), CALLS, ids=[each[0] for each in CALLS])
async def test_a_user_token_has_so_many_calls_in_any_minute(
    tiktok: Stage, path: str, body: Any, most: int
) -> None:
    token = await tiktok.token()
    other = await tiktok.token(PUBLIC)

    said = [(await tiktok.call(path, token, body)).status_code for _ in range(most + 1)]
    others = (await tiktok.call(path, other, body)).status_code
    tiktok.wait(60)
    later = (await tiktok.call(path, token, body)).status_code

    assert [place for place, status in enumerate(said) if status == 429] == [most]
    assert 429 not in {others, later}


async def test_a_creator_posts_fifteen_times_in_a_day(tiktok: Stage) -> None:
    for _ in range(15):
        tiktok.wait(600)
        await post(tiktok, await tiktok.token())
    token = await tiktok.token()

    full = await tiktok.call(CREATOR, token)
    tiktok.wait(86400 - 14 * 600)
    room = await tiktok.call(CREATOR, await tiktok.token())

    assert (full.status_code, full.json()["error"]["code"]) == (200, "spam_risk_too_many_posts")
    assert room.json()["error"]["code"] == "ok"


async def test_an_init_that_nothing_was_sent_to_is_no_post(tiktok: Stage) -> None:
    await tiktok.control(accounts={PRIVATE: {"posts_cap": 1}})
    token = await tiktok.token()
    await tiktok.call(CREATOR, token)
    await tiktok.call(VIDEO, token, video_body())

    again = await tiktok.call(CREATOR, token)

    assert again.json()["error"]["code"] == "ok"


async def test_five_creators_of_an_app_post_in_a_day(tiktok: Stage) -> None:
    names = [f"orang.{number}" for number in range(6)]
    await tiktok.control(accounts={name: {"private": True} for name in names})
    for name in names[:5]:
        await post(tiktok, await tiktok.token(name))

    sixth = await tiktok.call(CREATOR, await tiktok.token(names[5]))
    first = await tiktok.call(CREATOR, await tiktok.token(names[0]))
    tiktok.wait(86400)
    later = await tiktok.call(CREATOR, await tiktok.token(names[5]))

    said = [each.json()["error"]["code"] for each in (sixth, first, later)]
    assert said == ["reached_active_user_cap", "ok", "ok"]
