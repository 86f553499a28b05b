"""A signed webhook to any endpoint of the office (specification: Standard Webhooks)."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from schedulers.connector import (
    Account,
    Checked,
    Done,
    Evidence,
    File,
    Outcome,
    Outgoing,
    Published,
    Refused,
    Revoked,
    TryLater,
    Unknown,
    Withdrawn,
)
from schedulers.outbound import Answer, NoAnswer, NotSent, Outbound
from schedulers.signing import BadSecret, Message, event_bytes, host_of, instant_text, signed

__all__ = ["BadSecret", "Message", "WebhookConnector", "complaint_of", "signed"]

TIMEOUT_SECONDS = 20.0
BODY_BYTES_MAX = 20_000 - 1
ANSWER_BYTES_MAX = 64 << 10
ID_MAX = 500
URL_MAX = 2000
COMPLAINTS = {
    3: "redirect",
    4: "rejected",
    5: "receiver_error",
    401: "signature_refused",
    403: "forbidden",
    404: "endpoint_missing",
    405: "endpoint_missing",
    408: "receiver_unavailable",
    410: "endpoint_gone",
    413: "body_too_large",
    425: "receiver_unavailable",
    429: "rate_limited",
    502: "receiver_unavailable",
    503: "receiver_unavailable",
    504: "receiver_unavailable",
}
"""Reasons by status, or else by its first digit."""

NEEDS_A_PERSON = frozenset({401, 410})
"""Nothing that is sent can be good any more: it stops until a person has seen to the channel.

Standard Webhooks: 410 disables an endpoint. With 401 the signature is not taken.
"""

NOT_READ = frozenset({425, 429})
"""The receiver says that it has not looked at it (RFC 8470, section 5.2; RFC 6585, section 4)."""

PERHAPS_READ = frozenset({408})
"""A refusal that a gateway may send for a receiver that has everything (RFC 9110, 15.5.9)."""

READ_IN_VAIN = frozenset({"answer_too_large", "answer_unreadable"})
"""An answer came whole as far as its status, which alone says whether the event was taken."""


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
        message = Message(
            outgoing.key.replace(".", "-"), event_bytes("post.published", _post(outgoing))
        )
        evidence: Evidence = {"webhook_id": message.key, "host": _host(account)}
        if len(message.body) > BODY_BYTES_MAX:
            return Refused("body_too_large", f"{len(message.body)} bytes", evidence)
        try:
            answer = await self._send(account, message, now)
        except BadSecret:
            return Revoked("secret_malformed", "secret")
        except NotSent as error:
            return _not_sent(error, evidence)
        except NoAnswer as error:
            return _no_answer(error, message, evidence)
        return _outcome(answer, message, now, evidence)

    async def withdraw(
        self, account: Account, done: tuple[Done, ...], now: datetime
    ) -> Withdrawn | Refused | TryLater | Unknown:
        """Send `post.withdrawn`, the last step first; the same `webhook-id` each time.

        Receivers answer 2xx to events that they do not know, too. So only one that answers
        `{"withdrawn": true}` is believed; of any other a person must see to it.
        """
        message = _withdrawal(account, done, now)
        evidence: Evidence = {"webhook_id": message.key, "host": _host(account)}
        try:
            answer = await self._send(account, message, now)
        except BadSecret:
            return Refused("secret_malformed", "secret", evidence)
        except NotSent as error:
            return _not_sent(error, evidence)
        except NoAnswer as error:
            return Unknown(error.reason, evidence)
        return _withdrawn(answer, now, {**evidence, "status": answer.status})

    async def check(self, account: Account, now: datetime) -> Checked:
        """Send a signed `pilar.ping`; any 2xx says that the receiver is there and trusts us."""
        key = f"ping-{account.channel_id.hex}-{int(now.timestamp())}"
        data = {"channel": _channel(account)}
        message = Message(
            key, event_bytes("pilar.ping", {"timestamp": instant_text(now), "data": data})
        )
        try:
            answer = await self._send(account, message, now)
        except BadSecret:
            return Checked(answers=False, reason="secret_malformed", detail="secret")
        except (NotSent, NoAnswer) as error:
            return Checked(answers=False, reason=error.reason, detail=_host(account))
        return Checked(
            answers=200 <= answer.status < 300,
            reason=complaint_of(answer),
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


def _post(outgoing: Outgoing) -> dict[str, Any]:
    # The event's time is when the post was due, so that a repeated body says the same.
    words = outgoing.words
    return {
        "timestamp": instant_text(outgoing.due_at),
        "data": {
            "id": str(outgoing.publication_id),
            "channel": _channel(outgoing.account),
            "due_at": instant_text(outgoing.due_at),
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


def _withdrawal(account: Account, done: tuple[Done, ...], now: datetime) -> Message:
    posts = [{"id": each.remote_id, "url": each.permalink} for each in reversed(done)]
    ids = hashlib.sha256("\n".join(each.remote_id for each in done).encode()).hexdigest()[:32]
    data = {"channel": _channel(account), "posts": posts}
    body = event_bytes("post.withdrawn", {"timestamp": instant_text(now), "data": data})
    return Message(f"withdraw-{account.channel_id.hex}-{ids}", body)


def _withdrawn(
    answer: Answer, now: datetime, evidence: Evidence
) -> Withdrawn | Refused | TryLater | Unknown:
    complaint, wait = complaint_of(answer), answer.retry_after_seconds(now)
    if complaint is None:
        said = answer.json()
        gone = isinstance(said, dict) and said.get("withdrawn") is True
        return Withdrawn(evidence) if gone else Refused("not_withdrawn", "", evidence)
    if answer.status in {429, 503}:  # asking again is fine here, whatever came of it
        return TryLater(complaint, wait, counts=False, evidence=evidence)
    if 300 <= answer.status < 500:
        return Refused(complaint, f"HTTP {answer.status}", evidence)
    return Unknown(complaint, evidence, wait)


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


def _host(account: Account) -> str:
    return host_of(str(account.settings.get("url", "")))


def _not_sent(error: NotSent, evidence: Evidence) -> Refused | TryLater:
    if error.reason in {"url_malformed", "request_malformed"}:
        return Refused(error.reason, str(evidence["host"]), evidence)
    return TryLater(error.reason, None, counts=True, evidence=evidence)


def _outcome(answer: Answer, message: Message, now: datetime, evidence: Evidence) -> Outcome:
    status, evidence = answer.status, {**evidence, "status": answer.status}
    wait = answer.retry_after_seconds(now)
    complaint = complaint_of(answer)
    if complaint is None:
        return _published(answer, message, evidence)
    # Its own words, if they are; a bare 503 may be a gateway's, after the post went through.
    busy = status == 503 and (wait is not None or isinstance(answer.json(), dict))
    if status in NOT_READ or busy:
        return TryLater(complaint, wait, counts=status != 429, evidence=evidence)
    if status in NEEDS_A_PERSON:
        return Revoked(complaint, f"HTTP {status}")
    if 300 <= status < 500 and status not in PERHAPS_READ:
        return Refused(complaint, f"HTTP {status}", evidence)
    return Unknown(complaint, evidence, wait)


def _no_answer(error: NoAnswer, message: Message, evidence: Evidence) -> Published | Unknown:
    if error.status is None:
        return Unknown(error.reason, evidence)
    evidence = {**evidence, "status": error.status}
    if error.reason in READ_IN_VAIN and 200 <= error.status < 300:
        return Published(message.key, None, {**evidence, "answer": error.reason})
    return Unknown(error.reason, evidence)


def complaint_of(answer: Answer) -> str | None:
    """Return what is wrong with a receiver's answer, as a reason; None if it took the event."""
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
