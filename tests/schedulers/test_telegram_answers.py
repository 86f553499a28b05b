"""Telegram's errors and lost answers: what each means, and that no token is in any of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlmodel import select

from store.blobs import FolderBlobs
from store.tables import Channel, Transition
from tests.planted import everything_written, found
from tests.schedulers.bot_api import DROPPED, LOST, TOKEN, answer, refusal
from tests.schedulers.newsroom import Newsroom, connect, newsroom
from tests.world import World

pytestmark = pytest.mark.parametrize("database", ["sqlite"])
LATER, OVER, LOOK = "scheduled", "failed", "needs_review"


@pytest.fixture
async def there(world: World, blobs: FolderBlobs, tmp_path: Path) -> AsyncIterator[Newsroom]:
    async with newsroom(world, blobs, tmp_path / "files") as opened:
        yield opened


async def detail_of(there: Newsroom, row: Any) -> Any:
    async with there.world.store.reading() as db:
        rows = await db.exec(select(Transition).where(Transition.publication_id == row))
        return max(rows, key=lambda each: each.id or 0).detail


REFUSALS: dict[str, tuple[int, str, str, str, bool]] = {
    "chat not found": (400, "Bad Request: chat not found", LATER, "telegram_chat_missing", True),
    "no rights": (
        400,
        "Bad Request: need administrator rights in the channel chat",
        LATER,
        "telegram_no_rights",
        True,
    ),
    "no rights to send": (
        400,
        "Bad Request: not enough rights to send text messages to the chat",
        LATER,
        "telegram_no_rights",
        True,
    ),
    "write forbidden": (
        400,
        "Bad Request: CHAT_WRITE_FORBIDDEN",
        LATER,
        "telegram_no_rights",
        True,
    ),
    "entities": (
        400,
        "Bad Request: can't parse entities: x",
        OVER,
        "telegram_fields_refused",
        False,
    ),
    "too long": (400, "Bad Request: message is too long", OVER, "telegram_text_too_long", False),
    "caption": (
        400,
        "Bad Request: message caption is too long",
        OVER,
        "telegram_text_too_long",
        False,
    ),
    "empty": (400, "Bad Request: message text is empty", OVER, "telegram_text_empty", False),
    "reply": (
        400,
        "Bad Request: message to be replied not found",
        OVER,
        "telegram_reply_missing",
        False,
    ),
    "file": (
        400,
        "Bad Request: wrong file identifier/HTTP URL specified",
        OVER,
        "telegram_media_refused",
        False,
    ),
    "photo": (
        400,
        "Bad Request: PHOTO_INVALID_DIMENSIONS",
        OVER,
        "telegram_photo_dimensions",
        False,
    ),
    "image": (400, "Bad Request: IMAGE_PROCESS_FAILED", OVER, "telegram_media_refused", False),
    "another": (400, "Bad Request: TOPIC_CLOSED", OVER, "telegram_refused", False),
    "unknown 4xx": (418, "I'm a teapot", OVER, "telegram_refused", False),
    "401": (401, "Unauthorized", LATER, "telegram_token_refused", True),
    "404": (404, "Not Found", LATER, "telegram_token_refused", True),
    "kicked": (
        403,
        "Forbidden: bot was kicked from the channel chat",
        LATER,
        "telegram_bot_removed",
        True,
    ),
    "409": (409, "Conflict: terminated by other", LATER, "telegram_conflict", False),
    "413": (413, "Request Entity Too Large", OVER, "telegram_file_too_big", False),
    "429": (429, "Too Many Requests: retry after 35", LATER, "platform_busy", False),
    "500": (500, "Internal Server Error", LOOK, "platform_error", False),
    "502 in its own words": (502, "Bad Gateway", LOOK, "platform_error", False),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_each_refusal_has_its_consequence(there: Newsroom, name: str) -> None:
    code, description, status, reason, stops = REFUSALS[name]
    there.bot.orders = [refusal(code, description)]

    row = await there.sent(await there.due())
    async with there.world.store.reading() as db:
        channel = await db.get(Channel, there.channel.id)

    assert (row.status, row.reason, there.texts()) == (status, reason, [])
    assert channel is not None
    assert (channel.connection == "needs_reauth") == stops
    assert there.bot.calls == ["sendMessage"]


@pytest.mark.parametrize(
    ("status", "body", "ends", "reason"),
    [
        (413, b"<html>", OVER, "telegram_file_too_big"),
        (404, b"<html>", OVER, "telegram_not_there"),
        (302, b"", OVER, "telegram_not_there"),
        (429, b"<html>", LATER, "platform_busy"),
        (400, b"<html>", LOOK, "platform_error"),
        (408, b"", LOOK, "platform_error"),
        (502, b"<html>", LOOK, "platform_error"),
        (504, b"", LOOK, "platform_error"),
        (200, b"<html>", LOOK, "answer_unreadable"),
        (200, b"{}", LOOK, "answer_unreadable"),
        (200, b'{"ok":true,"result":true}', LOOK, "answer_unreadable"),
        (200, b'{"ok":true,"result":[]}', LOOK, "answer_unreadable"),
        (200, b'{"ok":true,"result":{"message_id":true}}', LOOK, "answer_unreadable"),
        (200, b'{"ok":true,"result":{"message_id":5}}', "published", None),
    ],
)
async def test_what_is_not_in_telegrams_words_proves_little(
    there: Newsroom, status: int, body: bytes, ends: str, reason: str | None
) -> None:
    there.bot.orders = [lambda: answer(status, body)]

    row = await there.sent(await there.due())

    assert (row.status, row.reason, row.permalink) == (ends, reason, None)


async def test_a_limit_is_waited_for_as_long_as_telegram_says_and_counts_as_no_attempt(
    there: Newsroom,
) -> None:
    there.bot.orders = [refusal(429, "Too Many Requests: retry after 35", retry_after=35)]
    due = await there.due()

    row = await there.sent(due)
    waits = (row.not_before - there.world.clock()).total_seconds()
    there.world.clock.forward(seconds=36)
    later = await there.sent(due)

    assert (row.failures, waits) == (0, 35)
    assert (later.status, len(there.texts())) == ("published", 1)


async def test_a_group_that_moved_tells_its_new_number(there: Newsroom) -> None:
    text = "Bad Request: group chat was upgraded to a supergroup chat"
    there.bot.orders = [refusal(400, text, migrate_to_chat_id=-1009)]
    due = await there.due()

    row = await there.sent(due)

    assert (row.status, row.reason) == (LATER, "telegram_chat_moved")
    assert (await detail_of(there, due))["detail"] == f"{text} (migrate_to_chat_id: -1009)"


@pytest.mark.parametrize(("order", "posts"), [(DROPPED, 0), (LOST, 1)])
async def test_an_answer_that_is_lost_is_a_persons_with_all_they_need(
    there: Newsroom, order: str, posts: int
) -> None:
    there.bot.orders = [order]
    due = await there.due(("Naskah " * 100, ()))

    row = await there.sent(due)
    again = await there.sent(due)

    assert (row.status, row.reason, again.status) == (LOOK, "connection_lost", LOOK)
    assert (len(there.texts()), there.bot.calls) == (posts, ["sendMessage"])
    assert await detail_of(there, due) == {
        "chat": "@warisan_kota",
        "method": "sendMessage",
        "sent_at": there.world.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "part": 1,
        "text": ("Naskah " * 100)[:120],
        "files": 0,
        "look_at": "https://t.me/warisan_kota",
    }


async def test_a_part_that_was_lost_points_at_the_one_before(there: Newsroom) -> None:
    there.bot.orders = ["", LOST]
    due = await there.due(("Satu", ()), ("Dua", ()), form="thread")

    row = await there.sent(due)

    detail = await detail_of(there, due)
    assert (row.status, detail["part"], detail["look_at"]) == (
        LOOK,
        2,
        "https://t.me/warisan_kota/11",
    )
    assert there.texts() == ["Satu", "Dua"]


async def test_the_token_is_in_nothing_that_is_written(there: Newsroom) -> None:
    with structlog.testing.capture_logs() as told:
        quoted = refusal(400, f"Bad Request: {TOKEN}")
        refusals = (refusal(*each[:2]) for each in REFUSALS.values())
        for number, order in enumerate((LOST, DROPPED, quoted, *refusals)):
            there.bot.orders = [order]
            await connect(there.world, there.channel)
            await there.sent(await there.due((f"Naskah {number}", ())))

    places = {"database": everything_written(there.world.store), "logs": repr(told)}
    assert told
    assert found({"token": TOKEN, "its secret": TOKEN.split(":")[1]}, places) == []
