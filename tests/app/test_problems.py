"""The pages that explain problems."""

import httpx
import pytest

from app.speech import messages


async def test_the_type_of_a_problem_leads_to_its_explanation(http: httpx.AsyncClient) -> None:
    problem = (await http.get("/api/v1/workspaces")).json()

    page = await http.get(problem["type"])

    assert (page.status_code, page.headers["Content-Type"]) == (200, "application/json")
    assert page.json() == {
        "type": "/problems/login-needed",
        "status": 401,
        "title": problem["title"],
        "detail": problem["detail"],
        "faults": [],
    }


async def test_every_problem_that_can_be_answered_has_a_page(http: httpx.AsyncClient) -> None:
    listed = (await http.get("/problems")).json()["items"]

    statuses = {each["type"]: (await http.get(each["type"])).json()["status"] for each in listed}

    assert statuses == {each["type"]: each["status"] for each in listed}
    assert statuses["/problems/body-too-large"] == 413
    assert statuses["/problems/range-not-satisfiable"] == 416
    assert statuses["/problems/no-such-media"] == 404
    assert statuses["/problems/not-ready"] == 503


async def test_a_page_about_a_request_lists_what_may_be_wrong(http: httpx.AsyncClient) -> None:
    page = (await http.get("/problems/invalid-request")).json()

    faults = {fault["code"]: fault["message"] for fault in page["faults"]}
    assert faults == messages("en")["faults"]


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


JSON, HTML = "application/json", "text/html; charset=utf-8"
TASTES = {
    "": JSON,
    "*/*": JSON,
    "application/json": JSON,
    "application/json, text/html;q=0.9": JSON,
    "text/html;q=oops": JSON,
    BROWSER: HTML,
    "text/*": HTML,
    "TEXT/HTML": HTML,
}


@pytest.mark.parametrize("path", ["/problems", "/problems/not-media"])
async def test_a_browser_gets_a_page_and_a_program_gets_json(
    http: httpx.AsyncClient, path: str
) -> None:
    answers = {taste: await http.get(path, headers={"Accept": taste}) for taste in TASTES}

    assert {taste: each.headers["Content-Type"] for taste, each in answers.items()} == TASTES
    assert {each.status_code for each in answers.values()} == {200}
    assert {each.headers["Vary"] for each in answers.values()} == {"Accept, Accept-Language"}


async def test_a_page_speaks_indonesian_where_it_is_asked_to(http: httpx.AsyncClient) -> None:
    headers = {"Accept": BROWSER, "Accept-Language": "id"}

    page = await http.get("/problems/not-media", headers=headers)

    assert '<html lang="id">' in page.text
    assert messages("id")["not-media"]["title"] in page.text
    assert "<script" not in page.text
    assert page.headers["Content-Language"] == "id"


async def test_who_has_a_page_does_not_get_it_again(http: httpx.AsyncClient) -> None:
    first = await http.get("/problems/in-use")

    again = await http.get("/problems/in-use", headers={"If-None-Match": first.headers["ETag"]})
    head = await http.head("/problems/in-use")

    assert (again.status_code, again.content) == (304, b"")
    assert (head.status_code, head.content, head.headers["ETag"]) == (
        200,
        b"",
        first.headers["ETag"],
    )


NO_KEYS = ("faults", "never-heard-of", "..%2f..%2fen.toml", "%252e%252e", "%00", "<b>")


async def test_a_page_about_nothing_is_no_page(http: httpx.AsyncClient) -> None:
    answers = [await http.get(f"/problems/{key}") for key in NO_KEYS]

    seen = [(answer.status_code, answer.json()["type"]) for answer in answers]
    assert seen == [(404, "/problems/no-such-path")] * len(NO_KEYS)
