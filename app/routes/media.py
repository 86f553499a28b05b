"""Media over HTTP: upload, describe, fetch, delete."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Request, Response
from pydantic import Field

from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Editor, Here, Now, Reads, Viewer
from app.fields import Answer, Body, Line, Moment, Text
from app.paging import Pages
from app.serving import FILE_ANSWERS, file_answer
from app.uploads import UPLOAD_FORM, Uploaded
from store import media
from store.tables import Media

router = APIRouter(prefix="/workspaces/{ws}/media", tags=["media"])

# Whoever loses their access must not find the file in the browser's cache.
PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}


class MediaChange(Body):
    """What to change; fields that are left out stay."""

    # Factories, so that the schema names no defaults: what is left out has none.
    name: Annotated[Line, Field(max_length=200)] = Field(default_factory=str)
    alt: Annotated[Text, Field(max_length=2000)] = Field(default_factory=str)


class MediaOut(Answer):
    """A file: what its bytes say, and what people say of it."""

    id: UUID
    name: str
    alt: str
    mime: str
    bytes: int
    sha256: str
    width: int | None
    height: int | None
    duration_ms: int | None
    frame_rate: str | None
    codec: str | None
    created_at: Moment
    updated_at: Moment
    version: int

    @classmethod
    def of(cls, row: Media) -> Self:
        """Return a row as it is answered."""
        return cls.model_validate(row)


class MediaPage(Answer):
    """Some files, and where the next page begins."""

    items: list[MediaOut]
    next: str | None


@router.get("")
async def list_media(
    pages: Pages,
    db: Reads,
    access: Viewer,
) -> MediaPage:
    """List the files."""
    rows = await media.all_of(db, access.workspace.id, pages.after_id(), pages.limit)
    rows, cursor = pages.cut(rows)
    return MediaPage(items=[MediaOut.of(row) for row in rows], next=cursor)


@router.post(
    "",
    status_code=201,
    openapi_extra=UPLOAD_FORM,
    responses={200: {"model": MediaOut, "description": "The workspace has this file already."}},
)
async def add_media(
    upload: Uploaded,  # first of all: nothing waits for an upload
    request: Request,
    response: Response,
    house: Here,
    db: Db,
    access: Editor,
    now: Now,
) -> MediaOut:
    """Upload a file; the same bytes again answer 200 with the file that is there."""
    row, is_new = await media.add(
        db,
        house.blobs,
        access.workspace,
        access.actor,
        upload.received,
        upload.probed,
        upload.words.model_dump(),
        now,
    )
    place = f"{request.url.path}/{row.id}"
    response.headers["Location" if is_new else "Content-Location"] = place
    response.status_code = 201 if is_new else 200
    tag(response, row)
    return MediaOut.of(row)


@router.get("/{media_id}")
async def read_media(
    media_id: UUID, request: Request, response: Response, db: Reads, access: Viewer
) -> MediaOut:
    """Read what is known of a file."""
    row = await media.of(db, access.workspace.id, media_id)
    answer_if_new(request, response, etag_of(row))
    return MediaOut.of(row)


@router.head("/{media_id}/content", include_in_schema=False)
@router.get("/{media_id}/content", response_class=Response, responses=FILE_ANSWERS)
async def read_media_content(
    media_id: UUID, request: Request, house: Here, db: Reads, access: Viewer
) -> Response:
    """Fetch a file's bytes, or one range of them."""
    row = await media.of(db, access.workspace.id, media_id)
    return await file_answer(request, house.blobs, row, "attachment", PRIVATE)


@router.patch("/{media_id}")
async def change_media(
    media_id: UUID,
    body: MediaChange,
    response: Response,
    db: Db,
    access: Editor,
    now: Now,
    if_match: IfMatch = None,
) -> MediaOut:
    """Change a file's name or description."""
    row = await media.of(db, access.workspace.id, media_id)
    check_match(row, if_match)
    fields = body.model_dump(exclude_unset=True)
    await media.change(db, access.workspace, access.actor, row, fields, now)
    await db.flush()
    tag(response, row)
    return MediaOut.of(row)


@router.delete("/{media_id}", status_code=204)
async def remove_media(
    media_id: UUID,
    background: BackgroundTasks,
    house: Here,
    db: Db,
    access: Editor,
    now: Now,
    if_match: IfMatch = None,
) -> None:
    """Delete a file that no post shows, or ever showed."""
    row = await media.of(db, access.workspace.id, media_id)
    check_match(row, if_match)
    await media.remove(db, access.workspace, access.actor, row, now)
    # After the answer, hence after the commit: a row never stands without its bytes.
    background.add_task(media.forget, house.store, house.blobs, row.sha256)
