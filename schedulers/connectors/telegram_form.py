"""Telegram's messages: which method, its fields, what of a text is bold, and the form of files.

Source: Telegram, Bot API 10.1, 2026-06; multipart: RFC 7578.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from planner.fit import count_text
from planner.platforms import Unit
from schedulers.connector import File, Outgoing
from schedulers.outbound import Streamed

SIDES_MAX = 10_000
"""Width and height of a photo together, in pixels."""

_LINE_END = re.compile(r"\r\n?")
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "video/mp4": "mp4"}


@dataclass(frozen=True, slots=True)
class Sending:
    """One call that publishes: its method, its fields as JSON values, and its files by name."""

    method: str
    fields: Mapping[str, Any]
    files: Mapping[str, File]


def text_of(outgoing: Outgoing) -> str:
    """Return the text of a step as it is sent: Telegram itself drops spaces around it."""
    return _LINE_END.sub("\n", outgoing.words.caption(outgoing.step)).strip()


def entities_of(text: str, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entities of a text; offsets and lengths count UTF-16 units.

    Links, mentions and hashtags need none: Telegram finds them. No `parse_mode` is ever sent, so
    nothing that a person writes is markup. What is left is what an option asks for: the first
    line in bold. The text has no space around it, so that the line begins where the text does.
    """
    line = text.split("\n", 1)[0].rstrip()
    if not options.get("bold_first_line") or not line:
        return []
    return [{"type": "bold", "offset": 0, "length": count_text(Unit.UTF16, line)}]


def sending_of(outgoing: Outgoing, chat: str) -> Sending:
    """Return the call that publishes a step: a text, a photo, a video or an album."""
    options = outgoing.words.options
    fields: dict[str, Any] = {"chat_id": chat}
    for name in ("disable_notification", "protect_content"):
        if options.get(name):
            fields[name] = True
    if outgoing.done:
        before = outgoing.done[-1].remote_id.split(",")[0]
        fields["reply_parameters"] = {"message_id": int(before)}
    files = outgoing.files_of(outgoing.step)
    if not files:
        return Sending("sendMessage", fields | _message(text_of(outgoing), options), {})
    caption = _caption(text_of(outgoing), options)
    if len(files) == 1:
        kind = _kind(files[0])
        about = {kind: "attach://file0", **_about(files[0], options), **caption}
        return Sending(f"send{kind.title()}", fields | about, {"file0": files[0]})
    fields["media"] = [
        {
            "type": _kind(file),
            "media": f"attach://file{place}",
            **_about(file, options),
            **(caption if place == 0 else {}),  # the first one's stands under the whole album
        }
        for place, file in enumerate(files)
    ]
    named = {f"file{place}": file for place, file in enumerate(files)}
    return Sending("sendMediaGroup", fields, named)


def is_too_large(file: File) -> bool:
    """Say whether a photo's sides are more than Telegram takes."""
    return _kind(file) == "photo" and (file.width or 0) + (file.height or 0) > SIDES_MAX


def form_of(sending: Sending) -> tuple[str, Streamed]:
    """Return content type and body of a call with files, which are read while they are sent.

    The boundary is drawn anew each time, so that no text and no file can hold it.
    """
    boundary = uuid4().hex
    pieces: list[bytes | File] = []
    for name, value in sending.fields.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        pieces.append(_head(boundary, f'name="{name}"') + text.encode() + b"\r\n")
    for name, file in sending.files.items():
        about = f'name="{name}"; filename="{name}.{_ENDINGS.get(file.mime, "bin")}"'
        pieces += [_head(boundary, about, file.mime), file, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    length = sum(len(each) if isinstance(each, bytes) else each.bytes for each in pieces)
    return f"multipart/form-data; boundary={boundary}", Streamed(length, lambda: _read(pieces))


async def _read(pieces: Sequence[bytes | File]) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            async for chunk in piece.read(0, piece.bytes - 1):
                yield chunk


def _head(boundary: str, about: str, mime: str | None = None) -> bytes:
    kind = f"Content-Type: {mime}\r\n" if mime else ""
    return f"--{boundary}\r\nContent-Disposition: form-data; {about}\r\n{kind}\r\n".encode()


def _message(text: str, options: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {"text": text}
    if entities := entities_of(text, options):
        fields["entities"] = entities
    if options.get("disable_link_preview"):
        fields["link_preview_options"] = {"is_disabled": True}
    return fields


def _caption(text: str, options: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {"caption": text} if text else {}
    if entities := entities_of(text, options):
        fields["caption_entities"] = entities
    if text and options.get("caption_above_media"):
        fields["show_caption_above_media"] = True
    return fields


def _about(file: File, options: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {"has_spoiler": True} if options.get("spoiler") else {}
    if _kind(file) == "video":
        fields["supports_streaming"] = True
        known = {"width": file.width, "height": file.height}
        known["duration"] = None if file.duration_ms is None else round(file.duration_ms / 1000)
        fields |= {name: value for name, value in known.items() if value}
    return fields


def _kind(file: File) -> str:
    return "video" if file.mime.startswith("video/") else "photo"
