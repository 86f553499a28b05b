"""Metrics: how requests are answered and how the queue stands, for Prometheus."""

import time
from collections.abc import Mapping
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from store.health import Figures

# When a series began is nothing that anybody here asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
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
        self.publications = Gauge(
            "pilar_publications",
            "Publications on the calendars, by status.",
            ("status",),
            registry=self.registry,
        )
        self.oldest_due = Gauge(
            "pilar_oldest_due_seconds",
            "How long the oldest scheduled publication has been due; 0 if none is.",
            registry=self.registry,
        )
        self.ticked = Gauge(
            "pilar_clock_age_seconds",
            "How long ago the clock last said that it ticks; NaN if it never did.",
            registry=self.registry,
        )

    def text(self, figures: Figures, now: datetime) -> bytes:
        """Return everything in Prometheus' text format, with the queue as it stands."""
        for status, number in figures.by_status.items():
            self.publications.labels(status).set(number)
        due, ticked = figures.oldest_due_at, figures.clock_at
        self.oldest_due.set(max(0.0, (now - due).total_seconds()) if due else 0)
        self.ticked.set((now - ticked).total_seconds() if ticked else float("nan"))
        return generate_latest(self.registry)


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
