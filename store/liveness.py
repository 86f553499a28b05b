"""Liveness: whether a worker still runs, as the kernel or the database server knows it.

A lease that has run out proves nothing: its worker may be paused and send later. What proves it
is a lock that ends with the process: the lock on the SQLite file, which has one owner, or a
session's advisory lock on PostgreSQL.
"""

from typing import Protocol

from store.db import Db


class Liveness(Protocol):
    """This process's own sign of life, and how to look for that of another."""

    @property
    def worker(self) -> str:
        """This process's name now; another one once its lock was lost, so that both are known."""
        ...

    async def start(self) -> None:
        """Take the lock, and keep it."""
        ...

    async def stop(self) -> None:
        """Let it go."""
        ...

    async def holds(self, db: Db, worker: str) -> bool:
        """Say, inside a transaction, whether this process may act under that name of its own."""
        ...

    async def is_gone(self, db: Db, worker: str) -> bool:
        """Say whether the process of another worker has ended, for certain."""
        ...


class Alone:
    """The only process of a SQLite file: whoever else claimed something is gone."""

    def __init__(self, worker: str) -> None:
        self.worker = worker

    async def start(self) -> None:
        """Do nothing: the file's lock is held already (`Store.own`)."""

    async def stop(self) -> None:
        """Do nothing."""

    async def holds(self, db: Db, worker: str) -> bool:  # noqa: ARG002
        """Say whether the name is this process's."""
        return worker == self.worker

    async def is_gone(self, db: Db, worker: str) -> bool:  # noqa: ARG002
        """Say whether the name is another process's: there is none."""
        return worker != self.worker
