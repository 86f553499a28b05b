"""Bluesky's record keys by their vectors, and facets that point at the bytes they speak of."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers.connectors import bluesky_text
from schedulers.connectors.bluesky_keys import SHAPE, key_of, tid
from schedulers.connectors.bluesky_text import MENTIONS_MAX, facets, mentioned

ONE = UUID("019b76da-a800-7000-8000-000000000001")
OTHER = UUID("019b76da-b800-7000-8000-000000000001")
DIDS = {"ayu.test": "did:plc:ayu", "budi.bsky.social": "did:plc:budi"}
NEW_YEAR = 1_767_225_600_000_000


@pytest.mark.parametrize(
    ("micros", "clock", "key"),
    [
        (NEW_YEAR, 0, "3mbd3542k2222"),
        (NEW_YEAR, 1023, "3mbd3542k22zz"),
        (NEW_YEAR + 1, 0, "3mbd3542k2322"),
        (0, 0, "2222222222222"),
    ],
)
def test_a_key_is_that_of_the_vectors(micros: int, clock: int, key: str) -> None:
    assert tid(micros, clock) == key


@given(st.uuids(), st.integers(0, 24))
def test_a_key_is_valid(publication: UUID, step: int) -> None:
    assert SHAPE.fullmatch(key_of(publication, step))


def test_each_try_of_a_step_has_the_same_key_and_each_other_step_another() -> None:
    keys = [key_of(one, step) for one in (ONE, OTHER) for step in range(25)]

    assert keys == [key_of(one, step) for one in (ONE, OTHER) for step in range(25)]
    assert len(set(keys)) == 50
    assert keys == sorted(keys)


def marked(text: str) -> list[tuple[str, str]]:
    """Return the pieces of a text that are marked, and what for."""
    found = []
    for each in facets(text, DIDS):
        index, (feature,) = each["index"], each["features"]
        piece = text.encode()[index["byteStart"] : index["byteEnd"]].decode()
        value = next(value for name, value in feature.items() if name != "$type")
        found.append((piece, value))
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Lihat https://arsip.id/a_(b).", [("https://arsip.id/a_(b)",) * 2]),
        ("(http://a.id) http://b.id!", [("http://a.id",) * 2, ("http://b.id",) * 2]),
        ("https:// http://? ftp://a.id xhttp://a.id a.id", []),
        ("📜 HTTPS://A.ID/é?q=1#x", [("HTTPS://A.ID/é?q=1#x",) * 2]),
        ("@Ayu.Test, (@budi.bsky.social)", [("@Ayu.Test", "did:plc:ayu")]),
        ("@nobody.test ayu@ayu.test @ayu", []),
        ("http://a.id/(@ayu.test)", [("http://a.id/(@ayu.test)",) * 2]),
        ("#warisan, #2026 #a1. #", [("#warisan", "warisan"), ("#a1", "a1")]),
        ("a#b #️⃣ #!? ＃全角", [("＃全角", "全角")]),  # noqa: RUF001
        (f"#{'a' * 64} #{'b' * 65}", [(f"#{'a' * 64}", "a" * 64)]),
        ("#a#b https://a.id#c", [("#a#b", "a#b"), ("https://a.id#c",) * 2]),
    ],
)
def test_what_is_marked(text: str, found: list[tuple[str, str]]) -> None:
    wanted = [
        *found,
        *([("@budi.bsky.social", "did:plc:budi")] if "(@budi" in text else []),
    ]
    assert marked(text) == wanted


def test_so_many_are_asked_after_and_each_once() -> None:
    text = " ".join(f"@{letter}.test @{letter.upper()}.test" for letter in "abcdefghijklmnop")

    assert mentioned(text) == [f"{letter}.test" for letter in "abcdefghij"]
    assert len(mentioned(text)) == MENTIONS_MAX


PIECES = st.one_of(
    st.sampled_from(
        ["https://é.id/x", "#naskah", "#📜", "@ayu.test", "@budi.bsky.social", "#", "@"]
    ),
    st.sampled_from([" ", "\n", "(", ")", ".", "👩‍👩‍👧", "é", "ß", "字", "\u200d", "a"]),
    st.text(max_size=4),
)
TEXTS = st.lists(PIECES, max_size=20).map("".join)


def are_faithful(text: str) -> bool:
    """Say whether each facet points at the text it speaks of, in order and without overlap."""
    end, whole = 0, text.encode()
    for each in facets(text, DIDS):
        index, (feature,) = each["index"], each["features"]
        if not end <= index["byteStart"] < index["byteEnd"] <= len(whole):
            return False
        end = index["byteEnd"]
        piece = whole[index["byteStart"] : end].decode(errors="replace")
        means = {
            "link": feature.get("uri") == piece,
            "tag": feature.get("tag") == piece[1:] and piece[:1] in {"#", "\uff03"},
            "mention": feature.get("did") == DIDS.get(piece[1:].lower()),
        }
        if not means[feature["$type"].partition("#")[2]]:
            return False
    return True


@given(TEXTS)
def test_every_facet_points_at_the_text_it_speaks_of(text: str) -> None:
    assert are_faithful(text)


def test_one_that_counts_characters_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bluesky_text, "_bytes", lambda _text, place: place)

    assert not are_faithful("é #naskah")
    assert are_faithful("e #naskah")
