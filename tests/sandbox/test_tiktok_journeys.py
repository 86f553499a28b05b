"""Whole ways through the sandbox, as a client goes that does everything right."""

import hashlib

from tests.sandbox.platform import POST_INFO, PRIVATE, Stage, body_of, part, source

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
