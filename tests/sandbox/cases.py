"""What a case of the conformance table is, and the requests that cases are made of."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from app.sandbox.tiktok.accounts import SCOPES
from tests.sandbox.platform import (
    CHALLENGE,
    JSON,
    MEDIA,
    POST_INFO,
    PRIVATE,
    Stage,
    body_of,
    exchange,
    part,
    source,
    wish,
)

Deed = Callable[[Stage], Awaitable[httpx.Response]]
CREATOR = "/v2/post/publish/creator_info/query/"
VIDEO = "/v2/post/publish/video/init/"
INBOX = "/v2/post/publish/inbox/video/init/"
PHOTO = "/v2/post/publish/content/init/"
STATUS = "/v2/post/publish/status/fetch/"
CANCEL = "/v2/post/publish/cancel/"
LIST = "/v2/video/list/"
QUERY = "/v2/video/query/"
SMALL = 1000
MIB5 = 5 << 20


@dataclass(frozen=True)
class Case:
    """A rule of `platforms.md`: a wrong client that is refused as documented, a right one not."""

    rule: str
    section: str
    status: int
    code: str
    wrong: Deed
    right: Deed


def without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def video_body(
    info: dict[str, Any] | None = None, told: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"post_info": POST_INFO | (info or {}), "source_info": told or source(SMALL)}


def photo_source(**changes: Any) -> dict[str, Any]:
    urls = [f"{MEDIA}{number}.jpg" for number in range(3)]
    told = {"source": "PULL_FROM_URL", "photo_cover_index": 0, "photo_images": urls}
    return told | changes


def photo_body(info: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    body = {
        "post_mode": "DIRECT_POST",
        "media_type": "PHOTO",
        "post_info": POST_INFO | (info or {}),
        "source_info": photo_source(),
    }
    return body | changes


def draft_body(info: dict[str, Any] | None = None) -> dict[str, Any]:
    told = {"title": "T", "description": "D"} if info is None else info
    return photo_body() | {"post_mode": "MEDIA_UPLOAD", "post_info": told}


def pulled(url: str) -> dict[str, Any]:
    return {"source": "PULL_FROM_URL", "video_url": url}


async def _posting(path: str, body: Any, order: Mapping[str, Any], who: str, s: Stage) -> Any:
    token = await s.token(who)
    if path != INBOX and not (path == PHOTO and body.get("post_mode") == "MEDIA_UPLOAD"):
        info = await s.call(CREATOR, token)
        assert info.json()["error"]["code"] == "ok", info.text
    if order:
        await s.control(**order)
    return await s.call(path, token, body)


def posting(
    path: str, body: Any, order: Mapping[str, Any] | None = None, who: str = PRIVATE
) -> Deed:
    """Ask creator_info where it must be, obey an order, begin a post."""
    return partial(_posting, path, body, order or {}, who)


def video(info: dict[str, Any] | None = None, told: dict[str, Any] | None = None) -> Deed:
    return posting(VIDEO, video_body(info, told))


def file(size: int, chunk: int | None = None, count: int | None = None) -> Deed:
    return video(told=source(size, chunk, count))


def photos(info: dict[str, Any] | None = None, **changes: Any) -> Deed:
    return posting(PHOTO, photo_body(info, **changes))


def calling(path: str, body: Any = None, scopes: tuple[str, ...] = SCOPES) -> Deed:
    """Call an API with the token of somebody who agreed to these scopes."""

    async def call(s: Stage) -> httpx.Response:
        return await s.call(path, await s.token(PRIVATE, scopes), body)

    return call


def raw(path: str, content: bytes, kind: str = JSON) -> Deed:
    """Send bytes, and say that they are of a kind."""

    async def send(s: Stage) -> httpx.Response:
        bearer = f"Bearer {await s.token()}"
        headers = {"Authorization": bearer, "Content-Type": kind}
        return await s.http.post(path, headers=headers, content=content)

    return send


def authorizing(*left_out: str, **changes: str) -> Deed:
    """Open the consent page."""

    async def ask(s: Stage) -> httpx.Response:
        return await s.http.get("/v2/auth/authorize/", params=without(wish(**changes), *left_out))

    return ask


def consenting(decision: str) -> Deed:
    async def agree(s: Stage) -> httpx.Response:
        form = {"account": PRIVATE, "scope": list(SCOPES), "decision": decision}
        return await s.http.post("/v2/auth/authorize/", params=wish(), data=form)

    return agree


def tokening(*left_out: str, **changes: str) -> Deed:
    """Agree and exchange the code."""

    async def ask(s: Stage) -> httpx.Response:
        return await exchanged(s, *left_out, **changes)

    return ask


async def exchanged(
    s: Stage, *left_out: str, challenge: str = CHALLENGE, **changes: str
) -> httpx.Response:
    form = {"account": PRIVATE, "scope": list(SCOPES), "decision": "allow"}
    query = wish(code_challenge=challenge)
    sent = await s.http.post("/v2/auth/authorize/", params=query, data=form)
    code = httpx.URL(sent.headers["location"]).params["code"]
    told = without(exchange(code, **changes), *left_out)
    return await s.http.post("/v2/oauth/token/", data=told)


async def begun(s: Stage, size: int = SMALL, chunk: int | None = None) -> tuple[str, str]:
    """Begin a direct video; return its upload_url and publish_id."""
    answer = await video(told=source(size, chunk))(s)
    data = answer.json()["data"]
    return data["upload_url"], data["publish_id"]


def putting(
    first: int = 0,
    last: int = SMALL - 1,
    size: int = SMALL,
    chunk: int | None = None,
    seconds: float = 0,
    **headers: str,
) -> Deed:
    """Begin a video, wait, and send one chunk of it."""

    async def put(s: Stage) -> httpx.Response:
        url, _ = await begun(s, size, chunk)
        s.wait(seconds)
        told, piece = part(body_of(size), first, last)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await s.http.put(url, headers=told | named, content=piece)

    return put
