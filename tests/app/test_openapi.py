"""The API's description: kept in the repository, valid, and watched."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.cli_openapi import GOLDEN
from app.openapi import operations
from app.openapi_examples import ID as EXAMPLE_ID
from tests.app.commands import pilar
from tests.app.conftest import Office
from tests.described import api, described

pytestmark = [pytest.mark.untraced, pytest.mark.xdist_group("description")]


@pytest.fixture
def kept(data_folder: Path, tmp_path: Path) -> Path:
    file = tmp_path / "openapi.json"
    file.write_text(described())
    return file


def retitle(file: Path, title: str) -> None:
    kept = json.loads(file.read_text())
    kept["info"]["title"] = title
    file.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def test_the_kept_description_is_the_api() -> None:
    assert GOLDEN.read_text("utf-8") == described()


def test_the_description_is_valid_openapi() -> None:
    errors = list(OpenAPIV31SpecValidator(api()).iter_errors())

    assert errors == []


def test_operations_have_names_of_their_own_and_a_summary() -> None:
    operations = [operation for path in api()["paths"].values() for operation in path.values()]

    names = [operation["operationId"] for operation in operations]
    assert sorted(names) == sorted(set(names))
    assert [each["operationId"] for each in operations if not each.get("summary")] == []


Operation = tuple[str, str, dict[str, Any]]


def all_operations() -> list[Operation]:
    return list(operations(api()))


def unfitting(document: dict[str, Any]) -> list[str]:
    """Return the JSON bodies whose example is missing, or not of their schema."""
    found = []
    for _, _, operation in operations(document):
        bodies = [operation.get("requestBody", {})]
        bodies += [each for status, each in operation["responses"].items() if status[0] == "2"]
        for content in (content for body in bodies for content in body.get("content", {}).items()):
            kind, told = content
            if kind.startswith(("image/", "video/", "application/vnd.")):  # files
                continue
            schema = told["schema"] | {"components": document["components"]}
            faults = OAS31Validator(schema).iter_errors(told.get("example"))
            found += [f"{operation['operationId']}: {fault.message}" for fault in faults]
    return found


def test_every_body_has_an_example_that_fits_its_schema() -> None:
    assert unfitting(api()) == []


def test_an_example_that_does_not_fit_is_seen() -> None:
    spoiled = copy.deepcopy(api())
    content = spoiled["paths"]["/api/v1/workspaces"]["post"]["requestBody"]["content"]
    content["application/json"]["example"].pop("slug")

    assert unfitting(spoiled) == ["add_workspace: 'slug' is a required property"]


BY_WHAT_IS_SENT = {"begin_session", "hear_platform"}
"""Operations that take everybody, and answer 401 to a wrong password or signature."""


def test_every_operation_says_who_may_and_how_it_is_refused() -> None:
    silent = [
        operation["operationId"]
        for _, _, operation in all_operations()
        if "security" not in operation
        or "500" not in operation["responses"]
        or (bool(operation["security"]) and {} not in operation["security"])
        != ("401" in operation["responses"] and operation["operationId"] not in BY_WHAT_IS_SENT)
    ]

    assert silent == []
    used = {tag for _, _, operation in all_operations() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in api()["tags"]}


async def test_who_is_nobody_gets_only_what_is_public(http: httpx.AsyncClient) -> None:
    wrong = []
    for path, method, operation in all_operations():
        if not path.startswith("/api/") or {} in operation["security"]:
            continue
        filled = re.sub(r"\{ws\}", "biro", path)
        filled = re.sub(r"\{date\}", "2026-04-01", filled)
        filled = re.sub(r"\{\w+\}", EXAMPLE_ID, filled)
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        answer = await http.request(method, filled, json=body["example"] if body else None)
        if (answer.status_code == 401) != bool(operation["security"]):
            wrong.append(f"{operation['operationId']}: {answer.status_code}")

    assert [each for each in wrong if each not in NOT_BY_LOGIN] == []


NOT_BY_LOGIN = {"begin_session: 401", "change_password: 403", "add_media: 415"}
"""A wrong password is a 401 too; over plain http none is read; a form is not sent as JSON."""


async def test_keys_may_not_do_what_is_said_to_be_for_people(office: Office) -> None:
    wrong = []
    for path, method, operation in all_operations():
        for_people = operation["security"] == [{"session": []}]
        if not for_people or method != "get" or "_id}" in path:
            continue
        answer = await office.key(method, path.removeprefix("/api/v1").replace("{ws}", "biro"))
        if answer.status_code != 403:
            wrong.append(f"{operation['operationId']}: {answer.status_code}")

    assert wrong == []


def test_what_was_made_leads_to_reading_changing_and_deleting_it() -> None:
    links = api()["paths"]["/api/v1/workspaces/{ws}/pillars"]["post"]["responses"]["201"]["links"]

    assert sorted(links) == ["change_pillar", "read_pillar", "remove_pillar"]
    assert links["remove_pillar"]["parameters"] == {
        "header.If-Match": "$response.header.ETag",
        "path.pillar_id": "$response.body#/id",
        "path.ws": "$request.path.ws",
    }


async def test_openapi_prints_the_description(data_folder: Path) -> None:
    told = await pilar("openapi")

    assert (told.code, told.out) == (0, described())


async def test_the_check_passes_where_nothing_differs(kept: Path) -> None:
    told = await pilar("openapi", "--check", "--file", str(kept))

    assert (told.code, told.out, told.err) == (0, "", "")


async def test_the_check_shows_what_differs(kept: Path) -> None:
    retitle(kept, "Another")

    told = await pilar("openapi", "--check", "--file", str(kept))

    changed = [
        line for line in told.out.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert told.code == 1
    assert changed == ['-    "title": "Another",', '+    "title": "Pilar",']


async def test_writing_makes_the_check_pass(data_folder: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "new.json")

    before = await pilar("openapi", "--check", "--file", file)
    await pilar("openapi", "--write", "--file", file)
    after = await pilar("openapi", "--check", "--file", file)

    assert (before.code, after.code) == (1, 0)


async def test_checking_and_writing_at_once_is_a_mistake(data_folder: Path) -> None:
    told = await pilar("openapi", "--check", "--write")

    assert told.code == 2
