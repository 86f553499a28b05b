"""The bytes of media: received into a temporary file, then kept under their SHA-256."""

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, ParamSpec, Protocol, TypeVar

from planner.errors import Fault, Invalid, NotFound
from store.disk import sync_folder

CHUNK_BYTES = 64 * 1024

_SHA256 = re.compile(r"[0-9a-f]{64}")

P = ParamSpec("P")
T = TypeVar("T")


class NoSuchBlob(NotFound):
    """No bytes are kept under this SHA-256."""


class TooLarge(Invalid):
    """An upload has more bytes than it may."""


class Blobs(Protocol):
    """Where media bytes are kept, by their SHA-256 (64 lowercase hex digits)."""

    async def put(self, sha256: str, source: Path) -> None:
        """Take over a finished temporary file; again is harmless."""
        ...

    async def open(
        self, sha256: str, first: int = 0, last: int | None = None
    ) -> AsyncIterator[bytes]:
        """Return the bytes from `first` to `last` (inclusive) in chunks; raises `NoSuchBlob`."""
        ...

    async def stat(self, sha256: str) -> int | None:
        """Return how many bytes there are, or None when there is no such file."""
        ...

    async def is_whole(self, sha256: str) -> bool:
        """Say whether the bytes that are there are those of the name; reads all of them."""
        ...

    async def delete(self, sha256: str) -> None:
        """Forget the bytes; again is harmless."""
        ...


class FolderBlobs:
    """Keeps files as `<folder>/ab/cd/<sha256>`, mode 0640.

    Every method raises `ValueError` for anything but 64 lowercase hex digits: a path never
    comes from a client.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, sha256: str, source: Path) -> None:
        """Move a temporary file of the same file system into place, whole and on the disk.

        Putting the same file twice leaves one; a `source` that is already gone is fine when the
        file is there (a retry after a crash), else `FileNotFoundError`.
        """
        target = self._path(sha256)
        await _in_thread(_move, source, target)

    async def open(
        self, sha256: str, first: int = 0, last: int | None = None
    ) -> AsyncIterator[bytes]:
        """Return the bytes from `first` to `last` (inclusive) in chunks of 64 KiB.

        A range that goes past the end stops there. Raises `NoSuchBlob` before the first chunk,
        `ValueError` for a range that is none.
        """
        path = self._path(sha256)
        if first < 0 or (last is not None and last < first):
            raise ValueError(f"no range: {first}-{last}")
        if await self.stat(sha256) is None:
            raise NoSuchBlob(sha256=sha256)
        return _chunks(path, first, None if last is None else last - first + 1)

    async def stat(self, sha256: str) -> int | None:
        """Return how many bytes there are, or None when there is no such file."""
        path = self._path(sha256)
        return await _in_thread(_size, path)

    async def is_whole(self, sha256: str) -> bool:
        """Say whether the file's bytes have the SHA-256 that it is called by."""
        path = self._path(sha256)
        return await _in_thread(_hash, path) == sha256

    async def delete(self, sha256: str) -> None:
        """Remove the file; a reader that has it open reads on. Again is harmless."""
        path = self._path(sha256)
        await _in_thread(path.unlink, missing_ok=True)

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise ValueError("not a SHA-256 in lowercase hex")
        return self._folder / sha256[:2] / sha256[2:4] / sha256


@dataclass(frozen=True, slots=True)
class Received:
    """A finished upload: a temporary file, its SHA-256 (hex) and its size in bytes."""

    path: Path
    sha256: str
    size: int


async def receive(chunks: AsyncIterator[bytes], folder: Path, limit: int) -> Received:
    """Stream an upload into a temporary file in `folder`, hashing it on the way.

    `folder` is made if need be and must be on the file system of the blobs; the file is called
    `incoming-…`, has mode 0600, and belongs to the caller, who puts or removes it. Raises
    `TooLarge` as soon as `limit` (bytes) would be passed, before writing more. On any error,
    cancellation included, the file is removed.
    """
    draft = _File(folder / f"incoming-{secrets.token_hex(16)}")
    digest = hashlib.sha256()
    size = 0
    try:
        await _in_thread(draft.create)
        async for chunk in chunks:
            size += len(chunk)
            _check_size(size, limit)
            digest.update(chunk)
            await _in_thread(draft.add, chunk)
        await _in_thread(draft.finish)
    except BaseException:
        await _in_thread(draft.discard)
        raise
    return Received(draft.path, digest.hexdigest(), size)


async def clear_abandoned(folder: Path, before: datetime) -> int:
    """Remove what uploads left in `folder` when their process was killed; return how many.

    Only files that nobody has written to since `before`: an upload may be under way.
    """
    return await _in_thread(_clear_abandoned, folder, before.timestamp())


def _clear_abandoned(folder: Path, before: float) -> int:
    left = [path for path in folder.glob("incoming-*") if path.stat().st_mtime < before]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(Fault("/file", "too-large", {"limit": limit}), limit=limit)


class _File:
    """A file that threads work on and that can be closed however far they came."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    @property
    def file(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("not open")
        return self._file

    def create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")

    def seek(self, position: int) -> None:
        self._file = self.path.open("rb")
        self._file.seek(position)

    def add(self, chunk: bytes) -> None:
        self.file.write(chunk)

    def finish(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def discard(self) -> None:
        # Closing flushes, and on a full disk that fails again: the file goes all the same.
        try:
            self.close()
        finally:
            self.path.unlink(missing_ok=True)


async def _chunks(path: Path, first: int, count: int | None) -> AsyncIterator[bytes]:
    reading = _File(path)
    left = count
    try:
        await _in_thread(reading.seek, first)
        while left is None or left > 0:
            wanted = CHUNK_BYTES if left is None else min(CHUNK_BYTES, left)
            chunk = await _in_thread(reading.file.read, wanted)
            if not chunk:
                return
            left = None if left is None else left - len(chunk)
            yield chunk
    finally:
        reading.close()


async def _in_thread(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Do blocking work in a thread, and wait for its end even when cancelled.

    A thread cannot be stopped: whoever cleans up after it must know that it is done.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **named))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        # Looked at, so that asyncio does not report it; the cancellation is what counts.
        _ = task.cancelled() or task.exception()
        raise


def _hash(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _move(source: Path, target: Path) -> None:
    missing = [folder for folder in (target.parent.parent, target.parent) if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.chmod(0o640)
        with source.open("r+b") as file:
            os.fsync(file.fileno())
        source.replace(target)
    except FileNotFoundError:
        if target.exists():
            return
        raise
    for folder in (target.parent, *(folder.parent for folder in missing)):
        sync_folder(folder)
