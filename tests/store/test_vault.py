"""Secrets sealed at rest open with the right key, in the right place, and nowhere else."""

import base64
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.vault import BadKeys, CannotOpen, KeyRing

WORKSPACE = UUID("01900000-0000-7000-8000-000000000001")
CHANNEL = UUID("01900000-0000-7000-8000-000000000002")
OTHER = UUID("01900000-0000-7000-8000-000000000003")
OLD = "k0:" + "B" * 43
NEW = "k1:" + "A" * 43
ROOT = Path(__file__).parents[2]

CREATE_WHEN_TOLD = """
import sys, pathlib
from store.vault import KeyRing
print("ready", flush=True)
sys.stdin.readline()
for number in range(50):
    ring = KeyRing.load_or_create(pathlib.Path(sys.argv[1]) / str(number))
    print(ring.digest("test", b"same?").hex())
"""


def seal(ring: KeyRing, plain: str) -> str:
    return ring.seal(plain, workspace=WORKSPACE, channel=CHANNEL, field="token")


def opened(ring: KeyRing, sealed: str) -> str:
    return ring.open(sealed, workspace=WORKSPACE, channel=CHANNEL, field="token")


def reason(ring: KeyRing, sealed: str) -> str:
    with pytest.raises(CannotOpen) as error:
        opened(ring, sealed)
    return str(error.value.facts["reason"])


@given(plain=st.text(), field=st.text())
def test_what_is_sealed_opens_again(plain: str, field: str) -> None:
    ring = KeyRing.parse(NEW)

    sealed = ring.seal(plain, workspace=WORKSPACE, channel=CHANNEL, field=field)

    assert ring.open(sealed, workspace=WORKSPACE, channel=CHANNEL, field=field) == plain


def test_the_same_secret_is_never_sealed_the_same_way_twice() -> None:
    ring = KeyRing.parse(NEW)

    sealed = {seal(ring, "secret") for _ in range(100)}

    assert len(sealed) == 100


@pytest.mark.parametrize(
    ("workspace", "channel", "field"),
    [(OTHER, CHANNEL, "token"), (WORKSPACE, OTHER, "token"), (WORKSPACE, CHANNEL, "refresh")],
)
def test_a_secret_moved_to_another_row_does_not_open(
    workspace: UUID, channel: UUID, field: str
) -> None:
    ring = KeyRing.parse(NEW)
    sealed = seal(ring, "secret")

    with pytest.raises(CannotOpen) as error:
        ring.open(sealed, workspace=workspace, channel=channel, field=field)

    assert error.value.facts == {"reason": "tampered", "key_id": "k1"}


def test_workspace_and_channel_cannot_change_places() -> None:
    ring = KeyRing.parse(NEW)
    sealed = seal(ring, "secret")

    with pytest.raises(CannotOpen):
        ring.open(sealed, workspace=CHANNEL, channel=WORKSPACE, field="token")


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_one_changed_bit_anywhere_is_noticed(length: int) -> None:
    ring = KeyRing.parse(f"{NEW},{OLD}")
    sealed = seal(ring, "s" * length)
    flipped = [
        sealed[:at] + chr(ord(sealed[at]) ^ 1 << bit) + sealed[at + 1 :]
        for at in range(len(sealed))
        for bit in range(7)
    ]

    reasons = {reason(ring, text) for text in flipped}

    assert reasons == {"format", "unknown-key", "tampered"}


@pytest.mark.parametrize(
    "text", ["", "v1", "v1.k1", "v1.k1.AAAA.AAAA", "v2.k1.a.b", "a.b.c.d.e", "é.…"]
)
def test_what_was_never_sealed_does_not_open(text: str) -> None:
    ring = KeyRing.parse(NEW)

    found = reason(ring, text)

    assert found == "format"


def test_a_key_that_is_not_on_the_ring_is_named() -> None:
    sealed = seal(KeyRing.parse(NEW), "secret")

    with pytest.raises(CannotOpen) as error:
        opened(KeyRing.parse(OLD), sealed)

    assert error.value.facts == {"reason": "unknown-key", "key_id": "k1"}


def test_a_wrong_key_under_the_right_name_does_not_open() -> None:
    sealed = seal(KeyRing.parse(NEW), "secret")

    found = reason(KeyRing.parse("k1:" + "B" * 43), sealed)

    assert found == "tampered"


def test_during_rotation_the_new_key_seals_and_both_open() -> None:
    before, during = KeyRing.parse(OLD), KeyRing.parse(f"{NEW},{OLD}")
    old, new = seal(before, "secret"), seal(during, "secret")

    facts = [(opened(during, text), during.is_current(text)) for text in (old, new)]

    assert facts == [("secret", False), ("secret", True)]
    assert new.startswith("v1.k1.")
    assert reason(before, new) == "unknown-key"


def test_a_sealed_text_holds_the_secret_in_no_encoding() -> None:
    secret = "EAAB-planted-secret-0123456789"
    raw = secret.encode()
    sealed = seal(KeyRing.parse(NEW), secret)
    parts = [base64.urlsafe_b64decode(part + "==") for part in sealed.split(".")[2:]]
    # Base64 of a text looks different at each of three offsets; its inner part does not.
    base64s = [base64.b64encode(b"x" * pad + raw)[4:-4].decode() for pad in range(3)]

    shown = [form for form in (secret, raw.hex(), raw.hex().upper(), *base64s) if form in sealed]

    assert shown == []
    assert not any(raw in part or raw[::-1] in part for part in parts)


@given(message=st.binary())
def test_each_purpose_and_each_use_has_its_own_key(message: bytes) -> None:
    ring = KeyRing.parse(NEW)

    seen = {ring.digest(purpose, message) for purpose in ("api-key", "session", "", "api")}
    seen |= {base64.urlsafe_b64decode(ring.sign("api-key", message) + "=")}

    assert len(seen) == 5
    assert {len(one) for one in seen} == {32}


def test_digests_hold_one_per_key_and_the_first_key_first() -> None:
    new, old, both = KeyRing.parse(NEW), KeyRing.parse(OLD), KeyRing.parse(f"{NEW},{OLD}")

    digests = both.digests("api-key", b"key")

    assert digests == [new.digest("api-key", b"key"), old.digest("api-key", b"key")]


def test_a_signature_holds_for_its_message_and_purpose_under_any_key() -> None:
    old, both = KeyRing.parse(OLD), KeyRing.parse(f"{NEW},{OLD}")
    signature = old.sign("cursor", b"page 2")

    verdicts = [
        both.verify("cursor", b"page 2", signature),
        both.verify("cursor", b"page 3", signature),
        both.verify("feed", b"page 2", signature),
        KeyRing.parse(NEW).verify("cursor", b"page 2", signature),
    ]

    assert verdicts == [True, False, False, False]


@pytest.mark.parametrize("bad", ["", "é", "\ud800", "=", "{}=", "{} ", "{}A"])
def test_a_signature_is_accepted_in_one_spelling_only(bad: str) -> None:
    ring = KeyRing.parse(NEW)

    accepted = ring.verify("cursor", b"page 2", bad.format(ring.sign("cursor", b"page 2")))

    assert not accepted


def test_no_bit_of_a_signature_is_spare() -> None:
    ring = KeyRing.parse(NEW)
    signature = ring.sign("cursor", b"page 2")
    alphabet = base64.urlsafe_b64encode(bytes(range(256))).decode().replace("=", "")

    accepted = {
        last for last in alphabet if ring.verify("cursor", b"page 2", signature[:-1] + last)
    }

    assert accepted == {signature[-1]}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("", {"reason": "empty"}),
        (" \n", {"reason": "empty"}),
        ("A" * 43, {"reason": "no-colon", "position": 1}),
        (f"{NEW},", {"reason": "no-colon", "position": 2}),
        (f"{NEW};{OLD}", {"reason": "not-base64", "position": 1, "key_id": "k1"}),
        ("k.1:" + "A" * 43, {"reason": "bad-id", "position": 1}),
        ("A" * 43 + ":k1", {"reason": "bad-id", "position": 1}),
        (f"{NEW},{NEW}", {"reason": "duplicate-id", "position": 2, "key_id": "k1"}),
        ("k1:", {"reason": "wrong-length", "position": 1, "key_id": "k1"}),
        ("k1:" + "A" * 40, {"reason": "wrong-length", "position": 1, "key_id": "k1"}),
        ("k1:" + "A" * 42 + "*", {"reason": "not-base64", "position": 1, "key_id": "k1"}),
        ("k1:" + "é" * 43, {"reason": "not-base64", "position": 1, "key_id": "k1"}),
    ],
)
def test_bad_keys_say_what_is_wrong_without_the_key(text: str, facts: dict[str, object]) -> None:
    with pytest.raises(BadKeys) as error:
        KeyRing.parse(text)

    assert error.value.facts == facts
    assert "AAAA" not in repr(error.value) + str(error.value)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_keys_made_by_other_tools_are_read(encode: Callable[[bytes], bytes]) -> None:
    key = bytes(range(224, 256))

    ring = KeyRing.parse(f" a:{encode(key).decode()}\n")

    assert ring.text() == "a:" + base64.urlsafe_b64encode(key).decode().rstrip("=")


def test_a_ring_shows_the_names_of_its_keys_only() -> None:
    ring = KeyRing.parse(f"{NEW},{OLD}")

    shown = f"{ring!r} {ring}"

    assert shown == "KeyRing(k1, k0) KeyRing(k1, k0)"


def test_a_new_key_file_is_private_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "data" / "keys"

    first = KeyRing.load_or_create(path)
    second = KeyRing.load_or_create(path)

    assert first.text() == second.text() == path.read_text().strip()
    assert path.stat().st_mode & 0o7777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["keys"]


def test_every_new_instance_has_another_key(tmp_path: Path) -> None:
    texts = {KeyRing.load_or_create(tmp_path / str(number)).text() for number in range(20)}

    assert len(texts) == 20


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o666])
def test_a_key_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys"
    path.write_text(NEW)
    path.chmod(mode)

    with pytest.raises(BadKeys) as error:
        KeyRing.load_or_create(path)

    facts = {"reason": "file-open-to-others", "path": str(path), "mode": f"{mode:04o}"}
    assert error.value.facts == facts


@pytest.mark.parametrize(("content", "why"), [(b"", "empty"), (b"k1:\xff", "not-text")])
def test_a_damaged_key_file_is_never_replaced(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(BadKeys) as error:
        KeyRing.load_or_create(path)

    assert (error.value.facts["reason"], path.read_bytes()) == (why, content)


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CREATE_WHEN_TOLD, str(tmp_path)]
    starting = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in starting:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    for process in starting:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0].split() for process in starting]

    rings = [KeyRing.load_or_create(tmp_path / str(number)) for number in range(50)]
    assert answers == [[ring.digest("test", b"same?").hex() for ring in rings]] * 4
    assert {file.name for file in tmp_path.iterdir()} == {str(number) for number in range(50)}
