"""Reading a month of 300 publications over the API, beside the same queries by the plain driver."""

from contextlib import closing
from datetime import date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from bench.grounds import SLUG, Ground, Ratio, median_of, now, recorded, replay
from store import approving, channels, placing, workspaces, writing
from store.audit import CLI
from store.placing import When

PUBLICATIONS, CHANNELS = 300, 5
TIMES = 50
ZONE = ZoneInfo("Asia/Jakarta")


async def measure(ground: Ground) -> list[Ratio]:
    """Read the calendar of next month, and run its queries alone."""
    first = (now().date().replace(day=1) + timedelta(days=32)).replace(day=1)
    until = (first + timedelta(days=31)).replace(day=1)
    await _fill(ground, first, (until - first).days)
    path = f"/calendar?from={first}&to={until}"

    async def read() -> None:
        answer = await ground.http.get(path)
        assert len(answer.json()["publications"]) == PUBLICATIONS, answer.text

    await read()
    with recorded("SELECT") as script:
        await read()
    pilar = await median_of(TIMES, read)
    queries = [each for transaction in script.transactions for each in transaction]
    with closing(ground.raw()) as raw:
        floor = await median_of(TIMES, lambda: replay(raw, queries))
    return [Ratio(f"a month of {PUBLICATIONS}", ground.database, pilar, floor)]


async def _fill(ground: Ground, first: date, days: int) -> None:
    for number in range(CHANNELS):
        await ground.channel("feed", f"bulan-{number}")
    async with ground.store.transaction() as db:
        workspace = await workspaces.lock(db, SLUG)
        on = await channels.all_of(db, workspace.id)
        on = [each for each in on if each.handle.startswith("bulan-")]
        for number in range(PUBLICATIONS // CHANNELS):
            words = {"title": "Naskah", "type": "informative"}
            words |= {"parts": [{"text": uuid4().hex, "media": []}]}  # type: ignore[dict-item]
            post, _ = await writing.add(db, workspace, CLI, words, {}, now())
            await approving.submit(db, workspace, CLI, post, now())
            day = first + timedelta(days=number % days)
            at = datetime(day.year, day.month, day.day, 8 + number // days, tzinfo=ZONE)
            await placing.place(db, workspace, CLI, post, on, When(at=at), now())
