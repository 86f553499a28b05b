"""What `docs/platforms/webhook.md` tells receivers to do, done with what really comes."""

import re
import runpy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schedulers.connectors.webhook import WebhookConnector
from tests.processes import ROOT
from tests.schedulers.wires import SECRET, Seen, outgoing, says, wire

PAGE = ROOT / "docs" / "platforms" / "webhook.md"
BLOCK = re.compile(r"<!-- verify -->\n```python\n(.*?)```", re.DOTALL)
OTHER = "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"

Verify = Callable[[str, Any, bytes], Any]


@pytest.fixture
def verify(tmp_path: Path) -> Verify:
    (example,) = BLOCK.findall(PAGE.read_text("utf-8"))
    script = tmp_path / "receiver.py"
    script.write_text(example, "utf-8")
    given: Verify = runpy.run_path(str(script))["verify"]
    return given


async def delivered(webhook: WebhookConnector, secret: str, at: datetime) -> Seen:
    """Return a message as a receiver gets it."""
    async with wire(says("200 OK")) as receiver:
        post = outgoing(receiver.url())
        account = replace(post.account, secrets={"secret": secret})
        await webhook.publish(replace(post, account=account), at)
    (seen,) = receiver.seen
    return seen


@pytest.mark.parametrize("secret", [SECRET, f"{OTHER} {SECRET}"])
async def test_the_example_takes_what_is_delivered(
    webhook: WebhookConnector, verify: Verify, secret: str
) -> None:
    seen = await delivered(webhook, secret, datetime.now(UTC))

    event = verify(SECRET, seen.headers, seen.body)

    assert (event["type"], event["data"]["title"]) == ("post.published", "Kuis sejarah")


async def test_the_example_refuses_what_is_not(webhook: WebhookConnector, verify: Verify) -> None:
    now = datetime.now(UTC)
    seen = await delivered(webhook, SECRET, now)
    stale = await delivered(webhook, SECRET, now - timedelta(minutes=6))
    renamed = dict(seen.headers) | {"webhook-id": "lain"}

    for secret, headers, body in (
        (OTHER, seen.headers, seen.body),
        (SECRET, seen.headers, seen.body + b" "),
        (SECRET, renamed, seen.body),
        (SECRET, stale.headers, stale.body),
    ):
        with pytest.raises(ValueError, match=r"not signed|too long ago"):
            verify(secret, headers, body)
