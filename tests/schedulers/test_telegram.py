"""Telegram against a Bot API that is as strict as the real one, over real HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from store.blobs import FolderBlobs
from tests.schedulers.bot_api import CLOSED
from tests.schedulers.newsroom import PHOTO, VIDEO, Newsroom, newsroom
from tests.world import World

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


@pytest.fixture
async def there(world: World, blobs: FolderBlobs, tmp_path: Path) -> AsyncIterator[Newsroom]:
    async with newsroom(world, blobs, tmp_path / "files") as opened:
        yield opened


async def test_a_text_goes_out_as_it_was_written(there: Newsroom) -> None:
    text = "<b>Naskah</b> *kuno* & _lontar_ @biro https://a.example #warisan 🏺"

    found = await there.sent(await there.due((text, ())))

    assert (found.status, found.remote_id, found.permalink) == (
        "published",
        "11",
        "https://t.me/warisan_kota/11",
    )
    assert [(each.text, each.entities, each.fields) for each in there.bot.messages] == [
        (text, [], {"chat_id": "@warisan_kota", "text": text, "as": "sendMessage"})
    ]


async def test_a_private_channel_has_links_for_its_members(
    world: World, blobs: FolderBlobs, tmp_path: Path
) -> None:
    async with newsroom(world, blobs, tmp_path / "files", chat=str(CLOSED)) as there:
        found = await there.sent(await there.due())

    assert found.permalink == "https://t.me/c/2222222222/11"


async def test_options_of_a_text_are_sent(there: Newsroom) -> None:
    row = await there.due(
        ("🏺 Naskah \nkuno", ()),
        disable_notification=True,
        protect_content=True,
        disable_link_preview=True,
        bold_first_line=True,
    )

    await there.sent(row)

    assert there.bot.messages[0].fields == {
        "chat_id": "@warisan_kota",
        "text": "🏺 Naskah \nkuno",
        "entities": [{"type": "bold", "offset": 0, "length": 9}],
        "disable_notification": True,
        "protect_content": True,
        "link_preview_options": {"is_disabled": True},
        "as": "sendMessage",
    }


@pytest.mark.parametrize(
    ("mime", "method", "more"),
    [
        (PHOTO, "sendPhoto", {"photo": "attach://file0"}),
        (
            VIDEO,
            "sendVideo",
            {
                "video": "attach://file0",
                "width": 1080,
                "height": 810,
                "duration": 9,
                "supports_streaming": True,
            },
        ),
    ],
)
async def test_one_file_is_uploaded_with_its_caption(
    there: Newsroom, mime: str, method: str, more: dict[str, Any]
) -> None:
    content = b"\r\n--\0\xff" * 50_000
    row = await there.due(
        ("Naskah\nkuno", [await there.file(mime, content)]),
        bold_first_line=True,
        caption_above_media=True,
        spoiler=True,
    )

    found = await there.sent(row)

    assert (found.status, found.remote_id, there.bot.messages[0].file) == (
        "published",
        "11",
        content,
    )
    assert there.bot.messages[0].fields == {
        "chat_id": "@warisan_kota",
        "caption": "Naskah\nkuno",
        "caption_entities": [{"type": "bold", "offset": 0, "length": 6}],
        "show_caption_above_media": True,
        "has_spoiler": True,
        "as": method,
        **more,
    }


async def test_an_album_is_one_call_and_several_messages(there: Newsroom) -> None:
    contents = [bytes([number]) * 1_000 for number in range(10)]
    files = [
        await there.file(VIDEO if number == 3 else PHOTO, each)
        for number, each in enumerate(contents)
    ]

    found = await there.sent(await there.due(("Album", files), form="carousel"))

    assert (found.status, found.permalink) == ("published", "https://t.me/warisan_kota/11")
    assert found.remote_id == ",".join(str(each) for each in range(11, 21))
    assert [each.file for each in there.bot.messages] == contents
    assert there.texts() == ["Album"] + [""] * 9
    assert there.bot.calls == ["sendMediaGroup"]


async def test_a_file_needs_no_words(there: Newsroom) -> None:
    found = await there.sent(await there.due(("", [await there.file(PHOTO, b"x")])))

    assert (found.status, there.texts()) == ("published", [""])


async def test_each_part_of_a_thread_answers_the_one_before(there: Newsroom) -> None:
    album = [await there.file(PHOTO, b"a"), await there.file(PHOTO, b"b")]
    row = await there.due(("Satu", ()), ("Dua", album), ("Tiga", ()), form="thread")

    found = await there.sent(row)

    assert (found.status, found.remote_id) == ("published", "11")
    assert [each["remote_id"] for each in found.steps_done] == ["11", "12,13", "14"]
    assert [each.fields.get("reply_parameters") for each in there.bot.messages] == [
        None,
        {"message_id": 11},
        {"message_id": 11},
        {"message_id": 12},
    ]


@pytest.mark.parametrize(("files", "most"), [(0, 4_096), (1, 1_024), (2, 1_024)])
async def test_the_longest_text_is_taken(there: Newsroom, files: int, most: int) -> None:
    shown = [await there.file(PHOTO, bytes([number])) for number in range(files)]

    found = await there.sent(await there.due(("🏺" * (most // 2), shown), bold_first_line=True))

    assert (found.status, len(there.bot.messages)) == ("published", max(1, files))


async def test_a_photo_whose_sides_are_too_long_is_not_sent(there: Newsroom) -> None:
    large = await there.file(PHOTO, b"x", 5_001, 5_000)
    whole = await there.file(PHOTO, b"y", 5_000, 5_000)

    refused = await there.sent(await there.due(("Besar", [large])))
    taken = await there.sent(await there.due(("Pas", [whole])))

    assert (refused.status, refused.reason) == ("failed", "telegram_photo_dimensions")
    assert (taken.status, there.texts()) == ("published", ["Pas"])
