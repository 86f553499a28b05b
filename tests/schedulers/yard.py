"""A yard of worker processes, which do what a test tells them to, beside an office's database."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextvars import copy_context
from copy import deepcopy
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from schedulers.deliveries.delivery import Handler
from schedulers.dispatching import dispatch_due
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from schedulers.sweeping import recover, sweep
from store import dispatch, restoring
from store.blobs import FolderBlobs
from store.db import Db
from store.tables import Publication
from tests.schedulers.bay import LINES, SETTLE_SECONDS, Bay
from tests.schedulers.ground import Ground
from tests.schedulers.witness import Witness
from tests.schedulers.workers import (
    WORK,
    Killed,
    Lock,
    MortalStore,
    Plan,
    Process,
    TidalLoop,
    Tide,
    Work,
)
from tests.world import World

T = TypeVar("T")

LEASE_SECONDS = 120


class Kept:
    """A delivery that keeps what it is handed."""

    def __init__(self) -> None:
        self.ids: list[UUID] = []

    async def enqueue(self, db: Db, ids: Sequence[UUID]) -> None: ...

    async def committed(self, ids: Sequence[UUID]) -> None:
        self.ids += ids

    async def run(self, handler: Handler) -> None: ...

    async def stop(self, grace_seconds: float) -> None: ...


class Yard:
    """An office, the worker processes that publish for it, and somebody who looks on."""

    def __init__(self, ground: Ground, workers: int = 2) -> None:
        self.ground = ground
        self.tide = Tide()
        self.bay = Bay(lambda: self.tide.true)
        self.office = deepcopy(ground.office)
        self.blobs = FolderBlobs(ground.folder / "media")
        self.held: set[str] = set()
        self.met: Counter[str] = Counter()
        self.failed = False
        self.count = 0
        self.tide.forward(minutes=1)
        self._runner = asyncio.Runner(loop_factory=lambda: TidalLoop(self.tide))
        self._open(ground.fresh())
        self.processes = [self._begin() for _ in range(workers)]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        self.failed = True
        done = self._runner.run(work)
        self.failed = False
        return done

    def close(self) -> None:
        """Kill everybody, and leave nothing open."""
        for number in range(len(self.processes)):
            self.kill(number)
        self._shut()
        self._runner.close()
        self.ground.drop()

    def _open(self, url: str) -> None:
        self.witness = Witness(url, self.office, self.bay, self.held)
        self.store = MortalStore(url, self.witness.look)
        office = self.office
        self.world = World(self.store, self.tide, office.slug, office.writer, office.approver)

    def _shut(self) -> None:
        self.run(self.store.close())
        self.witness.close()

    def _begin(self) -> Process:
        self.count += 1
        world, blobs = self.world, self.blobs
        lock = Lock(self.held, f"w{self.count}")
        return Process(lock, self.bay, self.witness, lambda to: world.publisher(to, blobs))

    # What workers do.

    def tick(self, who: int, plans: Sequence[Plan], turn: int = 0) -> int:
        """Dispatch what is due, and publish as much of it as there are plans; return how much."""
        kept, process = Kept(), self.processes[who]
        self.run(dispatch_due(self.store, kept, self.tide()))
        first = turn % len(kept.ids) if kept.ids else 0
        for each, plan in zip(kept.ids[first:] + kept.ids[:first], plans, strict=False):
            if process is self.processes[who]:
                self.publish(process, each, plan)
        return len(kept.ids)

    def publish(self, process: Process, publication_id: UUID, plan: Plan) -> None:
        """Let a process publish something, until it is done, stands still or is dead."""
        self.run(self._publish(process, publication_id, Work(plan, process.lock, publication_id)))

    async def _publish(self, process: Process, publication_id: UUID, work: Work) -> None:
        context = copy_context()
        context.run(WORK.set, work)
        deed = publish(process.publisher, publication_id)
        work.task = asyncio.create_task(deed, context=context)
        process.works.append(work)
        await self._watch(process, work)

    def go_on(self, process: Process, plan: Plan) -> None:
        """Let the oldest work of a process that stands still go on."""
        work = process.works[0]
        work.go_on(plan)
        self.run(self._watch(process, work))

    async def _watch(self, process: Process, work: Work) -> None:
        halted = asyncio.create_task(work.halted.wait())
        await asyncio.wait({work.task, halted}, return_when=asyncio.FIRST_COMPLETED)
        halted.cancel()
        if work.task.done():
            process.works.remove(work)
            if isinstance(work.task.exception(), Killed):
                await self._bury(process)
            else:
                work.task.result()

    def kill(self, who: int) -> None:
        self.run(self._bury(self.processes[who]))

    async def _bury(self, process: Process) -> None:
        """End a process at once, and start another one in its place."""
        for work in process.works:
            work.die()
        await asyncio.gather(*(work.task for work in process.works), return_exceptions=True)
        process.works.clear()
        process.lock.end()
        self.processes[self.processes.index(process)] = self._begin()

    def stop(self, who: int) -> None:
        """End a process politely: what is under way is cut off, and then settled."""
        process = self.processes[who]
        self.run(self._cut_off(process))
        self.run(recover(process.publisher, "own"))
        self.kill(who)

    async def _cut_off(self, process: Process) -> None:
        for work in process.works:
            work.task.cancel()
            work.go_on(Plan())
        await asyncio.gather(*(work.task for work in process.works), return_exceptions=True)
        process.works.clear()

    def start_alone(self) -> None:
        """Kill everybody; who starts then owns the database."""
        for number in range(len(self.processes)):
            self.kill(number)
        self.run(self._recover_alone(self.processes[0].publisher))

    async def _recover_alone(self, publisher: Publisher) -> None:
        await recover(publisher, "others")
        async with self.store.transaction() as db:
            await dispatch.forget(db)

    def pass_time(self) -> None:
        """Publish what is due; where nothing is, go on to when something may be."""
        if self.tick(0, [Plan() for _ in range(9)]):
            return
        if not self.run(self._wait()):
            publisher = self.processes[0].publisher
            self.run(recover(publisher, "expired"))
            self.run(sweep(publisher))

    async def _wait(self) -> bool:
        async with self.store.reading() as db:
            coming = await dispatch.next_due(db, self.tide())
        seconds = (coming - self.tide()).total_seconds() + 1 if coming else LEASE_SECONDS + 1
        self.tide.forward(seconds=min(seconds, 3_600))
        return coming is not None

    def forgive(self, row: Any) -> None:
        """Let a person have been wrong who said that what is live is not."""
        for step in range(row.step, 5):
            key = f"{row.id}-{step}"
            self.witness.lies[key] += self.bay.live(key)

    def overtake(self, who: int, plan: Plan) -> None:
        """Let a process stand still and lose its lock; another takes over before it goes on."""
        process, other = self.processes[who], self.processes[1 - who]
        about = process.works[0].about
        process.lock.lose()
        self.tide.forward(seconds=LEASE_SECONDS + 1)
        self.run(recover(other.publisher, "expired"))
        self.tide.forward(seconds=SETTLE_SECONDS + 1)
        self.publish(other, about, plan)
        self.go_on(process, Plan())

    # Backups.

    def save(self) -> None:
        self._shut()  # both open themselves again when they are used
        self.saved = self.ground.save(), deepcopy(self.office), self.tide()

    def load(self) -> None:
        """Restore the backup, as `pilar restore` does: nobody runs meanwhile."""
        copy, office, taken_at = self.saved
        for number in range(len(self.processes)):
            self.kill(number)
        self._shut()
        self.office, lies = deepcopy(office), self.witness.lies
        self._open(self.ground.load(copy))
        self.witness.lies = lies
        self.office.restored = self.office.stopped = True
        for row in self.witness.all(Publication):
            if row.due_at > self.tide():  # the epoch takes it at its word
                self.forgive(row)
        self.run(self._begin_epoch(taken_at))
        self.processes = [self._begin() for _ in self.processes]

    async def _begin_epoch(self, taken_at: datetime) -> None:
        asks = {f"bay_{kind}" for kind, line in LINES.items() if hasattr(line, "reconcile")}
        async with self.store.transaction() as db:
            await restoring.begin_epoch(db, self.tide(), taken_at=taken_at, askable=asks)
