"""Whole ways through the sandbox, as a client goes that does everything right."""

import hashlib
from typing import Any

import pytest

from tests.sandbox.cases import (
    CREATOR,
    INBOX,
    PHOTO,
    Deed,
    calling,
    draft_body,
    photos,
    posting,
    pulled,
    video,
)
from tests.sandbox.platform import (
    MEDIA,
    POST_INFO,
    PRIVATE,
    PUBLIC,
    STRICT,
    Stage,
    body_of,
    part,
    source,
)

INFO = {
    "creator_avatar_url": "",
    "creator_username": PRIVATE,
    "creator_nickname": "Warisan (privat)",
    "privacy_level_options": ["FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"],
    "comment_disabled": False,
    "duet_disabled": False,
    "stitch_disabled": False,
    "max_video_post_duration_sec": 600,
}
OTHERS = [
    (PRIVATE, {}),
    (
        PUBLIC,
        {
            "creator_nickname": "Warisan (publik)",
            "privacy_level_options": ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"],
        },
    ),
    (
        STRICT,
        {
            "creator_nickname": "Warisan (ketat)",
            "comment_disabled": True,
            "duet_disabled": True,
            "stitch_disabled": True,
            "max_video_post_duration_sec": 60,
        },
    ),
]
BRANDED = {"brand_content_toggle": True, "brand_organic_toggle": True, "is_aigc": True}
CHUNK = 6_000_000
SIZE = 3 * CHUNK + 17


async def test_a_video_of_three_chunks_is_posted(tiktok: Stage) -> None:
    body = body_of(SIZE)
    token = await tiktok.token()

    info = await tiktok.call("/v2/post/publish/creator_info/query/", token)
    begun = await tiktok.call(
        "/v2/post/publish/video/init/",
        token,
        {"post_info": POST_INFO, "source_info": source(SIZE, CHUNK)},
    )
    data = begun.json()["data"]
    ranges = [(0, CHUNK - 1), (CHUNK, 2 * CHUNK - 1), (2 * CHUNK, SIZE - 1)]
    answers = []
    for first, last in ranges:
        headers, piece = part(body, first, last)
        answer = await tiktok.http.put(data["upload_url"], headers=headers, content=piece)
        answers.append((answer.status_code, answer.headers["content-range"]))
    asked = {"publish_id": data["publish_id"]}
    early = await tiktok.call("/v2/post/publish/status/fetch/", token, asked)
    tiktok.wait(5)
    late = await tiktok.call("/v2/post/publish/status/fetch/", token, asked)

    assert info.json()["data"]["privacy_level_options"][0] == "FOLLOWER_OF_CREATOR"
    assert answers == [
        (206, f"bytes 0-{CHUNK}/{SIZE}"),
        (206, f"bytes 0-{2 * CHUNK}/{SIZE}"),
        (201, f"bytes 0-{SIZE}/{SIZE}"),
    ]
    assert early.json()["data"] == {"status": "PROCESSING_UPLOAD", "uploaded_bytes": SIZE}
    assert late.json()["data"] == {
        "status": "PUBLISH_COMPLETE",
        "uploaded_bytes": SIZE,
        "publicaly_available_post_id": [],
    }
    state = await tiktok.state()
    assert [(post["username"], post["info"]) for post in state["posts"]] == [(PRIVATE, POST_INFO)]
    assert state["posts"][0]["files"][0]["sha256"] == hashlib.sha256(body).hexdigest()
    assert state["refusals"] == []


@pytest.mark.parametrize(("username", "differs"), OTHERS)
async def test_creator_info_says_what_the_account_may(
    tiktok: Stage, username: str, differs: dict[str, Any]
) -> None:
    answer = await tiktok.call(CREATOR, await tiktok.token(username))

    data = answer.json()["data"]
    expected = INFO | {"creator_username": username} | differs
    assert data | {"creator_avatar_url": ""} == expected
    assert answer.json()["error"] | {"log_id": ""} == {"code": "ok", "message": "", "log_id": ""}


@pytest.mark.parametrize(
    ("begin", "prefix", "names"),
    [
        (video(), "v_pub_file~", {"publish_id", "upload_url"}),
        (video(told=pulled(MEDIA)), "v_pub_url~", {"publish_id"}),
        (calling(INBOX, {"source_info": source(9)}), "v_inbox_file~", {"publish_id", "upload_url"}),
        (calling(INBOX, {"source_info": pulled(MEDIA)}), "v_inbox_url~", {"publish_id"}),
        (photos(), "p_pub_url~", {"publish_id"}),
        (posting(PHOTO, draft_body()), "p_inbox_url~", {"publish_id"}),
    ],
)
async def test_an_init_answers_with_handles_as_long_as_documented(
    tiktok: Stage, begin: Deed, prefix: str, names: set[str]
) -> None:
    data = (await begin(tiktok)).json()["data"]

    assert set(data) == names
    assert data["publish_id"].startswith(prefix)
    assert len(data["publish_id"]) <= 64
    assert len(data.get("upload_url", "")) <= 256


async def test_branded_content_for_its_author_alone_is_not_refused_by_the_platform(
    tiktok: Stage,
) -> None:
    answer = await video(BRANDED)(tiktok)

    assert answer.json()["error"]["code"] == "ok"
