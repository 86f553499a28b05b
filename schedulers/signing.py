"""Signed events for receivers of the office (specification: Standard Webhooks)."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from standardwebhooks import Webhook


class BadSecret(ValueError):
    """The secret is no `whsec_…`, so nothing can be signed."""


@dataclass(frozen=True, slots=True)
class Message:
    """One event for a receiver; `key` is its `webhook-id`, the same on every attempt."""

    key: str
    body: bytes


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


def event_bytes(event: str, rest: Mapping[str, Any]) -> bytes:
    """Return the body of an event: its type, and what else it says."""
    text = json.dumps({"type": event, **rest}, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def instant_text(at: datetime) -> str:
    """Return an instant as events write it: UTC, whole seconds (`2026-12-01T02:00:00Z`)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def host_of(url: str) -> str:
    """Return the host of an address: what may be told, for the rest of it may hold a token."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
