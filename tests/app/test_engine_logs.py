"""What the engine logs: lines that a program reads, with ids, and without secrets."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import structlog

from app import logs
from app.deps import House
from schedulers.connector import Outcome, Outgoing, Published, Unknown
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from store.liveness import Alone
from tests.app.conftest import Office
from tests.app.writing import SECRET, add_channel, approve_post, at, place, write_post
from tests.conftest import Clock

log = structlog.get_logger()


class Talkative:
    """A platform that logs what it was given, and then fails."""

    def __init__(self, outcome: Outcome | Exception) -> None:
        self.outcome = outcome

    async def publish(self, outgoing: Outgoing, now: Any) -> Outcome:
        log.info(
            "asking", url="https://user:rahasia@host.example/", secrets=outgoing.account.secrets
        )
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


async def told(
    office: Office,
    house: House,
    clock: Clock,
    outcome: Outcome | Exception,
    capsys: pytest.CaptureFixture[str],
) -> tuple[str, str, list[dict[str, Any]]]:
    """Return the id of a publication, all that was logged while it was sent, and its lines."""
    channel = await add_channel(office, platform="webhook")
    post = await approve_post(office, await write_post(office))
    (row,) = await place(office, post, channel, when=at(clock() + timedelta(minutes=1)))
    clock.forward(minutes=1)
    logs.configure("info", "json")
    capsys.readouterr()
    publisher = Publisher(
        store=house.store,
        ring=house.ring,
        blobs=house.blobs,
        connectors={"webhook": Talkative(outcome)},
        base_url=house.base_url,
        liveness=Alone("host:1"),
        lease_seconds=120,
        now=house.clock,
    )
    await publish(publisher, UUID(row["id"]))
    text = capsys.readouterr().err
    return row["id"], text, [json.loads(line) for line in text.splitlines()]


@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        (Published("1", None), ["asking", "attempt ended"]),
        (Unknown("connection_lost"), ["asking", "attempt ended"]),
        (RuntimeError(f"with {SECRET}"), ["asking", "connector crashed", "attempt ended"]),
    ],
)
async def test_every_line_about_an_attempt_names_it_and_no_secret(
    office: Office,
    house: House,
    clock: Clock,
    capsys: pytest.CaptureFixture[str],
    outcome: Outcome | Exception,
    events: list[str],
) -> None:
    id_, text, lines = await told(office, house, clock, outcome, capsys)

    assert [each["event"] for each in lines] == events
    assert [(each["publication"], each["worker"]) for each in lines] == [(id_, "host:1")] * len(
        lines
    )
    assert lines[-1]["attempt"] == 1
    assert SECRET.removeprefix("whsec_") not in text
    assert "rahasia" not in text


@pytest.mark.usefixtures("data_folder")
async def test_nothing_of_a_publication_clings_to_what_is_logged_later(
    office: Office, house: House, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    await told(office, house, clock, Published("1", None), capsys)

    log.info("idle")

    (line,) = [json.loads(each) for each in capsys.readouterr().err.splitlines()]
    assert {*line} == {"event", "level", "logger", "timestamp"}


@pytest.mark.usefixtures("data_folder")
async def test_what_a_request_causes_is_logged_under_its_id(
    office: Office, house: House, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    id_, _, _ = await told(office, house, clock, Unknown("connection_lost"), capsys)
    path = office.path(f"/publications/{id_}")
    row = await office.viewer.ok("GET", path)
    live = {"outcome": "live"}
    row = await office.approver.ok("POST", f"{path}/resolve", live, match=row["version"])
    capsys.readouterr()

    headers = {"X-Request-ID": "permintaan-1"}
    await office.approver("POST", f"{path}/withdraw", match=row["version"], headers=headers)

    lines = [json.loads(each) for each in capsys.readouterr().err.splitlines()]
    (line,) = [each for each in lines if each["event"] == "withdrawal ended"]
    assert (line["publication"], line["request_id"]) == (id_, "permintaan-1")
