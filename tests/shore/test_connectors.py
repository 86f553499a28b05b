"""The connectors to the test platform: deleting, which nothing else here needs."""

from dataclasses import replace
from typing import Any

import pytest

from schedulers.connector import Done, Refused, TryLater, Unknown, Withdrawn
from schedulers.outbound import Outbound
from tests.schedulers.wires import DUE, outgoing
from tests.shore.install import SHORE
from tests.shore.running import Shore

WAYS = {
    "well": Withdrawn(),
    "lost": Unknown("connection_lost"),
    "busy": TryLater("busy", None, counts=True, evidence={"status": 503}),
    "rate": TryLater("rate_limited", 1.0, counts=False, evidence={"status": 429}),
    "refused": Refused("refused", "HTTP 422", {"status": 422}),
    "portal": Unknown("gateway", {"status": 200}),
}


@pytest.mark.parametrize("kind", SHORE)
async def test_a_thread_is_deleted_from_its_end_and_deleting_twice_is_fine(
    shore: Shore, outbound: Outbound, kind: str
) -> None:
    connector: Any = SHORE[kind][1](outbound)
    settings = {"url": shore.address, "account": "a"}
    account = replace(outgoing().account, settings=settings, secrets={})
    step = replace(outgoing(), account=account)
    done: tuple[Done, ...] = ()
    for number in range(2):
        ready = replace(step, step=number, key=f"k-{number}", done=done)
        if kind == "handle":
            ready = replace(ready, handle=(await connector.prepare(ready, DUE)).handle)
        live = await connector.publish(ready, DUE)
        done = (*done, Done(number, live.remote_id, live.permalink))

    found = {}
    for way in WAYS:
        await shore.behave(f"{kind}/a", way, on="delete")
        found[way] = await connector.withdraw(account, done, DUE)

    gone = [each["id"] for each in shore.events() if each["event"] == "delete"]
    assert found == WAYS
    assert gone == [done[1].remote_id, done[0].remote_id]
    assert [(post.reply_to, post.deleted) for post in shore.posts()] == [
        (None, True),
        (done[0].remote_id, True),
    ]
