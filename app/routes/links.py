"""Signed links over HTTP: how a platform fetches the file that it is to publish."""

import re
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app import problems
from app.deps import Db, Here, Now, Reads
from app.serving import FILE_ANSWERS, PUBLIC, file_answer
from store import links, media, pulls
from store.links import NoSuchLink

router = APIRouter(tags=["public"], responses=problems.DOCUMENTED)

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNTIL = re.compile(r"[0-9]{1,12}")

_HANDLE = re.compile(r"[A-Za-z0-9_-]{1,60}")

HEADERS = PUBLIC | {"Cache-Control": "private, no-store"}


@router.head("/media/{workspace_id}/{media_id}/{until}/{signature}", include_in_schema=False)
@router.get(
    "/media/{workspace_id}/{media_id}/{until}/{signature}",
    response_class=Response,
    responses=FILE_ANSWERS,
)
async def read_linked_media(
    workspace_id: str,
    media_id: str,
    until: str,
    signature: str,
    request: Request,
    house: Here,
    db: Reads,
    now: Now,
) -> Response:
    """Fetch a file by a link that was signed here and has not expired."""
    # Text, not typed parameters: whatever is wrong with a link, there is nothing to see.
    if not (
        _UUID.fullmatch(workspace_id) and _UUID.fullmatch(media_id) and _UNTIL.fullmatch(until)
    ):
        raise NoSuchLink
    owner, file = UUID(workspace_id), UUID(media_id)
    links.check_link(house.ring, owner, file, int(until), signature, now)
    try:
        row = await media.of(db, owner, file)
    except media.NoSuchMedia as error:
        raise NoSuchLink from error
    return await file_answer(request, house.blobs, row, "inline", HEADERS)


@router.head(
    "/pull/{publication_id}/{handle}/{media_id}/{until}/{signature}", include_in_schema=False
)
@router.get(
    "/pull/{publication_id}/{handle}/{media_id}/{until}/{signature}",
    response_class=Response,
    responses=FILE_ANSWERS,
)
async def pull_media(
    publication_id: str,
    handle: str,
    media_id: str,
    until: str,
    signature: str,
    request: Request,
    house: Here,
    db: Db,
    now: Now,
) -> Response:
    """Fetch a file for one attempt to publish it; that it was fetched is remembered."""
    if not (
        _UUID.fullmatch(publication_id)
        and _HANDLE.fullmatch(handle)
        and _UUID.fullmatch(media_id)
        and _UNTIL.fullmatch(until)
    ):
        raise NoSuchLink
    link = pulls.Link(UUID(publication_id), handle, UUID(media_id), int(until))
    row = await pulls.fetch(db, house.ring, link, signature, now)
    return await file_answer(request, house.blobs, row, "inline", HEADERS)
