"""The demonstration: an office that looks lived in, and keeps the rules it shows."""

import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import feedparser
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import house as composition
from app.cli_demo import build
from app.demo.cards import cards
from app.demo.script import Words, items, read
from app.demo.story import Deed, story
from app.main import create_app
from planner.content import Content
from store import audit, posts, publications, workspaces
from store.db import Store
from store.tables import Post, Publication
from tests.app.commands import pilar
from tests.files import facts_of_jpeg

JAKARTA = ZoneInfo("Asia/Jakarta")
TYPES = {"informative": 60, "interactive": 20, "edutainment": 20}
EVERYTHING = 10_000


async def everything(store: Store, slug: str) -> tuple[list[Post], list[Publication]]:
    async with store.reading() as db:
        workspace = await workspaces.by_slug(db, slug)
        written = await posts.page_of(
            db, workspace.id, {}, channel_id=None, q=None, after=None, limit=EVERYTHING
        )
        seats = await publications.in_days(db, workspace.id, date.min, date.max, filters={})
    return list(written), list(seats)
