"""Publishing one publication: claim, send, settle; nothing is locked while sending."""

import asyncio
from dataclasses import replace
from uuid import UUID

import structlog

from planner.errors import Unavailable
from planner.publications import Status
from schedulers import refreshing
from schedulers.asking import poll, prove
from schedulers.connector import (
    Evidence,
    Outcome,
    Outgoing,
    Prepared,
    Refused,
    Revoked,
    TryLater,
    Unknown,
)
from schedulers.publisher import Publisher
from schedulers.sending import Wire, outgoing_of, sealed_ticket
from schedulers.settling import Standing, settlement_of, standing_of
from store import claims
from store.claimed import Claim, Intent, Settlement
from store.vault import CannotOpen

log = structlog.get_logger()

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0
"""How soon, and at last how often, it is tried again to write what came of an attempt."""


async def publish(publisher: Publisher, publication_id: UUID) -> None:
    """Publish one publication whose time has come; a stale delivery is a no-op."""
    with publisher.at_work_on(publication_id) as alone:
        if not alone:
            return
        claim: Claim | None = await claims.claim(
            publisher.store, publication_id, publisher.liveness, publisher.lease, publisher.now()
        )
        if claim is None:
            return
        about = {"publication": str(publication_id), "worker": claim.worker}
        with structlog.contextvars.bound_contextvars(**about):
            wire = Wire(publisher, claim)
            while claim is not None:
                claim = await _take_step(publisher, wire, claim)


async def _take_step(publisher: Publisher, wire: Wire, claim: Claim) -> Claim | None:
    """Take one step to its end; return the claim if another step follows."""
    before = Status.PROCESSING if claim.polling else Status.CLAIMED
    if refusal := await _refusal(publisher, claim):
        return await _settle(publisher, claim, before, refusal)
    fresh = await refreshing.keep_fresh(publisher, claim)
    if isinstance(fresh, Settlement):
        return await _settle(publisher, claim, before, fresh)
    claim = replace(claim, channel=fresh or claim.channel)
    try:
        outgoing = outgoing_of(publisher, claim)
    except CannotOpen as error:
        detail = {"detail": str(error.facts.get("reason"))}
        closed = Settlement(Status.FAILED, "cannot_open_credentials", detail)
        return await _settle(publisher, claim, before, closed)
    standing = standing_of(publisher, claim, before)
    if claim.polling:
        asked = await poll(publisher, wire, claim, outgoing, standing)
        return await _settle(publisher, claim, before, asked)
    return await _send_step(publisher, wire, claim, outgoing, standing)


async def _send_step(
    publisher: Publisher, wire: Wire, claim: Claim, outgoing: Outgoing, standing: Standing
) -> Claim | None:
    absent: Evidence | None = None
    if claim.publication.unproved:
        proof = await prove(publisher, wire, claim, outgoing, standing)
        if isinstance(proof, Settlement):
            return await _settle(publisher, claim, Status.CLAIMED, proof)
        absent = {"asked": True, **proof.evidence} if proof else None
    made = await _prepare(publisher, wire, claim, outgoing)
    if not isinstance(made, Prepared | None):
        unmade = settlement_of(made, standing, publisher.now())
        return await _settle(publisher, claim, Status.CLAIMED, unmade)
    intent = await claims.intend(
        publisher.store,
        claim,
        publisher.liveness,
        publisher.now(),
        handle=made.handle if made else None,
        ticket=sealed_ticket(publisher.ring, claim, made.ticket if made else None),
        absent=dict(absent) if absent is not None else None,
    )
    return await _submit(publisher, wire, intent) if intent else None


async def _submit(publisher: Publisher, wire: Wire, intent: Intent) -> Claim | None:
    """Make the one call that publishes, and settle what came of it."""
    claim = intent.claim
    connector = publisher.connectors[claim.channel.platform]
    outgoing = outgoing_of(publisher, claim, again=intent.again)
    with structlog.contextvars.bound_contextvars(attempt=intent.number):
        if wire.is_over:
            late = Settlement(Status.SCHEDULED, "lease_over", {"no_effect": True})
            return await _settle(publisher, claim, Status.SUBMITTING, late)
        outcome: Outcome = await wire.call(lambda: connector.publish(outgoing, publisher.now()))
        standing = standing_of(publisher, claim, Status.SUBMITTING)
        settlement = settlement_of(outcome, standing, publisher.now())
        log.info(
            "attempt ended",
            platform=claim.channel.platform,
            outcome=type(outcome).__name__,
            after=settlement.after.value,
            reason=settlement.reason,
        )
        return await _settle(publisher, claim, Status.SUBMITTING, settlement)


async def _refusal(publisher: Publisher, claim: Claim) -> Settlement | None:
    """Return why a claim cannot be sent at all: before the intent, so nothing went out."""
    there = claim.channel.platform
    if there not in publisher.connectors:
        after = Status.NEEDS_REVIEW if claim.polling else Status.FAILED
        return Settlement(after, "no_connector", {"platform": there})
    if claim.polling or claim.publication.unproved:
        return None  # it is asked after, or goes again as it went
    for ref in claim.words.media:
        if await publisher.blobs.stat(ref.sha256) is None:
            return Settlement(Status.FAILED, "media_missing", {"sha256": ref.sha256})
        if not await publisher.blobs.is_whole(ref.sha256):
            return Settlement(Status.FAILED, "media_damaged", {"sha256": ref.sha256})
    return None


async def _prepare(
    publisher: Publisher, wire: Wire, claim: Claim, outgoing: Outgoing
) -> Prepared | Refused | TryLater | Revoked | None:
    """Do what is not public yet. However it ends, it has had no effect that anybody sees."""
    prepare = getattr(publisher.connectors[claim.channel.platform], "prepare", None)
    if prepare is None:
        return None
    made: Prepared | Refused | TryLater | Revoked | Unknown = await wire.call(
        lambda: prepare(outgoing, publisher.now())
    )
    if isinstance(made, Unknown):
        return TryLater(made.reason, made.retry_after_seconds, counts=True, evidence=made.evidence)
    return made


async def _settle(
    publisher: Publisher, claim: Claim, before: Status, settlement: Settlement
) -> Claim | None:
    """Write what came of a step; return the claim as it is now if another step follows."""
    lived = replace(settlement, fields={"crashes": 0, **settlement.fields})
    settled = await _written(publisher, claim, before, lived)
    if not settled:
        log.warning("a claim was lost", after=settlement.after.value, reason=settlement.reason)
    if settled and settlement.after is Status.CLAIMED:
        return await claims.reload(publisher.store, claim)
    return None


async def _written(
    publisher: Publisher, claim: Claim, before: Status, settlement: Settlement
) -> bool:
    """Write a settlement, however long the database is away: nobody else knows the answer."""
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            return await claims.settle(publisher.store, claim, before, settlement, publisher.now())
        except Unavailable:
            log.warning("an outcome could not be written yet", reason=settlement.reason)
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)
