"""`pilar` processes of which something is altered before they begin."""

import asyncio
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.processes import KEYS
from tests.shore import forked
from tests.shore.forked import Pilar


def run(
    alter: Callable[..., None],
    given: dict[str, Any],
    arguments: list[str],
    log: Path,
    settings: dict[str, str],
) -> None:
    """Be `pilar`, altered."""
    alter(**given)
    forked.run(arguments, log, settings, naive=False, module="app.cli")


def unaltered() -> None:
    """Alter nothing."""


@dataclass
class Altered(Pilar):
    """`pilar worker`, where `alter(**given)` was called first; it is a function of a module."""

    alter: Callable[..., None] = unaltered
    given: dict[str, Any] = field(default_factory=dict)

    async def start(self) -> None:
        """Start; it may take a moment until it publishes."""
        settings = {
            "PILAR_DATABASE_URL": self.url,
            "PILAR_DATA_DIR": str(self.folder / "data"),
            "PILAR_SECRET_KEYS": KEYS,
        } | self.settings
        arguments = (self.alter, self.given, list(self.arguments), self.log, settings)
        context = multiprocessing.get_context("forkserver")  # that of tests.shore.forked
        self.process = context.Process(target=run, args=arguments, daemon=True)
        await asyncio.to_thread(self.process.start)
