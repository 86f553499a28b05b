"""Which settings and secrets a channel takes."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.channels import (
    WrongCredentials,
    WrongSettings,
    check_credentials,
    check_settings,
    is_signing_secret,
    missing_credentials,
)
from planner.platforms import NoSuchPlatform

GOOD = "whsec_" + base64.b64encode(b"k" * 32).decode()


def faults_of(check: Any, platform: str, values: Any) -> list[tuple[str, str]]:
    try:
        check(platform, values)
    except (WrongSettings, WrongCredentials) as error:
        return [(fault.pointer, fault.code) for fault in error.faults]
    return []


@given(st.binary(max_size=80))
def test_a_signing_secret_has_24_to_64_bytes(key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()

    assert is_signing_secret(secret) is (24 <= len(key) <= 64)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (GOOD, True),
        (f"{GOOD} {GOOD}", True),
        (f"{GOOD} {GOOD} {GOOD}", False),
        (f"{GOOD}  {GOOD}", False),
        (f"{GOOD} ", False),
        (GOOD.removeprefix("whsec_"), False),
        (GOOD.rstrip("="), False),
        (GOOD.replace("t", "é"), False),
        (GOOD.replace("a2", "%%"), False),
        (GOOD.replace("whsec_", "whsk_"), False),
        ("whsec_", False),
        ("", False),
    ],
)
def test_only_a_secret_of_standard_webhooks_signs(text: str, good: bool) -> None:
    assert is_signing_secret(text) is good


@pytest.mark.parametrize(
    ("platform", "secrets", "faults"),
    [
        ("webhook", {"secret": GOOD}, []),
        ("webhook", {"secret": "guessable"}, [("/secret", "webhook-secret")]),
        ("webhook", {}, [("/secret", "field-missing")]),
        ("webhook", {"secret": GOOD, "token": "x"}, [("/token", "field-unknown")]),
        ("feed", {}, []),
        ("feed", {"secret": GOOD}, [("/secret", "field-unknown")]),
    ],
)
def test_credentials_are_those_of_the_platform(
    platform: str, secrets: dict[str, str], faults: list[tuple[str, str]]
) -> None:
    assert faults_of(check_credentials, platform, secrets) == faults


@pytest.mark.parametrize(
    ("platform", "settings", "faults"),
    [
        ("webhook", {"url": "https://kantor.example/hook"}, []),
        ("webhook", {}, [("/settings/url", "field-missing")]),
        ("webhook", {"url": "ftp://x"}, [("/settings/url", "url-scheme")]),
        ("manual", {"url": "https://x.example"}, [("/settings/url", "field-unknown")]),
    ],
)
def test_settings_are_those_of_the_platform(
    platform: str, settings: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    assert faults_of(check_settings, platform, settings) == faults


def test_an_unknown_platform_takes_nothing() -> None:
    with pytest.raises(NoSuchPlatform):
        check_settings("gopher", {})


def test_what_is_missing_is_what_the_platform_asks_for() -> None:
    found = [
        missing_credentials("webhook", {}),
        missing_credentials("webhook", {"secret": "sealed"}),
        missing_credentials("feed", {}),
    ]

    assert found == [["secret"], [], []]
