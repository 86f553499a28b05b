"""The linters of the description: what is wrong is found, and what could not run is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.described import described
from tests.openapi import lint

pytestmark = pytest.mark.xdist_group("description")


@pytest.fixture
def without_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No registry answers, and nothing was installed before."""
    monkeypatch.setattr(lint, "CACHE", tmp_path)
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.delenv("CI", raising=False)


def test_without_a_registry_the_linters_are_named_and_left_out(
    without_npm: None, capsys: pytest.CaptureFixture[str]
) -> None:
    found = lint.complaints(described())

    assert found == []
    assert "Not run: Spectral and Redocly" in capsys.readouterr().err


def test_under_ci_leaving_them_out_is_an_error(
    without_npm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")

    assert lint.complaints(described()) == ["Spectral and Redocly: not run under CI"]


def test_a_broken_description_is_found_without_node_too(without_npm: None) -> None:
    broken: dict[str, Any] = json.loads(described())
    del broken["info"]["version"]

    found = lint.complaints(json.dumps(broken))

    assert [each.partition(":")[0] for each in found] == ["openapi-spec-validator"]
