"""What happens to every request before a route sees it; pure ASGI, no response is buffered."""

import re
from collections.abc import Callable
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils.compat import uuid7

from app.problems import BodyTooLarge, WrongMediaType, answer
from app.speech import LANGUAGE, best_language
from planner.errors import PilarError

log = structlog.get_logger()

JSON_LIMIT = 1 << 20
"""Bytes of a JSON body."""

HOOK_LIMIT = 1 << 16
"""Bytes of what a platform tells by itself: anybody may send them, and all are read."""

HOOKS = re.compile(r"/hooks/[^/]*")
UPLOADS = re.compile(r"/api/v1/workspaces/[^/]+/media")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
"""W3C Trace Context, section 3.2; the group is the trace's id."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class RequestIds:
    """Give every request an id, echo it and the trace, bind both to the log, and add headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        LANGUAGE.set(best_language(headers.get("accept-language", "")))
        given = headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid7())
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        trace = TRACEPARENT.fullmatch(headers.get("traceparent", ""))
        bound = {"request_id": request_id} | ({"trace_id": trace[1]} if trace else {})

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                told["X-Request-ID"] = request_id
                if trace:
                    told["traceparent"] = trace[0]
                for name, value in state.get("told", {}).items():
                    told[name] = value
                for name, value in SECURITY_HEADERS.items():
                    told.setdefault(name, value)
                log.info(
                    "answered",
                    method=scope["method"],
                    path=scope["path"],
                    status=message["status"],
                )
            await send(message)

        with structlog.contextvars.bound_contextvars(**bound):
            await self.app(scope, receive, send_with_headers)


class Crashes:
    """Answer what crashes here, inside the others: Starlette would do it outside of them.

    So that this answer too has its id and its headers, is counted, and is logged under the id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        begun = False

        async def send_noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_noted)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            on_bug = scope["app"].exception_handlers[Exception]
            told: Response = await on_bug(Request(scope), error)
            await told(scope, receive, send)


class BodyLimits:
    """Refuse bodies that are too large or of a type that no operation reads, before reading."""

    def __init__(self, app: ASGIApp, upload_limit: int) -> None:
        self.app = app
        self.upload_limit = upload_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        upload = UPLOADS.fullmatch(scope["path"]) is not None
        hook = HOOKS.fullmatch(scope["path"]) is not None
        limit = self.upload_limit if upload else HOOK_LIMIT if hook else JSON_LIMIT
        if error := self._refusal(scope, headers, limit, upload=upload):
            await answer(Request(scope), error)(scope, receive, send)
            return
        await self.app(scope, _Counted(receive, limit), send)

    def _refusal(
        self, scope: Scope, headers: Headers, limit: int, *, upload: bool
    ) -> PilarError | None:
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > limit:
            return BodyTooLarge(limit=limit)
        has_body = length != "0" or "transfer-encoding" in headers
        wanted = "multipart/form-data" if upload else "application/json"
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if has_body and scope["path"].startswith("/api/") and kind != wanted:
            return WrongMediaType(given=kind or "none", wanted=wanted)
        return None


class _Counted:
    """Raises `BodyTooLarge` for a body whose length no header told."""

    def __init__(self, receive: Callable[[], Any], limit: int) -> None:
        self.receive = receive
        self.limit = self.left = limit

    async def __call__(self) -> Message:
        message: Message = await self.receive()
        if message["type"] == "http.request":
            self.left -= len(message.get("body", b""))
            if self.left < 0:
                raise BodyTooLarge(limit=self.limit)
        return message
