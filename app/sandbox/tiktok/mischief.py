"""Misbehaving on order: what stands between the wire and the platform."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.sandbox.cutting import cut
from app.sandbox.tiktok.rules import CODES
from app.sandbox.tiktok.state import TikTok
from app.sandbox.tiktok.tricks import Trick

ENDPOINTS = {
    ("GET", "/v2/auth/authorize/"): "authorize",
    ("POST", "/v2/auth/authorize/"): "consent",
    ("POST", "/v2/oauth/token/"): "token",
    ("POST", "/v2/oauth/revoke/"): "revoke",
    ("GET", "/v2/user/info/"): "user_info",
    ("POST", "/v2/post/publish/creator_info/query/"): "creator_info",
    ("POST", "/v2/post/publish/video/init/"): "video_init",
    ("POST", "/v2/post/publish/inbox/video/init/"): "inbox_init",
    ("POST", "/v2/post/publish/content/init/"): "content_init",
    ("PUT", "/video/"): "upload",
    ("POST", "/v2/post/publish/status/fetch/"): "status",
    ("POST", "/v2/post/publish/cancel/"): "cancel",
    ("POST", "/v2/video/list/"): "video_list",
    ("POST", "/v2/video/query/"): "video_query",
}
WEBHOOK = "webhook"
FLAT = frozenset({"token", "revoke"})
SAID_WITH_200 = frozenset(
    {"spam_risk_too_many_posts", "spam_risk_user_banned_from_posting", "reached_active_user_cap"}
)
"""What creator_info says with HTTP 200 (2.3.2)."""


def envelope(tiktok: TikTok, data: Mapping[str, Any], code: str = "ok", message: str = "") -> bytes:
    """Return the body of an API answer (2.1)."""
    error = {"code": code, "message": message, tiktok.developer.log_id_name: tiktok.log_id()}
    return json.dumps({"data": data, "error": error}).encode()


def flat(tiktok: TikTok, error: str, description: str) -> bytes:
    """Return the body of an OAuth error (2.2.4)."""
    name = tiktok.developer.log_id_name
    said = {"error": error, "error_description": description, name: tiktok.log_id()}
    return json.dumps(said).encode()


def address_back(query: Mapping[str, str], told: Mapping[str, str]) -> str:
    """Return where an authorize request sends a person back to, with what they are told (2.2.2)."""
    said = {**told, "state": query.get("state", "")}
    return f"{query.get('redirect_uri', '')}?{urlencode(said)}"


class Misbehaving:
    """An ASGI app around another one: counts its calls, and plays the tricks that are ordered."""

    def __init__(self, app: ASGIApp, tiktok: TikTok) -> None:
        self.app = app
        self.tiktok = tiktok

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        endpoint = ENDPOINTS.get((scope["method"], scope["path"]), "")
        trick = None
        if endpoint:
            self.tiktok.requests[endpoint] += 1
            trick = self.tiktok.mischief.take(endpoint)
        body = _Body(receive)
        if trick is None:
            await self.app(scope, body.receive, body.before(send))
        else:
            await self._play(trick, scope, body.receive, body.before(send))

    async def _play(self, trick: Trick, scope: Scope, receive: Receive, send: Send) -> None:
        if trick.do == "slow":
            await asyncio.sleep(trick.seconds)
            await self.app(scope, receive, send)
        elif trick.do == "lose":
            await self.app(scope, receive, _nowhere)
            await cut(scope, receive)
        elif trick.do == "reset":
            await _read(receive, trick.read_bytes)
            await cut(scope, receive)
        elif trick.do == "crash":
            if trick.after:
                await self.app(scope, receive, _nowhere)
            else:
                await _read(receive, None)
            await _answer(send, trick.status or 500, b"")
        else:
            await _read(receive, None)
            await self._refuse(trick, scope, send)

    async def _refuse(self, trick: Trick, scope: Scope, send: Send) -> None:
        status = trick.status or CODES.get(trick.code, 400)
        if trick.endpoint == "creator_info" and trick.code in SAID_WITH_200:
            status = trick.status or 200
        if trick.endpoint == "upload":
            await _answer(send, status, b"")
        elif trick.endpoint in {"authorize", "consent"}:
            told = {"error": trick.code, "error_description": trick.message}
            back = address_back(dict(parse_qsl(scope["query_string"].decode())), told)
            await _answer(send, trick.status or 302, b"", back)
        elif trick.endpoint in FLAT:
            status = trick.status or self.tiktok.developer.oauth_error_status
            await _answer(send, status, flat(self.tiktok, trick.code, trick.message))
        else:
            await _answer(send, status, envelope(self.tiktok, {}, trick.code, trick.message))


class _Body:
    """A request's body, which is read to its end before anything is answered.

    An answer that comes earlier is lost where the connection closes upon a client that still
    sends.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._ended = message["type"] == "http.disconnect" or not message.get("more_body")
        return message

    def before(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            while not self._ended:
                await self.receive()
            await send(message)

        return sending


async def _nowhere(_message: Message) -> None:
    """Lose what is answered."""


async def _read(receive: Receive, most: int | None) -> None:
    """Read a request's body, or the first bytes of it."""
    count = 0
    while most is None or count < most:
        message = await receive()
        count += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return


async def _answer(send: Send, status: int, body: bytes, location: str = "") -> None:
    kind = b"application/json" if body else b"text/plain"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    headers += [(b"location", location.encode())] if location else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
