"""Telegram: a bot posts texts, photos, videos and albums to a channel or a group.

Source: Telegram, Bot API 10.1, 2026-06.
"""

import re
from datetime import datetime
from typing import Any

from planner.content import Words
from schedulers.connector import (
    Account,
    Checked,
    Done,
    Evidence,
    Outcome,
    Outgoing,
    Published,
    Refused,
    Revoked,
    TryLater,
    Unknown,
    Withdrawn,
)
from schedulers.connectors.telegram_api import Api, MalformedToken, Wrong, meaning_of
from schedulers.connectors.telegram_form import (
    Sending,
    form_of,
    is_too_large,
    sending_of,
    text_of,
)
from schedulers.outbound import NoAnswer, NotSent, Outbound
from schedulers.signing import instant_text

BEGINNING = 120
"""How much of a text a person needs to know a post by."""

MAY_POST = {
    "channel": frozenset({"creator", "administrator"}),
    "supergroup": frozenset({"creator", "administrator", "member", "restricted"}),
    "group": frozenset({"creator", "administrator", "member"}),
}
"""Who may post at all, by the type of the chat."""

_CHAT = re.compile(r"@[A-Za-z][0-9A-Za-z_]{3,31}|-?[1-9][0-9]{0,17}", re.ASCII)
_NAME = re.compile(r"[A-Za-z][0-9A-Za-z_]{3,31}", re.ASCII)
_GONE = "message to delete not found"
_KEPT = "can't be deleted"


class TelegramConnector:
    """Publishes by one call for each part of a post; the call itself makes it public.

    AMBIGUOUS: Telegram takes no key, and a bot cannot read what it has posted. So what may have
    gone out is never sent again; a person looks, with what the evidence tells them. The parts of
    a thread each answer the one before.
    """

    def __init__(self, outbound: Outbound) -> None:
        self._api = Api(outbound)

    def steps(self, words: Words) -> int:
        """Return how many messages (an album is one) a post takes."""
        return len(words.parts)

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        """Send one part."""
        account = outgoing.account
        chat = _chat(account)
        if chat is None:
            return Revoked("telegram_chat_malformed", "chat")
        sending = sending_of(outgoing, chat)
        evidence = _evidence(outgoing, chat, sending, now)
        for file in sending.files.values():
            if is_too_large(file):
                detail = f"{file.width} x {file.height}"
                return Refused("telegram_photo_dimensions", detail, evidence)
        body = form_of(sending) if sending.files else sending.fields
        try:
            came = await self._api.call(account, sending.method, body, now)
        except MalformedToken:
            return Revoked("telegram_token_malformed", "bot_token")
        return _outcome(came, evidence)

    async def withdraw(
        self, account: Account, done: tuple[Done, ...], now: datetime
    ) -> Withdrawn | Refused | TryLater | Unknown:
        """Delete every message, the last first; Telegram lets a bot do so for 48 hours.

        One call for each: only so does it say of which one it refuses.
        """
        chat = _chat(account)
        if chat is None:
            return Refused("telegram_chat_malformed", "chat")
        ids = [int(one) for each in done for one in each.remote_id.split(",")]
        for message_id in reversed(ids):
            body = {"chat_id": chat, "message_id": message_id}
            evidence: Evidence = {"chat": chat, "message_id": message_id}
            try:
                came = await self._api.call(account, "deleteMessage", body, now)
            except MalformedToken:
                return Refused("telegram_token_malformed", "bot_token", evidence)
            if (kept := _kept(came, evidence)) is not None:
                return kept
        return Withdrawn({"chat": chat, "message_ids": ids})

    async def check(self, account: Account, now: datetime) -> Checked:
        """Ask who the bot is, what the chat is, and what the bot may do there."""
        chat = _chat(account)
        if chat is None:
            return Checked(answers=False, reason="telegram_chat_malformed", detail="chat")
        told: list[dict[str, Any]] = []
        for method in ("getMe", "getChat", "getChatMember"):
            body: dict[str, Any] = {} if method == "getMe" else {"chat_id": chat}
            if method == "getChatMember":
                body["user_id"] = told[0].get("id")
            try:
                came = await self._api.call(account, method, body, now)
            except MalformedToken:
                reason = "telegram_token_malformed"
                return Checked(answers=False, reason=reason, detail="bot_token")
            if not isinstance(came, dict):
                return _unanswered(came)
            told.append(came)
        return _permissions(*told)


def _outcome(came: object, evidence: Evidence) -> Outcome:
    if isinstance(came, NotSent):
        if came.reason in {"url_malformed", "request_malformed"}:
            return Refused(came.reason, "api_url", evidence)
        return TryLater(came.reason, None, counts=True, evidence=evidence)
    if isinstance(came, NoAnswer):
        told = {} if came.status is None else {"status": came.status}
        return Unknown(came.reason, {**evidence, **told})
    if isinstance(came, Wrong):
        meaning = meaning_of(came, evidence)
        return meaning or Unknown("platform_error", {**evidence, **came.evidence})
    messages = came if isinstance(came, list) else [came]
    ids = [_id_of(each) for each in messages]
    if not ids or None in ids:
        return Unknown("answer_unreadable", evidence)
    remote_id = ",".join(str(each) for each in ids)
    return Published(remote_id, _permalink(messages[0], ids[0]), evidence)


def _id_of(message: object) -> int | None:
    number = message.get("message_id") if isinstance(message, dict) else None
    return number if type(number) is int and number > 0 else None


def _kept(came: object, evidence: Evidence) -> Refused | TryLater | Unknown | None:
    """Return why a message is not deleted; None if it is gone."""
    if isinstance(came, Wrong):
        return _not_deleted(came, evidence)
    if isinstance(came, NotSent):
        return TryLater(came.reason, None, counts=True, evidence=evidence)
    if isinstance(came, NoAnswer):
        return Unknown(came.reason, evidence)
    return None if came is True else Unknown("answer_unreadable", evidence)


def _not_deleted(wrong: Wrong, evidence: Evidence) -> Refused | TryLater | Unknown | None:
    text = wrong.description.lower()
    if _GONE in text:
        return None
    if _KEPT in text:
        return Refused("telegram_too_old", wrong.description, evidence)
    meaning = meaning_of(wrong, evidence)
    if isinstance(meaning, Revoked):
        return Refused(meaning.reason, meaning.detail, evidence)
    return meaning or Unknown("platform_error", {**evidence, **wrong.evidence})


def _unanswered(came: object) -> Checked:
    if isinstance(came, NotSent | NoAnswer):
        return Checked(answers=False, reason=came.reason, detail="api_url")
    if isinstance(came, Wrong):
        meaning = meaning_of(came, {})
        reason = meaning.reason if meaning else "platform_error"
        return Checked(answers=False, reason=reason, detail=came.description or f"HTTP {came.code}")
    return Checked(answers=False, reason="answer_unreadable", detail="")


def _permissions(bot: dict[str, Any], chat: dict[str, Any], member: dict[str, Any]) -> Checked:
    kind, status = str(chat.get("type", "")), str(member.get("status", ""))
    may = status in MAY_POST.get(kind, frozenset({"member"}))
    if kind == "channel" and status == "administrator":
        may = member.get("can_post_messages") is True
    if status == "restricted":
        may = member.get("can_send_messages") is True
    return Checked(
        answers=may,
        reason=None if may else "telegram_no_rights",
        detail=f"@{bot.get('username', '')}: {status} ({kind})"[:200],
        scopes=tuple(sorted(name for name, value in member.items() if _is_right(name, value))),
    )


def _is_right(name: str, value: object) -> bool:
    return name.startswith("can_") and value is True


def _chat(account: Account) -> str | None:
    chat = str(account.settings.get("chat", "")).strip()
    return chat if _CHAT.fullmatch(chat) else None


def _evidence(outgoing: Outgoing, chat: str, sending: Sending, now: datetime) -> dict[str, Any]:
    """Return what a person needs to find a post: where, how it begins, how much of it, and when."""
    told: dict[str, Any] = {
        "chat": chat,
        "method": sending.method,
        "sent_at": instant_text(now),
        "part": outgoing.step + 1,
        "text": text_of(outgoing)[:BEGINNING],
        "files": len(sending.files),
    }
    after = outgoing.done[-1].permalink if outgoing.done else None
    if (link := after or _link_of(chat)) is not None:
        told["look_at"] = link
    return told


def _link_of(chat: str) -> str | None:
    if chat.startswith("@"):
        return f"https://t.me/{chat[1:]}"
    if chat.startswith("-100"):
        return f"https://t.me/c/{chat[4:]}/1"  # private: only its members can open it
    return None


def _permalink(message: Any, message_id: int | None) -> str | None:
    chat = message.get("chat")
    if not isinstance(chat, dict):
        return None
    name, number = chat.get("username"), str(chat.get("id", ""))
    if isinstance(name, str) and _NAME.fullmatch(name):
        return f"https://t.me/{name}/{message_id}"
    if number.startswith("-100") and number[4:].isdigit():
        return f"https://t.me/c/{number[4:]}/{message_id}"
    return None
