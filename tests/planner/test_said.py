"""What tells two posts apart on a channel: their captions and files."""

from dataclasses import replace

import pytest

from planner.content import MediaRef, Part, Words, said

PICTURE, VIDEO = MediaRef("m1", "a" * 64, "Naskah"), MediaRef("m2", "b" * 64)
WORDS = Words(
    title="Naskah kuno",
    type="informative",
    pillar="p1",
    format="post",
    parts=(Part("Satu.", (PICTURE, VIDEO)), Part("Dua.")),
    hashtags=("#literasi",),
    options={"visibility": "public"},
)


def _with(*parts: Part) -> Words:
    return replace(WORDS, parts=parts)


@pytest.mark.parametrize(
    "same",
    [
        replace(WORDS, title="Lain"),
        replace(WORDS, type="interactive", pillar=None, format="thread"),
        replace(WORDS, options={}),
        _with(Part("Satu.", (replace(PICTURE, id="m9", alt=""), VIDEO)), Part("Dua.")),
        # Hashtags are part of the caption, whoever wrote them there.
        replace(_with(Part("Satu.\n\n#literasi", (PICTURE, VIDEO)), Part("Dua.")), hashtags=()),
    ],
    ids=["title", "type", "options", "alt", "hashtags-by-hand"],
)
def test_what_nobody_reads_makes_no_other_post(same: Words) -> None:
    assert said(same) == said(WORDS)


@pytest.mark.parametrize(
    "other",
    [
        _with(Part("Satu!", (PICTURE, VIDEO)), Part("Dua.")),
        _with(Part("Satu.", (VIDEO, PICTURE)), Part("Dua.")),
        _with(Part("Satu.", (PICTURE,)), Part("Dua.")),
        _with(Part("Dua.", (PICTURE, VIDEO)), Part("Satu.")),
        _with(Part("Satu.", (PICTURE, VIDEO))),
        replace(WORDS, hashtags=()),
    ],
    ids=["text", "order", "file", "parts", "shorter", "hashtags"],
)
def test_other_captions_or_files_make_another_post(other: Words) -> None:
    assert said(other) != said(WORDS)


def test_words_of_two_parts_are_not_those_of_one() -> None:
    one = replace(_with(Part("Satu.Dua.")), hashtags=())
    two = replace(_with(Part("Satu."), Part("Dua.")), hashtags=())

    assert said(one) != said(two)


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_nothing_to_read_and_nothing_to_see_says_nothing(text: str) -> None:
    assert said(replace(_with(Part(text), Part("")), hashtags=())) is None


def test_a_file_alone_says_something() -> None:
    pictured = said(replace(_with(Part("", (PICTURE,))), hashtags=()))

    assert pictured is not None
    assert len(pictured) == 64
