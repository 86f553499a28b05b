"""Platforms tell what happened, over HTTP from a TikTok on loopback to Pilar on loopback."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from app.deps import House
from app.sandbox.tiktok.hooks import signature
from app.sandbox.tiktok.wire import wire_of
from schedulers.connectors import tiktok_hooks
from schedulers.outbound import Outbound
from store import channels, publications, workspaces
from store.audit import CLI
from store.blobs import FolderBlobs
from store.db import Store
from tests.app.hooking import HOME, Scene, event, signed
from tests.app.ticking import publish_due
from tests.conftest import RING, Client, Clock, app_of
from tests.schedulers.stages import KEY, ME, SECRET, connect, stage
from tests.schedulers.wires import served
from tests.world import World


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    return await World.found(store, clock)


@pytest.fixture
def mode() -> str:
    return "direct"


@pytest.fixture
async def scene(
    house: House, world: World, outbound: Outbound, tmp_path: Path, mode: str
) -> AsyncIterator[Scene]:
    blobs = house.blobs
    assert isinstance(blobs, FolderBlobs)
    async with (
        served(app_of(house)) as pilar,
        stage(world, blobs, tmp_path / "videos", mode=mode) as there,
    ):
        url = pilar + HOME
        there.tiktok.developer.callback_url = url
        yield Scene(there, house, wire_of(outbound), url)


inbox = pytest.mark.parametrize("mode", ["inbox"])


async def test_a_video_that_is_done_is_asked_after_at_once_and_published(scene: Scene) -> None:
    row = await scene.uploaded()

    answers = await scene.tell()
    asked = await scene.stage.world.row(row)
    await publish_due(scene.house)
    found = await scene.stage.world.row(row)

    assert answers == [[200]]
    assert (asked.status, asked.poll_at) == ("processing", scene.clock.now)
    assert (found.status, found.published_at) == ("published", scene.clock.now)


async def test_a_video_that_failed_is_asked_after_at_once_and_says_why(scene: Scene) -> None:
    scene.stage.order(next=[{"fail_reason": "spam_risk_text"}])
    row = await scene.uploaded()

    answers = await scene.tell()
    await publish_due(scene.house)
    found = await scene.stage.world.row(row)

    assert answers == [[200]]
    assert (found.status, found.reason) == ("failed", "spam_risk_text")


@inbox
async def test_a_video_that_a_person_finished_in_the_inbox_is_published(scene: Scene) -> None:
    row, publish_id = await scene.handed_over()
    scene.clock.forward(minutes=10)
    draft = [{"publish_id": publish_id, "do": "post", "posts": 1, "public": False}]
    scene.stage.order(inbox=draft)

    answers = await scene.tell()

    found = await scene.stage.world.row(row)
    async with scene.house.store.reading() as db:
        last = (await publications.transitions(db, found))[-1]
    assert answers == [[200], [200]]
    assert (found.status, found.published_at) == ("published", scene.clock.now)
    assert (last.before, last.after, last.reason, last.actor, last.detail) == (
        "handed_over",
        "published",
        "finished",
        "clock",
        {
            "said_by": "platform",
            "event": "post.publish.complete",
            "at": scene.clock.now.isoformat(),
            "publish_id": publish_id,
            "post_id": None,
        },
    )


@inbox
async def test_the_link_comes_when_everybody_can_see_it_and_the_first_one_stays(
    scene: Scene,
) -> None:
    scene.stage.order(accounts={ME: {"private": False}}, developer={"audited": True})
    row, publish_id = await scene.handed_over()
    draft = [{"publish_id": publish_id, "do": "post", "posts": 2, "public": True}]
    scene.stage.order(inbox=draft)
    await scene.tell()
    without = await scene.stage.world.row(row)
    scene.clock.forward(minutes=5)

    answers = await scene.tell()

    found = await scene.stage.world.row(row)
    first = scene.stage.tiktok.publications[publish_id].posts[0].post_id
    assert answers == [[200]] * 5
    assert (without.status, without.permalink) == ("published", None)
    assert (found.status, found.remote_id) == ("published", str(first))
    assert found.permalink == f"https://www.tiktok.com/@{ME}/video/{first}"


@inbox
async def test_what_nobody_had_confirmed_by_the_next_day_is_published_when_it_is(
    scene: Scene,
) -> None:
    row, publish_id = await scene.handed_over()
    async with scene.house.store.transaction() as db:
        workspace = await workspaces.lock(db, scene.stage.world.slug)
        found = await publications.of(db, workspace.id, row)
        found.status, found.reason = "needs_review", "unconfirmed"
    scene.stage.order(inbox=[{"publish_id": publish_id, "do": "post", "posts": 1}])

    await scene.tell()

    assert (await scene.stage.world.row(row)).status == "published"


async def test_consent_that_ended_asks_for_a_person(scene: Scene) -> None:
    scene.stage.order(withdraw=[{"account": ME, "reason": 1}])

    answers = await scene.tell()

    found = await scene.channel()
    assert answers == [[200]]
    assert (found.connection, found.connection_reason) == ("needs_reauth", "auth_removed")
    assert set(found.secrets) == {
        "access_token",
        "client_secret",
        "open_id",
        "refresh_token",
        "scope",
    }
    assert await scene.alerts() == [("needs_reauth", {"reason": "auth_removed"})]


async def test_the_end_of_a_consent_that_was_given_anew_since_is_old_news(scene: Scene) -> None:
    body = event("authorization.removed", scene, reason=1)
    scene.clock.forward(minutes=20)
    await connect(scene.stage.world, scene.stage.tiktok, scene.stage.channel, scene.clock)

    answer = await scene.post(body, signed(scene, body))

    assert (answer.status_code, (await scene.channel()).connection) == (200, "connected")
    assert await scene.alerts() == []


@inbox
async def test_what_comes_twice_is_done_once(scene: Scene) -> None:
    row, publish_id = await scene.handed_over()
    body = event("post.publish.complete", scene, publish_id=publish_id)
    removed = event("authorization.removed", scene, reason=1)

    answers, sequences = [], []
    for each in (body, body, removed, removed):
        answers.append((await scene.post(each, signed(scene, each))).status_code)
        sequences.append(await scene.sequence())

    assert answers == [200] * 4
    assert sequences[0] == sequences[1] < sequences[2] == sequences[3]
    assert [each for each in await scene.stage.world.steps(row) if each[0] == "published"] == [
        ("published", "finished")
    ]


async def forged(scene: Scene) -> list[tuple[int, str | None]]:
    """Say wrong things about a video in the inbox; return the statuses and the problems."""
    _, publish_id = await scene.handed_over()
    body = event("post.publish.complete", scene, publish_id=publish_id)
    removed = event("authorization.removed", scene, reason=1)
    right, now = signed(scene, body), int(scene.clock.now.timestamp())
    said = [
        (body, signed(scene, body, "forged")),
        (body, ""),
        (body, right.replace("s=", "s=0")),
        (body.replace(b"complete", b"complet3"), right),
        (body + b" ", right),
        (body, signature(SECRET, now - 301, body)),
        (body, signature(SECRET, now + 301, body)),
        (body.replace(KEY.encode(), b"another"), right),
        (removed, right),
        (b"", right),
        (b"\xff[", right),
    ]
    answers = [await scene.post(*each) for each in said]
    return [(each.status_code, each.json().get("type")) for each in answers]


@inbox
async def test_what_is_not_signed_just_now_changes_nothing(scene: Scene) -> None:
    refused = await forged(scene)

    assert refused == [(401, "/problems/unsigned-hook")] * 11
    statuses = {each.status async for each in _rows(scene)}
    assert (statuses, (await scene.channel()).connection) == ({"handed_over"}, "connected")


async def _rows(scene: Scene) -> AsyncIterator[Any]:
    workspace = await scene.stage.world.workspace()
    async with scene.house.store.reading() as db:
        for each in await publications.queue(db, workspace.id, scene.clock.now):
            yield each


@inbox
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_one_that_believes_everything_is_caught(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiktok_hooks, "_is_signed", lambda *_: True)

    refused = await forged(scene)

    assert (200, None) in refused
    assert [each.status async for each in _rows(scene)] == []
    assert (await scene.channel()).connection == "needs_reauth"


@inbox
async def test_who_has_another_secret_speaks_for_their_own_channel_only(scene: Scene) -> None:
    """A stranger may know the app's public key and enter it with a secret of their own."""
    row, publish_id = await scene.handed_over()
    stranger = await World.found(scene.house.store, scene.clock, "lain")
    settings = dict(scene.stage.channel.settings)
    channel = await stranger.channel(ME, "tiktok", settings=settings)
    await connect(stranger, scene.stage.tiktok, channel, scene.clock)
    async with scene.house.store.transaction() as db:
        workspace = await workspaces.lock(db, "lain")
        mine = await channels.of(db, workspace.id, channel.id)
        opened = channels.open_secrets(mine, RING) | {"client_secret": "own"}
        await channels.set_secrets(db, workspace, CLI, mine, opened, RING, scene.clock.now)
    said = [
        event("post.publish.complete", scene, publish_id=publish_id),
        event("authorization.removed", scene, reason=1),
    ]

    answers = [await scene.post(each, signed(scene, each, "own")) for each in said]

    assert [each.status_code for each in answers] == [200, 200]
    assert (await scene.stage.world.row(row)).status == "handed_over"
    assert (await scene.channel()).connection == "connected"
    async with scene.house.store.reading() as db:
        theirs = await channels.of(db, workspace.id, channel.id)
    assert theirs.connection == "needs_reauth"


async def test_an_event_that_nobody_knows_is_answered_and_does_nothing(scene: Scene) -> None:
    before = await scene.sequence()
    said = [
        event("portability.download.ready", scene),
        event("post.publish.complete", scene),
        event("post.publish.complete", scene, publish_id="v_pub_file~unknown"),
        event("authorization.removed", scene).replace(b"-open-id-", b"-other-"),
    ]

    answers = [await scene.post(each, signed(scene, each)) for each in said]

    assert [(each.status_code, each.json()) for each in answers] == [(200, {})] * 4
    assert await scene.sequence() == before


async def test_a_channel_whose_secrets_do_not_open_hears_nothing(scene: Scene) -> None:
    body = event("authorization.removed", scene)
    async with scene.house.store.transaction() as db:
        workspace = await workspaces.lock(db, scene.stage.world.slug)
        row = await channels.of(db, workspace.id, scene.stage.channel.id)
        row.secrets = row.secrets | {"client_secret": row.secrets["access_token"]}

    answer = await scene.post(body, signed(scene, body))

    assert answer.status_code == 401


async def test_the_log_says_platform_and_event_and_never_what_came(scene: Scene) -> None:
    body = event("authorization.removed", scene, reason=1)

    with structlog.testing.capture_logs() as logged:
        await scene.post(body, signed(scene, body))

    (told,) = [each for each in logged if each["event"] == "a platform was heard"]
    assert told == {
        "event": "a platform was heard",
        "log_level": "info",
        "platform": "tiktok",
        "events": ["authorization.removed"],
        "channels": 1,
        "changed": 1,
    }
    whole = repr(logged)
    assert [each for each in (SECRET, signed(scene, body)[-64:], "open-id") if each in whole] == []


@pytest.mark.parametrize("platform", ["feed", "manual", "webhook", "unknown", "%00"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_who_tells_nothing_has_no_hook(http: httpx.AsyncClient, platform: str) -> None:
    answer = await Client(http)("POST", f"//hooks/{platform}", {})

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-such-hook")


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_more_than_an_event_is_not_read(http: httpx.AsyncClient, told: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield b"x" * 1024

    content: Any = b"x" * (65 << 10) if told else pieces()

    answer = await http.post(HOME, content=content)

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")


async def test_without_a_connector_nothing_is_heard(house: House, scene: Scene) -> None:
    body = event("authorization.removed", scene)
    async with served(app_of(replace(house, connectors={}))) as url:
        answer = await replace(scene, url=url + HOME).post(body, signed(scene, body))

    assert answer.status_code == 404
