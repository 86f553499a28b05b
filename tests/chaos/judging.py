"""The judge: what Pilar says of each publication against what the platform wrote down."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlmodel import col, select

from planner.publications import Status
from schedulers.settling import CRASHES_MAX, FAILURES_MAX
from store.db import Db
from store.tables import Attempt, Publication, Transition
from tests.shore.ledger import Post

DECIDED = frozenset({Status.PUBLISHED, Status.FAILED, Status.NEEDS_REVIEW, Status.CANCELLED})
CLOCK_SECONDS = 0.05
"""How much two readings of one clock may differ by rounding."""


@dataclass(frozen=True)
class Placed:
    """A publication: where it goes, `kind/account`, and what each of its steps says."""

    place: str
    texts: tuple[str, ...]

    @property
    def kind(self) -> str:
        return self.place.partition("/")[0]


@dataclass(frozen=True)
class End:
    """How a publication ended.

    `live` counts the posts of each step on the platform. `chained`: each step answers the one
    before. `named`: Pilar knows the id that the platform gave. `announced`: each post came after
    an intent of its step. `logged`: the log of transitions ends where the row does.
    """

    placed: Placed
    status: str
    live: tuple[int, ...]
    attempts: int = 1
    crashes: int = 0
    chained: bool = True
    named: bool = True
    announced: bool = True
    logged: bool = True
    steps: tuple[tuple[str, str | None], ...] = field(default=(), compare=False)

    @property
    def faults(self) -> set[str]:
        """Return what is wrong with it: nothing, if all is well."""
        wrong = {
            "stuck": self.status not in DECIDED | {Status.MISSED},
            "lost": self._lost(),
            "doubled": any(count > 1 for count in self.live),
            "denied": self.status in {Status.FAILED, Status.MISSED} and any(self.live),
            "flagged": self.status == Status.NEEDS_REVIEW and not self._may_be_asked_about(),
            "unchained": not self.chained,
            "misnamed": self.status == Status.PUBLISHED and not self.named,
            "unannounced": not self.announced,
            "unlogged": not self.logged,
        }
        return {name for name, is_so in wrong.items() if is_so}

    def _lost(self) -> bool:
        """Say whether it did not go out, and nobody is told for a reason that is one."""
        if self.status == Status.PUBLISHED:
            return not all(self.live)
        if self.status == Status.FAILED:
            return self.crashes < CRASHES_MAX
        return self.status in {Status.MISSED, Status.CANCELLED}

    def _may_be_asked_about(self) -> bool:
        interrupted = self.placed.kind == "blind" and self.attempts > 0
        return interrupted or self.crashes >= FAILURES_MAX


async def ends(db: Db, placed: Mapping[UUID, Placed], posts: Sequence[Post]) -> list[End]:
    """Return how every publication ended."""
    said: dict[tuple[str, str], list[Post]] = {}
    for post in posts:
        said.setdefault((post.place, post.text), []).append(post)
    rows = {row.id: row for row in (await db.exec(select(Publication))).all()}
    attempts: dict[UUID, list[Attempt]] = {}
    for attempt in (await db.exec(select(Attempt))).all():
        attempts.setdefault(attempt.publication_id, []).append(attempt)
    steps: dict[UUID, list[Transition]] = {}
    for step in (await db.exec(select(Transition).order_by(col(Transition.id)))).all():
        steps.setdefault(step.publication_id, []).append(step)
    return [
        _end(rows[each], where, said, attempts.get(each, []), steps.get(each, []))
        for each, where in placed.items()
    ]


def _end(
    row: Publication,
    placed: Placed,
    said: Mapping[tuple[str, str], list[Post]],
    attempts: Sequence[Attempt],
    steps: Sequence[Transition],
) -> End:
    posts = [said.get((placed.place, text), []) for text in placed.texts]
    tried = {
        step: min(each.started_at.timestamp() for each in attempts if each.step == step)
        for step in {attempt.step for attempt in attempts}
    }
    return End(
        placed=placed,
        status=row.status,
        live=tuple(len(each) for each in posts),
        attempts=len(attempts),
        crashes=row.crashes,
        chained=_chained(posts),
        named=row.remote_id in {post.id for post in posts[0]},
        announced=all(
            step in tried and tried[step] <= post.at + CLOCK_SECONDS
            for step, each in enumerate(posts)
            for post in each
        ),
        logged=bool(steps) and steps[-1].after == row.status,
        steps=tuple((each.after, each.reason) for each in steps),
    )


def _chained(posts: Sequence[Sequence[Post]]) -> bool:
    before: set[str | None] = {None}
    for each in posts:
        if any(post.reply_to not in before for post in each):
            return False
        before = {post.id for post in each}
    return True


def tally(found: Sequence[End]) -> dict[str, dict[str, int]]:
    """Return how many ended how, by class."""
    kinds = sorted({end.placed.kind for end in found})
    return {
        kind: dict(Counter(end.status for end in found if end.placed.kind == kind))
        for kind in kinds
    }


def faulty(found: Sequence[End]) -> list[tuple[set[str], End, tuple[tuple[str, str | None], ...]]]:
    """Return what is wrong, and how it came to be."""
    return [(end.faults, end, end.steps) for end in found if end.faults]
