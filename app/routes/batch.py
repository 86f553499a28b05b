"""Many changes of the calendar as one: made, all of them or none, or only held against the mix."""

from typing import Literal, Self

from fastapi import APIRouter

from app import mix_speech
from app.deps import Db, Editor, Now
from app.fields import Answer, Body
from app.idempotency import Remembered
from app.operations import Operations, apply
from app.schemas.mix import (
    ChangesNeeded,
    MixAnswer,
    MixFix,
    MixWindow,
    Override,
    ReliesOn,
    reason_of,
)
from app.schemas.publications import Placed, PublicationOut
from app.speech import LANGUAGE
from store import admission
from store.admission import MixViolation
from store.judging import Judgement, Outcome

router = APIRouter(route_class=Remembered, prefix="/workspaces/{ws}")


class BatchIn(Body):
    """Changes in the order in which they are made."""

    operations: Operations
    override: Override = None


class CheckIn(Body):
    """Changes as a batch takes them."""

    operations: Operations


class MixVerdict(Answer):
    """What a change would be answered; a blocked one comes with what would help."""

    verdict: Literal["ok", "warn", "blocked"]
    detail: str | None
    relies_on: list[ReliesOn]
    windows: list[MixWindow]
    changes_needed: ChangesNeeded
    fixes: list[MixFix]

    @classmethod
    def of(cls, judgement: Judgement, violation: MixViolation | None) -> Self:
        """Return a judgement, and the refusal if it comes to one, as they are answered."""
        language = LANGUAGE.get()
        warns = judgement.outcome is Outcome.WARN
        return cls(
            verdict="blocked" if violation else "warn" if warns else "ok",
            detail=mix_speech.detail(violation, language) if violation else None,
            relies_on=[ReliesOn.of(each) for each in judgement.relies_on],
            windows=[MixWindow.of(each) for each in judgement.held],
            changes_needed=ChangesNeeded.of(judgement.verdict),
            fixes=mix_speech.fixes(violation, language) if violation else [],
        )


@router.post("/publications/batch", tags=["publications"])
async def change_publications(body: BatchIn, db: Db, access: Editor, now: Now) -> Placed:
    """Make many changes as one; the first that cannot be made undoes them all.

    The mix judges what they come to together.
    """
    judge = access.judge(db, now, reason_of(body.override, access.abilities))
    rows = await apply(db, access, body.operations, judge, now)
    judgement = await admission.settle(judge)
    await db.flush()
    return Placed(
        publications=[PublicationOut.of(row) for row in rows], mix=MixAnswer.of(judgement)
    )


@router.post("/mix/check", tags=["mix"])
async def check_mix(body: CheckIn, db: Db, access: Editor, now: Now) -> MixVerdict:
    """Say what the mix would make of a change, and make nothing."""
    judge = access.judge(db, now)
    async with db.begin_nested() as savepoint:
        await apply(db, access, body.operations, judge, now)
        try:
            verdict = MixVerdict.of(await admission.settle(judge), None)
        except MixViolation as violation:
            verdict = MixVerdict.of(violation.judgement, violation)
        await savepoint.rollback()
    await db.refresh(access.workspace)
    return verdict
