"""Publishing through `kill -9`: nothing is lost, and nothing goes out twice where it may not."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlmodel import col, select

from planner.publications import Status
from schedulers.settling import CRASHES_MAX
from store import approving, audit, channels, placing, workspaces, writing
from store.audit import CLI
from store.placing import When
from store.tables import Attempt, Publication
from tests.chaos.conftest import SLUG, Besieged, add_channel, now
from tests.processes import Receiver
from tests.schedulers.wires import SECRET

LEASE_SECONDS = 3
PATIENCE_SECONDS = 90
UNDECIDED = (Status.PLANNED, Status.SCHEDULED, Status.CLAIMED, Status.SUBMITTING, Status.PROCESSING)


@dataclass(frozen=True)
class End:
    """How a publication ended, and how often its words were accepted, by idempotency key."""

    status: str
    crashes: int
    attempts: int
    keys: frozenset[str]
    accepted: tuple[int, ...]

    @property
    def doubled(self) -> bool:
        """Whether it went out twice, for a receiver that does not look at keys."""
        return sum(self.accepted) > 1

    @property
    def doubled_by_key(self) -> bool:
        """Whether it went out twice, for a receiver that drops what it had already."""
        return len(self.accepted) > 1

    @property
    def lost(self) -> bool:
        """Whether nobody would notice that it did not go out, or that it may have."""
        if self.status == Status.PUBLISHED:
            return not self.accepted
        asked = self.status == Status.NEEDS_REVIEW and self.attempts > 0
        given_up = self.status == Status.FAILED and self.crashes >= CRASHES_MAX
        return not (asked or (given_up and not self.accepted))


@dataclass
class Front:
    """An office with webhook channels of both kinds, and posts that are due."""

    besieged: Besieged
    receiver: Receiver
    repeatable: list[UUID]
    ambiguous: list[UUID]

    async def place(self, each: int) -> None:
        """Put so many posts on every channel, all of them due in a moment."""
        store, due = self.besieged.store, now() + timedelta(seconds=1)
        async with store.transaction() as db:
            workspace = await workspaces.lock(db, SLUG)
            on = list(await channels.all_of(db, workspace.id))
            for number in range(each):
                words = {"title": "Naskah", "type": "informative"}
                words["parts"] = [{"text": uuid4().hex, "media": []}]  # type: ignore[assignment]
                post, _ = await writing.add(db, workspace, CLI, words, {}, now())
                await approving.submit(db, workspace, CLI, post, now())
                when = When(at=due + timedelta(milliseconds=number))
                await placing.place(db, workspace, CLI, post, on, when, now())

    async def siege(self, kills: int, dice: random.Random) -> None:
        """Kill the service while it publishes, then let it finish."""
        service = self.besieged.service
        for _ in range(kills):
            await service.start()
            await asyncio.sleep(dice.random() * 0.6)
            await service.kill()
        # On PostgreSQL another process may live: a claim is only taken over after its lease.
        await asyncio.sleep(0 if self.besieged.store.is_sqlite else LEASE_SECONDS)
        await service.start()
        for _ in range(PATIENCE_SECONDS * 5):
            if not await self._undecided():
                break
            await asyncio.sleep(0.2)
        assert await service.stop() == 0

    async def _undecided(self) -> bool:
        query = select(Publication.id).where(col(Publication.status).in_(UNDECIDED)).limit(1)
        async with self.besieged.store.reading() as db:
            return (await db.exec(query)).first() is not None

    async def ends(self, on: Sequence[UUID]) -> list[End]:
        accepted = Counter(self.receiver.accepted())
        ends = []
        async with self.besieged.store.reading() as db:
            query = select(Publication).where(col(Publication.channel_id).in_(on))
            for row in (await db.exec(query)).all():
                tries = select(Attempt).where(Attempt.publication_id == row.id)
                attempts = (await db.exec(tries)).all()
                of_it = [count for key, count in accepted.items() if key.startswith(str(row.id))]
                keys = frozenset(attempt.key for attempt in attempts)
                ends.append(End(row.status, row.crashes, len(attempts), keys, tuple(of_it)))
        return ends


@pytest.fixture
async def front(besieged: Besieged, tmp_path: Path) -> AsyncIterator[Front]:
    receiver = Receiver(tmp_path)
    await receiver.start()
    besieged.service.settings = {
        "PILAR_ALLOW_PRIVATE_HOSTS": f"127.0.0.1:{receiver.port}",
        "PILAR_LEASE_SECONDS": str(LEASE_SECONDS),
    }
    kinds: dict[bool, list[UUID]] = {True: [], False: []}
    for repeatable, ids in kinds.items():
        for number in range(5):
            path = "again" if repeatable else "once"
            settings = {
                "url": f"{receiver.address}/{path}",
                "receiver_deduplicates": repeatable,
            }
            handle = f"{path}-{number}"
            ids.append(await add_channel(besieged, "webhook", handle, SECRET, **settings))
    yield Front(besieged, receiver, kinds[True], kinds[False])
    await receiver.kill()


async def besiege(front: Front, each: int, kills: int) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # pytest shows it where this fails
    await front.place(each)

    await front.siege(kills, random.Random(seed))

    repeatable, ambiguous = await front.ends(front.repeatable), await front.ends(front.ambiguous)
    print(Counter(end.status for end in repeatable), Counter(end.status for end in ambiguous))
    assert len(repeatable) == len(ambiguous) == 5 * each
    assert [end for end in repeatable + ambiguous if end.lost] == []
    assert [end for end in ambiguous if end.doubled] == []
    assert [end for end in repeatable if end.doubled_by_key or len(end.keys) > 1] == []
    # Only where it was there each time that a worker was killed, a person is asked.
    unsure = [end for end in repeatable if end.status != Status.PUBLISHED]
    assert [end for end in unsure if end.crashes < CRASHES_MAX] == []
    # The canary: on channels where Pilar may ask again, it does, and the strict check sees it.
    assert [end for end in repeatable if end.doubled] != []
    async with front.besieged.store.reading() as db:
        workspace = await workspaces.by_slug(db, SLUG)
        assert await audit.verify(db, workspace.id) is None


async def test_what_is_due_goes_out_once_through_kills(front: Front) -> None:
    await besiege(front, each=5, kills=2)


@pytest.mark.chaos
@pytest.mark.parametrize("run", range(5))
async def test_what_is_due_goes_out_once_through_many_kills(front: Front, run: int) -> None:
    await besiege(front, each=25, kills=12)


@pytest.mark.parametrize(
    ("end", "wrong"),
    [
        (End("published", 0, 1, frozenset("a"), (1,)), set()),
        (End("published", 1, 2, frozenset("a"), (2,)), {"doubled"}),
        (End("published", 1, 2, frozenset("ab"), (1, 1)), {"doubled", "doubled_by_key"}),
        (End("published", 0, 1, frozenset("a"), ()), {"lost"}),
        (End("needs_review", 1, 1, frozenset("a"), ()), set()),
        (End("needs_review", 1, 1, frozenset("a"), (1,)), set()),
        (End("needs_review", 1, 0, frozenset(), ()), {"lost"}),
        (End("scheduled", 1, 1, frozenset("a"), (1,)), {"lost"}),
        (End("failed", 3, 0, frozenset(), ()), set()),
        (End("failed", 3, 1, frozenset("a"), (1,)), {"lost"}),
        (End("failed", 0, 1, frozenset("a"), ()), {"lost"}),
        (End("missed", 0, 0, frozenset(), ()), {"lost"}),
    ],
)
def test_what_is_lost_and_what_is_doubled(end: End, wrong: set[str]) -> None:
    found = {name for name in ("lost", "doubled", "doubled_by_key") if getattr(end, name)}

    assert found == wrong
