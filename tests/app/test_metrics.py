"""Metrics: what Prometheus is told, and who may ask."""

from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.deps import House
from store import instance, pillars
from tests.app.conftest import Office
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Clock, app_of

TOKEN = "token-of-the-watcher"


def read(answer: httpx.Response) -> dict[tuple[str, ...], float]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def client(house: House, host: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app_of(house), client=(host, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://pilar.test")


async def test_requests_are_counted_by_operation_and_never_by_path(
    office: Office, http: httpx.AsyncClient
) -> None:
    before = read(await http.get("/metrics"))
    await office.viewer.ok("GET", office.path("/pillars"))
    await office.viewer("GET", office.path("/pillars/nothing"))
    await http.get("/secret/path")

    after = read(await http.get("/metrics"))

    def more(*name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert more("pilar_http_requests_total", "200", "GET", "list_pillars") == 1
    assert more("pilar_http_requests_total", "422", "GET", "read_pillar") == 1
    assert more("pilar_http_requests_total", "404", "none", "none") == 1
    assert more("pilar_http_request_seconds_count", "GET", "list_pillars") == 1
    assert not any("secret" in part for name in after for part in name)


async def test_the_queue_is_told_with_its_oldest_and_the_clock(
    office: Office, http: httpx.AsyncClient, clock: Clock, house: House
) -> None:
    channel, post = await add_channel(office), await write_post(office)
    await approve_post(office, post)
    await place(office, post, channel, when=at(clock.now.replace(hour=2)))
    await instance.check_keys(house.store, house.ring, clock.now)
    await instance.note_tick(house.store, clock.now)
    idle = read(await http.get("/metrics"))

    clock.forward(hours=1, seconds=90)
    late = read(await http.get("/metrics"))

    assert idle["pilar_publications", "scheduled"] == 1
    assert idle["pilar_publications", "published"] == 0
    assert idle["pilar_oldest_due_seconds",] == 0
    assert late["pilar_oldest_due_seconds",] == 90
    assert late["pilar_clock_age_seconds",] == 3690


@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.8.9.1", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("192.0.2.7", {}, 403),
        ("", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, 403),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}, 403),
        ("192.0.2.7", {"X-Forwarded-For": "127.0.0.1"}, 403),
    ],
)
async def test_without_a_token_only_this_machine_may_ask(
    house: House, host: str, headers: dict[str, str], status: int
) -> None:
    async with client(house, host) as http:
        answer = await http.get("/metrics", headers=headers)

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("given", "status"),
    [(f"Bearer {TOKEN}", 200), (f"Bearer {TOKEN}x", 403), (f"Basic {TOKEN}", 403), ("", 403)],
)
async def test_with_a_token_whoever_has_it_may_ask(house: House, given: str, status: int) -> None:
    guarded = replace(house, metrics_token=TOKEN)
    async with client(guarded, "127.0.0.1") as http:
        answer = await http.get("/metrics", headers={"Authorization": given} if given else {})

    assert answer.status_code == status
    assert TOKEN not in answer.text


async def test_a_crash_is_answered_with_its_headers_and_counted(
    office: Office, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_args: object, **_more: object) -> None:
        raise RuntimeError("a bug")

    before = read(await http.get("/metrics"))
    monkeypatch.setattr(pillars, "all_of", crash)

    answer = await office.viewer("GET", office.path("/pillars"))

    name = ("pilar_http_requests_total", "500", "GET", "list_pillars")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert read(await http.get("/metrics"))[name] - before.get(name, 0) == 1
