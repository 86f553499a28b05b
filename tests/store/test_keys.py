"""The form of API keys: what their checksum sees."""

import string

from hypothesis import given
from hypothesis import strategies as st

from store import keys

ALPHABET = string.ascii_letters + string.digits


def test_a_key_has_its_form_and_no_two_are_alike() -> None:
    made = {keys.make_key() for _ in range(1000)}

    assert len(made) == 1000
    assert {(len(key), key[:6], key.isascii()) for key in made} == {(42, "pilar_", True)}
    assert all(keys.looks_right(key) for key in made)


@given(place=st.integers(6, 41), other=st.sampled_from(ALPHABET))
def test_a_mistyped_character_is_seen(place: int, other: str) -> None:
    key = keys.make_key()

    mistyped = key[:place] + other + key[place + 1 :]

    assert keys.looks_right(mistyped) == (mistyped == key)


@given(st.text() | st.text(ALPHABET, min_size=36, max_size=36).map("pilar_".__add__))
def test_junk_does_not_look_right(junk: str) -> None:
    assert not keys.looks_right(junk)


def test_the_checksum_is_the_crc_32_in_base_62() -> None:
    # zlib.crc32(b"pilar_" + b"0" * 30) == 1125464603, by hand in base 62, digits first.
    body = "pilar_" + "0" * 30

    assert keys.looks_right(body + "1EAKkt")
