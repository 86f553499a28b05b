"""The test platform as a process that a test starts, tells how to behave, and reads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.processes import Running, run_module
from tests.shore.ledger import Event, Ledger, Post, events


@dataclass
class Shore(Running):
    """The test platform (`tests/shore/server.py`); `seed` decides what happens by chance."""

    seed: int = 0

    async def begin(self) -> Any:
        arguments = (str(self.journal), str(self.port), str(self.seed))
        return await run_module("tests.shore.server", *arguments, log=self.log)

    @property
    def journal(self) -> Path:
        return self.folder / "shore.jsonl"

    async def tell(self, **told: Any) -> Any:
        """Tell it how to behave; returns what it answers."""
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(f"{self.address}/_control", json=told)
        assert answer.is_success, answer.text
        return answer.json()

    async def behave(self, place: str, *queue: str, on: str = "publish", **seconds: float) -> None:
        """Have the next requests of an operation answered in these ways, in this order."""
        await self.tell(place=place, on=on, next=queue, seconds=seconds)

    def events(self) -> list[Event]:
        """Return all that it wrote down, in order."""
        return list(events(self.journal))

    def posts(self, place: str | None = None) -> list[Post]:
        """Return every post that was ever live, of all accounts or of one, in order."""
        posts = Ledger.read(self.journal).posts.values()
        return [post for post in posts if place in {None, post.place}]

    def violations(self) -> list[Event]:
        """Return what callers did that they may never do."""
        return [event for event in self.events() if event["event"] == "violation"]
