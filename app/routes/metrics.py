"""Metrics over HTTP: for whoever watches the service, guarded."""

import hmac
import ipaddress
from typing import Any

from fastapi import APIRouter, Request, Response

from app import problems
from app.deps import Here, House, Now
from app.metrics import MEDIA_TYPE, Metrics
from planner.errors import Forbidden
from store import compliance, figures

router = APIRouter(tags=["operations"], responses=problems.DOCUMENTED)

TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus' text format.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


class MetricsGuarded(Forbidden):
    """The metrics are for this machine, or for whoever has the token."""


@router.get("/metrics", response_class=Response, responses=TEXT)
async def read_metrics(request: Request, house: Here, now: Now) -> Response:
    """Read how requests are answered, and how the queue and the mixes stand."""
    _check_guest(request, house)
    metrics: Metrics = request.app.state.metrics
    async with metrics.engine.looking, house.store.reading() as db:
        metrics.mix.show(await compliance.present(db, metrics.mix.known, now))
        found = await figures.of(db, now)
        metrics.engine.count(await figures.ended(db, metrics.engine.cursor(now)))
    text = metrics.text(found, now)
    return Response(text, headers={"Cache-Control": "no-store"}, media_type=MEDIA_TYPE)


def _check_guest(request: Request, house: House) -> None:
    """Let in who has the token; without one set, who comes from this machine directly.

    A proxy on this machine forwards strangers too: what it forwards is not from here.
    """
    if house.metrics_token:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(token.strip().encode(), house.metrics_token.encode())
        if scheme.lower() != "bearer" or not right:
            raise MetricsGuarded
        return
    forwarded = {"forwarded", "x-forwarded-for", "x-real-ip"} & set(request.headers)
    if forwarded or not _is_loopback(request.client.host if request.client else ""):
        raise MetricsGuarded


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
