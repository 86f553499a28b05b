"""Uploads: a form read as it comes in, its file streamed to the disk and then looked at."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from app.deps import Here, House, Now, Slug, caller_for_reading
from app.fields import Body, Line, Text
from app.problems import BadRequest, BodyTooLarge, WrongMediaType
from planner.access import Ability, check_ability
from planner.errors import Fault, Invalid
from store import blobs, callers, probing, workspaces
from store.blobs import Received
from store.probing import Probed, ProbeLimits

FORM = "multipart/form-data"
FILE = "file"
TEXT_BYTES = 8_000
"""Of a text of a form: 2,000 characters of four bytes."""

UPLOAD_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "title": "MediaForm",
                    "required": [FILE],
                    "additionalProperties": False,
                    "properties": {
                        FILE: {
                            "type": "string",
                            "format": "binary",
                            "description": "A picture (JPEG, PNG, WebP, GIF) or a video "
                            "(MP4, QuickTime, WebM); its bytes decide which.",
                        },
                        "name": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 200,
                            "description": "For people; left out: the file's own name.",
                        },
                        "alt": {
                            "type": "string",
                            "maxLength": 2000,
                            "description": "What those who cannot see it are told.",
                        },
                    },
                }
            }
        },
    }
}
"""The form as OpenAPI describes it: no parameter of the route does, since the route streams it."""


class WrongForm(Invalid):
    """The form lacks its file, has something beside what it may have, or cannot be read."""


class UploadWords(Body):
    """The texts of an upload."""

    name: Annotated[Line, Field(max_length=200)] | None = None
    alt: Annotated[Text, Field(max_length=2000)] = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was received and looked at: `words` are its name and its description."""

    received: Received
    probed: Probed
    words: UploadWords


class Form:
    """Reads a form with one file and some texts (RFC 7578), in memory of a few kilobytes.

    A name's second part, a name that is not known and a text that is too long are refused as
    soon as they are seen, by `WrongForm`.
    """

    def __init__(self, boundary: bytes, texts: frozenset[str]) -> None:
        self.texts: dict[str, str] = {}
        self.filename: str | None = None
        self._known = texts | {FILE}
        self._seen: set[str] = set()
        self._name = ""
        self._headers: dict[bytes, bytes] = {}
        self._field, self._value, self._text = bytearray(), bytearray(), bytearray()
        self._pieces: list[bytes] = []
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._adds_to(self._field),
                    "on_header_value": self._adds_to(self._value),
                    "on_header_end": self._keep_header,
                    "on_headers_finished": self._open_part,
                    "on_part_data": self._add,
                    "on_part_end": self._close_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _wrong("broken-form") from error

    async def file_bytes(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Return the bytes of the file out of the whole form; the texts are known afterwards."""
        async for chunk in body:
            self._parse(chunk)
            if self._pieces:
                yield b"".join(self._pieces)
                self._pieces.clear()
        if not self._ended:
            raise _wrong("broken-form")
        if FILE not in self._seen:
            raise _wrong("missing", FILE)

    def _parse(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _wrong("broken-form") from error

    @staticmethod
    def _adds_to(buffer: bytearray) -> Callable[[bytes, int, int], None]:
        def add(data: bytes, start: int, end: int) -> None:
            buffer.extend(data[start:end])

        return add

    def _begin(self) -> None:
        self._headers = {}
        self._text.clear()

    def _keep_header(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _open_part(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        if b"name" not in options:
            raise _wrong("broken-form")
        self._name = options[b"name"].decode(errors="replace")
        if self._name not in self._known:
            raise _wrong("extra-forbidden", self._name[:80])
        if self._name in self._seen:
            raise _wrong("given-twice", self._name)
        self._seen.add(self._name)
        if self._name == FILE and b"filename" in options:
            self.filename = options[b"filename"].decode(errors="replace")

    def _add(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE:
            self._pieces.append(data[start:end])
        elif len(self._text) + end - start > TEXT_BYTES:
            raise _wrong("field-too-large", self._name, limit=TEXT_BYTES)
        else:
            self._text += data[start:end]

    def _close_part(self) -> None:
        if self._name == FILE:
            return
        try:
            self.texts[self._name] = self._text.decode()
        except UnicodeDecodeError as error:
            raise _wrong("not-utf8", self._name) from error

    def _end(self) -> None:
        self._ended = True


def _wrong(code: str, field: str | None = None, **facts: int) -> WrongForm:
    pointer = "" if field is None else "/" + field.replace("~", "~0").replace("/", "~1")
    return WrongForm(Fault(pointer, code, facts))


async def receive_upload(
    request: Request, slug: Slug, house: Here, now: Now
) -> AsyncIterator[Upload]:
    """Give a route the file that was uploaded to it, received before any transaction is open.

    Goes before `Db` among a route's parameters: an upload takes as long as the client likes, and
    nothing may wait for it. Raises `WrongForm`, `BodyTooLarge`, and what `store.probing` refuses.
    """
    await _admit(request, slug, house, now)
    form = Form(_boundary(request), frozenset(UploadWords.model_fields))
    received = await _received(form, request, house)
    try:
        words = _words(form)
        probed = await asyncio.to_thread(probing.probe, received.path, ProbeLimits())
        yield Upload(received, probed, words)
    finally:
        await asyncio.to_thread(received.path.unlink, missing_ok=True)


Uploaded = Annotated[Upload, Depends(receive_upload, scope="function")]


async def _admit(request: Request, slug: str, house: House, now: datetime) -> None:
    """Look before the long read whether the caller may upload; the transaction looks again."""
    async with house.store.reading() as db:
        caller = await caller_for_reading(request, house, db, now)
        workspace = await workspaces.by_slug(db, slug)
        abilities = await callers.abilities(db, caller, workspace.id)
    if not abilities:
        raise workspaces.NoSuchWorkspace(slug=slug)
    check_ability(abilities, Ability.WRITE)


async def _received(form: Form, request: Request, house: House) -> Received:
    limit = house.settings.media_limit_mb * 1_000_000
    folder = house.settings.data_dir / "incoming"
    try:
        return await blobs.receive(form.file_bytes(_body(request)), folder, limit)
    except blobs.TooLarge as error:  # the same answer as to a body that says its length
        raise BodyTooLarge(limit=limit) from error


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != FORM.encode():
        raise WrongMediaType(given=kind.decode("latin-1") or "none", wanted=FORM)
    if not options.get(b"boundary"):
        raise _wrong("broken-form")
    return options[b"boundary"]


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise BadRequest from error


def _words(form: Form) -> UploadWords:
    try:
        words = UploadWords.model_validate(form.texts)
    except ValidationError as error:
        faults = [each | {"loc": ("body", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(faults) from error
    return words if words.name else words.model_copy(update={"name": _own_name(form.filename)})


def _own_name(filename: str | None) -> str:
    """Return a file's own name, for people: the last step of its path, without controls."""
    last = (filename or "").replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable()).strip()[:200]
