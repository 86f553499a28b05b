"""Runs schemathesis against a Pilar on loopback, and tells what came of it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CONFIG = HERE / "schemathesis.toml"
START_SECONDS = 60
STOP_SECONDS = 60
RUN_SECONDS = 300


@dataclass(frozen=True)
class Run:
    """What schemathesis said, its exit code, and the statuses that each operation answered."""

    code: int
    said: str
    seen: dict[str, set[int]]


@contextmanager
def serving(folder: Path, fault: str | None = None) -> Iterator[str]:
    """Serve until the end of the block; the address is given."""
    words = [
        sys.executable,
        "-m",
        "tests.openapi.serving",
        str(folder),
        *([fault] if fault else []),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)
    try:
        end = time.monotonic() + START_SECONDS
        while not (folder / "url").exists():
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail((folder / "log").read_text())
            time.sleep(0.05)
        yield (folder / "url").read_text()
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail(f"Not stopped: {(folder / 'log').read_text()}")


def run(folder: Path, *words: str, fault: str | None = None) -> Run:
    """Run schemathesis with every check against a fresh Pilar."""
    seen = folder / "seen.jsonl"
    with serving(folder, fault) as url:
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "PILAR_WORLD": str(folder / "world.json"),
            "PILAR_AUTH": str(folder / "auth.json"),
            "PILAR_SEEN": str(seen),
            "NO_COLOR": "1",
            "COLUMNS": "160",
        }
        command = [str(Path(sys.executable).parent / "st"), "--config-file", str(CONFIG)]
        done = subprocess.run(
            [*command, "run", f"{url}/openapi.json", "--checks", "all", *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_SECONDS,
        )
    return Run(done.returncode, done.stdout + done.stderr, _statuses(seen))


def only(operations: Sequence[str]) -> list[str]:
    """Return the words that restrict a run to some operations."""
    return [word for each in operations for word in ("--include-operation-id", each)]


def _statuses(seen: Path) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    lines = seen.read_text().splitlines() if seen.exists() else []
    for line in map(json.loads, lines):
        found.setdefault(line["operation"], set()).add(line["status"])
    return found
