"""A broken Pilar for the canary: it answers before it commits, as a request-scoped session would.

`tests.shore.forked` runs it in the place of `app.cli`, with the settings of `pilar serve`.
"""

import asyncio
from datetime import UTC, datetime

import uvicorn
from fastapi import Request
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.types import ASGIApp, Receive, Scope, Send

from app import house as composition
from app.deps import open_transaction
from app.main import create_app
from store.db import Store

DISK_SECONDS = 0.02
"""What a commit may take on a slow disk; the tests' PostgreSQL waits for none."""


class AnswersFirst:
    """Holds a transaction around the whole request, so that the commit follows the answer."""

    def __init__(self, app: ASGIApp, store: Store) -> None:
        self.app = app
        self.store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] == "GET":
            await self.app(scope, receive, send)
            return
        async with self.store.transaction() as db:
            scope.setdefault("state", {})["db"] = db
            await self.app(scope, receive, send)
            await asyncio.sleep(DISK_SECONDS)


async def given(request: Request) -> AsyncSession:
    db: AsyncSession = request.state.db
    return db


async def serve() -> None:
    settings = composition.read_settings()
    async with composition.open_database(settings) as store:
        store.own()
        url, now = settings.app.base_url, datetime.now(UTC)
        async with composition.furnish(settings, store, url, now) as house:
            app = create_app(house)
            app.dependency_overrides[open_transaction] = given
            early = AnswersFirst(app, store)
            await uvicorn.Server(uvicorn.Config(early, port=settings.app.port)).serve()


def main() -> None:
    asyncio.run(serve())
