"""A real `pilar serve` in a process of its own, told how to listen by its first line."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import ended

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
RUN_SECONDS = 120


@dataclass
class Service:
    """A running server: where it is, and what it said when it began to listen."""

    process: asyncio.subprocess.Process
    log: Path
    url: str
    greeting: str

    async def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.send_signal(sent)
        return await ended(self.process, self.log)


def environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return an almost empty environment, as on a fresh machine."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "PYTHONFAULTHANDLER": "1",
        "PILAR_DATA_DIR": str(folder / "data"),
        **settings,
    }


async def start(folder: Path, *words: str, **settings: str) -> asyncio.subprocess.Process:
    """Start a command; what it logs goes to the file `log` in the folder."""
    with (folder / "log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", *words),
            cwd=folder,
            env=environment(folder, settings),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )


async def ran(folder: Path, *words: str, given: str = "", **settings: str) -> tuple[int, str, str]:
    """Run a command to its end; return its exit code, what it said, and what it logged.

    `given` is what it reads from its standard input.
    """
    (folder / "log").unlink(missing_ok=True)
    process = await start(folder, *words, **settings)
    async with asyncio.timeout(RUN_SECONDS):
        said, _ = await process.communicate(given.encode())
    return process.returncode or 0, said.decode(), (folder / "log").read_text()


@asynccontextmanager
async def serving(folder: Path, *words: str, **settings: str) -> AsyncIterator[Service]:
    """Serve on a free port until the end of the block, or until it is asked to stop."""
    process = await start(folder, "serve", "--port", "0", *words, **settings)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            line = (await process.stdout.readline()).decode()
        match = re.search(r"http://\S+", line)
        assert match is not None, line + (folder / "log").read_text()
        yield Service(process, folder / "log", match[0], line + await _rest(process.stdout))
    finally:
        if process.returncode is None:
            process.kill()
            await ended(process, folder / "log")


async def _rest(stdout: asyncio.StreamReader) -> str:
    """Return what follows the first line at once."""
    said = b""
    while True:
        try:
            async with asyncio.timeout(0.3):
                line = await stdout.readline()
        except TimeoutError:
            return said.decode()
        if not line:  # it has ended, and a line that is there at once lets no timeout end this
            return said.decode()
        said += line
