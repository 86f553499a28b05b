"""The record of a post: everything that is known of its life, for those who ask afterwards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlmodel import col, select

from planner.content import channel_hash
from planner.publications import Status
from store import audit, posts
from store.db import Db
from store.tables import (
    Approval,
    Attempt,
    AuditEntry,
    Comment,
    Post,
    PostVersion,
    Publication,
    Transition,
    Workspace,
)

WHOLE_CHAIN = 20_000
"""The longest chain that is recomputed from its first entry while somebody waits."""

Verdict = Literal["never_sent", "once", "unclear"]
Ground = Literal["same_key", "person", "asked"]


@dataclass(frozen=True, slots=True)
class SentOnce:
    """How often it was sent: attempts that may have had an effect, and what follows from them.

    `once` is proved by the platform's answers, except for what it `relies_on`: that the platform
    keeps its promise about repeats with the same key, that it told the truth when it was asked
    what is live, or that a person said what they saw. Of a thread each step counts by itself.
    """

    sent: int
    verdict: Verdict
    relies_on: tuple[Ground, ...] = ()


@dataclass(frozen=True, slots=True)
class PublicationLife:
    """A publication with its attempts and steps, oldest first, and what was approved of it.

    `content_hash` is of the words that were sent last, else of the armed ones; `approvals` are
    those of every version that says just this on the channel, and `approved_version` is the newest
    of these that was approved, before it was sent where it was.
    """

    row: Publication
    attempts: Sequence[Attempt]
    transitions: Sequence[Transition]
    content_hash: str | None
    approved_version: int | None
    approvals: Sequence[Approval]
    sent_once: SentOnce


@dataclass(frozen=True, slots=True)
class Chain:
    """Whether the audit says what it said when it was written, as far as was looked.

    `whole`: the workspace's chain was recomputed from its first entry; otherwise each entry of
    this record was compared with its own hash. `broken_at` is the first that differs.
    """

    whole: bool
    entries: int
    broken_at: int | None


@dataclass(frozen=True, slots=True)
class PostRecord:
    """Everything that is known of a post; `channels` are those it ever stood on."""

    versions: Sequence[PostVersion]
    channels: Sequence[UUID]
    approvals: Sequence[Approval]
    publications: Sequence[PublicationLife]
    comments: Sequence[Comment]
    entries: Sequence[AuditEntry]
    chain: Chain


async def of_post(
    db: Db, workspace: Workspace, post: Post, whole_chain: int = WHOLE_CHAIN
) -> PostRecord:
    """Return the record of a post, what was taken off the calendar included.

    A chain of up to `whole_chain` entries is recomputed from its first one.
    """
    versions = list(reversed(await posts.versions(db, post)))
    approvals = await posts.approvals(db, post)
    on_post = select(Publication).where(Publication.post_id == post.id)
    rows = (await db.exec(on_post.order_by(col(Publication.id)))).all()
    ids = [row.id for row in rows]
    tried = select(Attempt).where(col(Attempt.publication_id).in_(ids))
    attempts = (await db.exec(tried.order_by(col(Attempt.number)))).all()
    stepped = select(Transition).where(col(Transition.publication_id).in_(ids))
    steps = (await db.exec(stepped.order_by(col(Transition.id)))).all()
    said = select(Comment).where(Comment.post_id == post.id)
    comments = (await db.exec(said.order_by(col(Comment.id)))).all()
    entries = await _entries(db, post, ids)
    lives = []
    for row in rows:
        own = [each for each in attempts if each.publication_id == row.id]
        life = [each for each in steps if each.publication_id == row.id]
        content_hash = own[-1].content_hash if own else row.content_hash
        same = _versions_that_say(versions, row, content_hash)
        lives.append(
            PublicationLife(
                row,
                own,
                life,
                content_hash,
                _approved_version(entries, same, own),
                _approvals_of(row, same, approvals),
                sent_once(own, life),
            )
        )
    channels = list(dict.fromkeys(row.channel_id for row in rows))
    chain = await _chain(db, workspace, entries, whole_chain)
    return PostRecord(versions, channels, approvals, lives, comments, entries, chain)


def sent_once(attempts: Sequence[Attempt], steps: Iterable[Transition]) -> SentOnce:
    """Return how often a publication was sent, as its attempts and steps prove it.

    An attempt counts from its intent on, until an answer or a person says that it had no effect.
    """
    effects = dict.fromkeys((each.number for each in attempts), "may")
    ended: set[int] = set()
    repeatable: set[int] = set()
    grounds: set[Ground] = set()
    for step in steps:
        number = step.attempt
        if step.before == Status.SUBMITTING and number in effects:
            ended.add(number)
            effects[number] = _effect_of(step)
            if step.after == Status.SCHEDULED:
                repeatable.add(number)  # only what is safe to repeat is made again by itself
        else:
            _say(effects, ended, step, grounds)
    open_ = {number for number, effect in effects.items() if effect == "may"}
    sent = {number for number, effect in effects.items() if effect != "none"}
    if not sent:
        return SentOnce(0, "never_sent", _sorted(grounds))
    by_step: dict[int, list[Attempt]] = {}
    for each in attempts:
        if each.number in sent:
            by_step.setdefault(each.step, []).append(each)
    once = repeatable.issuperset(open_) and all(
        len({each.key for each in tried}) == 1
        and sum(each.number not in open_ for each in tried) == 1
        for tried in by_step.values()
    )
    if not once:
        return SentOnce(len(sent), "unclear", _sorted(grounds))
    return SentOnce(len(sent), "once", _sorted(grounds | ({"same_key"} if open_ else set())))


def _effect_of(end: Transition) -> str:
    if end.after in {Status.PUBLISHED, Status.CLAIMED}:  # claimed again: on with the next step
        return "live"
    proved = end.after == Status.FAILED or (
        end.after == Status.SCHEDULED and end.detail.get("no_effect") is True
    )
    return "none" if proved else "may"


def _say(effects: dict[int, str], ended: set[int], step: Transition, grounds: set[Ground]) -> None:
    """Note what became known of attempts after they had ended."""
    open_ = sorted(number for number in ended if effects[number] == "may")
    looked: list[int] = []
    match step.before, step.after:
        case Status.CLAIMED, (Status.PUBLISHED | Status.CLAIMED):  # the platform was asked
            looked, effect = open_[-1:], "live"
        case Status.CLAIMED, Status.SUBMITTING if step.detail.get("absent"):
            looked, effect = open_, "none"
        case ((Status.PROCESSING | Status.HANDED_OVER | Status.NEEDS_REVIEW), Status.PUBLISHED):
            looked, effect = open_[-1:], "live"
        case Status.NEEDS_REVIEW, (Status.FAILED | Status.SCHEDULED):
            looked, effect = open_, "none"  # who looked and found nothing ruled out all
        case Status.PROCESSING, Status.SCHEDULED:
            looked, effect = open_[-1:], "live"  # on with the next step
        case ((Status.PROCESSING | Status.HANDED_OVER), Status.FAILED):
            looked, effect = open_[-1:], "none"  # a platform speaks of what it works on
        case _:
            return
    effects.update(dict.fromkeys(looked, effect))
    if looked and not step.actor.startswith("clock"):
        grounds.add("person")
    elif looked and step.before == Status.CLAIMED:
        grounds.add("asked")


def _sorted(grounds: set[Ground]) -> tuple[Ground, ...]:
    return tuple(sorted(grounds))


def _versions_that_say(
    versions: Sequence[PostVersion], row: Publication, content_hash: str | None
) -> set[int]:
    channel = str(row.channel_id)
    return {
        each.number
        for each in versions
        if content_hash is not None and channel_hash(each.content, channel) == content_hash
    }


def _approvals_of(
    row: Publication, same: set[int], approvals: Sequence[Approval]
) -> list[Approval]:
    """Return each caller's approval of these versions: for the channel, else for the post."""
    found: dict[tuple[int, str], Approval] = {}
    for each in approvals:
        key = (each.number, each.actor)
        own = each.channel_id == row.channel_id
        if each.number in same and (own or (each.channel_id is None and key not in found)):
            found[key] = each
    return list(found.values())


def _approved_version(
    entries: Sequence[AuditEntry], same: set[int], attempts: Sequence[Attempt]
) -> int | None:
    """Return the newest of some versions that became approved, before the last attempt if any."""
    until = attempts[-1].started_at if attempts else None
    approved = {
        entry.data["version"]
        for entry in entries
        if entry.noun == "post"
        and entry.data.get("after") == "approved"
        and (until is None or entry.at <= until)
    }
    return max(approved & same, default=None)


async def _entries(db: Db, post: Post, publication_ids: Sequence[UUID]) -> Sequence[AuditEntry]:
    of_post = (col(AuditEntry.noun) == "post") & (col(AuditEntry.row_id) == post.id)
    of_publications = (col(AuditEntry.noun) == "publication") & col(AuditEntry.row_id).in_(
        publication_ids
    )
    query = select(AuditEntry).where(
        AuditEntry.workspace_id == post.workspace_id, of_post | of_publications
    )
    return (await db.exec(query.order_by(col(AuditEntry.seq)))).all()


async def _chain(
    db: Db, workspace: Workspace, entries: Sequence[AuditEntry], whole_chain: int
) -> Chain:
    if workspace.audit_seq <= whole_chain:
        broken_at = await audit.verify(db, workspace.id)
        return Chain(whole=True, entries=workspace.audit_seq, broken_at=broken_at)
    altered = (each.seq for each in entries if each.hash != audit.entry_hash(each))
    return Chain(whole=False, entries=len(entries), broken_at=next(altered, None))


def hashes_of(version: PostVersion, channels: Sequence[UUID]) -> Mapping[UUID | None, str]:
    """Return what a version's approval covers: of the post itself (None), and on each channel."""
    own: dict[UUID | None, str] = {None: channel_hash(version.content, "")}
    return own | {each: channel_hash(version.content, str(each)) for each in channels}
