"""Settling: what an outcome means for the publication, and when to try again."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from planner.pace import rest_seconds
from planner.platforms import Idempotency, Platform, idempotency_of, platform
from planner.publications import Status
from schedulers.connector import (
    Accepted,
    CannotTell,
    Done,
    HandedOver,
    Outcome,
    Published,
    Refused,
    Revoked,
    TryLater,
    Unknown,
)
from schedulers.publisher import Publisher
from schedulers.sending import done_of
from store.claimed import Claim, Settlement

FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 3600.0
FAILURES_MAX = 8
CRASHES_MAX = 3
REST_SECONDS = 60.0
"""How long a channel rests whose platform says that there was too much, and not for how long."""

ASKED_FOR = timedelta(hours=48)
"""How long a platform is asked what became of something that it has taken."""

Jitter = Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a publication stands before it is settled.

    `idempotency` is what repeating the step may do now: a promise that has ended, or a platform
    that nobody can ask, leave less of it. `restored`: it came back from a backup, and may have been
    sent again since. `steps` are those that the post takes in all.
    """

    before: Status
    idempotency: Idempotency
    unproved: bool = False
    restored: bool = False
    settle_seconds: float = 60
    failures: int = 0
    unserved: int = 0
    step: int = 0
    steps: int = 1
    done: tuple[Done, ...] = ()
    polls: int = 0
    since: datetime | None = None


def standing_of(publisher: Publisher, claim: Claim, before: Status) -> Standing:
    """Return how a claimed publication stands."""
    row, channel = claim.publication, claim.channel
    there = platform(channel.platform)
    steps = getattr(publisher.connectors.get(channel.platform), "steps", None)
    return Standing(
        before=before,
        idempotency=promise_of(publisher, claim),
        unproved=row.unproved,
        restored=row.restored,
        settle_seconds=there.settle_seconds,
        failures=row.failures,
        unserved=channel.failures,
        step=row.step,
        steps=steps(claim.words) if steps else 1,
        done=done_of(claim),
        polls=row.polls,
        since=row.intent_at,
    )


def promise_of(publisher: Publisher, claim: Claim) -> Idempotency:
    """Return what may be done about a step of which nobody knows whether it is live."""
    there = platform(claim.channel.platform)
    connector = publisher.connectors.get(there.name)
    promised = idempotency_of(there, claim.channel.settings)
    if promised is Idempotency.IDEMPOTENT and _lasts(publisher, claim, there):
        return promised
    if promised is not Idempotency.AMBIGUOUS and hasattr(connector, "reconcile"):
        return Idempotency.RECONCILABLE
    return Idempotency.AMBIGUOUS


def _lasts(publisher: Publisher, claim: Claim, there: Platform) -> bool:
    """Say whether a repeat that begins now is over before its key is forgotten.

    It may take a lease to come to the call, which prepares and then publishes; the platform may
    take its settle time to look at what it got.
    """
    if there.idempotent_seconds is None or claim.first_tried_at is None:
        return True
    calls = 2 * (there.wire_seconds or 0)
    longest = publisher.lease_seconds + calls + there.settle_seconds
    ends = claim.first_tried_at + timedelta(seconds=there.idempotent_seconds)
    return publisher.now() + timedelta(seconds=longest) < ends


def backoff_seconds(failures: int, jitter: Jitter = random.uniform) -> float:
    """Return how long to wait after so many failures: exponential, with full jitter.

    See M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """
    return jitter(0, min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**failures))


def settlement_of(
    outcome: Outcome | CannotTell,
    standing: Standing,
    now: datetime,
    jitter: Jitter = random.uniform,
) -> Settlement:
    """Return the next state after an attempt, or after asking about one.

    Only a proved non-effect is tried again, or what cannot have a second effect because the
    platform is IDEMPOTENT; what can be asked after is; what nobody knows waits for a person. What
    a platform worked on and that came to nothing is used up: whoever tries again begins anew.
    """
    settlement = _settlement_of(outcome, standing, now, jitter)
    came_to_nothing = isinstance(outcome, Refused | Revoked | TryLater)
    if came_to_nothing and (standing.before is Status.PROCESSING or _is_over(outcome)):
        return replace(settlement, fields=settlement.fields | {"handle": None, "ticket": None})
    return settlement


def _is_over(outcome: Outcome | CannotTell) -> bool:
    return isinstance(outcome, TryLater) and outcome.anew


def _settlement_of(
    outcome: Outcome | CannotTell, standing: Standing, now: datetime, jitter: Jitter
) -> Settlement:
    match outcome:
        case Published():
            return _live(outcome, standing, now)
        case Accepted(handle=handle, poll_after_seconds=seconds):
            return _taken(handle, seconds, dict(outcome.evidence), standing, now)
        case HandedOver(evidence=evidence):
            return Settlement(Status.HANDED_OVER, None, dict(evidence), served=True)
        case Refused() | Revoked():
            return _refused(outcome)
        case TryLater():
            return _later(outcome, standing, now, jitter)
        case Unknown() | CannotTell():
            return _unknown(outcome, standing, now, jitter)


def after_crash(
    standing: Standing, crashes: int, now: datetime, jitter: Jitter = random.uniform
) -> Settlement:
    """Return the next state of a publication whose worker is gone.

    Before the intent nothing was sent. After it, the platform is asked where it can be, or where
    that is safe sent to again; `crashes` counts the workers in a row that ended while they held
    it. What may be live, or is in part, is a person's after as many as there are attempts, for
    there is a chance that it can be proved or ended; what is certainly not ends after a few.
    """
    reason = "worker_crash"
    fields: dict[str, Any] = {"crashes": crashes}
    if standing.before is Status.CLAIMED and not standing.unproved:
        most = FAILURES_MAX if standing.done else CRASHES_MAX
        after = Status.FAILED if crashes >= most else Status.SCHEDULED
        return Settlement(after, reason, {}, fields)
    if standing.idempotency is Idempotency.AMBIGUOUS or crashes >= FAILURES_MAX:
        return Settlement(Status.NEEDS_REVIEW, reason, {}, fields)
    wait = 0.0 if crashes < CRASHES_MAX else backoff_seconds(crashes - CRASHES_MAX, jitter)
    if standing.before is Status.SUBMITTING and (
        standing.idempotency is Idempotency.RECONCILABLE
    ):  # it may have been paused since its intent, and have sent just before it ended
        wait = max(wait, standing.settle_seconds)
    fields |= {"not_before": now + timedelta(seconds=wait), "unproved": True}
    return Settlement(Status.SCHEDULED, reason, {}, fields)


def _refused(outcome: Refused | Revoked) -> Settlement:
    if isinstance(outcome, Revoked):
        told = {"detail": outcome.detail, "no_effect": True}
        return Settlement(Status.SCHEDULED, outcome.reason, told, needs_reauth=True)
    told = {"detail": outcome.detail, **outcome.evidence}
    return Settlement(Status.FAILED, outcome.reason, told, served=True)


def _live(outcome: Published, standing: Standing, now: datetime) -> Settlement:
    """Go on with the next step; after the last one the publication is live, at its first."""
    done = [*standing.done, Done(standing.step, outcome.remote_id, outcome.permalink)]
    fields: dict[str, Any] = {
        "unproved": False,
        "failures": 0,
        "steps_done": [
            {"step": each.step, "remote_id": each.remote_id, "permalink": each.permalink}
            for each in done
        ],
    }
    detail = dict(outcome.evidence)
    if standing.step + 1 < standing.steps:
        fields |= {"step": standing.step + 1, "handle": None, "ticket": None, "polls": 0}
        onward = Status.SCHEDULED if standing.before is Status.PROCESSING else Status.CLAIMED
        return Settlement(onward, "step_done", detail, fields, served=True)
    fields |= {
        "remote_id": done[0].remote_id,
        "permalink": done[0].permalink,
        "published_at": now,
    }
    reason = "found" if standing.before is Status.CLAIMED else None
    return Settlement(Status.PUBLISHED, reason, detail, fields, served=True)


def _taken(
    handle: str, seconds: float, evidence: dict[str, Any], standing: Standing, now: datetime
) -> Settlement:
    fields = {
        "handle": handle,
        "poll_at": now + timedelta(seconds=seconds),
        "polls": 0,
        "unproved": False,
    }
    if standing.before is Status.PROCESSING:
        fields["polls"] = standing.polls + 1
        if standing.since and now > standing.since + ASKED_FOR:
            return Settlement(Status.NEEDS_REVIEW, "gave_up_asking", evidence)
    return Settlement(Status.PROCESSING, None, evidence, fields, served=True)


def _later(outcome: TryLater, standing: Standing, now: datetime, jitter: Jitter) -> Settlement:
    least = outcome.retry_after_seconds or 0
    if standing.restored and standing.before is Status.PROCESSING:  # it came to nothing then too
        told = dict(outcome.evidence)
        return Settlement(Status.NEEDS_REVIEW, "restored", told, {"unproved": True}, served=True)
    evidence = {**outcome.evidence, "no_effect": True}  # what an auditor goes by
    again = _again(outcome.reason, evidence, standing, now, jitter, least)
    if not outcome.counts:  # a rate limit: no attempt, but the whole channel waits
        wait = least or REST_SECONDS
        fields = {"not_before": now + timedelta(seconds=wait), "failures": standing.failures}
        again = replace(again, after=Status.SCHEDULED, fields=fields, rest_seconds=wait)
    else:
        again = replace(again, served=False, rest_seconds=_rest(standing, jitter))
    return again


def _unknown(
    outcome: Unknown | CannotTell, standing: Standing, now: datetime, jitter: Jitter
) -> Settlement:
    reason, evidence = outcome.reason, dict(outcome.evidence)
    rest = _rest(standing, jitter)
    if standing.before is Status.PROCESSING:  # the question was not answered: it is asked again
        wait = max(FIRST_WAIT_SECONDS, backoff_seconds(standing.polls, jitter))
        asked_again = _taken("", wait, evidence, standing, now)
        fields = {name: each for name, each in asked_again.fields.items() if name != "handle"}
        return replace(asked_again, fields=fields, served=False, rest_seconds=rest)
    lasting = isinstance(outcome, CannotTell) and outcome.lasting
    if standing.idempotency is Idempotency.AMBIGUOUS or lasting:
        return Settlement(Status.NEEDS_REVIEW, reason, evidence, {"unproved": True}, served=False)
    least = outcome.retry_after_seconds or 0 if isinstance(outcome, Unknown) else 0
    if standing.idempotency is Idempotency.RECONCILABLE:
        least = max(least, standing.settle_seconds)
    again = _again(reason, evidence, standing, now, jitter, least)
    fields = again.fields | {"unproved": True}
    return replace(again, fields=fields, served=False, rest_seconds=rest)


def _rest(standing: Standing, jitter: Jitter) -> float:
    """Return how long the breaker keeps the channel at rest, with half of it as jitter."""
    longest = rest_seconds(standing.unserved + 1)
    return jitter(longest / 2, longest)


def _again(
    reason: str,
    evidence: dict[str, Any],
    standing: Standing,
    now: datetime,
    jitter: Jitter,
    least_seconds: float,
) -> Settlement:
    failures = standing.failures + 1
    if failures >= FAILURES_MAX:  # of what may be live, the step makes a question
        return Settlement(Status.FAILED, reason, evidence, {"failures": failures})
    wait = max(least_seconds, backoff_seconds(standing.failures, jitter))
    fields = {"failures": failures, "not_before": now + timedelta(seconds=wait)}
    return Settlement(Status.SCHEDULED, reason, evidence, fields)
