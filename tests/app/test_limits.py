"""Rate limits: counted by credential and workspace, and told with every answer."""

import asyncio
import re
from dataclasses import replace

import httpx
import pytest

from app.deps import House
from app.house import BadSettings, read_settings
from app.limits import Limits
from tests.app.conftest import Office, found_office


@pytest.fixture
def house(house: House) -> House:
    return replace(house, limits=Limits("5/minute"))


@pytest.fixture
async def other_office(house: House, http: httpx.AsyncClient, office: Office) -> Office:
    return await found_office(house, http, "lain")


async def test_whoever_asks_too_often_is_told_when_to_ask_again(office: Office) -> None:
    answers = [await office.viewer("GET", office.path("/pillars")) for _ in range(6)]

    refused = answers[-1]
    wait = int(refused.headers["retry-after"])
    assert [each.status_code for each in answers] == [200] * 5 + [429]
    assert refused.json()["type"] == "/problems/too-many-requests"
    assert 1 <= wait <= 60
    assert str(wait) in refused.json()["detail"]


async def test_every_answer_says_what_is_left_whatever_it_is(office: Office) -> None:
    fine = await office.manager("POST", office.path("/pillars"), {"name": "Naskah"})
    problem = await office.manager("POST", office.path("/pillars"), {"name": "Naskah"})
    listed = await office.manager("GET", office.path("/pillars"))
    same = await office.manager(
        "GET", office.path("/pillars"), headers={"If-None-Match": listed.headers["etag"]}
    )

    answers = (fine, problem, listed, same)
    left = [
        re.fullmatch(r'"default";r=(\d+);t=(\d+)', each.headers["ratelimit"]) for each in answers
    ]
    assert [each.status_code for each in answers] == [201, 409, 200, 304]
    assert [int(each[1]) for each in left if each] == [4, 3, 2, 1]
    assert all(1 <= int(each[2]) <= 60 for each in left if each)
    assert {each.headers["ratelimit-policy"] for each in answers} == {'"default";q=5;w=60'}


async def test_what_is_refused_has_no_effect(office: Office) -> None:
    answers = await asyncio.gather(
        *(
            office.manager("POST", office.path("/pillars"), {"name": f"Pilar {number}"})
            for number in range(8)
        )
    )

    made = [each for each in answers if each.status_code == 201]
    listed = await office.viewer.ok("GET", office.path("/pillars"))
    assert len(made) == len(listed["items"]) == 5


async def test_credentials_and_workspaces_are_counted_apart(
    office: Office, other_office: Office
) -> None:
    for _ in range(5):
        await office.viewer.ok("GET", office.path("/pillars"))

    others = [
        await office.editor("GET", office.path("/pillars")),
        await office.key("GET", office.path("/pillars")),
        await other_office.viewer("GET", other_office.path("/pillars")),
        await office.viewer("GET", "/me"),
    ]

    assert (await office.viewer("GET", office.path("/pillars"))).status_code == 429
    assert [each.status_code for each in others] == [200] * 4


async def test_a_stranger_is_told_nothing_of_limits(http: httpx.AsyncClient, house: House) -> None:
    answer = await http.get("/api/v1/me")

    assert answer.status_code == 401
    assert "ratelimit" not in answer.headers


def test_a_quota_that_is_none_keeps_the_service_from_starting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PILAR_RATE_LIMIT", "often")

    with pytest.raises(BadSettings) as raised:
        read_settings()

    assert raised.value.facts["name"] == "PILAR_RATE_LIMIT"
