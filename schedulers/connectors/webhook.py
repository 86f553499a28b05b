"""A signed webhook to any endpoint of the office (specification: Standard Webhooks)."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from standardwebhooks import Webhook

from schedulers.connector import (
    Account,
    Checked,
    Evidence,
    File,
    Outcome,
    Outgoing,
    Published,
    Refused,
    TryLater,
    Unknown,
)
from schedulers.outbound import Answer, NoAnswer, NotSent, Outbound

TIMEOUT_SECONDS = 20.0
BODY_BYTES_MAX = 20_000 - 1
ANSWER_BYTES_MAX = 64 << 10
ID_MAX = 500
URL_MAX = 2000
COMPLAINTS = {
    3: "redirect",
    4: "rejected",
    410: "endpoint_gone",
    429: "rate_limited",
    502: "receiver_unavailable",
    503: "receiver_unavailable",
    504: "receiver_unavailable",
}
"""Reasons by status, or else by its first digit."""


class BadSecret(ValueError):
    """The channel's secret is no `whsec_…`, so nothing can be signed."""


@dataclass(frozen=True, slots=True)
class Message:
    """One event for a receiver; `key` is its `webhook-id`, the same on every attempt."""

    key: str
    body: bytes


class WebhookConnector:
    """Posts an event and takes the receiver's word for it.

    Whatever leaves the effect unknown is said to be. It is tried again, with the same
    `webhook-id`, only where the channel says `receiver_deduplicates`: that makes it IDEMPOTENT.
    """

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        """Send `post.published`; the receiver may answer `{"id", "url"}` of what it made."""
        account = outgoing.account
        # A full stop would make the signed text ambiguous.
        message = Message(outgoing.key.replace(".", "-"), _body("post.published", _post(outgoing)))
        evidence: Evidence = {"webhook_id": message.key, "host": _host(account)}
        if len(message.body) > BODY_BYTES_MAX:
            return Refused("body_too_large", f"{len(message.body)} bytes", evidence)
        try:
            answer = await self._send(account, message, now)
        except BadSecret:
            return Refused("secret_malformed", "secret", evidence)
        except NotSent as error:
            return _not_sent(error, evidence)
        except NoAnswer as error:
            if error.status is not None:
                evidence = {**evidence, "status": error.status}
            return Unknown(error.reason, evidence)
        return _outcome(answer, message, now, evidence)

    async def check(self, account: Account, now: datetime) -> Checked:
        """Send a signed `pilar.ping`; any 2xx says that the receiver is there and trusts us."""
        key = f"ping-{account.channel_id.hex}-{int(now.timestamp())}"
        data = {"channel": _channel(account)}
        message = Message(key, _body("pilar.ping", {"timestamp": _instant(now), "data": data}))
        try:
            answer = await self._send(account, message, now)
        except BadSecret:
            return Checked(answers=False, reason="secret_malformed", detail="secret")
        except (NotSent, NoAnswer) as error:
            return Checked(answers=False, reason=error.reason, detail=_host(account))
        return Checked(
            answers=200 <= answer.status < 300,
            reason=_complaint(answer),
            detail=f"HTTP {answer.status}",
        )

    async def _send(self, account: Account, message: Message, now: datetime) -> Answer:
        headers = signed(account.secrets.get("secret", ""), message, now)
        return await self._outbound.request(
            "POST",
            str(account.settings.get("url", "")),
            headers={**headers, "Content-Type": "application/json", "Accept": "application/json"},
            content=message.body,
            timeout_seconds=TIMEOUT_SECONDS,
            limit_bytes=ANSWER_BYTES_MAX,
        )


def signed(secret: str, message: Message, now: datetime) -> dict[str, str]:
    """Return the three headers of Standard Webhooks for one attempt.

    `secret` is `whsec_` and base64; while it is changed, the new and the old one, with a space
    between them: the message is then signed with both. Raises `BadSecret`.
    """
    keys = [_key(part) for part in secret.split()]
    if not keys:
        raise BadSecret
    # The library reads the wall clock of the instant as UTC, whatever its zone.
    at = now.astimezone(UTC)
    text = message.body.decode()
    return {
        "webhook-id": message.key,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message.key, at, text) for key in keys),
    }


def _key(secret: str) -> bytes:
    prefix, _, text = secret.partition("_")
    key = b""
    try:
        # Strictly: the library drops what is no base64 and would sign with the rest.
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret from None
    if prefix != "whsec" or not key:
        raise BadSecret
    return key


def _body(event: str, rest: Mapping[str, Any]) -> bytes:
    text = json.dumps({"type": event, **rest}, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _post(outgoing: Outgoing) -> dict[str, Any]:
    # The event's time is when the post was due, so that a repeated body says the same.
    words = outgoing.words
    return {
        "timestamp": _instant(outgoing.due_at),
        "data": {
            "id": str(outgoing.publication_id),
            "channel": _channel(outgoing.account),
            "due_at": _instant(outgoing.due_at),
            "title": words.title,
            "type": words.type,
            "pillar": words.pillar,
            "format": words.format,
            "locale": outgoing.locale,
            "parts": [
                {
                    "text": words.caption(part),
                    "media": [_link(file) for file in outgoing.files_of(part)],
                }
                for part in range(len(words.parts))
            ],
        },
    }


def _channel(account: Account) -> dict[str, str]:
    return {
        "id": str(account.channel_id),
        "workspace": account.workspace,
        "handle": account.handle,
        "name": account.name,
    }


def _link(file: File) -> dict[str, Any]:
    return {
        "url": file.url,
        "mime": file.mime,
        "bytes": file.bytes,
        "width": file.width,
        "height": file.height,
        "duration_ms": file.duration_ms,
        "sha256": file.sha256,
        "alt": file.alt,
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _host(account: Account) -> str:
    # The rest of the address may hold a token.
    try:
        return urlsplit(str(account.settings.get("url", ""))).hostname or ""
    except ValueError:
        return ""


def _not_sent(error: NotSent, evidence: Evidence) -> Outcome:
    if error.reason in {"url_malformed", "request_malformed"}:
        return Refused(error.reason, str(evidence["host"]), evidence)
    return TryLater(error.reason, None, counts=True, evidence=evidence)


def _outcome(answer: Answer, message: Message, now: datetime, evidence: Evidence) -> Outcome:
    evidence = {**evidence, "status": answer.status}
    wait = answer.retry_after_seconds(now)
    complaint = _complaint(answer)
    if complaint is None:
        return _published(answer, message, evidence)
    if answer.status == 429:
        return TryLater(complaint, wait, counts=False, evidence=evidence)
    if answer.status == 503 and (wait is not None or isinstance(answer.json(), dict)):
        # The receiver's own words; a bare 503 may be a gateway's, after the post went through.
        return TryLater(complaint, wait, counts=True, evidence=evidence)
    if 300 <= answer.status < 500:
        return Refused(complaint, f"HTTP {answer.status}", evidence)
    return Unknown(complaint, evidence, wait)


def _complaint(answer: Answer) -> str | None:
    kind = answer.status // 100
    if kind == 2:
        return None
    return COMPLAINTS.get(answer.status) or COMPLAINTS.get(kind) or "receiver_error"


def _published(answer: Answer, message: Message, evidence: Evidence) -> Published:
    said = answer.json()
    about: Mapping[str, Any] = said if isinstance(said, dict) else {}
    remote_id = _bounded(about.get("id"), ID_MAX) or message.key
    permalink = _bounded(about.get("url"), URL_MAX)
    if permalink is not None and not _is_web_address(permalink):
        permalink = None
    return Published(remote_id, permalink, evidence)


def _bounded(value: object, most: int) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return text if 0 < len(text) <= most and text.isprintable() else None


def _is_web_address(text: str) -> bool:
    try:
        url = urlsplit(text)
    except ValueError:
        return False
    return url.scheme in {"http", "https"} and bool(url.hostname) and " " not in text
