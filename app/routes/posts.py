"""Posts over HTTP: write, read, find."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Editor, Now, Reads, Viewer
from app.fields import Word
from app.idempotency import Remembered
from app.paging import Pages
from app.schemas.mix import reason_of
from app.schemas.posts import PostChange, PostChanged, PostIn, PostOut, PostPage
from planner.posts import PostStatus
from store import admission, posts, writing

router = APIRouter(route_class=Remembered, prefix="/workspaces/{ws}/posts", tags=["posts"])


@router.get("")
async def list_posts(
    pages: Pages,
    db: Reads,
    access: Viewer,
    status: PostStatus | None = None,
    type: Word | None = None,  # noqa: A002  # the word of the API
    pillar: UUID | None = None,
    campaign: UUID | None = None,
    channel: UUID | None = None,
    owner: UUID | None = None,
    q: Annotated[Word | None, Query(description="In titles.")] = None,
    external_id: Word | None = None,
) -> PostPage:
    """List posts, newest first."""
    wanted = {
        "status": status,
        "type": type,
        "pillar_id": pillar,
        "campaign_id": campaign,
        "owner_id": owner,
        "external_id": external_id,
    }
    rows = await posts.page_of(
        db,
        access.workspace.id,
        {name: value for name, value in wanted.items() if value is not None},
        channel_id=channel,
        q=q,
        after=pages.after_id(),
        limit=pages.limit,
    )
    rows, cursor = pages.cut(rows)
    contents = await posts.contents_of(db, rows)
    return PostPage(items=[PostOut.of(row, contents[row.id]) for row in rows], next=cursor)


@router.post("", status_code=201)
async def add_post(
    body: PostIn, request: Request, response: Response, db: Db, access: Editor, now: Now
) -> PostOut:
    """Write a post; who writes it owns it, unless somebody else is named."""
    writer = access.caller.person
    columns = ({"owner_id": writer.id} if writer else {}) | body.columns()
    post, content = await writing.add(
        db, access.workspace, access.actor, body.words(), columns, now
    )
    response.headers["Location"] = f"{request.url.path}/{post.id}"
    tag(response, post)
    return PostOut.of(post, content)


@router.get("/{post_id}")
async def read_post(
    post_id: UUID, request: Request, response: Response, db: Reads, access: Viewer
) -> PostOut:
    """Read a post."""
    post = await posts.of(db, access.workspace.id, post_id)
    answer_if_new(request, response, etag_of(post))
    return PostOut.of(post, await posts.content_of(db, post))


@router.patch("/{post_id}")
async def change_post(
    post_id: UUID,
    body: PostChange,
    response: Response,
    db: Db,
    access: Editor,
    now: Now,
    if_match: IfMatch = None,
) -> PostChanged:
    """Change a post; other words for a channel disarm it there until they are approved.

    Another type is judged by the mix wherever the post stands.
    """
    post = await posts.of(db, access.workspace.id, post_id)
    check_match(post, if_match)
    judge = access.judge(db, now, reason_of(body.override, access.abilities))
    content = await writing.change(
        db,
        access.workspace,
        access.actor,
        post,
        body.words(),
        body.columns(),
        now,
        allow_duplicate=body.allow_duplicate,
        judge=judge,
    )
    await admission.settle(judge)
    await db.flush()
    tag(response, post)
    return PostChanged.with_mix(post, content, judge)


@router.delete("/{post_id}", status_code=204)
async def remove_post(
    post_id: UUID, db: Db, access: Editor, now: Now, if_match: IfMatch = None
) -> None:
    """Delete a post that was never on a channel; archive the others."""
    post = await posts.of(db, access.workspace.id, post_id)
    check_match(post, if_match)
    await writing.remove(db, access.workspace, access.actor, post, now)
