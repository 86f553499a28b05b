"""Settling: what an outcome means for the publication, and when to try again."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from planner.platforms import Idempotency
from planner.publications import Status
from schedulers.connector import (
    Accepted,
    HandedOver,
    Outcome,
    Published,
    Refused,
    TryLater,
    Unknown,
)
from store.claims import Settlement

FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 3600.0
FAILURES_MAX = 8
CRASHES_MAX = 3

Jitter = Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a publication stands before it is settled."""

    idempotency: Idempotency
    failures: int


def backoff_seconds(failures: int, jitter: Jitter = random.uniform) -> float:
    """Return how long to wait after so many failures: exponential, with full jitter.

    See M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """
    return jitter(0, min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**failures))


def settlement_of(  # noqa: PLR0911  # one return for each outcome
    outcome: Outcome, standing: Standing, now: datetime, jitter: Jitter = random.uniform
) -> Settlement:
    """Return the next state after an attempt.

    Only a proved non-effect is tried again, or what cannot have a second effect because the
    platform is IDEMPOTENT; what nobody knows waits for a person.
    """
    match outcome:
        case Published(remote_id=remote_id, permalink=permalink, evidence=evidence):
            fields = {"remote_id": remote_id, "permalink": permalink, "published_at": now}
            return Settlement(Status.PUBLISHED, None, dict(evidence), fields)
        case Accepted(handle=handle, poll_after_seconds=seconds, evidence=evidence):
            fields = {"handle": handle, "poll_at": now + timedelta(seconds=seconds)}
            return Settlement(Status.PROCESSING, None, dict(evidence), fields)
        case HandedOver(evidence=evidence):
            return Settlement(Status.HANDED_OVER, None, dict(evidence))
        case Refused(reason=reason, detail=detail, evidence=evidence):
            return Settlement(Status.FAILED, reason, {"detail": detail, **evidence})
        case TryLater():
            return _again(
                outcome.reason,
                dict(outcome.evidence),
                standing,
                now,
                jitter,
                counts=outcome.counts,
                least_seconds=outcome.retry_after_seconds or 0,
                exhausted=Status.FAILED,
            )
        case Unknown(reason=reason, evidence=evidence):
            if standing.idempotency is not Idempotency.IDEMPOTENT:
                return Settlement(Status.NEEDS_REVIEW, reason, dict(evidence))
            again = _again(
                reason,
                dict(evidence),
                standing,
                now,
                jitter,
                counts=True,
                least_seconds=outcome.retry_after_seconds or 0,
                exhausted=Status.NEEDS_REVIEW,
            )
            return replace(again, fields=again.fields | {"unproved": True})


def after_crash(status: Status, crashes: int, standing: Standing, now: datetime) -> Settlement:
    """Return the next state of a publication whose worker is gone.

    Before the intent nothing was sent; after it, only an IDEMPOTENT platform may be asked again.
    `crashes` counts the workers that ended while they held it, this one included.
    """
    fields: dict[str, Any] = {"crashes": crashes}
    reason = "worker_crash"
    if status is Status.CLAIMED:
        after = Status.FAILED if crashes >= CRASHES_MAX else Status.SCHEDULED
        return Settlement(after, reason, {}, fields)
    if standing.idempotency is Idempotency.IDEMPOTENT and crashes < CRASHES_MAX:
        fields |= {"not_before": now, "unproved": True}
        return Settlement(Status.SCHEDULED, reason, {}, fields)
    return Settlement(Status.NEEDS_REVIEW, reason, {}, fields)


def _again(
    reason: str,
    evidence: dict[str, Any],
    standing: Standing,
    now: datetime,
    jitter: Jitter,
    *,
    counts: bool,
    least_seconds: float,
    exhausted: Status,
) -> Settlement:
    failures = standing.failures + counts
    if failures >= FAILURES_MAX:
        return Settlement(exhausted, reason, evidence, {"failures": failures})
    wait = max(least_seconds, backoff_seconds(standing.failures, jitter))
    fields = {"failures": failures, "not_before": now + timedelta(seconds=wait)}
    return Settlement(Status.SCHEDULED, reason, evidence, fields)
