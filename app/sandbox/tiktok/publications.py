"""What was begun: a publication, how far it is, and what is decided about its end."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

UPLOADING, DOWNLOADING = "PROCESSING_UPLOAD", "PROCESSING_DOWNLOAD"
HEAD_BYTES = 12
INBOX, COMPLETE, FAILED = "SEND_TO_USER_INBOX", "PUBLISH_COMPLETE", "FAILED"

Mode = Literal["direct", "inbox"]
Kind = Literal["video", "photo"]
IdShape = Literal["list", "absent", "number", "text", "respelt"]
"""How the ids of public posts are said: as documented, or in one of the ways that were seen."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What is to become of a publication; the default is that all goes well.

    `without_post_id` lets a public post stay without one. `never_pulled` leaves its URLs alone.
    `odd_status` is said instead of the documented one while it is processed.
    """

    fail_reason: str = ""
    processing_seconds: float | None = None
    without_post_id: bool = False
    never_pulled: bool = False
    id_shape: IdShape = "list"
    odd_status: str = ""


@dataclass(slots=True)
class File:
    """A file as it arrived: how large it is, and its SHA-256."""

    bytes: int
    sha256: str
    url: str = ""
    mime: str = ""


@dataclass(slots=True)
class Upload:
    """An upload task: its plan, and how much of it is here.

    Of the file itself only the hash and the first `HEAD_BYTES` are kept.
    """

    token: str
    size: int
    chunk: int
    count: int
    received: int = 0
    chunks: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    mime: str = ""
    head: bytes = b""

    def due(self) -> tuple[int, int]:
        """Return the first and last byte of the chunk that must come next."""
        last = self.size if self.chunks == self.count - 1 else self.received + self.chunk
        return self.received, last - 1


@dataclass(slots=True)
class Post:
    """A post on a profile; `public_at` is when moderation let it through, None for never."""

    post_id: int
    posted_at: datetime
    public_at: datetime | None
    visible: bool = True


@dataclass(slots=True)
class Publication:
    """One init and everything after it."""

    publish_id: str
    username: str
    mode: Mode
    kind: Kind
    begun_at: datetime
    info: dict[str, Any]
    fate: Fate
    upload: Upload | None = None
    urls: list[str] = field(default_factory=list)
    status: str = UPLOADING
    fail_reason: str = ""
    committed_at: datetime | None = None
    arrived_at: datetime | None = None
    files: list[File] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    finished: bool = False
    told: set[int] = field(default_factory=set)

    @property
    def pending(self) -> bool:
        """Whether it waits in an inbox, or is on its way there."""
        return self.mode == "inbox" and not self.finished and self.status != FAILED

    @property
    def final(self) -> bool:
        """Whether the platform does nothing more about it by itself."""
        return self.status in {INBOX, COMPLETE, FAILED}
