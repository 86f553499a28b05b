"""Real processes on loopback that tests may kill."""

import asyncio
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
KEYS = "k1:" + "A" * 43  # those of tests.conftest.RING
START_SECONDS = 30
STOP_SECONDS = 60
BEGUN = b"Pilar publishes as"


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


async def run_module(*arguments: str, log: Path, **settings: str) -> Process:
    """Run a Python module of this repository, without the settings of whoever runs the tests."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("PILAR_")}
    given |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *arguments,
            cwd=log.parent,
            env=given | settings,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


async def ended(process: Process, log: Path) -> int:
    """Return the exit code of a process that was told to end; fails where it does not end.

    Its log then tells where it stands, if it runs with `PYTHONFAULTHANDLER`.
    """
    try:
        async with asyncio.timeout(STOP_SECONDS):
            return await process.wait()
    except TimeoutError:
        for sent in (signal.SIGABRT, signal.SIGKILL):
            if process.returncode is None:
                process.send_signal(sent)
                await asyncio.sleep(1)
        raise _not_ended(log) from None


def _not_ended(log: Path) -> AssertionError:
    return AssertionError(f"Not ended after {STOP_SECONDS} seconds:\n{log.read_text()}")


@dataclass
class Running:
    """A process that listens on a port of loopback, and its log."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: Process | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{type(self).__name__.lower()}.log"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def begin(self) -> Process:
        raise NotImplementedError

    async def start(self) -> None:
        """Start, and wait until it listens."""
        self.process = await self.begin()
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                assert self.process.returncode is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return

    async def kill(self) -> None:
        """End it as a power cut would: nothing is told to it."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await ended(self.process, self.log)

    async def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await ended(self.process, self.log)


@dataclass
class Service(Running):
    """`pilar serve`: the API and the clock, on a database and a folder that are given."""

    url: str = ""
    module: str = "app.cli"
    role: str = "all"
    settings: dict[str, str] = field(default_factory=dict)

    async def begin(self) -> Process:
        command = (self.module, "serve", "--role", self.role)
        return await run_module(*command, log=self.log, **self.given | self.settings)

    @property
    def given(self) -> dict[str, str]:
        return {
            "PILAR_DATABASE_URL": self.url,
            "PILAR_DATA_DIR": str(self.folder / "data"),
            "PILAR_PORT": str(self.port),
            "PILAR_SECRET_KEYS": KEYS,
            "PILAR_RATE_LIMIT": "",
        }


@dataclass
class Worker(Service):
    """`pilar worker`: publishes from PostgreSQL; it listens on nothing and says when it begins."""

    name: str = "worker"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    async def begin(self) -> Process:
        return await run_module(self.module, "worker", log=self.log, **self.given | self.settings)

    async def start(self) -> None:
        """Start, and wait until it publishes."""
        before = self.log.stat().st_size if self.log.exists() else 0
        self.process = await self.begin()
        deadline = time.monotonic() + START_SECONDS
        while BEGUN not in self.log.read_bytes()[before:]:
            assert self.process.returncode is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            await asyncio.sleep(0.01)
