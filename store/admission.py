"""Admission: a change is kept, refused with what would help, or kept as a deliberate breach."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlmodel import col, update

from planner.errors import Conflict
from store import audit, fixing, workspaces
from store.audit import Actor
from store.db import Db
from store.fixing import Fix
from store.judging import Held, Judge, Judgement, Outcome
from store.tables import Post, Publication, Workspace


class MixViolation(Conflict):
    """The change would put the mix out of reach, or further out of reach.

    `judgement` says what it would do to which windows, `fixes` what would help; `refused` are the
    posts that were to be placed, with their types. Holds no rows: they are gone with the change.
    """

    def __init__(self, judge: Judge, judgement: Judgement, fixes: Sequence[Fix]) -> None:
        super().__init__()
        self.judgement = judgement
        self.fixes = tuple(fixes)
        self.is_placing = bool(judge.wishes)
        self.refused = {each.post.id: each.type for each in judge.wishes if not each.retypes}
        self.workspace_id = judge.workspace.id
        self.channels = judge.channel_names

    @property
    def harmed(self) -> list[Held]:
        """The windows that the change harms, inner before outer."""
        keys = {*self.judgement.verdict.worse, *self.judgement.verdict.broken}
        return [each for each in self.judgement.held if each.period in keys]


@asynccontextmanager
async def within(
    judge: Judge | None, db: Db, workspace: Workspace, actor: Actor, now: datetime
) -> AsyncIterator[Judge]:
    """Give a change the judge of what it is part of, or one of its own that settles at the end."""
    if judge is not None:
        yield judge
        return
    own = Judge(db, workspace, actor, now)
    yield own
    await settle(own)


async def settle(judge: Judge) -> Judgement:
    """Judge what was done; raises `MixViolation` where it does harm and nobody answers for it.

    With an override the breach is kept, marked and audited.
    """
    judgement = await judge.weigh()
    if not judgement.verdict.blocked or not judge.binding:
        return judgement
    if judge.override is None:
        raise MixViolation(judge, judgement, await fixing.fixes(judge))
    await _keep_breach(judge, judgement)
    judge.judgement = replace(judgement, outcome=Outcome.OVERRIDDEN)
    return judge.judgement


async def remember(db: Db, violation: MixViolation) -> None:
    """Keep what posts were refused as, so that another type given to them later is seen.

    In a transaction of its own, since the refused change is undone.
    """
    await workspaces.lock_by_id(db, violation.workspace_id)
    for post_id, type_ in violation.refused.items():
        await db.exec(update(Post).where(col(Post.id) == post_id).values(refused_as=type_))


async def _keep_breach(judge: Judge, judgement: Judgement) -> None:
    data: dict[str, Any] = {
        "reason": judge.override,
        "changes_needed": {
            "before": judgement.verdict.before,
            "after": judgement.verdict.after,
        },
        "windows": [_told(held) for held in judgement.held],
    }
    place = (judge.db, judge.workspace, judge.actor, "override")
    rows: list[Publication] = []
    for wish in judge.wishes:
        row = wish.placed or wish.publication
        if row is not None and row not in rows:
            row.override = judge.override
            rows.append(row)
    for row in rows:
        await audit.record(*place, "publication", row.id, judge.now, data)
    if not rows:
        await audit.record(*place, "mix", judge.workspace.id, judge.now, data)


def _told(held: Held) -> dict[str, Any]:
    after, period = held.after, held.period
    return {
        "window": period.name,
        "channel": str(period.channel_id),
        "from": period.first.isoformat(),
        "to": period.until.isoformat(),
        "slots": after.slots,
        "types": {
            key: {"posts": posts, "band": [least, most]}
            for key, posts, least, most in zip(
                held.standing.keys, after.placed, after.lower, after.upper, strict=True
            )
        },
        "repair_number": {
            "before": held.before.repair if held.before else None,
            "after": after.repair,
        },
    }
