"""TikTok's webhooks: events that are signed with the app's secret, and what they tell.

Source: TikTok for Developers, "Webhooks: verification" and "Webhooks: events", 2026-09.
"""

import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from schedulers.connector import Account, Evidence
from schedulers.heard import Heard

SIGNATURE = "tiktok-signature"
LATE_SECONDS = 300
"""How far from now a signature may have been made: what is sent again is signed again."""

COMPLETE = "post.publish.complete"
PUBLIC = "post.publish.publicly_available"
REMOVED = "authorization.removed"
ASKED_AFTER = frozenset(
    {COMPLETE, PUBLIC, "post.publish.failed", "post.publish.inbox_delivered"},
)
"""Events after which the status of the post is asked for: they prove no more than that."""

_SECONDS = re.compile(r"[0-9]{1,11}")
_NAME = re.compile(r"[\x21-\x7e]{1,200}")
_POST_ID = re.compile(r"[0-9]{1,30}")


class TikTokHooks:
    """Hears what TikTok tells at an app's callback URL: at least once, perhaps late."""

    def addressed(self, body: bytes) -> Mapping[str, str]:
        """Return the app that an event is for."""
        key = _name(_object(body), "client_key")
        return {"client_key": key} if key else {}

    def hear(
        self, account: Account, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> tuple[Heard, ...] | None:
        """Return what an event tells a channel; events that are not known tell nothing."""
        secret = account.secrets.get("client_secret", "")
        if not _is_signed(secret, headers.get(SIGNATURE, ""), body, now):
            return None
        told = _object(body)
        event, content = _name(told, "event"), _object(told.get("content"))
        if event == REMOVED:
            return _removed(account, told)
        publish_id = _name(content, "publish_id")
        if publish_id is None or event not in ASKED_AFTER:
            return ()
        heard = (Heard(publish_id, "ask", evidence=_evidence(told)),)
        return (*heard, _live(account, told, content)) if event in {COMPLETE, PUBLIC} else heard


def _is_signed(secret: str, header: str, body: bytes, now: datetime) -> bool:
    """Say whether a header `t=<seconds>,s=<hex>` signs a body with a secret, and just now."""
    pairs = (part.partition("=") for part in header.split(","))
    given = {name.strip(): value.strip() for name, _, value in pairs}
    seconds = given.get("t", "")
    if not secret or not _SECONDS.fullmatch(seconds):
        return False
    wanted = hmac.digest(secret.encode(), seconds.encode() + b"." + body, "sha256").hex()
    signature = given.get("s", "").encode("utf-8", "surrogatepass")
    right = hmac.compare_digest(wanted.encode(), signature)
    return right and abs(now.timestamp() - int(seconds)) <= LATE_SECONDS


def _live(account: Account, told: Mapping[str, Any], content: Mapping[str, Any]) -> Heard:
    """Return that a post is live; its number is told once everybody can see it."""
    post_id, number = content.get("post_id"), None
    if isinstance(post_id, str | int) and _POST_ID.fullmatch(str(post_id)):
        number = str(post_id)
    link = f"https://www.tiktok.com/@{account.handle}/video/{number}" if number else None
    publish_id = content["publish_id"]
    evidence = {**_evidence(told), "publish_id": publish_id, "post_id": number}
    return Heard(publish_id, "finished", number, permalink=link, evidence=evidence)


def _removed(account: Account, told: Mapping[str, Any]) -> tuple[Heard, ...]:
    """Return that the consent ended, if it is this channel's account's."""
    mine = account.secrets.get("open_id")
    if not mine or told.get("user_openid") != mine:
        return ()
    heard = Heard(
        None, "revoked", reason="auth_removed", at=_instant(told), evidence=_evidence(told)
    )
    return (heard,)


def _evidence(told: Mapping[str, Any]) -> Evidence:
    at = _instant(told)
    return {"event": told["event"], "at": at.isoformat() if at else None}


def _instant(told: Mapping[str, Any]) -> datetime | None:
    seconds = told.get("create_time")
    if not isinstance(seconds, int) or not _SECONDS.fullmatch(str(seconds)):
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _name(told: Mapping[str, Any], field: str) -> str | None:
    name = told.get(field)
    return name if isinstance(name, str) and _NAME.fullmatch(name) else None


def _object(text: Any) -> Mapping[str, Any]:
    """Return the JSON object that a text holds; an empty one where it holds none."""
    try:
        found = json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
