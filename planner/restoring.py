"""What a restored backup says of a publication, and what may have happened to it since."""

from datetime import datetime, timedelta
from enum import StrEnum

from planner.platforms import Idempotency
from planner.publications import UNSENT, Status


class Fate(StrEnum):
    """What becomes of a publication that comes back from a backup."""

    LEAVE = "leave"
    PROVE = "prove"  # armed; the engine proves that it is not live before it sends it
    DOUBT = "doubt"  # stays where it is; if it is ever armed again, the same
    MISS = "miss"  # missed, and in doubt: it may have been approved and sent since
    REVIEW = "review"  # a person looks whether it is live


def fate(
    status: Status,
    due_at: datetime,
    now: datetime,
    *,
    idempotency: Idempotency,
    idempotent_seconds: int | None = None,
    dismissed: bool = False,
) -> Fate:
    """Return what becomes of a publication as a backup knows it (design note, crash point 14).

    Between the backup and `now` it may have gone out, or may have been approved or retried and
    then gone out. What is due later than `now` is taken at its word. `idempotent_seconds` is how
    long repeating is safe where nobody can be asked afterwards; None: for ever.
    """
    past = due_at <= now
    match status:
        case Status.CLAIMED | Status.SUBMITTING:
            return _sent_again(due_at, now, idempotency, idempotent_seconds)
        case Status.SCHEDULED if past:
            return _sent_again(due_at, now, idempotency, idempotent_seconds)
        case Status.PLANNED if past:
            return Fate.MISS
        case Status.HANDED_OVER:
            return Fate.REVIEW
        case _ if status in UNSENT and past and not dismissed:
            return Fate.DOUBT
    return Fate.LEAVE


def _sent_again(
    due_at: datetime, now: datetime, idempotency: Idempotency, idempotent_seconds: int | None
) -> Fate:
    if idempotency is Idempotency.AMBIGUOUS:
        return Fate.REVIEW
    promised = idempotency is Idempotency.IDEMPOTENT and idempotent_seconds is not None
    if promised and now - due_at > timedelta(seconds=idempotent_seconds or 0):
        return Fate.REVIEW
    return Fate.PROVE
