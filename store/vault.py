"""The instance's keys: secrets sealed at rest, keyed digests and signatures."""

import base64
import binascii
import contextlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from planner.content import canonical
from planner.errors import PilarError
from store.disk import sync_folder

VERSION = "v1"
KEY_BYTES = 32
NONCE_BYTES = 12  # 96 bits, the size that GCM is made for (NIST SP 800-38D, 5.2.1.1)

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}")


class BadKeys(PilarError):
    """The keys cannot be used; `facts` say which entry and why, never the key itself.

    `reason` is one of `empty`, `no-colon`, `bad-id`, `duplicate-id`, `not-base64`,
    `wrong-length` (with `position`, from 1, and `key_id` where it is known to be one), or
    `file-open-to-others`, `not-a-file`, `not-text` (with `path`).
    """


class CannotOpen(PilarError):
    """A sealed text cannot be opened; `reason` is `format`, `unknown-key` or `tampered`.

    `tampered` is also what a wrong key, or a text of another row, looks like.
    """


@dataclass(frozen=True, slots=True)
class Digests:
    """What a token may be known by: its digest (hex) under each key, the first key's first."""

    all: tuple[str, ...]
    key: str  # the first key's id

    @property
    def newest(self) -> str:
        """The digest that a new row gets."""
        return self.all[0]

    def are_of(self, digest: str, key: str | None) -> bool:
        """Say whether a row that has a digest, made by a key, is as a new one would be."""
        return (digest, key) == (self.newest, self.key)


class KeyRing:
    """The instance's keys: the first one seals, all of them open."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"

    @property
    def first(self) -> str:
        """The id of the key that seals."""
        return next(iter(self._keys))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, that of the first one first."""
        return tuple(self._keys)

    @property
    def older(self) -> tuple[str, ...]:
        """The ids of the keys that open, but do not seal."""
        return tuple(self._keys)[1:]

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read `k1:<base64url of 32 bytes>,k0:<…>`; raises `BadKeys`.

        Padding and the alphabet of plain base64 are accepted too, for keys made by other tools.
        """
        keys: dict[str, bytes] = {}
        if not text.strip():
            raise BadKeys(reason="empty")
        for position, entry in enumerate(text.split(","), start=1):
            key_id, colon, encoded = entry.strip().partition(":")
            if not colon:
                raise BadKeys(reason="no-colon", position=position)
            if not _KEY_ID.fullmatch(key_id):
                raise BadKeys(reason="bad-id", position=position)
            if key_id in keys:
                raise BadKeys(reason="duplicate-id", position=position, key_id=key_id)
            keys[key_id] = _key(encoded, position, key_id)
        return cls(keys)

    @classmethod
    def load_or_create(cls, path: Path) -> "KeyRing":
        """Read the keys of a file, or create it with one generated key.

        A new file appears whole, with mode 0600, and on the disk: whoever comes second, even at
        the same moment, reads the first one's keys. Raises `BadKeys` when group or others may
        read or write it.
        """
        with contextlib.suppress(FileNotFoundError):
            return cls.parse(_read_private(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_once(path, cls({"k1": secrets.token_bytes(KEY_BYTES)}).text() + "\n")
        return cls.parse(_read_private(path))

    def text(self) -> str:
        """Return what `parse` reads: the keys in clear, for the key file and nothing else."""
        return ",".join(f"{key_id}:{_encode(key)}" for key_id, key in self._keys.items())

    def seal(self, plain: str, *, workspace: UUID, channel: UUID, field: str) -> str:
        """Encrypt a channel's secret as `v1.<key id>.<nonce>.<ciphertext>` (base64url).

        AES-256-GCM (NIST SP 800-38D); workspace, channel and field are authenticated with it,
        so a text that is moved to another row does not open there.
        """
        key_id = self.first
        nonce = secrets.token_bytes(NONCE_BYTES)
        bound = _bound_to(key_id, workspace, channel, field)
        sealed = self._cipher(key_id).encrypt(nonce, plain.encode(), bound)
        return ".".join((VERSION, key_id, _encode(nonce), _encode(sealed)))

    def open(self, sealed: str, *, workspace: UUID, channel: UUID, field: str) -> str:
        """Decrypt what `seal` wrote for the same workspace, channel and field.

        Raises `CannotOpen`.
        """
        key_id, nonce, ciphertext = _parts(sealed)
        if key_id not in self._keys:
            raise CannotOpen(reason="unknown-key", key_id=key_id)
        bound = _bound_to(key_id, workspace, channel, field)
        try:
            return self._cipher(key_id).decrypt(nonce, ciphertext, bound).decode()
        except InvalidTag:
            raise CannotOpen(reason="tampered", key_id=key_id) from None

    def is_current(self, sealed: str) -> bool:
        """Say whether the first key sealed this; if not, rotation seals it anew.

        Raises `CannotOpen` where it is no sealed text at all.
        """
        return _parts(sealed)[0] == self.first

    def digest(self, purpose: str, message: bytes) -> bytes:
        """Return the HMAC-SHA-256 (32 bytes) of a message under the first key, for one purpose."""
        return self._mac(self.first, "digest", purpose, message)

    def digests(self, purpose: str, message: bytes) -> list[bytes]:
        """Return the digest under each key, first key first: what to look for during rotation."""
        return [self._mac(key_id, "digest", purpose, message) for key_id in self._keys]

    def digests_of(self, purpose: str, token: str) -> Digests:
        """Return what a token that is kept nowhere may be known by."""
        found = self.digests(purpose, token.encode())
        return Digests(tuple(digest.hex() for digest in found), self.first)

    def sign(self, purpose: str, message: bytes) -> str:
        """Return a signature (base64url, 43 characters) by the first key, for one purpose."""
        return _encode(self._mac(self.first, "sign", purpose, message))

    def verify(self, purpose: str, message: bytes, signature: str) -> bool:
        """Say whether any key made this signature for this purpose, in constant time."""
        given = signature.encode("utf-8", "surrogatepass")
        wanted = [
            _encode(self._mac(key_id, "sign", purpose, message)).encode() for key_id in self._keys
        ]
        return any([hmac.compare_digest(given, one) for one in wanted])  # noqa: C419 - try all

    def _mac(self, key_id: str, use: str, purpose: str, message: bytes) -> bytes:
        return hmac.digest(self._derived(key_id, use, purpose), message, "sha256")

    def _cipher(self, key_id: str) -> AESGCM:
        return AESGCM(self._derived(key_id, "seal", "channel"))

    def _derived(self, key_id: str, use: str, purpose: str) -> bytes:
        # RFC 5869, 3.2: `info` binds a derived key to one use, so none serves two purposes.
        info = canonical(["pilar", VERSION, use, purpose]).encode()
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(self._keys[key_id])


def _bound_to(key_id: str, workspace: UUID, channel: UUID, field: str) -> bytes:
    return canonical([VERSION, key_id, str(workspace), str(channel), field]).encode()


def _parts(sealed: str) -> tuple[str, bytes, bytes]:
    parts = sealed.split(".")
    if len(parts) != 4 or parts[0] != VERSION or not _KEY_ID.fullmatch(parts[1]):
        raise CannotOpen(reason="format")
    try:
        nonce, ciphertext = (_decode(part) for part in parts[2:])
    except ValueError:
        raise CannotOpen(reason="format", key_id=parts[1]) from None
    if len(nonce) != NONCE_BYTES:
        raise CannotOpen(reason="format", key_id=parts[1])
    return parts[1], nonce, ciphertext


def _key(encoded: str, position: int, key_id: str) -> bytes:
    plain = encoded.rstrip("=").translate(str.maketrans("+/", "-_"))
    try:
        key = _decode_any(plain)
    except ValueError:
        raise BadKeys(reason="not-base64", position=position, key_id=key_id) from None
    if len(key) != KEY_BYTES:
        raise BadKeys(reason="wrong-length", position=position, key_id=key_id)
    return key


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    data = _decode_any(text)
    # The last character has bits to spare: only one way of writing is accepted.
    if _encode(data) != text:
        raise ValueError("not canonical base64url")
    return data


def _decode_any(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("not base64url") from None


def _read_private(path: Path) -> str:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise BadKeys(reason="not-a-file", path=str(path))
        # Windows has no such bits; there the folder's rights decide.
        if os.name == "posix" and mode & 0o077:
            raise BadKeys(reason="file-open-to-others", path=str(path), mode=f"{mode & 0o777:04o}")
        try:
            return file.read().decode("ascii")
        except UnicodeDecodeError:
            raise BadKeys(reason="not-text", path=str(path)) from None


def _write_once(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces what another process has just put there.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
    sync_folder(path.parent)
