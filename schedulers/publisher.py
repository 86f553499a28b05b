"""The publisher: what publishing needs, and what this process is at work on."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from schedulers.connector import Connector
from store.blobs import Blobs
from store.db import Store
from store.liveness import Liveness
from store.vault import KeyRing


@dataclass(frozen=True, slots=True)
class Publisher:
    """Where rows and files are, who sends, as whom, and what time it is."""

    store: Store
    ring: KeyRing
    blobs: Blobs
    connectors: Mapping[str, Connector]
    base_url: str
    liveness: Liveness
    lease_seconds: int
    now: Callable[[], datetime]
    under_way: set[UUID] = field(default_factory=set)

    @property
    def worker(self) -> str:
        """The name that this process claims under now."""
        return self.liveness.worker

    @property
    def lease(self) -> timedelta:
        """How long a claim lasts without being lengthened."""
        return timedelta(seconds=self.lease_seconds)

    @contextmanager
    def at_work_on(self, publication_id: UUID) -> Iterator[bool]:
        """Note that this process handles a publication; gives False if it does already."""
        if publication_id in self.under_way:
            yield False
            return
        self.under_way.add(publication_id)
        try:
            yield True
        finally:
            self.under_way.discard(publication_id)
