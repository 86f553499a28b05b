"""Bluesky's XRPC: one request, its errors, and what each of them means for a post.

Source: docs.bsky.app and the lexicons com.atproto.*, 2026-08; a PDS 0.5.35 on loopback, 2026-11.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from schedulers.connector import Account, Evidence, File, Refused, Revoked, TryLater
from schedulers.outbound import Answer, NoAnswer, NotSent, Outbound, Streamed

SERVICE = "https://bsky.social"
CALL_SECONDS = 20.0
UPLOAD_SECONDS = 60.0
ANSWER_BYTES_MAX = 256 * 1024
DETAIL_MAX = 300
BUSY = 429

_EXPIRED = TryLater("token_expired", None, counts=True)
_ERROR = TryLater("platform_error", None, counts=True)

MEANINGS: Mapping[str, TryLater | Refused | Revoked] = {
    "ExpiredToken": _EXPIRED,  # with status 400, not 401
    "InvalidToken": _EXPIRED,
    "AuthMissing": _EXPIRED,
    "AuthenticationRequired": _EXPIRED,
    "AccountTakedown": Revoked("account_taken_down"),
    "RepoTakendown": Revoked("account_taken_down"),
    "AccountDeactivated": Revoked("account_deactivated"),
    "RepoDeactivated": Revoked("account_deactivated"),
    "BlobNotFound": TryLater("blob_gone", None, counts=True, anew=True),
    "BlobTooLarge": Refused("image_refused", ""),
    "InvalidMimeType": Refused("image_refused", ""),
    "PayloadTooLarge": Refused("image_refused", ""),
    "RateLimitExceeded": TryLater("platform_busy", None, counts=False),
}
"""What an error means for a post; others: `bluesky_refused`, and `platform_error` from 500 on."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """An answer that is an error, by its name and in its own words."""

    code: str
    message: str
    status: int
    retry_after_seconds: float | None = None

    @property
    def evidence(self) -> Evidence:
        """What a person may read of it."""
        return {"code": self.code, "message": self.message, "status": self.status}


Came = Mapping[str, Any] | Wrong | NotSent | NoAnswer
"""What comes of a call: the answer's object, or what came instead."""


class Api:
    """The calls of one account, at its own server where that is known; nothing is raised."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def ask(
        self,
        account: Account,
        name: str,
        now: datetime,
        *,
        token: str | None = None,
        **params: str,
    ) -> Came:
        """Return what a query answers; most take no token."""
        query = f"?{urlencode(params)}" if params else ""
        url = f"{base_of(account)}/xrpc/{name}{query}"
        return await self._call("GET", url, _bearer(token), None, CALL_SECONDS, now)

    async def act(
        self, account: Account, name: str, body: Mapping[str, Any], now: datetime
    ) -> Came:
        """Return what a procedure answers that the account's access token is for."""
        url = f"{base_of(account)}/xrpc/{name}"
        headers = _bearer(account.secrets.get("access_jwt", ""))
        return await self._call("POST", url, headers, body, CALL_SECONDS, now)

    async def upload(self, account: Account, file: File, now: datetime) -> Came:
        """Return what an upload answers; a blob in no record is seen by nobody."""
        url = f"{base_of(account)}/xrpc/com.atproto.repo.uploadBlob"
        headers = {**_bearer(account.secrets.get("access_jwt", "")), "Content-Type": file.mime}
        content = Streamed(file.bytes, lambda: file.read(0, file.bytes - 1))
        return await self._call("POST", url, headers, content, UPLOAD_SECONDS, now)

    async def log_in(
        self,
        account: Account,
        name: str,
        token: str | None,
        body: Mapping[str, Any] | None,
        now: datetime,
    ) -> Came:
        """Return what the service answers that the person named, about a session."""
        url = f"{service_of(account)}/xrpc/{name}"
        return await self._call("POST", url, _bearer(token), body, CALL_SECONDS, now)

    async def _call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | Streamed | None,
        seconds: float,
        now: datetime,
    ) -> Came:
        content = body if isinstance(body, Streamed) else None
        if isinstance(body, Mapping):
            headers = {**headers, "Content-Type": "application/json"}
        try:
            answer = await self._outbound.request(
                method,
                url,
                headers=headers,
                content=_json(body) if isinstance(body, Mapping) else content,
                timeout_seconds=seconds,
                limit_bytes=ANSWER_BYTES_MAX,
            )
        except (NotSent, NoAnswer) as error:
            return error
        return _said(answer, now)


def service_of(account: Account) -> str:
    """Return the server at which a person logs in."""
    return str(account.settings.get("service") or SERVICE).rstrip("/")


def base_of(account: Account) -> str:
    """Return the account's own server; before the first log-in, where a person logs in."""
    return account.secrets.get("pds") or service_of(account)


def is_home(account: Account, url: str) -> bool:
    """Say whether tokens may go to a server that the log-in named: not in clear, if not before."""
    there = urlsplit(url)
    plain = urlsplit(service_of(account)).scheme == "http"
    return bool(there.hostname) and (there.scheme == "https" or (plain and there.scheme == "http"))


def trouble_of(came: Wrong | NotSent | NoAnswer) -> TryLater | Refused | Revoked:
    """Return what an answer that is none means where the call publishes nothing by itself."""
    return meaning_of(came) if isinstance(came, Wrong) else TryLater(came.reason, None, counts=True)


def meaning_of(wrong: Wrong) -> TryLater | Refused | Revoked:
    """Return what an error means for the post that it answers."""
    meaning = MEANINGS.get(wrong.code)
    if wrong.status == BUSY:
        meaning = MEANINGS["RateLimitExceeded"]
    elif meaning is None and wrong.status >= 500:
        meaning = _ERROR
    elif meaning is None and wrong.status == 413:
        meaning = MEANINGS["PayloadTooLarge"]
    match meaning:
        case TryLater():
            wait = wrong.retry_after_seconds
            return replace(meaning, retry_after_seconds=wait, evidence=wrong.evidence)
        case Revoked():
            return replace(meaning, detail=wrong.message)
        case Refused():
            return replace(meaning, detail=wrong.message or wrong.code, evidence=wrong.evidence)
        case _:
            return Refused("bluesky_refused", wrong.message or wrong.code, wrong.evidence)


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _said(answer: Answer, now: datetime) -> Mapping[str, Any] | Wrong | NoAnswer:
    said = answer.json()
    if answer.status == 200:
        return said if isinstance(said, dict) else NoAnswer("answer_unreadable", 200)
    told = said if isinstance(said, dict) else {}
    if not isinstance(told.get("error"), str) and answer.status not in {413, BUSY}:
        return NoAnswer("answer_unreadable", answer.status)
    return Wrong(
        str(told.get("error", "")),
        str(told.get("message", ""))[:DETAIL_MAX],
        answer.status,
        _wait(answer, now),
    )


def _wait(answer: Answer, now: datetime) -> float | None:
    """Return how long to wait: `Retry-After`, else until `RateLimit-Reset` (seconds since 1970)."""
    wait = answer.retry_after_seconds(now)
    reset = answer.headers.get("ratelimit-reset", "")
    if wait is None and answer.status == BUSY and reset.isascii() and reset.isdigit():
        wait = min(max(1.0, float(reset[:10]) - now.timestamp()), 24 * 3600.0)
    return wait
