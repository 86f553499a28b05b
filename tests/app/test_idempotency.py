"""A POST that is sent again with its Idempotency-Key has its effect once."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlmodel import func, select

from app.deps import House
from app.idempotency import Remembered
from app.main import ROUTERS
from store import idempotency
from store.tables import IdempotencyKey
from tests.app.conftest import Office
from tests.conftest import Clock

PILLAR = {"name": "Naskah kuno"}


def key(value: str | None = None) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": value or str(uuid4())}}


def told(answer: httpx.Response) -> tuple[Any, ...]:
    return answer.status_code, answer.headers["location"], answer.headers["etag"], answer.json()


async def kept(house: House) -> int:
    async with house.store.reading() as db:
        return (await db.exec(select(func.count()).select_from(IdempotencyKey))).one()


async def names(office: Office) -> list[str]:
    page = await office.viewer.ok("GET", office.path("/pillars"))
    return [each["name"] for each in page["items"]]


async def test_a_repeat_gets_the_first_answer_and_has_no_second_effect(office: Office) -> None:
    with_key = key()

    first = await office.manager("POST", office.path("/pillars"), PILLAR, **with_key)
    again = await office.manager("POST", office.path("/pillars"), PILLAR, **with_key)

    assert first.status_code == 201
    assert told(again) == told(first)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await names(office) == ["Naskah kuno"]


async def test_of_32_parallel_requests_with_one_key_one_has_the_effect(office: Office) -> None:
    with_key = key()
    body = {"title": "Sekali saja", "type": "informative", "parts": [{"text": "Isi."}]}

    answers = await asyncio.gather(
        *(office.editor("POST", office.path("/posts"), body, **with_key) for _ in range(32))
    )

    posts = await office.viewer.ok("GET", office.path("/posts"))
    assert len(posts["items"]) == 1
    assert {told(each)[:2] for each in answers} == {told(answers[0])[:2]}
    assert {each.json()["id"] for each in answers} == {posts["items"][0]["id"]}


async def test_without_a_key_parallel_requests_each_have_an_effect(office: Office) -> None:
    body = {"title": "Berulang", "type": "informative", "parts": [{"text": "Isi."}]}

    await asyncio.gather(*(office.editor("POST", office.path("/posts"), body) for _ in range(4)))

    posts = await office.viewer.ok("GET", office.path("/posts"))
    assert len(posts["items"]) == 4


async def test_a_key_that_comes_with_another_body_is_refused(office: Office) -> None:
    with_key = key()
    await office.manager("POST", office.path("/pillars"), PILLAR, **with_key)

    other = await office.manager("POST", office.path("/pillars"), {"name": "Lain"}, **with_key)

    assert (other.status_code, other.json()["type"]) == (422, "/problems/key-reused")
    assert await names(office) == ["Naskah kuno"]


async def test_a_key_is_its_callers_and_its_paths_own(office: Office) -> None:
    with_key = key()

    first = await office.manager("POST", office.path("/pillars"), {"name": "Satu"}, **with_key)
    other = await office.owner("POST", office.path("/pillars"), {"name": "Dua"}, **with_key)
    elsewhere = await office.manager(
        "POST",
        office.path("/campaigns"),
        {"name": "Pekan", "starts_on": "2026-03-02", "ends_on": "2026-03-08"},
        **with_key,
    )

    assert [each.status_code for each in (first, other, elsewhere)] == [201, 201, 201]


async def test_what_failed_is_not_kept_so_the_key_can_be_used_once_it_is_mended(
    office: Office, house: House
) -> None:
    with_key = key()
    await office.manager.ok("POST", office.path("/pillars"), PILLAR)

    refused = await office.manager("POST", office.path("/pillars"), PILLAR, **with_key)

    assert (refused.status_code, await kept(house)) == (409, 0)
    mended = await office.manager("POST", office.path("/pillars"), {"name": "Lain"}, **with_key)
    assert mended.status_code == 201


async def test_a_key_is_forgotten_after_a_day(office: Office, clock: Clock) -> None:
    with_key = key()
    await office.manager("POST", office.path("/pillars"), PILLAR, **with_key)
    clock.now += idempotency.KEPT + timedelta(seconds=1)

    again = await office.manager("POST", office.path("/pillars"), PILLAR, **with_key)

    assert (again.status_code, again.json()["type"]) == (409, "/problems/pillar-name-taken")


async def test_an_act_is_repeated_though_the_version_it_acted_on_is_gone(office: Office) -> None:
    body = {"title": "Naskah", "type": "informative", "parts": [{"text": "Isi."}]}
    post = await office.editor.ok("POST", office.path("/posts"), body)
    path, with_key = office.path(f"/posts/{post['id']}/submit"), key()

    first = await office.editor("POST", path, match=post["version"], **with_key)
    again = await office.editor("POST", path, match=post["version"], **with_key)

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert first.json()["status"] == "in_review"


async def test_a_secret_is_never_kept_and_a_repeat_says_so(office: Office, house: House) -> None:
    with_key = key()
    body = {"name": "Dasbor", "scopes": ["read"]}

    first = await office.owner("POST", office.path("/api-keys"), body, **with_key)
    again = await office.owner("POST", office.path("/api-keys"), body, **with_key)

    assert first.status_code == 201
    assert (again.status_code, again.json()["type"]) == (409, "/problems/answer-not-kept")
    assert first.headers["location"] in again.json()["detail"]
    async with house.store.reading() as db:
        rows = (await db.exec(select(IdempotencyKey.body))).all()
    assert list(rows) == [""]


@pytest.mark.parametrize("value", ["", "a b", "x" * 256, "\u00e9"])
async def test_a_key_of_the_wrong_form_is_refused(office: Office, value: str) -> None:
    headers: dict[str, Any] = {"Idempotency-Key": value.encode("latin-1")}

    answer = await office.manager("POST", office.path("/pillars"), PILLAR, headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/wrong-key")
    assert await names(office) == []


NEEDS_NONE = {"begin_session", "accept_invitation", "add_media"}
"""They act for nobody yet, or are known by their bytes."""


def test_every_post_that_has_an_effect_takes_a_key() -> None:
    posts = [
        route
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "POST" in (route.methods or ())
    ]
    without = {route.name for route in posts if not isinstance(route, Remembered)}

    assert len(posts) > 20
    assert without <= NEEDS_NONE
