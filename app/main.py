"""The application: routes, problems and middleware around one house."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI

from app import middleware, openapi, problems, strict
from app.deps import House
from app.metrics import Measured, Metrics
from app.routes import (
    acts,
    alerts,
    approvals,
    audit,
    batch,
    calendar,
    calendar_links,
    campaigns,
    channels,
    compliance,
    days,
    docs,
    events,
    exports,
    feeds,
    health,
    holds,
    hooks,
    ical,
    imports,
    inbox,
    invitations,
    keys,
    links,
    me,
    media,
    members,
    metrics,
    mix,
    oauth,
    pillars,
    platforms,
    posts,
    publications,
    records,
    reports,
    sessions,
    slots,
    workspaces,
)
from app.routes import problems as problem_pages

API = "/api/v1"
ROUTERS: tuple[APIRouter, ...] = (
    me.router,
    sessions.router,
    workspaces.router,
    members.router,
    invitations.router,
    keys.router,
    platforms.router,
    mix.router,
    compliance.router,
    pillars.router,
    campaigns.router,
    channels.router,
    slots.router,
    media.router,
    posts.router,
    approvals.router,
    records.router,
    batch.router,
    publications.router,
    acts.router,
    holds.router,
    alerts.router,
    inbox.router,
    calendar.router,
    calendar_links.router,
    ical.router,
    days.router,
    events.router,
    audit.router,
    imports.router,
    exports.router,
    reports.router,
)
PUBLIC_ROUTERS: tuple[APIRouter, ...] = (
    feeds.router,
    oauth.router,
    hooks.router,
    links.router,
    problem_pages.router,
    docs.router,
    health.router,
    metrics.router,
)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def nothing_else(_app: FastAPI) -> AsyncIterator[None]:
    """Run nothing beside the API."""
    yield


def create_app(house: House, lifespan: Lifespan = nothing_else) -> FastAPI:
    """Return the application; `lifespan` runs what else the process does (the scheduler)."""
    app = FastAPI(
        title="Pilar",
        version="1",
        summary="A content calendar that keeps its mix and publishes once and only once.",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.house = house
    for router in ROUTERS:
        app.include_router(
            router,
            prefix=API,
            responses=problems.DOCUMENTED,
            dependencies=[Depends(strict.check_parameters)],
        )
    for router in PUBLIC_ROUTERS:
        app.include_router(router)
    problems.install(app)
    openapi.install(app)
    app.add_middleware(
        middleware.BodyLimits, upload_limit=house.settings.media_limit_mb * 1_000_000 + 65_536
    )
    app.add_middleware(middleware.Crashes)
    app.state.metrics = Metrics()
    app.add_middleware(Measured, metrics=app.state.metrics)
    app.add_middleware(middleware.RequestIds)
    return app
