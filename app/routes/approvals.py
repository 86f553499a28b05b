"""The life of a post over HTTP: submit, approve, reject, archive; comments and versions."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from app.conditions import IfMatch, check_match, tag
from app.deps import Access, Approver, Db, Editor, Now, Reads, Viewer
from app.fields import Answer, Body, Line, Moment, Text
from app.idempotency import Remembered
from app.paging import Pages
from app.schemas.posts import PostOut
from planner.access import Ability, check_ability
from store import approving, posts, writing
from store.db import Db as Session
from store.tables import Post

router = APIRouter(
    route_class=Remembered, prefix="/workspaces/{ws}/posts/{post_id}", tags=["posts"]
)

Reason = Annotated[Line, Field(max_length=2000)]


class ApprovalIn(Body):
    """An approval; with `break_glass` an owner approves alone and says why."""

    break_glass: Reason | None = None


class RejectionIn(Body):
    """Why the post goes back."""

    reason: Annotated[Text, Field(min_length=1, max_length=2000)]


class CommentIn(Body):
    """A remark."""

    text: Annotated[Text, Field(min_length=1, max_length=5000)]


class CommentOut(Answer):
    """A remark on a post."""

    id: UUID
    author: str
    text: str
    created_at: Moment


class CommentPage(Answer):
    """Some comments, and where the next page begins."""

    items: list[CommentOut]
    next: str | None


class ApprovalOut(Answer):
    """Who approved what: for all channels (null) or for one that gets other words."""

    actor: str
    channel_id: UUID | None
    hash: str
    break_glass: str | None
    created_at: Moment


class VersionOut(Answer):
    """What a post said at one moment, and who approved it."""

    number: int
    sha256: str
    author: str
    created_at: Moment
    content: dict[str, Any]
    approvals: list[ApprovalOut]


class Versions(Answer):
    """Every version, newest first."""

    items: list[VersionOut]


async def the_writers_post(post_id: UUID, db: Db, access: Editor, if_match: IfMatch = None) -> Post:
    """Return the post that an editor acts on, at the version they saw."""
    return await _seen(db, access, post_id, if_match)


async def the_approvers_post(
    post_id: UUID, db: Db, access: Approver, if_match: IfMatch = None
) -> Post:
    """Return the post that an approver acts on, at the version they saw."""
    return await _seen(db, access, post_id, if_match)


WritersPost = Annotated[Post, Depends(the_writers_post)]
ApproversPost = Annotated[Post, Depends(the_approvers_post)]


@router.post("/submit")
async def submit_post(
    post: WritersPost, response: Response, db: Db, access: Editor, now: Now
) -> PostOut:
    """Ask for approval."""
    await approving.submit(db, access.workspace, access.actor, post, now)
    return await _answer(db, response, post)


@router.post("/approve")
async def approve_post(
    post: ApproversPost, body: ApprovalIn, response: Response, db: Db, access: Approver, now: Now
) -> PostOut:
    """Approve the version that If-Match names; what waits on the calendar is armed."""
    if body.break_glass is not None:
        check_ability(access.abilities, Ability.OWN)
    await approving.approve(
        db, access.workspace, access.actor, post, now, break_glass=body.break_glass
    )
    return await _answer(db, response, post)


@router.post("/reject")
async def reject_post(
    post: ApproversPost, body: RejectionIn, response: Response, db: Db, access: Approver, now: Now
) -> PostOut:
    """Send a post back with a reason; its seats on the calendar are kept."""
    await approving.reject(db, access.workspace, access.actor, post, body.reason, now)
    return await _answer(db, response, post)


@router.post("/archive")
async def archive_post(
    post: WritersPost, response: Response, db: Db, access: Editor, now: Now
) -> PostOut:
    """Put a post away; what waits on the calendar is taken off."""
    await writing.archive(db, access.workspace, access.actor, post, now)
    return await _answer(db, response, post)


@router.get("/comments")
async def list_comments(
    post_id: UUID,
    pages: Pages,
    db: Reads,
    access: Viewer,
) -> CommentPage:
    """List the comments on a post, oldest first."""
    post = await posts.of(db, access.workspace.id, post_id)
    rows = await posts.comments(db, post, pages.after_id(), pages.limit)
    rows, cursor = pages.cut(rows)
    return CommentPage(items=[CommentOut.model_validate(row) for row in rows], next=cursor)


@router.post("/comments", status_code=201)
async def add_comment(
    post_id: UUID,
    body: CommentIn,
    request: Request,
    response: Response,
    db: Db,
    access: Editor,
    now: Now,
) -> CommentOut:
    """Comment on a post."""
    post = await posts.of(db, access.workspace.id, post_id)
    row = await posts.comment(db, access.workspace, access.actor, post, body.text, now)
    response.headers["Location"] = f"{request.url.path}/{row.id}"
    return CommentOut.model_validate(row)


@router.get("/versions")
async def list_versions(post_id: UUID, db: Reads, access: Viewer) -> Versions:
    """List what a post said, version by version, with the approvals of each."""
    post = await posts.of(db, access.workspace.id, post_id)
    given = await posts.approvals(db, post)
    return Versions(
        items=[
            VersionOut(
                number=row.number,
                sha256=row.sha256,
                author=row.author,
                created_at=row.created_at,
                content=row.content,
                approvals=[
                    ApprovalOut.model_validate(each) for each in given if each.number == row.number
                ],
            )
            for row in await posts.versions(db, post)
        ]
    )


async def _seen(db: Session, access: Access, post_id: UUID, if_match: str | None) -> Post:
    post = await posts.of(db, access.workspace.id, post_id)
    check_match(post, if_match)
    return post


async def _answer(db: Session, response: Response, post: Post) -> PostOut:
    await db.flush()
    tag(response, post)
    return PostOut.of(post, await posts.content_of(db, post))
