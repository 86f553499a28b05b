"""The reference page: every operation, no script, its own policy."""

from html.parser import HTMLParser

import httpx
import pytest

from app.openapi import operations
from tests.described import api

pytestmark = [pytest.mark.untraced, pytest.mark.xdist_group("description")]

VOID = {"meta"}


class Outline(HTMLParser):
    """What a page is made of; a tag that closes another one is told."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.tags: set[str] = set()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        known = dict(attrs)
        self.ids += [known["id"] or ""] if "id" in known else []
        href = known.get("href") or ""
        self.targets += [href[1:]] if href.startswith("#") else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def outline(text: str) -> Outline:
    found = Outline()
    found.feed(text)
    found.close()
    return found


async def test_the_reference_names_every_operation_once(http: httpx.AsyncClient) -> None:
    page = await http.get("/docs")

    found = outline(page.text)
    names = [each["operationId"] for _, _, each in operations(api())]
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert [name for name in names if found.ids.count(name) != 1] == []
    assert (found.wrong, found.open, len(found.ids) - len(set(found.ids))) == ([], [], 0)
    assert sorted(set(found.targets) - set(found.ids)) == []


async def test_the_reference_runs_no_script_and_shows_only_its_own_style(
    http: httpx.AsyncClient,
) -> None:
    page = await http.get("/docs")
    again = await http.get("/docs", headers={"If-None-Match": page.headers["ETag"]})

    policy = page.headers["Content-Security-Policy"]
    assert "script" not in outline(page.text).tags
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert (again.status_code, again.content) == (304, b"")


def test_a_page_that_is_not_well_formed_is_seen() -> None:
    assert outline("<p><em>a</p></em>").wrong == ["p", "em"]
