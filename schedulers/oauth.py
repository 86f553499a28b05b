"""OAuth 2 on the wire: what every connector needs to change codes and tokens for tokens."""

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from schedulers.connector import Evidence, TryLater, Unknown
from schedulers.outbound import Answer, NoAnswer, NotSent, Outbound

TIMEOUT_SECONDS = 20.0
ANSWER_BYTES_MAX = 64 << 10
ERROR_MAX = 80
DESCRIPTION_MAX = 300
SECRET_MIN = 6
"""What is shorter is a word, such as the kind of a grant, and no secret."""
LIFETIME_MAX_SECONDS = 10 * 366 * 24 * 3600

NOT_NOW = frozenset({"temporarily_unavailable", "slow_down"})
"""Errors that pass by themselves (RFC 6749, 4.1.2.1; RFC 8628, 3.5), as `server_error` may."""


@dataclass(frozen=True, slots=True)
class OAuthError:
    """What a platform has against a request: `error` (RFC 6749, 5.2) and its own words.

    Where it named none, `error` is the status, as `http_404`.
    """

    error: str
    description: str


def challenge_s256(verifier: str) -> str:
    """Return the code challenge of a verifier: base64url of its SHA-256 (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def token_request(
    outbound: Outbound,
    url: str,
    form: Mapping[str, str],
    now: datetime,
    *,
    headers: Mapping[str, str] | None = None,
) -> Mapping[str, Any] | OAuthError | TryLater | Unknown:
    """Send a form to a token or revocation endpoint, and return the object that it answers.

    An error is looked for before anything else, whatever the status: some platforms answer it
    with 200. An empty body of success is an empty object (RFC 7009). Nothing that is returned,
    apart from the object itself, holds a value of the form.
    """
    try:
        answer = await outbound.request(
            "POST",
            url,
            headers={
                **(headers or {}),
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            content=urlencode(form).encode(),
            timeout_seconds=TIMEOUT_SECONDS,
            limit_bytes=ANSWER_BYTES_MAX,
        )
    except NotSent as error:
        return TryLater(error.reason, None, counts=True)
    except NoAnswer as error:
        return Unknown(error.reason, {} if error.status is None else {"status": error.status})
    return _told(answer, list(form.values()), now)


def _told(
    answer: Answer, sent: Collection[str], now: datetime
) -> Mapping[str, Any] | OAuthError | TryLater | Unknown:
    said = answer.json() if answer.body.strip() else {}
    error = _error_of(said, sent)
    if passing := _passing(answer, error, now):
        return passing
    if error is not None:
        return error
    if answer.status >= 300:
        return OAuthError(f"http_{answer.status}", "")
    return said if isinstance(said, dict) else Unknown("answer_unreadable", _evidence(answer))


def _passing(answer: Answer, error: OAuthError | None, now: datetime) -> TryLater | Unknown | None:
    """Return what says nothing of the request itself: the platform is busy, or at fault."""
    word, wait = error.error if error else "", answer.retry_after_seconds(now)
    if answer.status in {429, 503} or word in NOT_NOW:
        return TryLater("platform_busy", wait, answer.status != 429, _evidence(answer))
    if answer.status >= 500 or word == "server_error":
        return Unknown("platform_error", _evidence(answer), wait)
    return None


def _evidence(answer: Answer) -> Evidence:
    return {"status": answer.status}


def _error_of(said: object, sent: Collection[str]) -> OAuthError | None:
    """Return the error in an answer; some platforms put an object where the standard has a word."""
    about: Mapping[str, Any] = said if isinstance(said, dict) else {}
    error: Any = about.get("error")
    words = about.get("error_description")
    if isinstance(error, dict):
        words = error.get("message")
        error = error.get("type") or error.get("code") or "error"
    if error is None or error == "":
        return None
    return OAuthError(
        bounded(error, ERROR_MAX, sent) or "error", bounded(words, DESCRIPTION_MAX, sent)
    )


def bounded(text: object, most: int, secrets: Collection[str] = ()) -> str:
    """Return another's words, cut to a length, printable, and without what is secret in them."""
    if isinstance(text, bool) or not isinstance(text, str | int):
        return ""
    plain = str(text)
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SECRET_MIN:
            plain = plain.replace(secret, "…")
    plain = "".join(mark if mark.isprintable() else " " for mark in plain)
    return plain[:most].strip()


def expires_at(
    now: datetime, body: Mapping[str, Any], field: str = "expires_in"
) -> datetime | None:
    """Return when what was granted now ends, by a number of seconds; None if nothing says so.

    A number that is written as text is one too; at most ten years.
    """
    value = body.get(field)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return now + timedelta(seconds=min(value, LIFETIME_MAX_SECONDS))
