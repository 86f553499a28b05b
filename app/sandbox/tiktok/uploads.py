"""Chunks: each PUT to an upload_url, hashed as it comes and never kept (section 2.3.4)."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.sandbox.tiktok.publications import HEAD_BYTES, UPLOADING, File, Publication, Upload
from app.sandbox.tiktok.rules import Refused, demand
from app.sandbox.tiktok.state import TikTok

TYPES = frozenset({"video/mp4", "video/quicktime", "video/webm"})
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", re.ASCII)


class BrokenOff(Exception):
    """The body ended before its length; nothing of it counts."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a PUT is answered with: a status, and how much of the whole is here."""

    status: int
    received: int
    total: int

    @property
    def content_range(self) -> str:
        """Return the header as it is documented: the number of bytes, not the last one's."""
        return f"bytes 0-{self.received}/{self.total}"


class OutOfOrder(Refused):
    """A range does not begin where the upload stands; `progress` says where that is."""

    def __init__(self, upload: Upload, why: str) -> None:
        super().__init__("put-order", why)
        self.progress = Progress(416, upload.received, upload.size)


async def put(
    tiktok: TikTok,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body: AsyncIterator[bytes],
) -> Progress:
    """Take one chunk; raises `Refused`, `OutOfOrder`, `BrokenOff`."""
    publication, upload = _task(tiktok, query)
    alive = tiktok.clock() < _until(tiktok, publication)
    demand(alive, "put-expired", "The upload_url was valid for an hour.")
    length = _check(tiktok, upload, headers)
    if length is None:
        return Progress(206, upload.received, upload.size)
    before, digest, count, head = upload.received, upload.digest.copy(), 0, upload.head
    async for piece in body:
        digest.update(piece)
        count += len(piece)
        head += piece[: HEAD_BYTES - len(head)]
    demand(count == length, "put-whole", f"{count} bytes came of {length}.")
    alive = tiktok.clock() < _until(tiktok, publication)
    demand(alive, "put-expired", "The hour ended while the chunk was on its way.")
    if upload.received != before:
        raise OutOfOrder(upload, "The chunk came twice at the same time.")
    upload.received, upload.digest, upload.head = before + count, digest, head
    upload.chunks += 1
    upload.mime = headers["content-type"]
    if upload.received < upload.size:
        return Progress(206, upload.received, upload.size)
    _complete(tiktok, publication, upload)
    return Progress(201, upload.received, upload.size)


def _task(tiktok: TikTok, query: Mapping[str, str]) -> tuple[Publication, Upload]:
    wanted = query.get("upload_id", "")
    for publication in tiktok.publications.values():
        upload = publication.upload
        if upload is None or publication.status != UPLOADING:
            continue
        named = publication.publish_id.endswith(f".{wanted}")
        if named and query.get("upload_token") == upload.token:
            return publication, upload
    raise Refused("put-task", "No such upload task.")


def _until(tiktok: TikTok, publication: Publication) -> datetime:
    return publication.begun_at + timedelta(seconds=tiktok.developer.upload_seconds)


def _check(tiktok: TikTok, upload: Upload, headers: Mapping[str, str]) -> int | None:
    """Return the length of a chunk that may come now; None for one that is here already."""
    mime = headers.get("content-type", "")
    demand(mime in TYPES, "put-type", f"Content-Type is {mime!r}.")
    match = _RANGE.fullmatch(headers.get("content-range", ""))
    if match is None:
        raise Refused("put-range", f"Content-Range is {headers.get('content-range')!r}.")
    first, last, total = (int(number) for number in match.groups())
    demand(first <= last < total, "put-range", f"Not a range: {match[0]}.")
    demand(total == upload.size, "put-total", f"{total} is not video_size, {upload.size}.")
    length = headers.get("content-length", "")
    fits = length == str(last - first + 1)
    demand(fits, "put-length", f"Content-Length is {length!r} for {match[0]}.")
    if first != upload.received:
        if last < upload.received and tiktok.developer.resent_chunk_status == 206:
            return None
        raise OutOfOrder(upload, f"{match[0]}, but {upload.received} bytes are here.")
    due = upload.due()
    demand((first, last) == due, "put-chunk", f"Due is {due[0]}-{due[1]}, not {first}-{last}.")
    return last - first + 1


def _complete(tiktok: TikTok, publication: Publication, upload: Upload) -> None:
    now = tiktok.clock()
    publication.files = [File(upload.size, upload.digest.hexdigest(), mime=upload.mime)]
    publication.committed_at = publication.arrived_at = now
    if tiktok.developer.look_at_files and not _is_video(upload.head):
        publication.fate = replace(publication.fate, fail_reason="file_format_check_failed")


def _is_video(head: bytes) -> bool:
    """Say whether a file begins as MP4 and QuickTime do, or as WebM does."""
    return head[4:8] == b"ftyp" or head.startswith(b"\x1a\x45\xdf\xa3")
