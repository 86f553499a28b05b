"""The README's own commands, as a newcomer types them."""

import asyncio
import re
import sys
from pathlib import Path

import feedparser

from tests.journeys.serving import ROOT, environment, serving

BLOCK = re.compile(r"<!-- tour(: wait)? -->\n```sh\n(.*?)```", re.DOTALL)


def tour(url: str) -> str:
    """Return the README's commands as one script; a minute is three seconds here."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text("utf-8"))
    assert len(blocks) >= 6
    script = ["set -euo pipefail"]
    for wait, commands in blocks:
        script += ["sleep 6", commands] if wait else [commands]
    return (
        "\n".join(script)
        .replace(".venv/bin/pilar", f"{sys.executable} -m app.cli")
        .replace("http://127.0.0.1:8000", url)
        .replace("minutes=1", "seconds=3")
    )


async def test_the_tour_ends_with_a_post_in_the_feed(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        port = service.url.rpartition(":")[2]
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", tour(service.url)),
            cwd=tmp_path,
            env=environment(tmp_path, {"PILAR_PORT": port}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(120):
            output, _ = await process.communicate()
        feed = await asyncio.to_thread(
            feedparser.parse, f"{service.url}/feeds/biro-humas/berita.atom"
        )

    said = output.decode()
    told = ["in_review", "ayu@example.org", "approved", "scheduled"]
    assert process.returncode == 0, said
    assert [line for line in said.splitlines() if line in told] == told
    assert [entry.title for entry in feed.entries] == ["Naskah kuno kini terbaca di gawai"]
    assert '"outcome":"published"' in said
