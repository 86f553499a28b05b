"""Workspaces over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Manager, Now, ReadingCaller, Reads, Viewer, WritingCaller
from app.fields import Answer, Body, Line, Moment
from app.idempotency import Remembered
from app.paging import Pages
from planner.access import Ability, check_ability
from planner.days import check_country
from planner.posts import Policy
from planner.slots import parse_zone
from store import callers, workspaces

router = APIRouter(route_class=Remembered, prefix="/workspaces", tags=["workspaces"])

Zone = Annotated[str, Field(max_length=64, examples=["Asia/Jakarta"])]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$", examples=["ID"])]
MissedPolicy = Literal["send_late", "ask", "skip"]


class WorkspaceIn(Body):
    """An office or brand."""

    slug: Annotated[
        str,
        Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$", examples=["biro-humas"]),
    ]
    name: Annotated[Line, Field(max_length=120, examples=["Biro Humas"])]
    timezone: Zone
    locale: Literal["en", "id"] = "id"
    week_start: Annotated[int, Field(ge=0, le=6, description="0 is Monday.")] = 0
    country: Country | None = None
    approval_policy: Policy = Policy.ONE
    keys_may_approve: bool = False
    count_stories: bool = False
    missed_policy: MissedPolicy = "ask"


class WorkspaceChange(Body):
    """What to change; fields that are left out stay."""

    name: Annotated[Line, Field(max_length=120, default_factory=str)]
    timezone: Annotated[Zone, Field(default_factory=str)]
    locale: Literal["en", "id"] = "id"
    week_start: Annotated[int, Field(ge=0, le=6)] = 0
    country: Country | None = None
    approval_policy: Policy = Policy.ONE
    keys_may_approve: bool = False
    count_stories: bool = False
    missed_policy: MissedPolicy = "ask"


class WorkspaceOut(Answer):
    """A workspace."""

    id: UUID
    slug: str
    name: str
    timezone: str
    locale: str
    week_start: int
    country: str | None
    approval_policy: Policy
    keys_may_approve: bool
    count_stories: bool
    missed_policy: MissedPolicy
    created_at: Moment
    updated_at: Moment
    version: int


class WorkspacePage(Answer):
    """Some workspaces, and where the next page begins."""

    items: list[WorkspaceOut]
    next: str | None


def _check(body: WorkspaceIn | WorkspaceChange) -> None:
    if "timezone" in body.model_fields_set:
        parse_zone(body.timezone, "/timezone")
    if body.country:
        check_country(body.country, "/country")


@router.get("")
async def list_workspaces(
    pages: Pages,
    db: Reads,
    caller: ReadingCaller,
) -> WorkspacePage:
    """List the workspaces that the caller belongs to."""
    if caller.key:
        rows = await workspaces.of_key(db, caller.key.id, pages.after_id(), pages.limit)
    else:
        rows = await workspaces.of_person(
            db, callers.person_id(caller), pages.after_id(), pages.limit
        )
    rows, cursor = pages.cut(rows)
    return WorkspacePage(items=[WorkspaceOut.model_validate(row) for row in rows], next=cursor)


@router.post("", status_code=201)
async def add_workspace(
    body: WorkspaceIn, request: Request, response: Response, db: Db, caller: WritingCaller, now: Now
) -> WorkspaceOut:
    """Create a workspace; any owner of another one may, keys never."""
    _check(body)
    owner = callers.person_id(caller)
    check_ability({Ability.OWN} if await callers.owns_something(db, owner) else set(), Ability.OWN)
    workspace = await workspaces.add(db, caller.actor, owner, body.model_dump(), now)
    await db.flush()
    response.headers["Location"] = f"{request.url.path}/{workspace.slug}"
    tag(response, workspace)
    return WorkspaceOut.model_validate(workspace)


@router.get("/{ws}")
async def read_workspace(request: Request, response: Response, access: Viewer) -> WorkspaceOut:
    """Read a workspace."""
    answer_if_new(request, response, etag_of(access.workspace))
    return WorkspaceOut.model_validate(access.workspace)


@router.patch("/{ws}")
async def change_workspace(
    body: WorkspaceChange,
    response: Response,
    db: Db,
    access: Manager,
    now: Now,
    if_match: IfMatch = None,
) -> WorkspaceOut:
    """Change a workspace; how posts are approved is for owners."""
    check_match(access.workspace, if_match)
    _check(body)
    if body.model_fields_set & {"approval_policy", "keys_may_approve"}:
        check_ability(access.abilities, Ability.OWN)
    fields = body.model_dump(exclude_unset=True)
    await workspaces.change(db, access.actor, access.workspace, fields, now)
    await db.flush()
    tag(response, access.workspace)
    return WorkspaceOut.model_validate(access.workspace)
