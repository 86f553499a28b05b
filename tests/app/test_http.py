"""What every request meets, whatever it asks for."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.app.conftest import Office


async def test_a_path_that_is_none_is_a_problem(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/v1/nothing")

    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["type"] == "/problems/no-such-path"
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


async def test_a_wrong_method_is_told_all_that_the_path_takes(http: httpx.AsyncClient) -> None:
    answer = await http.delete("/api/v1/workspaces/biro/pillars")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


async def test_nobody_comes_in_without_a_key(http: httpx.AsyncClient) -> None:
    junk = {"Authorization": "Bearer pilar_" + "a" * 36}

    answers = [
        await http.get("/api/v1/workspaces"),
        await http.get("/api/v1/workspaces", headers=junk),
        await http.get("/api/v1/workspaces", headers={"Cookie": "pilar=nothing"}),
    ]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert answers[0].headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_body_of_another_type_is_refused(office: Office) -> None:
    answer = await office.manager.http.post(
        "/api/v1" + office.path("/pillars"),
        content=b"name=Sejarah",
        headers=office.manager.headers | {"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/wrong-media-type")


async def _endless() -> AsyncIterator[bytes]:
    for _ in range(40):
        yield b" " * 65_536


@pytest.mark.parametrize("told", [True, False])
async def test_a_body_over_the_limit_is_refused(office: Office, told: bool) -> None:
    answer = await office.manager.http.post(
        "/api/v1" + office.path("/pillars"),
        content=b" " * 1_200_000 if told else _endless(),
        headers=office.manager.headers | {"Content-Type": "application/json"},
    )

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 422), (b"\xff", 400), (b"[]", 422), (b'"x"', 422), (b"null", 422), (b"", 422)],
)
async def test_a_body_that_is_no_object_is_refused(
    office: Office, body: bytes, status: int
) -> None:
    answer = await office.manager.http.post(
        "/api/v1" + office.path("/pillars"),
        content=body,
        headers=office.manager.headers | {"Content-Type": "application/json"},
    )

    assert (answer.status_code, answer.json()["status"]) == (status, status)


@pytest.mark.parametrize("name", ["a\x00b", "a\x1bb", "a\nb", "", "   ", "x" * 81])
async def test_a_line_of_text_is_one_line_of_text(office: Office, name: str) -> None:
    answer = await office.manager("POST", office.path("/pillars"), {"name": name})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/name")


async def test_a_parameter_that_nobody_reads_is_refused(office: Office) -> None:
    answer = await office.viewer("GET", office.path("/posts?statsu=draft&limit=5"))

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], error["code"]) == (
        422,
        "/query/statsu",
        "unknown-parameter",
    )


async def test_control_characters_in_a_query_are_refused(office: Office) -> None:
    answers = [
        await office.viewer("GET", office.path(f"/posts?{name}=a%00b"))
        for name in ("q", "type", "external_id")
    ]

    assert [answer.status_code for answer in answers] == [422] * 3
