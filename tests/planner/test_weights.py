"""Weighted text, by the rules that X publishes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.fit import count_text
from planner.platforms import Unit

FAMILY = "\U0001f468‍\U0001f469‍\U0001f467‍\U0001f466"


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("Naskah kuno", 11),
        ("日本語", 6),
        ("naskah \u2013 “kuno”", 15),
        ("…", 2),
        ("\u00e9", 1),
        ("e\u0301", 1),
        ("😀", 2),
        (FAMILY, 2),
        ("🇮🇩", 2),
        ("1️⃣", 2),
        ("❤️", 2),
        ("👍🏽👍", 4),
        ("https://arsip.id/naskah/kuno/yang/panjang/sekali?halaman=1", 23),
        ("Baca: https://a.id lalu http://b.id", 6 + 23 + 6 + 23),
        ("arsip.id", 23),
        ("arsip.id/" + "a" * 40, 49),
        ("ayu@arsip.id", 12),
        ("1.5 kg", 6),
    ],
)
def test_a_text_weighs_what_the_rules_say(text: str, weight: int) -> None:
    assert count_text(Unit.WEIGHTED, text) == weight


@given(st.text(st.characters(codec="latin-1", exclude_characters="./"), max_size=50))
def test_latin_letters_weigh_one_each(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    emoji = sum(composed.count(each) for each in "©®")

    assert len(composed) <= count_text(Unit.WEIGHTED, text) <= len(composed) + emoji


@given(st.text(), st.text())
def test_what_stands_apart_weighs_as_much_together(one: str, other: str) -> None:
    both = count_text(Unit.WEIGHTED, f"{one}\n{other}")

    assert both == count_text(Unit.WEIGHTED, one) + 1 + count_text(Unit.WEIGHTED, other)
