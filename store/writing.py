"""Writing posts: what a post says is checked, kept as a version, and followed by the calendar."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select

from planner.content import Content
from planner.errors import Conflict, Fault, Invalid
from planner.posts import NotADraft, PostStatus
from planner.publications import FINAL, IN_FLIGHT, WAITING, Exemption, Status
from store import (
    admission,
    arming,
    audit,
    channels,
    duplicates,
    fitting,
    mixes,
    people,
    placing,
    posts,
    publications,
)
from store.audit import Actor
from store.db import Db
from store.judging import Judge, Wish
from store.placing import Exempt
from store.tables import (
    Campaign,
    Channel,
    Comment,
    Media,
    Pillar,
    Post,
    PostVersion,
    Publication,
    Workspace,
)

EMPTY: dict[str, Any] = {
    "pillar": None,
    "campaign": None,
    "format": "post",
    "hashtags": [],
    "variants": {},
}


class NoSuchReference(Invalid):
    """The post names something that the workspace does not have."""


class PostInFlight(Conflict):
    """One of the post's publications is being sent."""


class PostUsed(Conflict):
    """The post was on a channel, so it stays; it can be archived."""


async def add(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    words: Mapping[str, Any],
    columns: Mapping[str, Any],
    now: datetime,
) -> tuple[Post, Content]:
    """Write a post; raises `NoSuchType`, `NoSuchReference`, `ExternalIdTaken`.

    `words` are the fields of a content as JSON, media by id only; `columns` are about the post.
    """
    content = await _content(db, workspace, EMPTY | dict(words))
    await _check_people(db, workspace, columns)
    defaults = {"status": PostStatus.DRAFT, "assignees": []}
    post = await posts.add(db, workspace, actor, defaults | dict(columns), content, now)
    return post, content


async def change(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    post: Post,
    words: Mapping[str, Any],
    columns: Mapping[str, Any],
    now: datetime,
    *,
    allow_duplicate: str | None = None,
    judge: Judge | None = None,
) -> Content:
    """Change a post, and bring the calendar in line; return what it says now.

    Words that differ from the approved ones disarm the channels they are for, and only those.
    Raises `PostArchived`, `NoSuchType`, `NoSuchReference`, `ExternalIdTaken`; `DoesNotFit` where
    the post stands on a channel that would not take the new words; and `DuplicateContent` where
    it would say what that channel has already, unless `allow_duplicate` gives a reason. Another
    type is judged by the mix on every channel where it has not gone out: raises `MixViolation`.
    """
    if post.status == PostStatus.ARCHIVED:
        raise posts.PostArchived
    if "status" in columns and post.status not in {PostStatus.IDEA, PostStatus.DRAFT}:
        raise NotADraft(status=post.status)
    await _check_people(db, workspace, columns)
    await posts.check_external_id(db, post, columns.get("external_id"))
    if columns:
        await audit.change(db, workspace, actor, "post", post, dict(columns), now)
    if not words:
        return await posts.content_of(db, post)
    before = await posts.content_of(db, post)
    content = await _content(db, workspace, dict(before) | dict(words))
    await _check_open_places(db, workspace, post, content)
    async with admission.within(judge, db, workspace, actor, now) as own:
        if content["type"] != post.type:
            await _retype(own, post, content["type"])
        await _write(own, post, before, content, allow_duplicate)
        if content["format"] != before["format"]:
            await _follow_format(own, post)
    return content


async def _write(
    judge: Judge, post: Post, before: Content, content: Content, allow_duplicate: str | None
) -> None:
    """Keep what a post says now, and bring its publications in line."""
    db, workspace, actor, now = judge.db, judge.workspace, judge.actor, judge.now
    if await posts.write(db, workspace, actor, post, content, now):
        approved = await posts.approved_content(db, post)
        reads = arming.reads(content, approved, await placing.channels_of(db, post))
        still_idea = post.status == PostStatus.IDEA and reads is PostStatus.DRAFT
        post.status = PostStatus.IDEA if still_idea else reads
        post.rejection = None
        await publications.follow(db, workspace, post, now)
        await duplicates.follow(
            db, workspace, actor, post, before, content, now, allow=allow_duplicate
        )
        await arming.arm(db, workspace, actor, post, now)


async def _retype(judge: Judge, post: Post, type_: str) -> None:
    """Let the judge look at every place where the post's type follows; see relabelling."""
    if post.refused_as == post.type:
        post.retyped_at = judge.now
    for row in await publications.of_post(judge.db, post):
        if row.status not in publications.FROZEN and row.exempt is None:
            channel = await channels.of(judge.db, judge.workspace.id, row.channel_id)
            await judge.wish(Wish.staying(post, channel, row, type_))


async def _follow_format(judge: Judge, post: Post) -> None:
    """Let what became a story not count by itself, and what is none any more count again."""
    wanted = placing.exemption(judge.workspace, post)
    for row in await publications.of_post(judge.db, post):
        by_itself = row.exempt is None or (
            row.exempt == Exemption.STORY and row.exempt_note is None
        )
        if row.status not in publications.FROZEN and by_itself and row.exempt != wanted:
            place = (judge.db, judge.workspace, judge.actor, row)
            exempt = Exempt(wanted, None) if wanted else None
            await placing.set_exempt(*place, exempt, judge.now, judge=judge)


async def archive(db: Db, workspace: Workspace, actor: Actor, post: Post, now: datetime) -> None:
    """Put a post away and take what waits off the calendar; raises `PostInFlight`."""
    rows = await publications.of_post(db, post)
    off = [row for row in rows if row.status in WAITING | {Status.MISSED}]
    in_flight = any(row.status in IN_FLIGHT for row in rows)
    if in_flight or any(publications.may_be_live(row) for row in off):
        raise PostInFlight
    for row in off:
        await publications.step(db, workspace, actor, row, Status.CANCELLED, now, reason="archived")
    await posts.set_status(db, workspace, actor, post, PostStatus.ARCHIVED, "archive", now)


async def remove(db: Db, workspace: Workspace, actor: Actor, post: Post, now: datetime) -> None:
    """Delete a post that was never on a channel nor approved; raises `PostUsed`."""
    query = select(func.count()).select_from(Publication).where(Publication.post_id == post.id)
    if (await db.exec(query)).one() or await posts.approvals(db, post):
        raise PostUsed
    for table in (Comment, PostVersion):
        for row in (await db.exec(select(table).where(table.post_id == post.id))).all():
            await db.delete(row)
    await db.flush()
    await db.delete(post)
    data = {"title": post.title}
    await audit.record(db, workspace, actor, "delete", "post", post.id, now, data, deleted=True)


async def _content(db: Db, workspace: Workspace, given: Mapping[str, Any]) -> Content:
    """Return a canonical content, with the files' hashes and the campaign's hashtags in it."""
    await mixes.check_type(db, workspace.id, given["type"])
    faults: list[Fault] = []
    if given["pillar"] and not await _has(db, Pillar, workspace, given["pillar"]):
        faults.append(Fault("/pillar", "no-such-pillar", {"id": given["pillar"]}))
    hashtags: list[str] = []
    if given["campaign"]:
        campaign = await _has(db, Campaign, workspace, given["campaign"])
        hashtags = campaign.hashtags if campaign else []
        if campaign is None:
            faults.append(Fault("/campaign", "no-such-campaign", {"id": given["campaign"]}))
    hashes = await _hashes(db, workspace, given)
    parts = _parts(given["parts"], hashes, "/parts", faults)
    variants = {}
    for channel_id, variant in given["variants"].items():
        pointer = f"/variants/{channel_id}"
        if not await _has(db, Channel, workspace, channel_id):
            faults.append(Fault(pointer, "no-such-channel", {"id": channel_id}))
        own = variant.get("parts")
        variants[channel_id] = {
            "parts": _parts(own, hashes, f"{pointer}/parts", faults) if own else None,
            "options": variant.get("options") or {},
        }
    if faults:
        raise NoSuchReference(*faults)
    return {
        "title": given["title"],
        "type": given["type"],
        "pillar": given["pillar"],
        "campaign": given["campaign"],
        "format": given["format"],
        "hashtags": hashtags,
        "parts": parts,
        "variants": variants,
    }


async def _has(db: Db, table: type[Any], workspace: Workspace, row_id: str) -> Any:
    query = select(table).where(table.workspace_id == workspace.id, table.id == UUID(row_id))
    return (await db.exec(query)).first()


async def _hashes(db: Db, workspace: Workspace, given: Mapping[str, Any]) -> dict[str, str]:
    holders = [given, *given["variants"].values()]
    ids = {
        UUID(ref["id"])
        for holder in holders
        for part in holder.get("parts") or ()
        for ref in part["media"]
    }
    query = select(Media).where(Media.workspace_id == workspace.id, col(Media.id).in_(ids))
    return {str(row.id): row.sha256 for row in (await db.exec(query)).all()}


def _parts(
    parts: Any, hashes: Mapping[str, str], pointer: str, faults: list[Fault]
) -> list[dict[str, Any]]:
    kept = []
    for index, part in enumerate(parts):
        media = []
        for place, ref in enumerate(part["media"]):
            if ref["id"] not in hashes:
                at = f"{pointer}/{index}/media/{place}"
                faults.append(Fault(at, "no-such-media", {"id": ref["id"]}))
            media.append({"id": ref["id"], "sha256": hashes.get(ref["id"], ""), "alt": ref["alt"]})
        kept.append({"text": part["text"], "media": media})
    return kept


async def _check_people(db: Db, workspace: Workspace, columns: Mapping[str, Any]) -> None:
    known = await people.ids_of_members(db, workspace.id)
    faults = []
    owner = columns.get("owner_id")
    if owner is not None and owner not in known.values():
        faults.append(Fault("/owner", "no-such-member", {"id": str(owner)}))
    for index, each in enumerate(columns.get("assignees") or ()):
        if UUID(each["member"]) not in known:
            at = f"/assignees/{index}/member"
            faults.append(Fault(at, "no-such-member", {"id": each["member"]}))
    if faults:
        raise NoSuchReference(*faults)


async def _check_open_places(db: Db, workspace: Workspace, post: Post, content: Content) -> None:
    rows = [row for row in await publications.of_post(db, post) if row.status not in FINAL]
    on = [await channels.of(db, workspace.id, row.channel_id) for row in rows]
    await fitting.check(db, workspace, content, on)
