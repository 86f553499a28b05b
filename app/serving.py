"""Serving bytes: files with ranges, documents with validators, and the headers of both."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from app import problems
from store.blobs import Blobs
from store.tables import Media

SANDBOX = "default-src 'none'; sandbox"
PUBLIC = {"Cross-Origin-Resource-Policy": "cross-origin"}
"""Headers of what anybody may show on a page of their own."""

_RANGE = re.compile(r"bytes=[ \t]*(\d{0,30})-(\d{0,30})[ \t]*", re.ASCII | re.IGNORECASE)

# The first is what a name gets that has another extension, or none.
_EXTENSIONS: Mapping[str, tuple[str, ...]] = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "video/mp4": (".mp4", ".m4v"),
    "video/quicktime": (".mov", ".qt"),
    "video/webm": (".webm",),
}

_FILE = {mime: {"schema": {"type": "string", "format": "binary"}} for mime in _EXTENSIONS}
FILE_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": _FILE},
    206: {"description": "The part of the file that was asked for.", "content": _FILE},
    304: {"description": "The caller has it."},
}
"""What OpenAPI says of `file_answer`."""


def range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first and last byte that a `Range` header asks for; None: the whole file.

    One range only (RFC 9110, section 14.2): several, another unit and what is malformed are
    ignored, as the standard allows. Raises `RangeNotSatisfiable`.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or not any(match.groups()):
        return None
    first, last = (int(number) if number else None for number in match.groups())
    if first is None:  # the last so many bytes
        first, last = max(0, size - (last or 0)), size - 1
    elif last is not None and last < first:
        return None
    if first >= size:
        raise problems.RangeNotSatisfiable(size=size)
    return first, size - 1 if last is None else min(last, size - 1)


def has_it(request: Request, etag: str, changed: datetime | None = None) -> bool:
    """Say whether the caller has this version already (RFC 9110, section 13.2.2).

    `If-None-Match` decides where it is sent, else `If-Modified-Since`.
    """
    known = request.headers.get("if-none-match")
    if known is not None:
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        return "*" in tags or etag in tags
    since = _date(request.headers.get("if-modified-since"))
    return since is not None and changed is not None and changed.replace(microsecond=0) <= since


def _date(header: str | None) -> datetime | None:
    """Return an HTTP date (section 5.6.7); None for none, and for one that cannot be read."""
    try:
        date = parsedate_to_datetime(header or "")
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


async def file_answer(
    request: Request,
    blobs: Blobs,
    media: Media,
    disposition: Literal["attachment", "inline"],
    headers: Mapping[str, str],
) -> Response:
    """Return a file, or the part of it that was asked for, streamed in constant memory.

    The type is what its bytes said when it came in; a browser may neither guess another one nor
    run anything in it. Raises `NoSuchBlob`.
    """
    size, etag = media.bytes, f'"{media.sha256}"'
    name = quote(safe_name(media), safe="")
    told = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{name}",
        "Content-Security-Policy": SANDBOX,
        "X-Content-Type-Options": "nosniff",
        **headers,
    }
    if has_it(request, etag):
        return Response(status_code=304, headers=told)
    if request.method == "HEAD":
        return Response(headers=told | {"Content-Length": str(size)}, media_type=media.mime)
    part = None
    if request.headers.get("if-range", etag) == etag:
        part = range_of(request.headers.get("range"), size)
    first, last = part or (0, size - 1)
    told["Content-Length"] = str(last - first + 1)
    if part:
        told["Content-Range"] = f"bytes {first}-{last}/{size}"
    body = await blobs.open(media.sha256, first, last)
    return StreamingResponse(body, 206 if part else 200, told, media.mime)


def safe_name(media: Media) -> str:
    """Return the name to save a file under: no path, no controls, the extension of its type."""
    name = "".join(
        "_" if letter in '/\\:*?"<>|' or not letter.isprintable() else letter
        for letter in media.name
    ).strip(" .")
    known = _EXTENSIONS[media.mime]
    if name.lower().endswith(known) and name.lower() not in known:
        return name
    return f"{name or media.id}{known[0]}"


def document_answer(
    request: Request,
    content: bytes,
    media_type: str,
    headers: Mapping[str, str],
    changed: datetime | None = None,
) -> Response:
    """Return a document that is made anew for each request, with a strong tag of its bytes.

    `changed` is when it last became another one (`Last-Modified`).
    """
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    told = {"ETag": etag, **headers}
    if changed is not None:
        told["Last-Modified"] = format_datetime(changed.astimezone(UTC), usegmt=True)
    if has_it(request, etag, changed):
        return Response(status_code=304, headers=told)
    return Response(content, headers=told, media_type=media_type)


def documented(mime: str, what: str) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of a document of ours that the caller may have already."""
    text = {"schema": {"type": "string"}}
    return {
        200: {"description": what, "content": {mime: text}},
        304: {"description": "The caller has it."},
    }
