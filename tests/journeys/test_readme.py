"""The README's own commands, as a newcomer types them."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen  # the newcomer's own client, on loopback

import feedparser
import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- tour(: wait)? -->\n```sh\n(.*?)```", re.DOTALL)
SESSION_SECONDS = 120


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


@pytest.fixture
def environment(tmp_path: Path, port: int) -> dict[str, str]:
    """An almost empty environment, as on a fresh machine."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "PILAR_PORT": str(port),
        "PILAR_DATA_DIR": str(tmp_path / "data"),
    }


@pytest.fixture
def service(environment: dict[str, str], tmp_path: Path, port: int) -> Iterator[str]:
    """What `make run` ends in."""
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "app.cli", "serve"]
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(address, process, tmp_path / "serve.log")
            yield address
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            with urlopen(f"{address}/healthz", timeout=1) as answer:  # noqa: S310
                assert answer.status == 200
                return
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def _tour(address: str) -> str:
    """Return the README's commands as one script; a minute is three seconds here."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text("utf-8"))
    assert len(blocks) >= 6
    script = ["set -euo pipefail"]
    for wait, commands in blocks:
        if wait:
            script.append("sleep 6")
        script.append(commands)
    pilar = f"{sys.executable} -m app.cli"
    return (
        "\n".join(script)
        .replace(".venv/bin/pilar", pilar)
        .replace("http://127.0.0.1:8000", address)
        .replace("minutes=1", "seconds=3")
    )


def test_the_tour_ends_with_a_post_in_the_feed(
    service: str, environment: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        ["bash", "-c", _tour(service)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SESSION_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    told = ["in_review", "ayu@example.org", "approved", "scheduled"]
    assert [line for line in done.stdout.splitlines() if line in told] == told
    feed = feedparser.parse(f"{service}/feeds/biro-humas/berita.atom")
    assert [entry.title for entry in feed.entries] == ["Naskah kuno kini terbaca di gawai"]
    assert '"outcome":"published"' in done.stdout
