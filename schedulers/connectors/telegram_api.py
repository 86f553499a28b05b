"""Telegram's Bot API: one call, its envelope, and what each of its errors means for a post.

Source: Telegram, Bot API 10.1, 2026-06.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schedulers.connector import Account, Evidence, Refused, Revoked, TryLater
from schedulers.outbound import (
    RETRY_AFTER_MAX_SECONDS,
    Answer,
    NoAnswer,
    NotSent,
    Outbound,
    Streamed,
)

API = "https://api.telegram.org"
CALL_SECONDS = 20.0
UPLOAD_BYTES_PER_SECOND = 100_000
UPLOAD_SECONDS_MAX = 3_500.0
ANSWER_BYTES_MAX = 256 * 1024
DETAIL_MAX = 300

_TOKEN = re.compile(r"[0-9]{1,20}:[0-9A-Za-z_-]{20,150}", re.ASCII)

REJECTIONS: tuple[tuple[str, Refused | Revoked], ...] = (
    ("chat not found", Revoked("telegram_chat_missing")),
    ("upgraded to a supergroup", Revoked("telegram_chat_moved")),
    ("not enough rights", Revoked("telegram_no_rights")),
    ("need administrator rights", Revoked("telegram_no_rights")),
    ("chat_write_forbidden", Revoked("telegram_no_rights")),
    ("chat_admin_required", Revoked("telegram_no_rights")),
    ("have no rights to send", Revoked("telegram_no_rights")),
    ("repl", Refused("telegram_reply_missing", "")),
    ("is too long", Refused("telegram_text_too_long", "")),
    ("caption_too_long", Refused("telegram_text_too_long", "")),
    ("text is empty", Refused("telegram_text_empty", "")),
    ("text must be non-empty", Refused("telegram_text_empty", "")),
    ("can't parse", Refused("telegram_fields_refused", "")),
    ("entit", Refused("telegram_fields_refused", "")),
    ("photo_invalid_dimensions", Refused("telegram_photo_dimensions", "")),
    ("too big", Refused("telegram_file_too_big", "")),
    ("wrong file identifier", Refused("telegram_media_refused", "")),
    ("wrong type of", Refused("telegram_media_refused", "")),
    ("image_process_failed", Refused("telegram_media_refused", "")),
    ("photo_", Refused("telegram_media_refused", "")),
    ("video_", Refused("telegram_media_refused", "")),
    ("file", Refused("telegram_media_refused", "")),
)
"""What any other refusal means, by the first of these words in its description (lower case)."""

ENDS = {
    401: Revoked("telegram_token_refused"),
    403: Revoked("telegram_bot_removed"),
    404: Revoked("telegram_token_refused"),  # what it says to a token that it never gave out
}
"""What stops a channel until a person has seen to it."""

NEVER_REACHED = frozenset({301, 302, 303, 307, 308, 404, 405})
"""Answers without Telegram's words that prove all the same that nobody took the call."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A refusal; `code` is Telegram's, or HTTP's where it is not in Telegram's own words."""

    code: int
    description: str
    retry_after_seconds: float | None
    own_words: bool

    @property
    def evidence(self) -> Evidence:
        """What a person may read of it."""
        return {"code": self.code, "description": self.description}


class MalformedToken(ValueError):
    """The bot's token is not in the right form, so it would not stay in its place of the URL."""


class Api:
    """The calls of a bot, whose token stands in the path: no URL is ever told to anybody."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def call(
        self,
        account: Account,
        method: str,
        body: Mapping[str, Any] | tuple[str, Streamed],
        now: datetime,
    ) -> object | Wrong | NotSent | NoAnswer:
        """Return the `result` of a call, or what came instead.

        The body is JSON, or a content type with a form. Raises `MalformedToken`.
        """
        token = account.secrets.get("bot_token", "").strip()
        if not _TOKEN.fullmatch(token):
            raise MalformedToken
        content: bytes | Streamed
        if isinstance(body, tuple):
            kind, content = body
            seconds = CALL_SECONDS + content.length / UPLOAD_BYTES_PER_SECOND
        else:
            kind, content = "application/json", json.dumps(body, ensure_ascii=False).encode()
            seconds = CALL_SECONDS
        try:
            answer = await self._outbound.request(
                "POST",
                f"{base_of(account)}/bot{token}/{method}",
                headers={"Content-Type": kind},
                content=content,
                timeout_seconds=min(seconds, UPLOAD_SECONDS_MAX),
                limit_bytes=ANSWER_BYTES_MAX,
            )
        except (NotSent, NoAnswer) as error:
            return error
        return _result(answer, token, now)


def base_of(account: Account) -> str:
    """Return where the API is: Telegram's, or the channel's own server."""
    return str(account.settings.get("api_url") or API).rstrip("/")


def meaning_of(wrong: Wrong, evidence: Evidence) -> Refused | Revoked | TryLater | None:
    """Return what an error proves; None where it leaves open whether the call had an effect.

    Of a fault of the server (5xx) that is so even in Telegram's own words: its gateways write
    them too, after the call has gone through.
    """
    told = {**evidence, **wrong.evidence}
    code = wrong.code
    if code == 429:
        return TryLater("platform_busy", wrong.retry_after_seconds, counts=False, evidence=told)
    if code == 413:
        return Refused("telegram_file_too_big", wrong.description, told)
    if wrong.own_words:
        return _refused(wrong, told)
    return Refused("telegram_not_there", f"HTTP {code}", told) if code in NEVER_REACHED else None


def _refused(wrong: Wrong, told: Evidence) -> Refused | Revoked | TryLater | None:
    if wrong.code in ENDS:
        return Revoked(ENDS[wrong.code].reason, wrong.description)
    if wrong.code == 409:
        return TryLater("telegram_conflict", None, counts=True, evidence=told)
    return _rejected(wrong, told) if 400 <= wrong.code < 500 else None


def _rejected(wrong: Wrong, told: Evidence) -> Refused | Revoked:
    text = wrong.description.lower()
    for words, meaning in REJECTIONS:
        if words in text and isinstance(meaning, Revoked):
            return Revoked(meaning.reason, wrong.description)
        if words in text:
            return Refused(meaning.reason, wrong.description, told)
    return Refused("telegram_refused", wrong.description, told)


def _result(answer: Answer, token: str, now: datetime) -> object | Wrong | NoAnswer:
    said = answer.json()
    if not isinstance(said, dict) or not isinstance(said.get("ok"), bool):
        if answer.status < 300:
            return NoAnswer("answer_unreadable", answer.status)
        return Wrong(answer.status, "", answer.retry_after_seconds(now), own_words=False)
    if said["ok"]:
        return said.get("result")
    code, more = said.get("error_code"), said.get("parameters")
    parameters = more if isinstance(more, dict) else {}
    description = str(said.get("description", "")).replace(token, "***")
    if "migrate_to_chat_id" in parameters:
        description += f" (migrate_to_chat_id: {parameters['migrate_to_chat_id']})"
    return Wrong(
        code if type(code) is int else answer.status,
        description[:DETAIL_MAX],
        _seconds(parameters.get("retry_after")) or answer.retry_after_seconds(now),
        own_words=True,
    )


def _seconds(value: object) -> float | None:
    if type(value) is not int or value < 0:
        return None
    return float(min(value, int(RETRY_AFTER_MAX_SECONDS)))
