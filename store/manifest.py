"""What a backup says of itself: when it was taken, of what, and by which bytes it is known."""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from planner.errors import NotFound, PilarError

PILAR = "0.1.0"
"""The version that writes; as in pyproject.toml."""

FILE = "manifest.json"
CHUNK_BYTES = 1_000_000

Told = Callable[[str, int, int | None], None]
"""Hears what is being done, how much of it is done, and of how much (None: nobody knows)."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class NoSuchBackup(NotFound):
    """There is no backup in this folder."""


class BrokenBackup(PilarError):
    """A backup is not what was written; `facts["why"]` says what of it."""


class Blob(BaseModel):
    """The bytes of a file that the backup's rows know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Sha256
    bytes: int


class Manifest(BaseModel):
    """A backup: `file` holds the database as it was at `taken_at`, `media` what it refers to.

    `sealed_check` opens only with the instance's keys, which are not in the backup. `tool` is the
    major version of pg_dump, `main_schema` where PostgreSQL kept the tables; None on SQLite.
    `missing` are the files whose bytes were not there when `has_media` says that they are copied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    taken_at: AwareDatetime
    pilar: str = PILAR
    revision: str
    database: Literal["sqlite", "postgresql"]
    file: Literal["database.sqlite", "database.dump"]
    bytes: int
    sha256: Sha256
    tool: int | None = None
    main_schema: str | None = None
    sealed_check: str | None = None
    workspaces: tuple[str, ...]
    has_media: bool
    media: tuple[Blob, ...]
    missing: tuple[Sha256, ...] = ()


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into a backup's folder, mode 0600, and onto the disk."""
    text = json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"
    descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> Manifest:
    """Return what a backup says of itself; raises `NoSuchBackup`, `BrokenBackup`."""
    try:
        text = (folder / FILE).read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchBackup(path=str(folder)) from None
    except UnicodeDecodeError:
        raise BrokenBackup(path=str(folder), why=f"{FILE} is not UTF-8") from None
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        why = f"{FILE}: {place}: {first['msg']}"
        raise BrokenBackup(path=str(folder), why=why) from None


async def check(folder: Path, manifest: Manifest, told: Told) -> None:
    """Refuse a database file that is not the one that was backed up; raises `BrokenBackup`."""
    path = folder / manifest.file
    try:
        found = await asyncio.to_thread(sha256_of, path, manifest.bytes, told)
    except FileNotFoundError:
        raise BrokenBackup(path=str(folder), why=f"{manifest.file} is not there") from None
    if found != manifest.sha256:
        raise BrokenBackup(path=str(folder), why=f"{manifest.file} has other bytes")


def sha256_of(path: Path, size: int, told: Told) -> str:
    """Return the SHA-256 (hex) of a file of about so many bytes."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            told("check", done, size)
    return digest.hexdigest()
