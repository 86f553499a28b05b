"""Bluesky judged by its own server: what is posted, and that nothing is posted twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schedulers.clock import read_clock
from schedulers.connector import (
    Absent,
    Account,
    Checked,
    Done,
    Outgoing,
    Prepared,
    Refreshed,
    Refused,
    Withdrawn,
)
from schedulers.connectors.bluesky import BlueskyConnector
from schedulers.outbound import Outbound
from schedulers.sending import account_of, outgoing_of
from store import claims
from store.blobs import FolderBlobs
from store.db import Store
from store.liveness import Alone
from tests.chaos.mortal import LOOPBACK
from tests.conftest import RING, Clock
from tests.platforms.harbour import HANDLE, TEST_SECONDS, Harbour, harbour, install
from tests.schedulers.pds import Berth, deaths, ended
from tests.world import World

pytestmark = [
    pytest.mark.platforms,
    pytest.mark.untraced,
    pytest.mark.timeout(TEST_SECONDS),
    pytest.mark.parametrize("database", ["sqlite"]),
]


@pytest.fixture(scope="session")
def moored() -> None:
    if why := install():
        pytest.skip(f"the Bluesky server could not be installed: {why}")


@pytest.fixture
async def server(moored: None, tmp_path: Path) -> AsyncIterator[Harbour]:
    async with harbour(tmp_path) as opened:
        yield opened


@pytest.fixture
async def there(server: Harbour, store: Store, clock: Clock, tmp_path: Path) -> Berth:
    world = await World.found(store, clock)
    channel = await world.channel(HANDLE, "bluesky", settings={"service": server.url})
    here = Berth(world, FolderBlobs(tmp_path / "media"), channel, tmp_path)
    await here.entered(app_password=server.app_password)
    return here


@pytest.fixture
async def connector() -> AsyncIterator[BlueskyConnector]:
    outbound = Outbound(LOOPBACK)
    yield BlueskyConnector(outbound)
    await outbound.aclose()


async def account(there: Berth) -> Account:
    return account_of(RING, there.world.slug, await there.connected())


async def test_a_thread_with_images_is_what_the_server_shows(
    there: Berth, server: Harbour, connector: BlueskyConnector
) -> None:
    words = f"Naskah 📜 dari @{HANDLE}: https://arsip.id/a #warisan"

    found = await ended(there, await there.due(words, "Dua", images=2))

    first, second = await server.posts()
    value = first["value"]
    ref = {"uri": first["uri"], "cid": first["cid"]}
    whole = value["text"].encode()
    marked = [
        whole[each["index"]["byteStart"] : each["index"]["byteEnd"]].decode()
        for each in value["facets"]
    ]
    assert (found.status, found.remote_id) == ("published", first["uri"])
    assert [each["remote_id"] for each in found.steps_done] == [first["uri"], second["uri"]]
    assert (value["text"], value["langs"]) == (words, ["id"])
    assert marked == [f"@{HANDLE}", "https://arsip.id/a", "#warisan"]
    assert [each["alt"] for each in value["embed"]["images"]] == ["Naskah"] * 2
    assert (second["value"]["text"], second["value"]["reply"]) == (
        "Dua",
        {"root": ref, "parent": ref},
    )
    done = tuple(Done(each["step"], each["remote_id"], None) for each in found.steps_done)
    for _ in range(2):  # the second time there is nothing to delete
        gone = await connector.withdraw(await account(there), done, there.world.clock())
        assert isinstance(gone, Withdrawn)
    assert await server.posts() == []


async def ready(there: Berth, connector: BlueskyConnector, row: Any) -> Outgoing:
    """Return a publication that was claimed and prepared."""
    publisher = there.world.publisher({}, there.files)
    now = there.world.clock()
    claim = await claims.claim(there.world.store, row, Alone("w1"), publisher.lease, now)
    assert claim is not None
    outgoing = outgoing_of(publisher, claim)
    prepared = await connector.prepare(outgoing, now)
    assert isinstance(prepared, Prepared)
    return replace(outgoing, handle=prepared.handle, ticket=prepared.ticket)


async def test_the_same_again_is_the_same_post_and_another_is_refused(
    there: Berth, server: Harbour, connector: BlueskyConnector
) -> None:
    await ended(there, await there.due("Pertama"))
    now = there.world.clock()
    step = await ready(there, connector, await there.due("Kedua", images=1))
    part = replace(step.words.parts[0], text="Lain")
    other = replace(step, words=replace(step.words, parts=(part,)))

    before = await connector.reconcile(step, now)
    first = await connector.publish(step, now)
    again = await connector.publish(step, now)
    refused = await connector.publish(other, now)

    assert isinstance(before, Absent)
    assert first == again == await connector.reconcile(step, now)
    assert isinstance(refused, Refused)
    assert refused.reason == "record_differs"
    assert [each["value"]["text"] for each in await server.posts()] == ["Pertama", "Kedua"]


async def test_a_session_that_ended_is_renewed_and_one_that_is_gone_opened_anew(
    there: Berth, server: Harbour, connector: BlueskyConnector
) -> None:
    now = read_clock()
    entered = await account(there)
    opened = await connector.refresh(entered, now)
    assert isinstance(opened, Refreshed)
    expired = server.expired(now - timedelta(minutes=1))
    ended_early = replace(entered, secrets={**opened.secrets, "access_jwt": expired})
    renewed = await connector.refresh(ended_early, now)
    assert isinstance(renewed, Refreshed)
    again = await connector.refresh(ended_early, now)
    assert isinstance(again, Refreshed)
    lost = replace(entered, secrets={**opened.secrets, "refresh_jwt": "nonsense"})
    anew = await connector.refresh(lost, now)
    wrong = replace(entered, secrets={**entered.secrets, "app_password": "wrong"})

    assert isinstance(anew, Refreshed)
    assert opened.secrets["pds"] == server.url
    assert opened.expires_at is not None
    assert timedelta(hours=1) < opened.expires_at - now <= timedelta(hours=2, minutes=1)
    assert again.secrets["did"] == renewed.secrets["did"] == anew.secrets["did"] == server.did
    assert await connector.check(ended_early, now) == Checked(
        answers=True, reason=None, detail=HANDLE
    )
    assert (await connector.check(wrong, now)).reason == "password_refused"


@pytest.mark.parametrize(("texts", "images"), [(("Satu",), 1), (("Satu", "Dua"), 0)])
async def test_each_place_to_die_leads_to_one_post_there(
    there: Berth, server: Harbour, database_url: str, texts: tuple[str, ...], images: int
) -> None:
    await ended(there, await there.due("Pertama"))

    ends = await deaths(there, database_url, *texts, images=images)

    wanted = [f"{each} {point}" for point in range(len(ends)) for each in texts]
    assert ends == ["published"] * len(ends)
    assert sorted(each["value"]["text"] for each in await server.posts()) == sorted(
        ["Pertama", *texts, *wanted]
    )
