"""Pillars over HTTP."""

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Manager, Now, Reads, Viewer
from app.fields import Answer, Body, Line, Moment, Percent, Text
from app.idempotency import Remembered
from app.paging import Pages
from planner.mix import basis_points, percent
from store import pillars
from store.tables import Pillar

router = APIRouter(route_class=Remembered, prefix="/workspaces/{ws}/pillars", tags=["pillars"])

Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", examples=["#1f6f8b"])]


class PillarIn(Body):
    """A theme that the office talks about."""

    name: Annotated[Line, Field(max_length=80, examples=["Sejarah dan naskah"])]
    description: Annotated[Text, Field(max_length=2000)] = ""
    audience: Annotated[Text, Field(max_length=500)] = ""
    includes: Annotated[Text, Field(max_length=2000, description="What belongs to it.")] = ""
    excludes: Annotated[Text, Field(max_length=2000, description="What another office says.")] = ""
    colour: Colour = "#5b6770"
    share: Percent | None = None


class PillarChange(Body):
    """What to change; fields that are left out stay."""

    name: Annotated[Line, Field(max_length=80, default_factory=str)]
    description: Annotated[Text, Field(max_length=2000)] = ""
    audience: Annotated[Text, Field(max_length=500)] = ""
    includes: Annotated[Text, Field(max_length=2000)] = ""
    excludes: Annotated[Text, Field(max_length=2000)] = ""
    colour: Colour = "#5b6770"
    share: Percent | None = None


class PillarOut(Answer):
    """A pillar."""

    id: UUID
    name: str
    description: str
    audience: str
    includes: str
    excludes: str
    colour: str
    share: Percent | None
    created_at: Moment
    updated_at: Moment
    version: int

    @classmethod
    def of(cls, pillar: Pillar) -> Self:
        """Return a row as it is answered."""
        share = None if pillar.share_bp is None else percent(pillar.share_bp)
        return cls.model_validate(pillar.model_dump() | {"share": share})


class PillarPage(Answer):
    """Some pillars, and where the next page begins."""

    items: list[PillarOut]
    next: str | None


def _fields(body: PillarIn | PillarChange) -> dict[str, object]:
    fields = body.model_dump(exclude_unset=isinstance(body, PillarChange))
    if "share" in fields:
        share = fields.pop("share")
        fields["share_bp"] = None if share is None else basis_points(share)
    return fields


@router.get("")
async def list_pillars(
    pages: Pages,
    db: Reads,
    access: Viewer,
) -> PillarPage:
    """List the pillars."""
    rows = await pillars.all_of(db, access.workspace.id, pages.after_id(), pages.limit)
    rows, cursor = pages.cut(rows)
    return PillarPage(items=[PillarOut.of(row) for row in rows], next=cursor)


@router.post("", status_code=201)
async def add_pillar(
    body: PillarIn, request: Request, response: Response, db: Db, access: Manager, now: Now
) -> PillarOut:
    """Add a pillar, if its share still fits."""
    pillar = await pillars.add(db, access.workspace, access.actor, _fields(body), now)
    response.headers["Location"] = f"{request.url.path}/{pillar.id}"
    tag(response, pillar)
    return PillarOut.of(pillar)


@router.get("/{pillar_id}")
async def read_pillar(
    pillar_id: UUID, request: Request, response: Response, db: Reads, access: Viewer
) -> PillarOut:
    """Read a pillar."""
    pillar = await pillars.of(db, access.workspace.id, pillar_id)
    answer_if_new(request, response, etag_of(pillar))
    return PillarOut.of(pillar)


@router.patch("/{pillar_id}")
async def change_pillar(
    pillar_id: UUID,
    body: PillarChange,
    response: Response,
    db: Db,
    access: Manager,
    now: Now,
    if_match: IfMatch = None,
) -> PillarOut:
    """Change a pillar."""
    pillar = await pillars.of(db, access.workspace.id, pillar_id)
    check_match(pillar, if_match)
    await pillars.change(db, access.workspace, access.actor, pillar, _fields(body), now)
    await db.flush()
    tag(response, pillar)
    return PillarOut.of(pillar)


@router.delete("/{pillar_id}", status_code=204)
async def remove_pillar(
    pillar_id: UUID, db: Db, access: Manager, now: Now, if_match: IfMatch = None
) -> None:
    """Delete a pillar that no post uses."""
    pillar = await pillars.of(db, access.workspace.id, pillar_id)
    check_match(pillar, if_match)
    await pillars.remove(db, access.workspace, access.actor, pillar, now)
