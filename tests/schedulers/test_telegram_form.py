"""What is bold in a Telegram message, and the form of its files, whatever is in them."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from planner.content import MediaRef, Part
from planner.fit import check_words
from planner.platforms import TELEGRAM, MediaFacts
from schedulers.connector import File, Outgoing
from schedulers.connectors.telegram_form import entities_of, form_of, sending_of
from tests.schedulers.bot_api import parsed
from tests.schedulers.wires import outgoing


def with_files(text: str, contents: list[bytes], **options: Any) -> Outgoing:
    """Return a post of a text and photos of these bytes."""
    whole = outgoing()
    files = tuple(photo(whole.files[0], place, each) for place, each in enumerate(contents))
    refs = tuple(MediaRef(str(file.id), file.sha256) for file in files)
    words = replace(whole.words, parts=(Part(text, refs),), hashtags=(), options=options)
    return replace(whole, words=words, files=files)


def photo(like: File, place: int, content: bytes) -> File:
    async def read(first: int, last: int) -> AsyncIterator[bytes]:
        for at in range(first, last + 1, 7):
            yield content[at : min(at + 7, last + 1)]

    number = like.id.int + place
    return replace(like, id=type(like.id)(int=number), bytes=len(content), read=read)


@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")),
    contents=st.lists(st.binary(min_size=1) | st.just(b"\r\n--"), min_size=1, max_size=10),
)
async def test_a_form_says_what_was_put_into_it(text: str, contents: list[bytes]) -> None:
    kind, body = form_of(sending_of(with_files(text, contents), "@warisan"))

    sent = b"".join([each async for each in body.read()])
    again = b"".join([each async for each in body.read()])
    fields, files = parsed(kind, sent)

    described = fields["media"][0] if len(contents) > 1 else fields
    assert (len(sent), again) == (body.length, sent)
    assert list(files.values()) == contents
    assert described.get("caption", "") == text.strip()


def test_a_form_has_another_boundary_each_time() -> None:
    sending = sending_of(with_files("x", [b"x"]), "@warisan")

    kinds = {form_of(sending)[0] for _ in range(20)}

    assert len(kinds) == 20
    assert all(re.fullmatch(r"multipart/form-data; boundary=[0-9a-f]{32}", each) for each in kinds)


def test_text_under_media_is_shorter_than_text_alone() -> None:
    facts = {"a": MediaFacts("image/jpeg", 1, 100, 100)}
    found = []
    for text, refs in (
        ("x" * 4_096, ()),
        ("x" * 1_025, ()),
        ("x" * 1_025, ("a",)),
        ("\U0001f3fa" * 512, ("a",)),
    ):
        media = tuple(MediaRef(each, "ab" * 32) for each in refs)
        words = replace(
            outgoing().words, format="post", parts=(Part(text, media),), hashtags=(), options={}
        )
        found.append([fault.code for fault in check_words(TELEGRAM, words, facts)])

    assert found == [[], [], ["text-too-long"], []]


@given(
    first=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=40),
    rest=st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
def test_what_is_bold_is_the_first_line_in_utf_16(first: str, rest: str) -> None:
    text = f"{first}\n{rest}".strip()

    found = entities_of(text, {"bold_first_line": True})

    raw = text.encode("utf-16-le")
    bold = [
        raw[2 * each["offset"] : 2 * (each["offset"] + each["length"])].decode("utf-16-le")
        for each in found
    ]
    line = text.split("\n")[0].rstrip()
    assert bold == ([line] if line else [])
    assert entities_of(text, {}) == []
