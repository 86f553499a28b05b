"""Delivery over PostgreSQL, to any number of worker processes, by Procrastinate.

It carries "publish X now" and nothing else: the row is the schedule and the truth, a claim
decides who sends. So jobs are queued when they are due and not before (its fetch slows down with
every job that sleeps), and without locks of the queue (one that sleeps would hold up those that
are due). A job that fails or is lost is not repeated here: the next sweep hands the row over
again.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from procrastinate import App, JobContext, PsycopgConnector, builtin_tasks
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status

from schedulers.deliveries.delivery import Handler
from store import queued
from store.db import Db, Store, driver_of

log = structlog.get_logger()

TASK = "publish"
CONNECTIONS = 4
ANSWER_SECONDS = 3.0
"""After so long without a connection it begins anew, which is quicker than the pool's patience."""

LOOK_SECONDS = 1.0
"""How often it looks by itself: nobody tells of jobs that came before it listened, or came back."""

STALLED_SECONDS = 30
"""A worker that has not been heard of for so long is taken for gone, and its jobs run again."""

KEPT_HOURS = 24
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0
SOUND_SECONDS = 30
"""A run that lasted so long was sound: the next one begins without waiting longer."""

LEAVING_SECONDS = 1.0
"""How long a run that ends waits for its jobs; those that take longer go on without it."""

ENDING_SECONDS = 5
"""How long, after the grace, the end of a run may take to be written down."""


class ProcrastinateDelivery:
    """Queues in the caller's transaction; where it runs, handles up to `concurrency` at once.

    A process that only queues never calls `run`, and then opens no connection of its own.
    """

    def __init__(self, store: Store, concurrency: int) -> None:
        self._concurrency = concurrency
        self._room = asyncio.Semaphore(concurrency)  # also for what outlives a run
        self._under_way: dict[UUID, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._done: asyncio.Event | None = None  # of a run that has begun
        self._handler: Handler | None = None
        arguments = store.driver_arguments()
        path = f"{arguments.get('options', '')} -csearch_path={queued.SCHEMA}".strip()
        arguments |= {"application_name": "pilar queue", "options": path}
        connector = PsycopgConnector(
            kwargs=arguments, min_size=1, max_size=CONNECTIONS, timeout=ANSWER_SECONDS
        )
        self._app = App(connector=connector)
        self._publish = self._app.task(name=TASK, queue=TASK)(self._take)
        self._periodic("retry_stalled", "* * * * *", self._retry_stalled)
        self._periodic("remove_old", "17 * * * *", self._remove_old)

    async def enqueue(self, db: Db, ids: Sequence[UUID]) -> None:
        """Queue publications inside the transaction, unless they wait already.

        Without workers, what is due is handed over again and again: it must not pile up.
        """
        waiting = await queued.waiting(db, TASK, ids) if ids else set()
        jobs: list[dict[str, Any]] = [
            {"publication_id": str(each)} for each in ids if each not in waiting
        ]
        if jobs:
            connection = await driver_of(db, queued.SCHEMA)
            await self._publish.configure(connection=connection).batch_defer_async(*jobs)

    async def committed(self, ids: Sequence[UUID]) -> None:
        """Do nothing: the commit has told the workers."""

    async def run(self, handler: Handler) -> None:
        """Handle what comes, until `stop`; begin anew when PostgreSQL was away."""
        self._handler = handler
        self._done = asyncio.Event()
        wait = FIRST_WAIT_SECONDS
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                await self._work()
                if time.monotonic() - began > SOUND_SECONDS:
                    wait = FIRST_WAIT_SECONDS
                await self._stopped_within(random.uniform(wait / 2, wait))  # noqa: S311
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        finally:
            self._done.set()

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing new, wait for what is under way, then cut it off."""
        self._stopping.set()
        if self._done is None:
            return
        try:
            async with asyncio.timeout(grace_seconds):
                await self._done.wait()
                await asyncio.gather(*self._under_way.values())
        except TimeoutError:
            log.warning("stopped with publications under way", count=len(self._under_way))
        left = list(self._under_way.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        try:
            async with asyncio.timeout(ENDING_SECONDS):
                await self._done.wait()
        except TimeoutError:
            log.warning("the queue was left without a word: PostgreSQL does not answer")

    async def _work(self) -> None:
        """Run Procrastinate's worker until it ends, as it does when PostgreSQL goes away."""
        try:
            async with self._app.open_async():
                worker = asyncio.create_task(self._worker(), name="queue")
                stopping = asyncio.create_task(self._stopping.wait())
                try:
                    await asyncio.wait({worker, stopping}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    stopping.cancel()
                    worker.cancel()  # it takes nothing new and ends what it has
                    await asyncio.wait({worker, stopping})
                if not worker.cancelled():
                    worker.result()
        except Exception as error:  # noqa: BLE001  # the next run may do better
            log.warning("queue lost", why=str(error.__cause__ or error).partition("\n")[0])

    async def _worker(self) -> None:
        await self._app.run_worker_async(
            concurrency=self._concurrency,
            fetch_job_polling_interval=LOOK_SECONDS,
            delete_jobs="successful",
            install_signal_handlers=False,
            shutdown_graceful_timeout=LEAVING_SECONDS,
            stalled_worker_timeout=STALLED_SECONDS,
        )

    async def _stopped_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _take(self, publication_id: str) -> None:
        """Handle a job's publication.

        A run that lost PostgreSQL cancels its jobs: what is on the wire then goes on, and the next
        run need not wait for it. `stop` alone cuts off.
        """
        found = UUID(publication_id)
        if found in self._under_way or self._handler is None:
            return
        task = asyncio.create_task(self._handle(found, self._handler), name=f"publish {found}")
        self._under_way[found] = task
        task.add_done_callback(lambda _: self._under_way.pop(found))
        await asyncio.shield(task)

    async def _handle(self, publication_id: UUID, handler: Handler) -> None:
        try:
            async with self._room:
                await handler(publication_id)
        except Exception:  # one publication's fault must not stop the others
            log.exception("publishing crashed", publication=str(publication_id))

    def _periodic(self, name: str, cron: str, deed: Any) -> None:
        """Have a deed done by one of all workers, at the times of a cron line."""
        task = self._app.task(name=name, queue="chores", pass_context=True)(deed)
        self._app.periodic(cron=cron)(task)

    async def _retry_stalled(self, context: JobContext, timestamp: int) -> None:  # noqa: ARG002
        jobs = context.app.job_manager
        for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
            await self._retry(context, job)

    async def _retry(self, context: JobContext, job: Job) -> None:
        jobs = context.app.job_manager
        try:
            if job.task_name == TASK:
                await jobs.retry_job(job)
            else:  # a chore comes again by itself
                await jobs.finish_job(job, Status.ABORTED, delete_job=True)
        except ConnectorException as error:  # it has ended meanwhile, or PostgreSQL went away
            log.info("stalled job not retried", job=job.id, why=str(error.__cause__))

    async def _remove_old(self, context: JobContext, timestamp: int) -> None:  # noqa: ARG002
        await builtin_tasks.remove_old_jobs(
            context,
            max_hours=KEPT_HOURS,
            remove_failed=True,
            remove_cancelled=True,
            remove_aborted=True,
        )
