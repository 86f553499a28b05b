"""The judge of OAuth: `oidc-provider`, a server of others that follows the standards strictly.

It comes from npm, once, into `.make/platforms`; where that cannot be had, the tests say so.
"""

import asyncio
import json
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests import npm
from tests.app.oauth import CLIENT_SECRET
from tests.app.pasar import SCOPES
from tests.waiting import until

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".make" / "platforms"
SCRIPT = "judge.mjs"
REDIRECT = "http://pilar.test/oauth/callback"
INSTALL_SECONDS = 120
"""Less than a test may take: the first one waits for it."""
STEPS_MAX = 12


def install() -> str | None:
    """Install the judge; return why that cannot be done here, if so."""
    why = npm.install(HERE, CACHE, INSTALL_SECONDS)
    if why is None:
        shutil.copy(HERE / SCRIPT, CACHE / SCRIPT)
    return why


@dataclass
class Judge:
    """A running server, and what it wrote down."""

    journal: Path
    url: str = ""

    def events(self) -> list[dict[str, Any]]:
        lines = self.journal.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def count(self) -> Counter[str]:
        """Return how often it granted, refused and revoked."""
        return Counter(each["event"] for each in self.events()[1:])


@asynccontextmanager
async def judging(folder: Path, delay_milliseconds: int) -> AsyncIterator[Judge]:
    """Run the judge on loopback until the end of the block; it takes so long for a token."""
    told = {
        "client": {"client_id": "pilar", "client_secret": CLIENT_SECRET},
        "redirect": REDIRECT,
        "scope": SCOPES,
        "delay": delay_milliseconds,
    }
    judge = Judge(folder / "judge.jsonl")
    with judge.journal.open("wb") as out, (folder / "judge.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(npm.NODE),
            SCRIPT,
            json.dumps(told),
            cwd=CACHE,
            env=npm.environment(),
            stdout=out,
            stderr=log,
        )
    try:
        await until(lambda: bool(judge.events()) or process.returncode is not None)
        assert judge.events(), (folder / "judge.log").read_text()
        judge.url = judge.events()[0]["url"]
        yield judge
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def consent(url: str, *, says_no: bool = False) -> dict[str, str]:
    """Be a person who logs in at the judge and agrees, or does not; return what comes back."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(url)
        for _ in range(STEPS_MAX):
            if answer.has_redirect_location:
                place = str(answer.next_request.url if answer.next_request else "")
                if place.startswith(REDIRECT):
                    return {name: each[0] for name, each in parse_qs(urlsplit(place).query).items()}
                answer = await http.get(place)
            else:
                answer = await _fill_in(http, answer, says_no=says_no)
    raise AssertionError(answer.text)


async def _fill_in(
    http: httpx.AsyncClient, page: httpx.Response, *, says_no: bool
) -> httpx.Response:
    """Answer the page that asks who somebody is, or whether they agree."""
    form = re.search('<form[^>]* action="([^"]+)"', page.text)
    prompt = re.search('name="prompt" value="([a-z]+)"', page.text)
    assert form, page.text
    assert prompt, page.text
    if says_no:
        abort = re.search('href="([^"]+/abort)"', page.text)
        assert abort, page.text
        return await http.get(page.url.join(unescape(abort[1])))
    fields = {"prompt": prompt[1], "login": "ayu", "password": "apa saja"}
    return await http.post(page.url.join(unescape(form[1])), data=fields)
