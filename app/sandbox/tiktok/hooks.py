"""Webhooks: events, signed, told at least once and again for three days (section 2.12)."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from app.sandbox.tiktok.state import Hook, Send, TikTok

GIVEN_UP_AFTER = timedelta(hours=72)
BACKOFF_SECONDS = 1.0


def signature(secret: str, seconds: int, body: bytes) -> str:
    """Return the `TikTok-Signature` of a body that is sent at a second of Unix time."""
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},s={signed.hexdigest()}"


def tell(tiktok: TikTok, event: str, username: str, content: Mapping[str, Any]) -> None:
    """Queue an event about an account for the app's callback URL, if it has one."""
    now = tiktok.clock()
    told = {
        "client_key": tiktok.developer.client_key,
        "event": event,
        "create_time": int(now.timestamp()),
        "user_openid": tiktok.accounts[username].open_id,
        "content": json.dumps(content, separators=(",", ":")),
    }
    body = json.dumps(told, separators=(",", ":")).encode()
    due = now if tiktok.developer.callback_url else None
    trick = tiktok.mischief.take("webhook") if due else None
    if trick and trick.do == "withhold":
        due = None
    tiktok.hooks.append(Hook(event, body, now, due))
    if trick and trick.do == "duplicate":
        tiktok.hooks.append(Hook(event, body, now, due))
    if trick and trick.do == "forge":
        tiktok.hooks[-1].forged = True


async def send_due(tiktok: TikTok, send: Send) -> None:
    """Send what is due; what is not answered with 200 is due again, later each time."""
    for hook in [hook for hook in tiktok.hooks if hook.due_at and hook.due_at <= tiktok.clock()]:
        url = tiktok.developer.callback_url
        seconds = int(tiktok.clock().timestamp())
        secret = "forged" if hook.forged else tiktok.developer.client_secret
        headers = {
            "Content-Type": "application/json",
            "TikTok-Signature": signature(secret, seconds, hook.body),
        }
        hook.due_at = None  # another round must not send it meanwhile
        status = await send(url, headers, hook.body) if url else None
        hook.attempts += 1
        hook.answers.append(status)
        hook.due_at = None if status == 200 else _again_at(hook, tiktok.clock())


def _again_at(hook: Hook, now: datetime) -> datetime | None:
    at = now + timedelta(seconds=BACKOFF_SECONDS * 2 ** min(hook.attempts - 1, 12))
    return at if at - hook.created_at <= GIVEN_UP_AFTER else None
