"""Telegram without an office: checks, withdrawals, and what is never sent at all."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from planner.content import Part
from schedulers.connector import Account, Checked, Done, Outgoing, Withdrawn
from schedulers.connectors.telegram import TelegramConnector
from schedulers.outbound import Outbound
from tests.chaos.mortal import LOOPBACK
from tests.schedulers.bot_api import CLOSED, GROUP, LOST, TOKEN, Bot, answer, refusal
from tests.schedulers.bot_api import telegram as served
from tests.schedulers.wires import DUE, outgoing


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    async with served() as opened:
        yield opened


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramConnector]:
    outbound = Outbound(LOOPBACK)
    yield TelegramConnector(outbound)
    await outbound.aclose()


def account(bot: Bot, chat: str = "@warisan_kota", token: str = TOKEN) -> Account:
    return replace(
        outgoing().account,
        platform="telegram",
        settings={"chat": chat, "api_url": bot.url},
        secrets={"bot_token": token},
    )


def post(bot: Bot, **more: Any) -> Outgoing:
    whole = outgoing()
    words = replace(whole.words, parts=(Part("Halo"),), hashtags=())
    return replace(whole, account=account(bot, **more), words=words)


@pytest.mark.parametrize(
    "token", ["", "planted", "1:short", TOKEN + "/../x", TOKEN + "?x", "é" * 9]
)
async def test_a_token_that_would_leave_its_place_is_never_sent(
    bot: Bot, telegram: TelegramConnector, token: str
) -> None:
    outcome = await telegram.publish(post(bot, token=token), DUE)

    assert repr(outcome) == "Revoked(reason='telegram_token_malformed', detail='bot_token')"
    assert await telegram.check(account(bot, token=token), DUE) == Checked(
        answers=False, reason="telegram_token_malformed", detail="bot_token"
    )
    assert bot.calls == []


@pytest.mark.parametrize("chat", ["", "warisan", "@a", "@a/b", "0", "-", "1" * 19, "@x y z a"])
async def test_a_chat_that_is_none_is_never_sent_to(
    bot: Bot, telegram: TelegramConnector, chat: str
) -> None:
    outcome = await telegram.publish(post(bot, chat=chat), DUE)

    assert repr(outcome) == "Revoked(reason='telegram_chat_malformed', detail='chat')"
    assert bot.calls == []


@pytest.mark.parametrize(
    ("chat", "member", "answers", "reason", "detail"),
    [
        ("@warisan_kota", {}, True, None, "@pilar_bot: administrator (channel)"),
        (
            "@warisan_kota",
            {"can_post_messages": False},
            False,
            "telegram_no_rights",
            "@pilar_bot: administrator (channel)",
        ),
        (
            "@warisan_kota",
            {"status": "member"},
            False,
            "telegram_no_rights",
            "@pilar_bot: member (channel)",
        ),
        (
            str(CLOSED),
            {"status": "left"},
            False,
            "telegram_no_rights",
            "@pilar_bot: left (channel)",
        ),
        (str(GROUP), {"status": "member"}, True, None, "@pilar_bot: member (supergroup)"),
        (
            str(GROUP),
            {"status": "restricted"},
            False,
            "telegram_no_rights",
            "@pilar_bot: restricted (supergroup)",
        ),
        ("@nowhere", {}, False, "telegram_chat_missing", "Bad Request: chat not found"),
    ],
)
async def test_a_check_says_whether_the_bot_may_post(
    bot: Bot,
    telegram: TelegramConnector,
    chat: str,
    member: dict[str, Any],
    answers: bool,
    reason: str | None,
    detail: str,
) -> None:
    bot.member |= member

    checked = await telegram.check(account(bot, chat), DUE)

    assert (checked.answers, checked.reason, checked.detail) == (answers, reason, detail)
    assert bot.messages == []


async def test_a_check_tells_what_the_bot_may(bot: Bot, telegram: TelegramConnector) -> None:
    checked = await telegram.check(account(bot), DUE)

    assert checked.scopes == ("can_edit_messages", "can_post_messages")


async def test_a_check_with_a_token_that_was_taken_back_says_so(
    bot: Bot, telegram: TelegramConnector
) -> None:
    stale = TOKEN[:-1] + "X"

    checked = await telegram.check(account(bot, token=stale), DUE)

    assert checked == Checked(answers=False, reason="telegram_token_refused", detail="Unauthorized")


async def test_what_was_published_is_deleted_the_last_first_and_twice_is_fine(
    bot: Bot, telegram: TelegramConnector
) -> None:
    for _ in range(3):
        await telegram.publish(post(bot), DUE)
    done = (Done(0, "11,12", None), Done(1, "13", None))

    first = await telegram.withdraw(account(bot), done, DUE)
    again = await telegram.withdraw(account(bot), done, DUE)

    gone = Withdrawn({"chat": "@warisan_kota", "message_ids": [11, 12, 13]})
    assert (first, again, bot.messages) == (gone, gone, [])


NOT_DELETED: dict[str, tuple[Any, str, str]] = {
    "too old": (
        refusal(400, "Bad Request: message can't be deleted"),
        "Refused",
        "telegram_too_old",
    ),
    "removed": (refusal(403, "Forbidden: bot was kicked"), "Refused", "telegram_bot_removed"),
    "limited": (refusal(429, "Too Many Requests", retry_after=3), "TryLater", "platform_busy"),
    "fault": (refusal(500, "Internal Server Error"), "Unknown", "platform_error"),
    "lost": (LOST, "Unknown", "connection_lost"),
    "odd": (lambda: answer(200, b'{"ok":true,"result":{}}'), "Unknown", "answer_unreadable"),
}


@pytest.mark.parametrize("name", NOT_DELETED)
async def test_what_is_not_deleted_says_why(
    bot: Bot, telegram: TelegramConnector, name: str
) -> None:
    await telegram.publish(post(bot), DUE)
    order, kind, reason = NOT_DELETED[name]
    bot.orders = [order]

    outcome = await telegram.withdraw(account(bot), (Done(0, "11", None),), DUE)

    assert (type(outcome).__name__, getattr(outcome, "reason", None)) == (kind, reason)
    assert TOKEN not in repr(outcome)


async def test_a_server_that_is_not_there_has_had_nothing(
    bot: Bot, telegram: TelegramConnector
) -> None:
    bot.url = "http://127.0.0.1:1"

    sent = await telegram.publish(post(bot), DUE)
    checked = await telegram.check(account(bot), DUE)

    assert (type(sent).__name__, getattr(sent, "reason", None)) == ("TryLater", "connect_failed")
    assert checked == Checked(answers=False, reason="connect_failed", detail="api_url")
