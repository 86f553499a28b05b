"""The conformance table: a wrong client is refused as documented, a right one is not."""

import httpx
import pytest

from app.sandbox.tiktok.rules import RULES
from tests.sandbox import cases_oauth, cases_posting, cases_uploads
from tests.sandbox.cases import Case
from tests.sandbox.platform import Stage, back, stage

CASES = [*cases_oauth.CASES, *cases_posting.CASES, *cases_uploads.CASES]


def named(case: Case) -> str:
    return f"{case.section}: {case.rule}"


def code_of(answer: httpx.Response) -> str:
    """Return the error code of an answer, in whichever envelope; empty where it has none."""
    if answer.status_code == 302:
        return back(answer).get("error", "")
    if "json" not in answer.headers.get("content-type", ""):
        return ""
    error = answer.json().get("error", {"code": "ok"})
    return str(error if isinstance(error, str) else error["code"]).removeprefix("ok")


def log_id_of(answer: httpx.Response) -> str:
    error = answer.json()["error"]
    return str(answer.json()["log_id"] if isinstance(error, str) else error["log_id"])


async def refusal(tiktok: Stage, answer: httpx.Response) -> tuple[object, ...]:
    """Return what was answered, and which rules the sandbox says were broken."""
    refusals = (await tiktok.state())["refusals"]
    broken = [(each["rule"], each["section"]) for each in refusals]
    return answer.status_code, code_of(answer), broken


@pytest.mark.parametrize("case", CASES, ids=named)
async def test_a_wrong_client_is_refused_as_documented(case: Case, tiktok: Stage) -> None:
    answer = await case.wrong(tiktok)

    expected = (case.status, case.code, [(case.rule, case.section)])
    assert await refusal(tiktok, answer) == expected, answer.text
    if "json" in answer.headers.get("content-type", ""):
        assert len(log_id_of(answer)) == 34


@pytest.mark.parametrize("case", CASES, ids=named)
async def test_a_right_client_is_not_refused(case: Case, tiktok: Stage) -> None:
    answer = await case.right(tiktok)

    assert answer.status_code < 400, answer.text
    assert code_of(answer) == ""
    assert (await tiktok.state())["refusals"] == []


async def test_a_wrong_client_that_is_let_through_is_seen() -> None:
    for case in CASES:
        async with stage() as tiktok:
            answer = await case.right(tiktok)
            expected = (case.status, case.code, [(case.rule, case.section)])
            assert await refusal(tiktok, answer) != expected


def test_every_rule_has_a_case() -> None:
    assert sorted(set(RULES) - {case.rule for case in CASES}) == []
    assert sorted({case.rule for case in CASES} - set(RULES)) == []
