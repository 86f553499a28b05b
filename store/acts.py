"""Acts on publications: what people say and ask once the clock is past."""

from datetime import datetime

from planner.errors import Conflict
from planner.publications import UNSENT, WAITING, NoSuchStep, Status
from planner.timing import at_instant
from store import arming, channels, placing, publications
from store.audit import Actor
from store.db import Db
from store.judging import Judge
from store.tables import Publication, Workspace


class NothingToDismiss(Conflict):
    """Only what failed or was missed can be dismissed, once."""


async def publish_now(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    now: datetime,
    *,
    judge: Judge | None = None,
) -> None:
    """Move a publication to now, which the mix judges like any move.

    Raises `NotApproved` where its words are not approved, and `MixViolation`.
    """
    if publication.status not in WAITING | UNSENT:
        raise NoSuchStep(before=publication.status, after=Status.SCHEDULED.value)
    channel = await channels.of(db, workspace.id, publication.channel_id)
    timing = at_instant(now, channels.zone_of(channel, workspace))
    await placing.retime(db, workspace, actor, publication, timing, now, judge=judge)
    if publication.status != Status.SCHEDULED:
        raise placing.NotApproved(channel=channel.name)


async def retry(
    db: Db, workspace: Workspace, actor: Actor, publication: Publication, now: datetime
) -> None:
    """Send what failed or was missed now, in the seat that it kept; raises `NotApproved`."""
    if publication.status not in UNSENT:
        raise NoSuchStep(before=publication.status, after=Status.SCHEDULED.value)
    publication.failures = publication.crashes = 0
    publication.not_before = publication.dismissed_at = None
    publication.resumed_at, publication.dispatched_until = now, None
    await publications.step(db, workspace, actor, publication, Status.PLANNED, now, reason="retry")
    await arming.rearm(db, workspace, actor, publication, now)
    if publication.status != Status.SCHEDULED:
        channel = await channels.of(db, workspace.id, publication.channel_id)
        raise placing.NotApproved(channel=channel.name)


async def dismiss(
    db: Db, workspace: Workspace, actor: Actor, publication: Publication, now: datetime
) -> None:
    """Give up what failed or was missed: its seat is free; raises `NothingToDismiss`."""
    if publication.status not in UNSENT or publication.dismissed_at:
        raise NothingToDismiss(status=publication.status)
    await publications.dismiss(db, workspace, actor, publication, now)


async def confirm(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    permalink: str | None,
    published_at: datetime | None,
    now: datetime,
) -> None:
    """Say that what was handed over is live, and where; raises `NoSuchStep`."""
    if publication.status != Status.HANDED_OVER:
        raise NoSuchStep(before=publication.status, after=Status.PUBLISHED.value)
    await say_live(db, workspace, actor, publication, permalink, published_at or now, now)


async def say_live(
    db: Db,
    workspace: Workspace,
    actor: Actor,
    publication: Publication,
    permalink: str | None,
    published_at: datetime,
    now: datetime,
) -> None:
    """Note that a person found the post live."""
    publication.permalink, publication.published_at = permalink, published_at
    publication.unproved = False
    detail = {"said_by": str(actor), "permalink": permalink}
    await publications.step(
        db,
        workspace,
        actor,
        publication,
        Status.PUBLISHED,
        now,
        reason="confirmed",
        detail=detail,
    )


async def send_again(
    db: Db, workspace: Workspace, actor: Actor, publication: Publication, now: datetime
) -> None:
    """Send what a person found not to be live, with the same key; raises `NoSuchStep`.

    What is approved now is what goes, so the words are judged once more when it is claimed.
    """
    if publication.status != Status.NEEDS_REVIEW:
        raise NoSuchStep(before=publication.status, after=Status.SCHEDULED.value)
    publication.failures = publication.crashes = 0
    publication.unproved = False
    publication.not_before = publication.dispatched_until = None
    publication.resumed_at = now
    detail = {"said_by": str(actor)}
    await publications.step(
        db,
        workspace,
        actor,
        publication,
        Status.SCHEDULED,
        now,
        reason="send_again",
        detail=detail,
    )


async def say_failed(
    db: Db, workspace: Workspace, actor: Actor, publication: Publication, now: datetime
) -> None:
    """Note that a person found the post not to be live, and that it stays so."""
    publication.unproved = False
    detail = {"said_by": str(actor)}
    await publications.step(
        db,
        workspace,
        actor,
        publication,
        Status.FAILED,
        now,
        reason="not_live",
        detail=detail,
    )
