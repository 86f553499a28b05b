"""Cases of what comes after an init: chunks, statuses, cancelling, lists (2.3.4 to 2.9)."""

from collections.abc import AsyncIterator

import httpx

from tests.sandbox.cases import (
    CANCEL,
    LIST,
    MIB5,
    PHOTO,
    QUERY,
    SMALL,
    STATUS,
    Case,
    Deed,
    begun,
    calling,
    draft_body,
    posting,
    putting,
    raw,
)
from tests.sandbox.platform import JSON, PRIVATE, PUBLIC, Stage, body_of, part

PARAMS = "invalid_params"
HOUR = 3600
TWO = 2 * MIB5
FINE = putting()


async def invented_url(s: Stage) -> httpx.Response:
    url, _ = await begun(s)
    headers, piece = part(body_of(SMALL), 0, SMALL - 1)
    return await s.http.put(f"{url}x", headers=headers, content=piece)


async def both_chunks(s: Stage) -> httpx.Response:
    url, _ = await begun(s, TWO, MIB5)
    body = body_of(TWO)
    headers, piece = part(body, 0, MIB5 - 1)
    await s.http.put(url, headers=headers, content=piece)
    headers, piece = part(body, MIB5, TWO - 1)
    return await s.http.put(url, headers=headers, content=piece)


async def twice_the_first(s: Stage) -> httpx.Response:
    url, _ = await begun(s, TWO, MIB5)
    headers, piece = part(body_of(TWO), 0, MIB5 - 1)
    await s.http.put(url, headers=headers, content=piece)
    return await s.http.put(url, headers=headers, content=piece)


async def short(s: Stage) -> httpx.Response:
    url, _ = await begun(s)
    headers, piece = part(body_of(SMALL), 0, SMALL - 1)
    told = headers | {"Content-Length": str(SMALL)}
    return await s.http.put(url, headers=told, content=piece[:-1])


async def without_length(s: Stage) -> httpx.Response:
    url, _ = await begun(s)
    headers, piece = part(body_of(SMALL), 0, SMALL - 1)

    async def pieces() -> AsyncIterator[bytes]:
        yield piece

    return await s.http.put(url, headers=headers, content=pieces())


def asking(path: str, who: str = PRIVATE, wait: float = 0, invented: str = "") -> Deed:
    """Begin photos, wait while they are pulled, and ask about them."""

    async def ask(s: Stage) -> httpx.Response:
        answer = await posting(PHOTO, draft_body())(s)
        publish_id = invented or answer.json()["data"]["publish_id"]
        if wait:
            await s.work()
            s.wait(wait)
        return await s.call(path, await s.token(who), {"publish_id": publish_id})

    return ask


def listing(**body: object) -> Deed:
    return calling(f"{LIST}?fields=id,share_url", body)


def querying(count: int) -> Deed:
    ids = [str(7_500_000_000_000_000_000 + number) for number in range(count)]
    return calling(f"{QUERY}?fields=id", {"filters": {"video_ids": ids}})


CASES = [
    Case("put-task", "2.3.4", 404, "", invented_url, FINE),
    Case("put-expired", "2.3.4", 403, "", putting(seconds=HOUR), putting(seconds=HOUR - 1)),
    Case(
        "put-type",
        "2.3.4",
        400,
        "",
        putting(Content_Type="application/octet-stream"),
        putting(Content_Type="video/quicktime"),
    ),
    Case("put-range", "2.3.4", 400, "", putting(Content_Range="bytes=0-999"), FINE),
    Case("put-total", "2.3.4", 400, "", putting(Content_Range="bytes 0-999/1001"), FINE),
    Case("put-length", "2.3.4", 400, "", putting(Content_Range="bytes 0-998/1000"), FINE),
    Case("put-length", "2.3.4", 400, "", without_length, FINE),
    Case(
        "put-chunk",
        "2.3.4 rule 2",
        400,
        "",
        putting(0, TWO // 4 - 1, TWO, MIB5),
        putting(0, MIB5 - 1, TWO, MIB5),
    ),
    Case("put-order", "2.3.4 rule 4", 416, "", putting(MIB5, TWO - 1, TWO, MIB5), both_chunks),
    Case("put-order", "2.3.4 rule 4", 416, "", twice_the_first, both_chunks),
    Case("put-whole", "2.3.4", 400, "", short, FINE),
    Case(
        "publish-id",
        "2.5.2",
        400,
        "invalid_publish_id",
        asking(STATUS, invented="v_pub_file~v2-1.1"),
        asking(STATUS),
    ),
    Case(
        "publish-owner",
        "2.5.2",
        400,
        "token_not_authorized_for_specified_publish_id",
        asking(STATUS, PUBLIC),
        asking(STATUS),
    ),
    Case(
        "cancellable",
        "2.5.2",
        400,
        "publish_not_cancellable",
        asking(CANCEL, wait=10),
        asking(CANCEL),
    ),
    Case("json-other", "2.5.1", 400, PARAMS, raw(LIST, b"[]", JSON), listing()),
    Case("max-count", "2.9", 400, PARAMS, listing(max_count=21), listing(max_count=20)),
    Case("video-ids", "2.9", 400, PARAMS, querying(21), querying(20)),
    Case("video-ids", "2.9", 400, PARAMS, querying(0), querying(1)),
]
