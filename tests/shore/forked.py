"""`pilar` processes that tests kill by the hundred: forked from one that has imported everything.

Each runs the command line from its beginning, as `python -m tests.shore.serving` would; only the
imports, which take longer than most of these processes live, are done once.
"""

import asyncio
import faulthandler
import multiprocessing
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.processes import KEYS, START_SECONDS, STOP_SECONDS, free_port
from tests.shore.install import install

PRELOADED = ["app.cli", "app.main", "tests.shore.install", "uvicorn.lifespan.on", "pytest"]

WORKS = b"Pilar publishes as"
"""What a worker says when it has begun."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(PRELOADED)


def run(
    arguments: list[str], log: Path, settings: dict[str, str], *, naive: bool, module: str
) -> None:
    """Be `pilar` with these arguments and settings, and write into a log."""
    for name in [name for name in os.environ if name.startswith("PILAR_")]:
        del os.environ[name]
    os.environ |= settings
    os.chdir(log.parent)
    output = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    for number in (1, 2):
        os.dup2(output, number)
    faulthandler.enable()
    install(naive=naive)
    sys.argv = ["pilar", *arguments]
    import_module(module).main()


@dataclass
class Pilar:
    """One `pilar serve` or `pilar worker` with the test platform."""

    folder: Path
    url: str
    arguments: tuple[str, ...] = ("serve",)
    settings: dict[str, str] = field(default_factory=dict)
    naive: bool = False
    module: str = "app.cli"
    name: str = "pilar"
    port: int = field(default_factory=free_port)
    process: ForkServerProcess | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.is_alive()

    async def start(self) -> None:
        """Start, and wait until it listens or, a worker, says that it publishes."""
        settings = {
            "PILAR_DATABASE_URL": self.url,
            "PILAR_DATA_DIR": str(self.folder / "data"),
            "PILAR_PORT": str(self.port),
            "PILAR_SECRET_KEYS": KEYS,
            "PILAR_RATE_LIMIT": "",
        } | self.settings
        said = self.log.stat().st_size if self.log.exists() else 0
        arguments = (list(self.arguments), self.log, settings)
        self.process = _CONTEXT.Process(
            target=run,
            args=arguments,
            kwargs={"naive": self.naive, "module": self.module},
            daemon=True,
        )
        await asyncio.to_thread(self.process.start)
        deadline = time.monotonic() + START_SECONDS
        while not await self._ready(said):
            assert self.alive, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            await asyncio.sleep(0.01)

    async def _ready(self, said: int) -> bool:
        if "serve" not in self.arguments:
            return self.log.exists() and WORKS in self.log.read_bytes()[said:]
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    def shoot(self) -> None:
        """End it at once, without waiting for its end."""
        if self.process is not None:
            self.process.kill()

    async def kill(self) -> None:
        """End it as a power cut would: nothing is told to it."""
        if self.process is not None:
            self.process.kill()
            await self._ended()

    async def stop(self) -> int | None:
        """Ask it to stop; return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return await self._ended()

    def send(self, sent: int) -> None:
        """Send it a signal."""
        assert self.process is not None
        assert self.process.pid is not None
        os.kill(self.process.pid, sent)

    async def _ended(self) -> int | None:
        assert self.process is not None
        await asyncio.to_thread(self.process.join, STOP_SECONDS)
        if self.process.is_alive():
            self.send(signal.SIGABRT)
            await asyncio.to_thread(self.process.join, 5)
            self.process.kill()
            raise AssertionError(self.log.read_text()[-20_000:])
        code = self.process.exitcode
        self.process.close()
        self.process = None
        return code
