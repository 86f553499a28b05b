"""Claims: who sends a publication, what is about to be sent, and what came of it.

One short transaction each. Every function takes the locks in one order (workspace, channel,
publication) and checks the fence, so that a worker that lost its claim hits no row.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select, update

from planner.content import fingerprint, words_json
from planner.publications import WAITING, Status
from store import alerts, channels, gates, posts, publications
from store.audit import CLOCK
from store.claimed import Claim, Intent, Rows, Settlement, first_tried, of_rows
from store.db import Db, Store
from store.dispatch import SENDING
from store.gates import Barred
from store.liveness import Liveness
from store.tables import Attempt, Channel, Publication, Workspace

SILENT_MAX = timedelta(hours=1)
"""How long past its lease a worker may be silent, and not gone, before a person is asked."""

LONG_REST_SECONDS = 3600
"""A rest of which a person hears: long enough to post by hand meanwhile."""

TOKEN_EXPIRED = "token_expired"  # noqa: S105  # a reason
"""Why a platform refused what it may take with new credentials, which are then asked for."""


def ticket_field(publication_id: UUID) -> str:
    """Return the name that a publication's ticket is sealed under: no other one's opens there."""
    return f"ticket.{publication_id}"


async def claim(
    store: Store, publication_id: UUID, liveness: Liveness, lease: timedelta, now: datetime
) -> Claim | None:
    """Claim a publication whose time has come; None where there is nothing to do.

    What is no longer approved is planned again, what is held or too late is missed: a stale or
    doubled delivery does no harm.
    """
    async with store.transaction() as db:
        found = await _locked(db, publication_id)
        if found is None:
            return None
        workspace, channel, publication = found
        worker = liveness.worker
        publication.dispatched_until = None
        if _may_be_asked(publication, now):
            publication.worker, publication.lease_until = worker, now + lease
            publication.fence += 1
            return replace(await of_rows(db, found), polling=True)
        with db.no_autoflush:  # all that is written goes in one flush: others wait for this row
            if not _ready(publication, now) or await _busy(db, channel):
                return None
            matter = await posts.matter_of(db, workspace.id, publication.post_id)
            opened = await gates.look(db, workspace, channel, publication, matter, now)
        if isinstance(opened, Barred):
            await _bar(db, workspace, publication, opened, now)
            return None
        publication.worker, publication.lease_until = worker, now + lease
        publication.fence += 1
        await publications.step(db, workspace, CLOCK, publication, Status.CLAIMED, now)
        return replace(await of_rows(db, found, matter), ask_only=opened.ask_only)


async def intend(
    store: Store,
    claim: Claim,
    liveness: Liveness,
    now: datetime,
    *,
    handle: str | None = None,
    ticket: str | None = None,
    absent: dict[str, Any] | None = None,
) -> Intent | None:
    """Write the intent, after looking once more whether it may go; None if it may not.

    `handle` is what was prepared on the platform, `ticket` the sealed secret that goes with it;
    `absent` is the evidence that an earlier attempt is not live. Only after this has committed
    may a byte of the step leave.
    """
    async with store.transaction() as db:
        found = await _held(db, claim, Status.CLAIMED)
        if found is None:
            return None
        workspace, channel, publication = found
        if absent is not None:
            publication.unproved = False
        with db.no_autoflush:
            barred = await _barred(db, claim, found, liveness, now, was_absent=absent is not None)
        if barred is not None:
            await _bar(db, workspace, publication, barred, now)
            return None
        number = publication.attempts + 1
        publication.attempts, publication.intent_at = number, now
        publication.snapshot, publication.restored = words_json(claim.words), False
        if handle is not None:
            publication.handle, publication.ticket = handle, ticket
        db.add(_attempt(claim, publication, number, now))
        detail = {"absent": absent} if absent else {}
        await publications.step(
            db, workspace, CLOCK, publication, Status.SUBMITTING, now, detail=detail
        )
        kept = replace(
            claim,
            publication=publication,
            channel=channel,
            workspace=workspace,
            first_tried_at=claim.first_tried_at or now,
        )
        return Intent(kept, number, again=claim.first_tried_at is not None)


async def extend(store: Store, claim: Claim, until: datetime) -> bool:
    """Lengthen a lease while a call is on the wire; False where the claim is lost."""
    async with store.transaction() as db:
        found = await _locked(db, claim.id)
        if found is None or found[2].fence != claim.fence or found[2].lease_until is None:
            return False
        found[2].lease_until = until
        return True


async def settle(
    store: Store,
    claim: Claim,
    before: Status,
    settlement: Settlement,
    now: datetime,
    *,
    if_gone: Liveness | None = None,
) -> bool:
    """Write what came of a claim; False where it is no longer this claim, or its worker lives.

    With `if_gone` the claim is another's, and is only settled if that worker has ended.
    """
    async with store.transaction() as db:
        found = await _held(db, claim, before)
        if found is None:
            return False
        if if_gone is not None and not await if_gone.is_gone(db, claim.worker):
            return False
        workspace, channel, publication = found
        for name, value in settlement.fields.items():
            setattr(publication, name, value)
        if settlement.after is not Status.CLAIMED:  # there, the next step is under way
            publication.lease_until = None
        _note_service(channel, settlement, now)
        if settlement.rest_seconds >= LONG_REST_SECONDS:
            await _postpone(db, workspace, channel, settlement.reason, now)
        if settlement.needs_reauth:
            await channels.note_check(
                db, workspace, CLOCK, channel, "needs_reauth", settlement.reason, now
            )
        if (before, settlement.after) == (Status.PROCESSING, Status.PROCESSING):
            return True  # asked in vain: nothing has happened
        await publications.step(
            db,
            workspace,
            CLOCK,
            publication,
            settlement.after,
            now,
            reason=settlement.reason,
            attempt=publication.attempts if before is Status.SUBMITTING else None,
            detail=settlement.detail,
        )
        return True


async def reload(store: Store, claim: Claim) -> Claim | None:
    """Return a claim with its rows as they are now; None where it is lost."""
    async with store.reading() as db:
        row = await db.get(Publication, claim.id)
        channel = await db.get(Channel, claim.channel.id)
        workspace = await db.get(Workspace, claim.workspace.id)
        if row is None or channel is None or workspace is None or row.fence != claim.fence:
            return None
        first = await first_tried(db, row)
        return replace(
            claim, publication=row, channel=channel, workspace=workspace, first_tried_at=first
        )


async def _locked(db: Db, publication_id: UUID) -> Rows | None:
    # PostgreSQL locks in the order that is given here, and reads each row anew once it has it.
    query = (
        select(Workspace, Channel, Publication)
        .join(Channel, col(Channel.workspace_id) == col(Workspace.id))
        .join(Publication, col(Publication.channel_id) == col(Channel.id))
        .where(Publication.id == publication_id)
        .with_for_update(of=[Workspace, Channel, Publication])
    )
    return (await db.exec(query)).first()


async def _held(db: Db, claim: Claim, status: Status) -> Rows | None:
    found = await _locked(db, claim.id)
    if found is None or (found[2].fence, found[2].status) != (claim.fence, status):
        return None
    return found


def _ready(publication: Publication, now: datetime) -> bool:
    return (
        publication.status == Status.SCHEDULED
        and publication.due_at <= now
        and (publication.not_before is None or publication.not_before <= now)
    )


def _may_be_asked(publication: Publication, now: datetime) -> bool:
    return (
        publication.status == Status.PROCESSING
        and publication.poll_at is not None
        and publication.poll_at <= now
        and (publication.lease_until is None or publication.lease_until <= now)
    )


async def _busy(db: Db, channel: Channel) -> bool:
    query = select(Publication.id).where(
        Publication.channel_id == channel.id, col(Publication.status).in_(SENDING)
    )
    return (await db.exec(query)).first() is not None


async def _barred(
    db: Db,
    claim: Claim,
    found: Rows,
    liveness: Liveness,
    now: datetime,
    *,
    was_absent: bool,
) -> Barred | None:
    """Return what keeps a claim from becoming an intent."""
    workspace, channel, publication = found
    if not await liveness.holds(db, claim.worker):
        return Barred("lock_lost", Status.SCHEDULED)
    if claim.ask_only:
        return Barred("held", Status.MISSED if not publication.unproved else Status.SCHEDULED)
    barred = await gates.look_again(db, workspace, channel, publication, now, was_absent=was_absent)
    if barred is None and fingerprint(words_json(claim.words)) != publication.content_hash:
        # Other words are approved by now. They go next; but under a key that may have been used
        # for the former ones they would not arrive.
        return Barred("changed", Status.NEEDS_REVIEW if publication.unproved else Status.SCHEDULED)
    return barred


async def _bar(
    db: Db, workspace: Workspace, publication: Publication, barred: Barred, now: datetime
) -> None:
    publication.lease_until = None
    publication.not_before = barred.until or publication.not_before
    if barred.after is None:
        return
    await publications.step(
        db, workspace, CLOCK, publication, barred.after, now, reason=barred.reason
    )
    skipped = barred.reason == "outage" and workspace.missed_policy == "skip"
    if skipped and publication.status == Status.MISSED:
        await publications.dismiss(db, workspace, CLOCK, publication, now)


async def _postpone(
    db: Db, workspace: Workspace, channel: Channel, reason: str | None, now: datetime
) -> None:
    """Let what falls due while a platform takes no more go afterwards: that is no outage."""
    await alerts.for_rest(db, workspace, channel, reason, now)
    until = channel.rests_until
    waiting = update(Publication).where(
        col(Publication.channel_id) == channel.id,
        col(Publication.status).in_((*WAITING, *SENDING)),
        col(Publication.due_at) < until,
    )
    await db.exec(waiting.values(resumed_at=until))


def _note_service(channel: Channel, settlement: Settlement, now: datetime) -> None:
    if settlement.served is not None:
        channel.failures = 0 if settlement.served else channel.failures + 1
        channel.rests_until = None
    if settlement.reason == TOKEN_EXPIRED:
        channel.token_expires_at = now
    if settlement.rest_seconds:
        channel.rests_until = now + timedelta(seconds=settlement.rest_seconds)


def _attempt(claim: Claim, publication: Publication, number: int, now: datetime) -> Attempt:
    return Attempt(
        workspace_id=publication.workspace_id,
        publication_id=publication.id,
        number=number,
        step=publication.step,
        worker=claim.worker,
        fence=publication.fence,
        key=f"{publication.id}-{publication.step}",
        content_hash=publication.content_hash or "",
        started_at=now,
    )
