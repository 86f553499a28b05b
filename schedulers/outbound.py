"""The one HTTP client: connects only where it may, bounds what it reads, and names no secrets."""

import asyncio
import json
import logging
import math
import re
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from schedulers.addresses import Gate, NotSent, Resolve, resolve

__all__ = ["Answer", "NoAnswer", "NotSent", "Outbound", "Streamed"]

PORTS = {"http": 80, "https": 443}
REDIRECTS_MAX = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CONNECT_SECONDS = 10.0
"""The longest wait for one address, so that a dead one leaves time for the next."""
RETRY_AFTER_MAX_SECONDS = 7 * 24 * 3600.0

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"([\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?)?")
# Ours to set: a caller that could change them could aim a request at another host or frame it
# differently.
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_HARMLESS = frozenset({"accept", "accept-language", "user-agent"})


class NoAnswer(Exception):
    """It was sent, or perhaps sent, and no whole answer came back.

    `reason` is a snake_case key; `status` is what the other side had said before it went wrong.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason, status)
        self.reason = reason
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(repr=False)

    def json(self) -> object:
        """Return the body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def retry_after_seconds(self, now: datetime) -> float | None:
        """Return how long `Retry-After` (RFC 9110: seconds or a date) asks to wait.

        Never negative, at most a week; None if the header is absent or unreadable.
        """
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            # Ten digits are centuries already, and more might not fit a number.
            return min(float(text[:10]), RETRY_AFTER_MAX_SECONDS)
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
        return min(max(0.0, math.ceil(seconds)), RETRY_AFTER_MAX_SECONDS)


@dataclass(frozen=True, slots=True)
class Streamed:
    """A body of so many bytes that is read while it is sent; `read` begins it from its start."""

    length: int
    read: Callable[[], AsyncIterator[bytes]] = field(repr=False)


@dataclass(slots=True)
class _Journey:
    """How far a request has come; httpcore reports it by its `trace` extension."""

    stage: str = "connect"
    status: int | None = None

    async def note(self, event: str, _info: Mapping[str, Any]) -> None:
        if event == "connection.start_tls.started":
            self.stage = "tls"
        elif event.endswith("send_request_headers.started"):
            self.stage = "sent"

    def failure(self, error: Exception) -> NotSent | NoAnswer:
        if self.stage == "sent":
            late = isinstance(error, TimeoutError | httpx.TimeoutException)
            return NoAnswer("answer_timeout" if late else "connection_lost", self.status)
        if isinstance(error, TimeoutError | httpx.TimeoutException):
            return NotSent("connect_timeout")
        return NotSent("tls_failed" if self.stage == "tls" else "connect_failed")


@dataclass(frozen=True, slots=True)
class _Message:
    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    content: bytes | Streamed | None
    timeout_seconds: float
    limit_bytes: int


class Outbound:
    """Sends requests to hosts that people name, safely (design note "api", S6).

    A name is looked up once, every address it has is checked, and the connection goes to that
    very address while `Host` and SNI stay the name. Nothing is taken from the environment, no
    cookie is kept, no connection is used twice: a connection that the other side is about to
    close would make a request that never arrived look like one that perhaps did.
    `allow_private_hosts` holds `host` or `host:port`; `trust` replaces the public authorities.
    """

    def __init__(
        self,
        allow_private_hosts: Collection[str] = (),
        *,
        resolve: Resolve = resolve,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        # On DEBUG httpcore logs whole answer headers: upload links, cookies.
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        self._gate = Gate(allow_private_hosts, resolve)
        self._transport = httpx.AsyncHTTPTransport(
            verify=trust or httpx.create_ssl_context(trust_env=False),
            trust_env=False,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=0),
        )

    async def aclose(self) -> None:
        """Close what is open."""
        await self._transport.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | Streamed | None = None,
        timeout_seconds: float = 20,
        limit_bytes: int = 1 << 20,
        redirects: int = 0,
    ) -> Answer:
        """Send one request and return the whole answer, whatever its status.

        Everything, look-up and redirects included, ends within `timeout_seconds`. `limit_bytes`
        bounds the body, before and after decompression. Only GET and HEAD follow redirects, at
        most three; each is checked anew, none leads from https to http, and credentials do not
        cross to another origin. Raises `NotSent` or `NoAnswer`, of the last hop if there were
        several; neither carries anything of the request. What is streamed is not kept in memory;
        if reading it fails, the request ends there (`NoAnswer`).
        """
        message = _Message(method, _parsed(url), headers, content, timeout_seconds, limit_bytes)
        hops = min(redirects, REDIRECTS_MAX) if method in {"GET", "HEAD"} else 0
        journey = _Journey()
        failure: NotSent | NoAnswer
        try:
            async with asyncio.timeout(timeout_seconds):
                while True:
                    journey.stage, journey.status = "connect", None
                    answer = await self._hop(message, journey)
                    if hops == 0 or not _redirects(answer):
                        return answer
                    hops -= 1
                    message = _next(message, answer.headers["location"])
        except (OSError, httpx.TransportError) as error:
            failure = journey.failure(error)
        # Raised outside of the handler: the cause, which may quote the request, is left behind.
        raise failure

    async def _hop(self, message: _Message, journey: _Journey) -> Answer:
        url = message.url
        host = url.raw_host.decode("ascii")
        addresses = await self._gate.addresses(host, _port(url))
        response = await self._connect(message, addresses, journey)
        journey.status = response.status_code
        try:
            body = await _read(response, message.limit_bytes)
        finally:
            await response.aclose()
        headers = dict(response.headers)
        body = _decoded(body, response, message.limit_bytes)
        return Answer(response.status_code, headers, body, str(url))

    async def _connect(
        self, message: _Message, addresses: Sequence[str], journey: _Journey
    ) -> httpx.Response:
        *others, last = addresses
        for address in others:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._send(message, address, journey)
        return await self._send(message, last, journey)

    async def _send(self, message: _Message, address: str, journey: _Journey) -> httpx.Response:
        name = message.url.raw_host.decode("ascii").rstrip(".")
        whole = message.timeout_seconds
        timeout = httpx.Timeout(whole, connect=min(whole, CONNECT_SECONDS))
        journey.stage = "connect"
        body, framing = _framed(message.content)
        request = httpx.Request(
            message.method,
            message.url.copy_with(host=address),
            headers={
                "User-Agent": "Pilar",
                "Accept": "*/*",
                **_checked(message.headers),
                **framing,
                "Host": message.url.netloc.decode("ascii"),
                "Accept-Encoding": "identity",
                "Connection": "close",
            },
            content=body,
            extensions={
                "timeout": timeout.as_dict(),
                "sni_hostname": name,
                "trace": journey.note,
            },
        )
        return await self._transport.handle_async_request(request)


def _parsed(text: str) -> httpx.URL:
    url = None
    with suppress(httpx.InvalidURL):
        url = httpx.URL(text)
    if url is None or url.scheme not in PORTS or not url.raw_host or b"%" in url.raw_host:
        raise NotSent("url_malformed")
    if url.userinfo or "\\" in text or not 0 < _port(url) < 1 << 16:
        raise NotSent("url_malformed")
    return url


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    checked = {name.title(): value for name, value in headers.items()}
    for name, value in checked.items():
        framing = name.lower() in _FRAMING
        if framing or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise NotSent("request_malformed")
    return checked


def _framed(
    content: bytes | Streamed | None,
) -> tuple[bytes | AsyncIterator[bytes] | None, dict[str, str]]:
    if isinstance(content, Streamed):
        return content.read(), {"Content-Length": str(content.length)}
    return content, {}


def _redirects(answer: Answer) -> bool:
    return answer.status in REDIRECTS and "location" in answer.headers


def _next(message: _Message, location: str) -> _Message:
    target = None
    with suppress(httpx.InvalidURL):
        target = message.url.join(location)
    if target is None or (message.url.scheme, target.scheme) == ("https", "http"):
        raise NotSent("redirect_refused")
    target = _parsed(str(target))
    headers = message.headers
    if _origin(target) != _origin(message.url):
        headers = {name: value for name, value in headers.items() if name.lower() in _HARMLESS}
    return _Message(
        message.method,
        target,
        headers,
        message.content,
        message.timeout_seconds,
        message.limit_bytes,
    )


def _origin(url: httpx.URL) -> tuple[str, bytes, int]:
    return url.scheme, url.raw_host, _port(url)


def _port(url: httpx.URL) -> int:
    return PORTS[url.scheme] if url.port is None else url.port


async def _read(response: httpx.Response, limit_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit_bytes:
            raise NoAnswer("answer_too_large", response.status_code)
    return bytes(body)


def _decoded(body: bytes, response: httpx.Response, limit_bytes: int) -> bytes:
    # We ask for no encoding; some servers compress all the same.
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"identity", ""} or not body:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise NoAnswer("answer_unreadable", response.status_code)
    plain, whole = _inflated(body, limit_bytes)
    if len(plain) > limit_bytes:
        raise NoAnswer("answer_too_large", response.status_code)
    if not whole:
        raise NoAnswer("answer_unreadable", response.status_code)
    return plain


def _inflated(body: bytes, limit_bytes: int) -> tuple[bytes, bool]:
    inflater = zlib.decompressobj(wbits=47)  # gzip or zlib, by its first bytes
    with suppress(zlib.error):
        return inflater.decompress(body, limit_bytes + 1), inflater.eof
    return b"", False
