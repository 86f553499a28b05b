"""No secret of the engine is found again: tokens, signatures, the passwords of mail and database.

They go through real calls, those that succeed, those that are refused and a connector that
crashes with all it knows on its lips; then whatever was written or said is searched.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from app import logs
from app.cli_speech import sentences
from app.deps import House
from schedulers import alerting, refreshing
from schedulers.connector import Account, Outcome, Outgoing, Refreshed, Revoked
from schedulers.connectors import connectors
from schedulers.mail import Mailer, sender_of, server_of
from schedulers.outbound import Outbound
from schedulers.publishing import publish
from store import instance, rotation
from store.blobs import FolderBlobs
from store.db import DatabaseUnavailable, Store
from store.instance import DatabaseUnreachable
from tests.app.logins import dump
from tests.backing import hush
from tests.conftest import RING, app_of
from tests.planted import everything_written, found, fresh
from tests.schedulers.alerts import alerter_of, failed, target
from tests.schedulers.post_office import PASSWORD, USER, post_office
from tests.schedulers.wires import SECRET, certificate, says, wire
from tests.sealing import BOTH, BOTH_KEYS, enter
from tests.world import World

SOON = timedelta(minutes=1)


def whsec() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass
class Clumsy:
    """A connector that changes tokens rightly, and crashes with all that it was given."""

    fresh: Mapping[str, str]
    revokes: bool = False
    crashes: list[str] = field(default_factory=list)

    async def refresh(self, account: Account, now: datetime) -> Refreshed | Revoked:
        if self.revokes:
            return Revoked("credentials_revoked")
        return Refreshed(self.fresh, now + timedelta(hours=1))

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:
        known = outgoing.account.secrets
        said = f"{dict(known)} in Authorization: Bearer {known['access_token']}"
        self.crashes.append(said)
        raise ConnectionError(
            said, f"refresh_token={known['refresh_token']}&grant_type=x", outgoing
        )


@dataclass
class Stage:
    """Where secrets are planted, and what was said aloud."""

    world: World
    planted: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def plant(self, name: str, secret: str | None = None) -> str:
        self.planted[name] = secret or fresh("rahasia")
        return self.planted[name]


async def refresh_and_crash(stage: Stage, blobs: FolderBlobs) -> Clumsy:
    """Change a pair of tokens for another, crash with that, and lose it at last."""
    world = stage.world
    pair = {name: stage.plant(f"former {name}") for name in ("access_token", "refresh_token")}
    new = {name: stage.plant(name) for name in pair}
    clumsy = Clumsy(new)
    channel = await world.channel("akun")
    await enter(world, channel.id, pair, RING, expires_at=world.clock() + SOON)
    row = await world.placed(await world.post("Isi."), channel, world.clock())
    publisher = world.publisher({"feed": clumsy}, blobs)
    await publish(publisher, row)
    pair = {name: stage.plant(f"revoked {name}") for name in pair}
    clumsy.revokes = True
    await enter(world, channel.id, pair, RING, expires_at=world.clock() + SOON)
    await refreshing.refresh_expiring(publisher)
    return clumsy


async def call_receivers(stage: Stage, blobs: FolderBlobs, outbound: Outbound) -> int:
    """Sign what two receivers get: one takes it, one echoes it in its refusal."""
    world, signed = stage.world, 0
    for status in ("200 OK", "400 Bad Request"):
        async with wire(says(status, b"{}")) as receiver:
            settings = {"url": receiver.url()}
            channel = await world.channel(f"kait {status}", "webhook", settings=settings)
            given = {"secret": stage.plant(f"webhook secret, {status}", whsec())}
            await enter(world, channel.id, given, RING)
            row = await world.placed(await world.post(status), channel, world.clock())
            await publish(world.publisher(connectors(outbound), blobs), row)
            signed += len(receiver.seen)
            told = receiver.seen[0].headers["webhook-signature"].removeprefix("v1,")
            stage.plant(f"signature, {status}", told)
    return signed


async def send_mail(stage: Stage, outbound: Outbound, folder: Path) -> list[tuple[str, str]]:
    """Log in at a mail server with the right password, and with a wrong one; call a webhook."""
    world = stage.world
    await target(world, "sari@biro.example", medium="email")
    server, trust = certificate("localhost", folder)
    wrong, right = stage.plant("SMTP password, wrong"), stage.plant("SMTP password", PASSWORD)
    async with post_office(server, login=True) as office, wire(says("500 Oops")) as receiver:
        await target(world, receiver.url())
        stage.plant("secret of an alert target", SECRET.removeprefix("whsec_"))
        await failed(world)
        for password in (wrong, right):
            url = f"smtp+starttls://{USER}:{quote(password, safe='')}@localhost:{office.port}"
            mailer = Mailer(server_of(url), sender_of("p@x.example"), {"localhost"}, trust=trust)
            await alerting.deliver(replace(alerter_of(world, outbound), mailer=mailer))
            world.clock.forward(hours=1)
    assert len(receiver.seen) >= 2
    return office.logins


async def miss_the_database(stage: Stage, house: House) -> list[int]:
    """Ask a database that is not there, with a password, and a service that stands on it."""
    password = stage.plant("database password", "r4ha:sia/" + secrets.token_hex(10))
    url = f"postgresql+psycopg://pilar:{quote(password, safe='')}@127.0.0.1:1/pilar"
    store = instance.open_store(url)
    with pytest.raises(DatabaseUnreachable) as unreachable:
        await instance.reach(store)
    with pytest.raises(DatabaseUnavailable) as unavailable:
        async with store.transaction() as db:
            await db.connection()
    stage.said += [str(unreachable.value.facts), *sentences(unreachable.value)]
    stage.said += sentences(unavailable.value)
    app = app_of(replace(house, store=store))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://pilar.test") as http:
        head = {"Cookie": f"pilar={stage.plant('cookie of nobody')}"}
        paths = ("/api/v1/me", "/readyz", "/metrics")
        answers = [await http.get(path, headers=head) for path in paths]
    await store.close()
    app.state.house = house
    stage.said += [f"{each.headers!r} {each.text}" for each in answers]
    return [each.status_code for each in answers]


@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("form", ["console", "json"])
async def test_no_secret_of_the_engine_is_found_again(
    house: House,
    store: Store,
    outbound: Outbound,
    form: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("debug", form)
    await instance.check_keys(store, RING, house.clock())
    stage = Stage(await World.found(store, house.clock))
    blobs = FolderBlobs(tmp_path / "media")

    clumsy = await refresh_and_crash(stage, blobs)
    signed = await call_receivers(stage, blobs, outbound)
    logins = await send_mail(stage, outbound, tmp_path)
    statuses = await miss_the_database(stage, house)
    done = await rotation.rotate(store, BOTH, house.clock(), hush)
    for number, key in enumerate(BOTH_KEYS.split(",")):
        stage.plant(f"key {number}", key.partition(":")[2])
    transport = httpx.ASGITransport(app_of(house))
    async with httpx.AsyncClient(transport=transport, base_url="http://pilar.test") as http:
        metrics = (await http.get("/metrics")).text

    log = capsys.readouterr().err
    places = {
        "the log": log,
        "what was said": "\n".join(stage.said),
        "the database": await dump(store),
        "its files": everything_written(store),
        "a metric": metrics,
    }
    assert found(stage.planted, places) == []
    assert len(stage.planted) == 17
    assert all(len(text) > 500 for text in places.values())
    # All of that was really used, and said to whoever would have repeated it.
    assert len(clumsy.crashes) == log.count("connector crashed") == 1
    assert stage.planted["access_token"] in clumsy.crashes[0]
    assert (signed, logins[-1], statuses) == (2, (USER, PASSWORD), [503, 503, 503])
    assert (done.sealed.total(), done.closed) == (4, [])
