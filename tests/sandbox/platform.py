"""A TikTok of a test: its memory, its clock that the test moves, and a client that is ours."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import uvicorn

from app.sandbox.cutting import Cuttable
from app.sandbox.tiktok.accounts import SCOPES, Developer
from app.sandbox.tiktok.server import create_sandbox
from app.sandbox.tiktok.state import Fetched, TikTok
from app.sandbox.tiktok.wire import Wire, work

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
BASE = "http://sandbox"
DESKTOP = "http://127.0.0.1:8000/oauth/callback"
WEB = "https://pilar.example/oauth/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"
PRIVATE, PUBLIC, STRICT = "warisan.privat", "warisan.publik", "warisan.ketat"
MEDIA = "https://media.pilar.example/m/"
JPEG = b"\xff\xd8\xff\xe0 a photo"
KEYS = {"client_key": "sandboxawkey", "client_secret": "sandbox-client-secret"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = "application/json; charset=UTF-8"
POST_INFO = {
    "title": "Warisan",
    "privacy_level": "SELF_ONLY",
    "disable_comment": False,
    "brand_content_toggle": False,
    "brand_organic_toggle": False,
}


def developer() -> Developer:
    return Developer(redirect_uris=(DESKTOP, WEB), url_prefixes=(MEDIA,))


@dataclass
class Stage:
    """The sandbox in process: `http` speaks to it, `sites` are what it may pull."""

    http: httpx.AsyncClient
    tiktok: TikTok
    at: list[datetime]
    sites: dict[str, Fetched] = field(default_factory=dict)
    told: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    hook_status: int | None = 200

    def wait(self, seconds: float) -> None:
        self.at[0] += timedelta(seconds=seconds)

    async def work(self) -> None:
        await work(self.tiktok, Wire(self._fetch, self._send))

    async def _fetch(self, url: str) -> Fetched:
        return self.sites.get(url, Fetched(404))

    async def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> int | None:
        self.told.append((url, dict(headers), body))
        return self.hook_status

    async def control(self, **order: Any) -> dict[str, Any]:
        answer = await self.http.post("/_sandbox/control", json=order)
        assert answer.status_code == 200, answer.text
        state: dict[str, Any] = answer.json()
        return state

    async def state(self) -> dict[str, Any]:
        state: dict[str, Any] = (await self.http.get("/_sandbox/state")).json()
        return state

    async def call(self, path: str, token: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON}
        return await self.http.post(path, headers=headers, json=body)

    async def token(self, username: str = PRIVATE, scopes: tuple[str, ...] = SCOPES) -> str:
        """Connect an account as a desktop app does; return the access token."""
        return str((await self.pair(username, scopes))["access_token"])

    async def pair(
        self, username: str = PRIVATE, scopes: tuple[str, ...] = SCOPES
    ) -> dict[str, Any]:
        code = (await agree(self.http, wish(scope=",".join(scopes)), username, scopes))["code"]
        answer = await self.http.post("/v2/oauth/token/", data=exchange(code))
        assert answer.status_code == 200, answer.text
        pair: dict[str, Any] = answer.json()
        return pair


def wish(**changes: str) -> dict[str, str]:
    """Return the query of an authorize request that is right for a desktop app."""
    return {
        "client_key": KEYS["client_key"],
        "response_type": "code",
        "scope": ",".join(SCOPES),
        "redirect_uri": DESKTOP,
        "state": "s1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changes


def exchange(code: str, **changes: str) -> dict[str, str]:
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": DESKTOP}
    return KEYS | grant | {"code_verifier": VERIFIER} | changes


async def agree(
    http: httpx.AsyncClient,
    query: Mapping[str, str],
    username: str = PRIVATE,
    scopes: tuple[str, ...] = SCOPES,
    decision: str = "allow",
) -> dict[str, str]:
    """Fill in the consent page; return what the person is sent back with."""
    answer = await http.post(
        "/v2/auth/authorize/",
        params=query,
        data={"account": username, "scope": list(scopes), "decision": decision},
    )
    assert answer.status_code == 302, answer.text
    return back(answer)


def back(answer: httpx.Response) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def body_of(size: int) -> bytes:
    """Return so many bytes that are no repetition of a chunk."""
    block = hashlib.sha512(str(size).encode()).digest()
    return (block * (size // 64 + 1))[:size]


def source(size: int, chunk: int | None = None, count: int | None = None) -> dict[str, Any]:
    chunk = size if chunk is None else chunk
    return {
        "source": "FILE_UPLOAD",
        "video_size": size,
        "chunk_size": chunk,
        "total_chunk_count": size // chunk if count is None else count,
    }


def part(body: bytes, first: int, last: int) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a chunk."""
    ranges = f"bytes {first}-{last}/{len(body)}"
    return {"Content-Type": "video/mp4", "Content-Range": ranges}, body[first : last + 1]


@asynccontextmanager
async def stage(told: Developer | None = None) -> AsyncIterator[Stage]:
    at = [NEW_YEAR]
    tiktok = TikTok(lambda: at[0], BASE, told or developer())
    transport = httpx.ASGITransport(create_sandbox(tiktok))
    async with httpx.AsyncClient(transport=transport, base_url=BASE, trust_env=False) as http:
        yield Stage(http, tiktok, at)


@asynccontextmanager
async def served(tiktok: TikTok, wire: Wire | None = None) -> AsyncIterator[str]:
    """Serve a sandbox on loopback, so that connections can break; yields its base URL."""
    config = uvicorn.Config(
        create_sandbox(tiktok, wire),
        port=0,
        http=Cuttable,
        ws="none",
        lifespan="on",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    listening = config.bind_socket()
    tiktok.base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listening]))
    try:
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        yield tiktok.base_url
    finally:
        server.should_exit = True
        await serving
        listening.close()
