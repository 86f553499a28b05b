"""The recipes of `docs/recipes.md`, run as they stand."""

import asyncio
import re
import sys
from pathlib import Path

from tests.journeys.serving import ROOT, environment, serving

BLOCK = re.compile(r"<!-- recipe -->\n```sh\n(.*?)```", re.DOTALL)
PREPARED = """
.venv/bin/pilar init --workspace "Biro Humas" --slug biro-humas --timezone Asia/Jakarta \\
    --country ID --email ayu@example.org --json > office.json
echo kata-sandi-yang-panjang | .venv/bin/pilar password ayu@example.org --stdin
HERE=http://127.0.0.1:8000/api/v1
curl -sS --fail-with-body -o /dev/null -c cookies -H "Content-Type: application/json" \\
    "$HERE/sessions" -d '{"email": "ayu@example.org", "password": "kata-sandi-yang-panjang"}'
curl -sS --fail-with-body -o /dev/null -b cookies -X PATCH "$HERE/workspaces/biro-humas" \\
    -H "Content-Type: application/json" -H 'If-Match: "1"' -d '{"approval_policy": "none"}'
"""
TOLD = [
    "approved",
    "scheduled",
    "3",
    "3",
    "the same post",
    "Sekali, dan diubah",
    "412",
    "/problems/version-changed",
    "304",
    "Sekali, dan diubah",
    "none",
    "['19:30']",
    "never_sent",
]


def script(url: str) -> str:
    blocks = BLOCK.findall((ROOT / "docs/recipes.md").read_text("utf-8"))
    assert len(blocks) == 11
    return (
        "\n".join(["set -euo pipefail", PREPARED, *blocks])
        .replace(".venv/bin/pilar", f"{sys.executable} -m app.cli")
        .replace("http://127.0.0.1:8000", url)
    )


async def test_the_recipes_say_what_they_promise(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        port = service.url.rpartition(":")[2]
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", script(service.url)),
            cwd=tmp_path,
            env=environment(tmp_path, {"PILAR_PORT": port}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(120):
            output, _ = await process.communicate()

    said = output.decode()
    assert process.returncode == 0, said
    lines = said.splitlines()
    assert [line for line in lines if line in set(TOLD)] == TOLD, said
    assert any(line.endswith("T11:00:00") for line in lines), said
