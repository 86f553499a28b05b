"""How often a publication was sent: the verdict says no more than attempts and steps prove."""

from typing import Any
from uuid import uuid4

import pytest

from store.records import SentOnce, sent_once
from store.tables import Attempt, Transition
from tests.conftest import Clock

WORKSPACE, PUBLICATION = uuid4(), uuid4()


Step = tuple[str, str, str | None, int | None]


def _life(
    *steps: Step, keys: tuple[str, ...] = ("k", "k"), of: tuple[int, ...] = (0, 0, 0)
) -> SentOnce:
    """Return the verdict on attempts with these keys, after steps (before, after, reason, of)."""
    now = Clock().now
    attempts = [
        Attempt(
            workspace_id=WORKSPACE,
            publication_id=PUBLICATION,
            number=number,
            step=of[number - 1],
            worker="w1",
            fence=number,
            key=key,
            content_hash="",
            started_at=now,
        )
        for number, key in enumerate(keys, 1)
    ]
    life = [
        Transition(
            workspace_id=WORKSPACE,
            publication_id=PUBLICATION,
            before=before,
            after=after,
            reason=reason,
            actor=f"person:{WORKSPACE}" if before == "needs_review" else "clock",
            attempt=number,
            detail=DETAILS.get(reason or "", {}),
            at=now,
        )
        for before, after, reason, number in steps
    ]
    return sent_once(attempts, life)


DETAILS: dict[str, dict[str, Any]] = {
    "dns_failed": {"no_effect": True},
    "was_absent": {"absent": {"asked": True}},
}
LOST = ("submitting", "scheduled", "connection_lost", 1)
UNSENT = ("submitting", "scheduled", "dns_failed", 1)
LIVE = ("submitting", "published", None, 2)
REFUSED = ("submitting", "failed", "rejected", 2)
DOUBT = ("submitting", "needs_review", "timeout", 2)
SEEN = ("needs_review", "published", "confirmed", None)
NOT_THERE = ("needs_review", "failed", "not_live", None)
ABSENT = ("claimed", "submitting", "was_absent", None)
FOUND = ("claimed", "published", "found", None)
FIRST = ("submitting", "claimed", "step_done", 1)


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        ((), SentOnce(2, "unclear")),
        ((UNSENT, LIVE), SentOnce(1, "once")),
        ((LOST, LIVE), SentOnce(2, "once", ("same_key",))),
        ((LOST, REFUSED), SentOnce(1, "unclear")),
        ((LOST, DOUBT), SentOnce(2, "unclear")),
        ((LOST, DOUBT, SEEN), SentOnce(2, "once", ("person", "same_key"))),
        ((LOST, DOUBT, NOT_THERE), SentOnce(0, "never_sent", ("person",))),
        # Had it been safe to repeat, it had been repeated: here the platform promised nothing.
        ((("submitting", "needs_review", "timeout", 1), LIVE), SentOnce(2, "unclear")),
    ],
)
def test_the_verdict_says_no_more_than_the_steps_prove(
    steps: tuple[Step, ...], verdict: SentOnce
) -> None:
    assert _life(*steps) == verdict


def test_a_platform_that_was_asked_settles_what_was_open() -> None:
    assert _life(LOST, FOUND, keys=("k",)) == SentOnce(1, "once", ("asked",))
    assert _life(LOST, ABSENT, LIVE) == SentOnce(1, "once", ("asked",))
    assert _life(LOST, ABSENT, DOUBT) == SentOnce(1, "unclear", ("asked",))


def test_each_step_of_a_thread_counts_by_itself() -> None:
    def thread(*steps: Step) -> SentOnce:
        return _life(*steps, keys=("a", "b"), of=(0, 1))

    assert thread(FIRST, LIVE) == SentOnce(2, "once")
    assert thread(FIRST, DOUBT) == SentOnce(2, "unclear")
    assert thread(FIRST, DOUBT, NOT_THERE) == SentOnce(1, "once", ("person",))
    assert _life(FIRST, LIVE, keys=("a", "a"), of=(0, 0)) == SentOnce(2, "unclear")


def test_two_keys_are_no_repeat() -> None:
    assert _life(LOST, LIVE, keys=("a", "b")) == SentOnce(2, "unclear")


def test_what_the_platform_works_on_is_open_until_it_is_done() -> None:
    accepted = ("submitting", "processing", None, 1)

    assert _life(accepted, keys=("k",)) == SentOnce(1, "unclear")
    assert _life(accepted, ("processing", "failed", "rejected", None), keys=("k",)).sent == 0
