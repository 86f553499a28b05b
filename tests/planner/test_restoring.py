"""What a restored backup makes of a publication: a table of every state, class and time."""

from datetime import UTC, datetime, timedelta

import pytest

from planner.platforms import Idempotency
from planner.publications import Status
from planner.restoring import Fate, fate

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
CLASSES = (Idempotency.IDEMPOTENT, Idempotency.RECONCILABLE, Idempotency.AMBIGUOUS)
LEAVE, PROVE, DOUBT, MISS, REVIEW = Fate

DUE = {
    Status.PLANNED: (MISS, MISS, MISS),
    Status.SCHEDULED: (PROVE, PROVE, REVIEW),
    Status.CLAIMED: (PROVE, PROVE, REVIEW),
    Status.SUBMITTING: (PROVE, PROVE, REVIEW),
    Status.PROCESSING: (LEAVE, LEAVE, LEAVE),
    Status.HANDED_OVER: (REVIEW, REVIEW, REVIEW),
    Status.PUBLISHED: (LEAVE, LEAVE, LEAVE),
    Status.FAILED: (DOUBT, DOUBT, DOUBT),
    Status.NEEDS_REVIEW: (LEAVE, LEAVE, LEAVE),
    Status.MISSED: (DOUBT, DOUBT, DOUBT),
    Status.CANCELLED: (LEAVE, LEAVE, LEAVE),
}
LATER = dict.fromkeys(Status, (LEAVE, LEAVE, LEAVE)) | {
    Status.CLAIMED: (PROVE, PROVE, REVIEW),
    Status.SUBMITTING: (PROVE, PROVE, REVIEW),
    Status.HANDED_OVER: (REVIEW, REVIEW, REVIEW),
}


@pytest.mark.parametrize(("due_at", "table"), [(NOW, DUE), (NOW + HOUR, LATER)])
def test_every_state_of_every_class_has_its_fate(
    due_at: datetime, table: dict[Status, tuple[Fate, ...]]
) -> None:
    found = {
        status: tuple(fate(status, due_at, NOW, idempotency=each) for each in CLASSES)
        for status in Status
    }

    assert found == table


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.CLAIMED, Status.SUBMITTING])
@pytest.mark.parametrize(
    ("idempotency", "seconds", "expected"),
    [
        (Idempotency.IDEMPOTENT, 3599, REVIEW),  # the promise has ended
        (Idempotency.IDEMPOTENT, 3600, PROVE),
        (Idempotency.IDEMPOTENT, None, PROVE),  # it never ends, or the platform can be asked
        (Idempotency.RECONCILABLE, 1, PROVE),
        (Idempotency.AMBIGUOUS, 3600, REVIEW),
    ],
)
def test_a_promise_that_has_ended_is_none(
    status: Status, idempotency: Idempotency, seconds: int | None, expected: Fate
) -> None:
    found = fate(status, NOW - HOUR, NOW, idempotency=idempotency, idempotent_seconds=seconds)

    assert found is expected


@pytest.mark.parametrize("status", [Status.FAILED, Status.MISSED])
def test_what_was_given_up_stays_so(status: Status) -> None:
    found = fate(status, NOW - HOUR, NOW, idempotency=Idempotency.RECONCILABLE, dismissed=True)

    assert found is LEAVE
