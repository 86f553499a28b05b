"""Commands, run in this process."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from app.cli import cli


@dataclass(frozen=True)
class Told:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return what it answered as JSON; insists that it succeeded."""
        assert self.code == 0, self.err
        return json.loads(self.out)


async def pilar(*words: str, typed: str = "") -> Told:
    """Run a command in a thread, where it has a loop of its own."""
    done = await asyncio.to_thread(CliRunner().invoke, cli, words, typed)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Told(done.exit_code, done.stdout, done.stderr)
