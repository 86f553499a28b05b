"""Histories of publications as they are answered: where one stands, every try, what is next."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field

from app.fields import Answer, Body, Moment
from app.schemas.publications import PublicationOut, TransitionOut
from app.speech import reason_text
from app.summaries import sentence, summary
from planner.publications import Status
from schedulers.withdrawing import Asked
from store.tables import Attempt, Publication, Transition
from store.waiting import Obstacle


class Watched(PublicationOut):
    """A publication, where it stands and what comes next (`summary`, in a sentence or two).

    `unproved`: it may be live already by an earlier attempt; that is proved before anything of it
    is sent again.
    """

    summary: str
    unproved: bool

    @classmethod
    def seen(cls, row: Publication, obstacle: Obstacle | None, now: datetime) -> Self:
        """Return a row and how it stands as they are answered."""
        known = PublicationOut.of(row).model_dump()
        known |= {"summary": summary(row, obstacle, now), "unproved": row.unproved}
        return cls.model_validate(known)


class Queued(Watched):
    """A publication that is due, and what holds it (null: nothing does).

    `held_by` is the id of a hold, or `instance` where the whole instance is stopped.
    """

    held_by: UUID | Literal["instance"] | None

    @classmethod
    def under(cls, row: Publication, obstacle: Obstacle | None, now: datetime) -> Self:
        """Return a row and what holds it as they are answered."""
        held = obstacle.held if obstacle else None
        held_by = (held.hold_id or "instance") if held else None
        known = Watched.seen(row, obstacle, now).model_dump()
        return cls.model_validate(known | {"held_by": held_by})


class WithdrawIn(Body):
    """Whether a person has deleted it; left out, the platform is asked to."""

    done: Annotated[
        bool, Field(description="It is gone from the platform: somebody deleted it there.")
    ] = False


class WithdrawOut(Answer):
    """Whether it was withdrawn, and if not, why and who can do it.

    `by_hand`: a person must do it as `instructions` say, because the platform cannot, refused, or
    left it unknown. Otherwise asking again later may do.
    """

    withdrawn: bool
    by_hand: bool
    reason: str | None
    reason_text: str | None
    retry_after_seconds: float | None
    instructions: str | None
    publication: PublicationOut

    @classmethod
    def of(cls, asked: Asked) -> Self:
        """Return what came of it as it is answered."""
        row = asked.publication
        link = {"channel": asked.channel.name, "link": row.permalink}
        told = sentence("by-hand-at" if row.permalink else "by-hand", link)
        return cls(
            withdrawn=row.withdrawn_at is not None,
            by_hand=asked.by_hand,
            reason=asked.reason,
            reason_text=reason_text(asked.reason),
            retry_after_seconds=asked.retry_after_seconds,
            instructions=told if asked.by_hand else None,
            publication=PublicationOut.of(row),
        )


class AttemptOut(Answer):
    """One try, and what came of it (null while nobody knows yet).

    `fence` tells the claim that it was made under from others. `not_before` is when there may be
    another, `unproved` that nobody knows whether it had its effect, which `unproved_text` says.
    """

    number: int
    step: int
    key: str
    worker: str
    fence: int
    started_at: Moment
    ended_at: Moment | None
    outcome: Status | None
    reason: str | None
    reason_text: str | None
    not_before: Moment | None
    unproved: bool
    unproved_text: str | None
    evidence: dict[str, Any]

    @classmethod
    def of(cls, attempt: Attempt, end: Transition | None, row: Publication) -> Self:
        """Return an attempt, how it ended, and what that leaves of its publication."""
        last = attempt.number == row.attempts
        unproved = last and row.unproved
        return cls.model_validate(
            attempt.model_dump()
            | {
                "ended_at": end.at if end else None,
                "outcome": end.after if end else None,
                "reason": end.reason if end else None,
                "reason_text": reason_text(end.reason) if end else None,
                "not_before": row.not_before if last and row.status == Status.SCHEDULED else None,
                "unproved": unproved,
                "unproved_text": sentence("attempt-unproved", {}) if unproved else None,
                "evidence": end.detail if end else {},
            }
        )


class StepDone(Answer):
    """A step of a publication that is live: a part of a thread, or its only one."""

    step: int
    remote_id: str
    permalink: str | None


class Attempts(Answer):
    """Where it stands, the steps that are live, every try and every transition, oldest first.

    `step` is the one that is next or under way, from 0.
    """

    publication: Watched
    step: int
    steps_done: list[StepDone]
    attempts: list[AttemptOut]
    transitions: list[TransitionOut]

    @classmethod
    def of(
        cls,
        publication: Watched,
        row: Publication,
        attempts: Sequence[Attempt],
        transitions: Sequence[Transition],
    ) -> Self:
        """Return a publication's history as it is answered."""
        ends = {
            each.attempt: each
            for each in transitions
            if each.attempt is not None and each.before == Status.SUBMITTING
        }
        return cls(
            publication=publication,
            step=row.step,
            steps_done=[StepDone.model_validate(each) for each in row.steps_done or ()],
            attempts=[AttemptOut.of(each, ends.get(each.number), row) for each in attempts],
            transitions=[TransitionOut.of(each) for each in transitions],
        )
