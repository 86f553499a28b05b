"""Asking: whether a step that may be live is, and what became of what a platform works on."""

from planner.platforms import Idempotency
from planner.publications import Status
from schedulers.connector import Absent, Accepted, CannotTell, Outgoing, Published, Unknown
from schedulers.publisher import Publisher
from schedulers.sending import Wire
from schedulers.settling import Standing, promise_of, settlement_of
from store.claimed import Claim, Settlement


async def prove(
    publisher: Publisher, wire: Wire, claim: Claim, outgoing: Outgoing, standing: Standing
) -> Settlement | Absent | None:
    """Find out whether an unproved step is live, by reading only.

    Returns what that settles; `Absent` where the platform says that it is not there, so that it
    may be sent; None where sending it again under the same key is safe without asking.
    """
    connector = publisher.connectors[claim.channel.platform]
    match promise_of(publisher, claim):
        case Idempotency.IDEMPOTENT:
            return None
        case Idempotency.AMBIGUOUS:
            return Settlement(Status.NEEDS_REVIEW, "cannot_tell")
        case Idempotency.RECONCILABLE:
            reconcile = connector.reconcile  # type: ignore[attr-defined]  # promise_of saw it
            found: Published | Accepted | Absent | CannotTell | Unknown = await wire.call(
                lambda: reconcile(outgoing, publisher.now())
            )
            if isinstance(found, Absent):
                if not (claim.publication.restored and outgoing.handle):
                    return found
                # This one is not live; but one that was made after the backup may be.
                found = CannotTell("restored", found.evidence, lasting=True)
            return settlement_of(found, standing, publisher.now())


async def poll(
    publisher: Publisher, wire: Wire, claim: Claim, outgoing: Outgoing, standing: Standing
) -> Settlement:
    """Ask once what became of something that the platform has taken."""
    connector = publisher.connectors[claim.channel.platform]
    ask = getattr(connector, "poll", None)
    if ask is None:
        return Settlement(Status.NEEDS_REVIEW, "cannot_tell")
    said = await wire.call(lambda: ask(outgoing, publisher.now()))
    return settlement_of(said, standing, publisher.now())
