"""Pulling media: what is fetched, what fails, and that the real wire follows no redirect."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.sandbox.tiktok.accounts import Developer
from app.sandbox.tiktok.hooks import signature
from app.sandbox.tiktok.state import Fetched, TikTok
from app.sandbox.tiktok.wire import wire_of
from schedulers.outbound import Outbound
from tests.sandbox.cases import INBOX, PHOTO, STATUS, draft_body, photo_source
from tests.sandbox.platform import DESKTOP, JPEG, KEYS, MEDIA, Stage, served
from tests.schedulers.wires import says, wire
from tests.waiting import until

WEBP = b"RIFF\x00\x00\x00\x00WEBP a photo"
PNG = b"\x89PNG\r\n\x1a\n a photo"
ONE = f"{MEDIA}0.jpg"


async def pulled(s: Stage, *answers: Fetched) -> dict[str, Any]:
    """Begin a draft of photos that answer so; return its status once it is processed."""
    urls = [f"{MEDIA}{number}.jpg" for number in range(len(answers))]
    s.sites.update(zip(urls, answers, strict=True))
    token = await s.token()
    body = draft_body() | {"source_info": photo_source(photo_images=urls)}
    publish_id = (await s.call(PHOTO, token, body)).json()["data"]["publish_id"]
    early = await s.call(STATUS, token, {"publish_id": publish_id})
    assert early.json()["data"] == {"status": "PROCESSING_DOWNLOAD", "downloaded_bytes": 0}
    await s.work()
    s.wait(2)
    data: dict[str, Any] = (await s.call(STATUS, token, {"publish_id": publish_id})).json()["data"]
    return data


async def test_each_photo_is_fetched_once_and_remembered(tiktok: Stage) -> None:
    said = await pulled(tiktok, Fetched(200, "image/jpeg", JPEG), Fetched(200, "image/webp", WEBP))

    await tiktok.work()

    state = await tiktok.state()
    assert said == {"status": "SEND_TO_USER_INBOX", "downloaded_bytes": len(JPEG) + len(WEBP)}
    assert [(each["url"], each["status"], each["bytes"]) for each in state["pulled"]] == [
        (ONE, 200, len(JPEG)),
        (f"{MEDIA}1.jpg", 200, len(WEBP)),
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Fetched(200, "image/png", PNG), "file_format_check_failed"),
        (Fetched(200, "image/jpeg", JPEG + bytes(20_000_000)), "picture_size_check_failed"),
        (Fetched(302, "image/jpeg", JPEG), "photo_pull_failed"),
        (Fetched(404), "photo_pull_failed"),
        (Fetched(None), "photo_pull_failed"),
    ],
    ids=["png", "large", "redirect", "missing", "unreachable"],
)
async def test_a_photo_that_cannot_be_taken_fails_the_post(
    tiktok: Stage, answer: Fetched, reason: str
) -> None:
    said = await pulled(tiktok, Fetched(200, "image/jpeg", JPEG), answer)

    assert (said["status"], said["fail_reason"]) == ("FAILED", reason)
    assert (await tiktok.state())["pending"] == []


async def test_a_pull_may_never_begin(tiktok: Stage) -> None:
    await tiktok.control(next=[{"never_pulled": True}])

    said = await pulled(tiktok, Fetched(200, "image/jpeg", JPEG))

    assert said["status"] == "PROCESSING_DOWNLOAD"
    assert (await tiktok.state())["pulled"] == []


async def test_a_pull_that_takes_an_hour_fails(tiktok: Stage) -> None:
    await tiktok.control(next=[{"never_pulled": True}])
    await pulled(tiktok, Fetched(200, "image/jpeg", JPEG))

    tiktok.wait(3597)
    early = (await tiktok.state())["publications"][0]["status"]
    tiktok.wait(1)
    late = (await tiktok.state())["publications"][0]

    assert early == "PROCESSING_DOWNLOAD"
    assert (late["status"], late["fail_reason"]) == ("FAILED", "photo_pull_failed")


async def test_an_init_whose_answer_was_lost_is_pulled_and_one_that_was_reset_is_not(
    tiktok: Stage,
) -> None:
    token = await tiktok.token()
    told = [{"endpoint": "content_init", "do": do} for do in ("lose", "reset")]
    await tiktok.control(mischief=told)
    for number in (1, 2):
        urls = [f"{MEDIA}once-{number}.jpg"]
        body = draft_body() | {"source_info": photo_source(photo_images=urls)}
        with pytest.raises(ConnectionResetError):
            await tiktok.call(PHOTO, token, body)
    await tiktok.work()

    assert [each["url"] for each in (await tiktok.state())["pulled"]] == [f"{MEDIA}once-1.jpg"]


OWNED = [
    ("https://cdn.pilar.example/a.mp4", True),
    ("https://deep.cdn.pilar.example/b/c?d=e", True),
    ("https://cdn.pilar.example:8443/a", True),
    ("https://evilcdn.pilar.example/a", False),
    ("https://cdn.pilar.example.evil.example/a", False),
    ("https://evil.example/?https://cdn.pilar.example/", False),
    (f"{MEDIA}a.jpg", True),
    (MEDIA.removesuffix("/"), False),
    ("https://media.pilar.example.evil.example/m/", False),
]


@pytest.mark.parametrize(("url", "owned"), OWNED)
async def test_a_domain_covers_what_is_below_it_and_a_prefix_what_begins_with_it(
    tiktok: Stage, url: str, owned: bool
) -> None:
    await tiktok.control(developer={"url_domains": ["cdn.pilar.example"]})
    body = {"source_info": {"source": "PULL_FROM_URL", "video_url": url}}

    answer = await tiktok.call(INBOX, await tiktok.token(), body)

    code = answer.json()["error"]["code"]
    assert code == ("ok" if owned else "url_ownership_unverified")


@asynccontextmanager
async def on_loopback(prefix: str, callback_url: str = "") -> AsyncIterator[Stage]:
    """A sandbox with a real wire, which may pull from this machine."""
    told = Developer(
        redirect_uris=(DESKTOP,),
        url_prefixes=(prefix,),
        allow_loopback=True,
        callback_url=callback_url,
        processing_seconds=0,
    )
    tiktok = TikTok(lambda: datetime.now(UTC), developer=told)
    outbound = Outbound(allow_private_hosts={"127.0.0.1"})
    async with served(tiktok, wire_of(outbound)) as url, httpx.AsyncClient(base_url=url) as http:
        yield Stage(http, tiktok, [datetime.now(UTC)])
    await outbound.aclose()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (says("200 OK", JPEG, Content_Type="image/jpeg"), "SEND_TO_USER_INBOX"),
        (says("302 Found", JPEG, Location="/m/b.jpg"), "FAILED"),
    ],
    ids=["here", "elsewhere"],
)
async def test_the_real_wire_pulls_from_loopback_where_that_is_allowed(
    answer: Any, expected: str
) -> None:
    async with wire(answer) as site, on_loopback(site.url("/m/")) as s:
        token = await s.token()
        urls = [site.url("/m/a.jpg")]
        body = draft_body() | {"source_info": photo_source(photo_images=urls)}
        begun = (await s.call(PHOTO, token, body)).json()["data"]

        async def over() -> bool:
            return s.tiktok.publications[begun["publish_id"]].final

        await until(over, 5)

    assert s.tiktok.publications[begun["publish_id"]].status == expected
    assert [each.line for each in site.seen] == ["GET /m/a.jpg HTTP/1.1"]


async def test_the_real_wire_tells_again_what_was_not_answered_with_200() -> None:
    answers = (says("500 Internal Server Error"), says("200 OK"))
    async with wire(*answers) as home, on_loopback(MEDIA, home.url("/hooks")) as s:
        pair = await s.pair()
        form = KEYS | {"token": pair["access_token"]}
        await s.http.post("/v2/oauth/revoke/", data=form)

        await until(lambda: s.tiktok.hooks[0].answers == [500, 200], 5)

    first, second = home.seen
    seconds = int(second.headers["tiktok-signature"].split(",")[0][2:])
    assert (first.line, first.body) == ("POST /hooks HTTP/1.1", second.body)
    assert second.headers["tiktok-signature"] == signature(
        KEYS["client_secret"], seconds, second.body
    )
