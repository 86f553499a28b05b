"""Commands run in this process, with an environment of their own."""

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data directory of the commands, and nothing else in their environment."""
    structlog_before = structlog.get_config()
    root = logging.getLogger()
    handlers_before, level_before = root.handlers[:], root.level
    folder = tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PILAR_DATA_DIR", str(folder))
    yield folder
    structlog.configure(**structlog_before)
    root.handlers[:] = handlers_before
    root.setLevel(level_before)


@pytest.fixture
def beside(folder: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The commands work on this test's database."""
    monkeypatch.setenv("PILAR_DATABASE_URL", database_url)
    return database_url
