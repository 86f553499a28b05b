"""The API's description: kept in the repository, valid, and watched."""

import json
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.cli_openapi import GOLDEN, description
from tests.app.commands import pilar


@pytest.fixture
def kept(data_folder: Path, tmp_path: Path) -> Path:
    file = tmp_path / "openapi.json"
    file.write_text(description())
    return file


def retitle(file: Path, title: str) -> None:
    api = json.loads(file.read_text())
    api["info"]["title"] = title
    file.write_text(json.dumps(api, indent=2, ensure_ascii=False) + "\n")


def test_the_kept_description_is_the_api() -> None:
    assert GOLDEN.read_text("utf-8") == description()


def test_the_description_is_valid_openapi() -> None:
    errors = list(OpenAPIV31SpecValidator(json.loads(description())).iter_errors())

    assert errors == []


def test_operations_have_names_of_their_own_and_a_summary() -> None:
    operations = [
        operation
        for path in json.loads(description())["paths"].values()
        for operation in path.values()
    ]

    names = [operation["operationId"] for operation in operations]
    assert sorted(names) == sorted(set(names))
    assert [each["operationId"] for each in operations if not each.get("summary")] == []


async def test_openapi_prints_the_description(data_folder: Path) -> None:
    told = await pilar("openapi")

    assert (told.code, told.out) == (0, description())


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
