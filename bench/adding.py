"""Adding a post over the API, beside the same INSERTs and UPDATEs by the plain driver."""

from contextlib import closing
from uuid import uuid4

from bench.grounds import WRITES, Ground, Ratio, median_of, recorded, replay

TIMES = 300


async def measure(ground: Ground) -> list[Ratio]:
    """Add posts one after the other, then write the same rows once more without Pilar."""

    async def add() -> None:
        body = {"title": "Naskah", "type": "informative", "parts": [{"text": uuid4().hex}]}
        answer = await ground.http.post("/posts", json=body)
        answer.raise_for_status()

    await add()  # the first one also notes that the key was used
    copy = await ground.copy()
    with recorded(*WRITES) as script:
        pilar = await median_of(TIMES, add)
    rows = iter(script.transactions)
    with closing(ground.raw(copy)) as raw:
        floor = await median_of(TIMES, lambda: replay(raw, next(rows)))
    return [Ratio("a post", ground.database, pilar, floor)]
