"""Metrics: how requests are answered and how the queue stands, for Prometheus."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from planner.publications import Status
from store.compliance import Months
from store.figures import Cursor, Ended, Figures

# When a series began is nothing that anybody here asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATE_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ROLES = frozenset({"all", "api", "worker", "tick"})

NOWHERE = "none"
"""The operation of a request that no route takes: paths are not labels, anybody can make them."""


class Metrics:
    """What one application counts, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "operation", "status")
        self.requests = Counter(
            "pilar_http_requests", "Requests answered.", labels, registry=self.registry
        )
        self.seconds = Histogram(
            "pilar_http_request_seconds",
            "Time until an answer began.",
            ("method", "operation"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "pilar_http_requests_in_flight", "Requests being answered.", registry=self.registry
        )
        self.mix = MixGauges(self.registry)
        self.engine = EngineMetrics(self.registry)

    def text(self, figures: Figures, now: datetime) -> bytes:
        """Return everything in Prometheus' text format, with the queue as it stands."""
        self.engine.show(figures, now)
        return generate_latest(self.registry)


class EngineMetrics:
    """How the queue stands, and what attempts came to.

    Attempts are read from the database, so that those of workers on other hosts are there too.
    Every process that is asked tells of all of them: they are not to be added up over processes.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._begun = time.monotonic()
        self._cursor: Cursor | None = None
        self.looking = asyncio.Lock()

        def gauge(name: str, told: str, *labels: str) -> Gauge:
            return Gauge(f"pilar_{name}", told, labels, registry=registry)

        self.publications = gauge(
            "publications", "Publications on the calendars, by status.", "status"
        )
        self.oldest_due = gauge(
            "oldest_due_seconds",
            "How long the oldest scheduled publication has been due; 0 if none is.",
        )
        self.ticked = gauge(
            "clock_age_seconds",
            "How long ago the clock last said that it ticks; NaN if it never did.",
        )
        self.unknown = gauge(
            "publications_unknown", "Publications of which nobody knows whether they are live."
        )
        self.breakers = gauge(
            "channel_breakers",
            "Channels by how their breaker stands: closed, open, half_open.",
            "platform",
            "state",
        )
        self.holds = gauge(
            "holds", "Holds that stand, by scope; instance holds everything back.", "scope"
        )
        self.workers = gauge(
            "workers", "Processes that were seen in the last minutes, by role.", "role"
        )
        self.deliveries = gauge(
            "alert_deliveries",
            "Alerts that wait for their delivery, and those given up in the last seven days.",
            "status",
        )
        self.attempts = Counter(
            "pilar_attempts",
            "Attempts that ended, on all hosts, since this process began.",
            ("platform", "outcome"),
            registry=registry,
        )
        self.late = Histogram(
            "pilar_lateness_seconds",
            "How long after its time the first attempt at a publication began.",
            buckets=LATE_SECONDS,
            registry=registry,
        )

    def cursor(self, now: datetime) -> Cursor:
        """Return where the attempts are that were not counted yet."""
        if self._cursor is None:
            # What ended since this process began is counted, by a clock that nobody sets.
            age = timedelta(seconds=time.monotonic() - self._begun)
            self._cursor = Cursor(began_at=now - age)
        return self._cursor

    def count(self, ended: Ended) -> None:
        """Count attempts that ended; those that ask at the same time take `looking` first."""
        self._cursor = ended.cursor
        for platform, after, reason in ended.attempts:
            self.attempts.labels(platform, outcome_of(after, reason)).inc()
        for seconds in ended.late_seconds:
            self.late.observe(seconds)

    def show(self, figures: Figures, now: datetime) -> None:
        """Set the gauges to how everything stands, and forget what they said before."""
        for status, number in figures.by_status.items():
            self.publications.labels(status).set(number)
        due, ticked = figures.oldest_due_at, figures.clock_at
        self.oldest_due.set(max(0.0, (now - due).total_seconds()) if due else 0)
        self.ticked.set((now - ticked).total_seconds() if ticked else float("nan"))
        self.unknown.set(figures.unknown)
        for gauge in (self.breakers, self.holds, self.workers):
            gauge.clear()
        for platform, states in figures.breakers.items():
            for state, number in states.items():
                self.breakers.labels(platform, state).set(number)
        for scope, number in {
            "instance": int(figures.held_at is not None),
            **figures.holds,
        }.items():
            self.holds.labels(scope).set(number)
        for role in ROLES | figures.workers.keys():
            self.workers.labels(role).set(figures.workers.get(role, 0))
        for status_of_delivery, number in figures.deliveries.items():
            self.deliveries.labels(status_of_delivery).set(number)


def outcome_of(after: Status, reason: str | None) -> str:
    """Return in one word what an attempt came to: its status, or why there is to be another.

    Reasons are keys of the code (`app/messages/*.toml`), so there are only so many.
    """
    if after is Status.CLAIMED:
        return "step_published"
    return reason if after is Status.SCHEDULED and reason else after.value


class MixGauges:
    """How the mix of each channel's present month stands."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.known: dict[UUID, Months] = {}
        labels = ("workspace", "channel", "type")

        def gauge(name: str, told: str, labels: tuple[str, ...] = labels) -> Gauge:
            return Gauge(f"pilar_mix_{name}", f"{told}, this month.", labels, registry=registry)

        self.posts = gauge("posts", "Posts that count in the mix")
        self.needed = gauge("needed_posts", "Posts that are still needed to be in the mix")
        self.deviation = gauge("deviation_posts", "Posts more than the target has")
        self.repairs = gauge(
            "repairs", "Posts that must get another type to be in the mix", labels[:2]
        )
        self.status = gauge(
            "status", "1 for how the mix stands", ("workspace", "channel", "status")
        )

    def show(self, known: dict[UUID, Months]) -> None:
        """Set the gauges to what is known, and forget what they said before."""
        self.known = known
        for gauge in (self.posts, self.needed, self.deviation, self.repairs, self.status):
            gauge.clear()
        for month in known.values():
            self._set(month)

    def _set(self, month: Months) -> None:
        for entry in month.entries:
            place = (month.slug, month.channels[entry.channel_id] if entry.channel_id else "")
            self.status.labels(*place, entry.status).set(1)
            if entry.repair_number is not None:
                self.repairs.labels(*place).set(entry.repair_number)
            for line in entry.types:
                self.posts.labels(*place, line.key).set(line.count)
                if line.needed is not None and line.deviation_posts is not None:
                    self.needed.labels(*place, line.key).set(line.needed)
                    self.deviation.labels(*place, line.key).set(float(line.deviation_posts))


class Measured:
    """Counts and times every request; pure ASGI, nothing is buffered."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def send_measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answered(scope, message["status"], time.perf_counter() - begun)
            await send(message)

        with self.metrics.in_flight.track_inprogress():
            await self.app(scope, receive, send_measured)

    def _answered(self, scope: Mapping[str, object], status: int, seconds: float) -> None:
        operation = getattr(scope.get("route"), "name", NOWHERE)
        method = str(scope["method"]) if operation != NOWHERE else NOWHERE
        self.metrics.requests.labels(method, operation, str(status)).inc()
        self.metrics.seconds.labels(method, operation).observe(seconds)
