"""The life of a publication: what may follow what, and who holds a seat in the mix."""

from datetime import date, timedelta
from enum import StrEnum

from planner.errors import Conflict


class Status(StrEnum):
    """Where a publication is in its life."""

    PLANNED = "planned"
    SCHEDULED = "scheduled"
    CLAIMED = "claimed"
    SUBMITTING = "submitting"
    PROCESSING = "processing"
    HANDED_OVER = "handed_over"
    PUBLISHED = "published"
    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"
    MISSED = "missed"
    CANCELLED = "cancelled"


_ANYWHERE = frozenset({Status.PUBLISHED, Status.HANDED_OVER, Status.FAILED, Status.NEEDS_REVIEW})
"""Where what was sent may end, once the platform has said something or will say no more."""

STEPS: dict[Status, frozenset[Status]] = {
    Status.PLANNED: frozenset(
        {
            Status.SCHEDULED,
            Status.MISSED,
            Status.CANCELLED,
            Status.NEEDS_REVIEW,  # it came from a backup, and may have gone out since
        },
    ),
    Status.SCHEDULED: frozenset(
        {
            Status.CLAIMED,
            Status.PLANNED,
            Status.MISSED,
            Status.CANCELLED,
            Status.NEEDS_REVIEW,  # an earlier attempt may have had its effect
        },
    ),
    Status.CLAIMED: frozenset(
        {
            Status.CLAIMED,  # a step was found to be live: on with the next
            Status.SCHEDULED,
            Status.PLANNED,
            Status.SUBMITTING,
            Status.PROCESSING,  # the platform was asked, and still works on an earlier attempt
            Status.PUBLISHED,  # the platform was asked, and an earlier attempt is live
            Status.MISSED,
            Status.CANCELLED,
            Status.FAILED,
            Status.NEEDS_REVIEW,
        },
    ),
    Status.SUBMITTING: _ANYWHERE
    | {
        Status.PROCESSING,
        Status.SCHEDULED,
        Status.CLAIMED,  # one step of several is live: on with the next
    },
    Status.PROCESSING: _ANYWHERE | {Status.SCHEDULED},  # one step of several is live
    Status.HANDED_OVER: frozenset({Status.PUBLISHED, Status.NEEDS_REVIEW, Status.FAILED}),
    Status.PUBLISHED: frozenset(),
    Status.FAILED: frozenset({Status.SCHEDULED, Status.PLANNED}),
    Status.NEEDS_REVIEW: frozenset({Status.PUBLISHED, Status.SCHEDULED, Status.FAILED}),
    Status.MISSED: frozenset({Status.SCHEDULED, Status.PLANNED, Status.CANCELLED}),
    Status.CANCELLED: frozenset(),
}


class Exemption(StrEnum):
    """Why a publication is no editorial choice, so that it does not count in the mix."""

    CRISIS = "crisis"
    OFFICIAL_STATEMENT = "official_statement"
    PROTOCOL = "protocol"  # an event that the office must cover
    CORRECTION = "correction"
    STORY = "story"


NOT_LIVE = frozenset({Status.PLANNED, Status.FAILED, Status.MISSED, Status.CANCELLED})
"""States that say that nothing of it is public."""

WAITING = frozenset({Status.PLANNED, Status.SCHEDULED})
IN_FLIGHT = frozenset({Status.CLAIMED, Status.SUBMITTING, Status.PROCESSING})
UNSENT = frozenset({Status.FAILED, Status.MISSED})
FINAL = frozenset({Status.PUBLISHED, Status.CANCELLED})

GRACE_DAYS = 2
"""Local days for which an unsent publication keeps its seat (design note "product", section 3)."""


class NoSuchStep(Conflict):
    """A publication cannot go from where it is to where it was asked to go."""


def check_step(before: Status, after: Status) -> None:
    """Refuse a step that the life of a publication does not have; raises `NoSuchStep`."""
    if after not in STEPS[before]:
        raise NoSuchStep(before=before.value, after=after.value)


def settled_as(after: Status, *, may_be_live: bool) -> Status:
    """Return where a step leads that time or the engine takes.

    What may be live, or is in part, never reads as if it were not: a person looks at it.
    """
    return Status.NEEDS_REVIEW if after in NOT_LIVE and may_be_live else after


def holds_seat(status: Status, *, exempt: bool, dismissed: bool, day: date, today: date) -> bool:
    """Say whether a publication counts in the mix.

    `day` is the channel-local date that was meant, `today` the channel's date now. A failed or
    missed one keeps its seat until it is dismissed or two local days have passed.
    """
    if exempt or status is Status.CANCELLED:
        return False
    if status in UNSENT:
        return not dismissed and today < day + timedelta(days=GRACE_DAYS + 1)
    return True
