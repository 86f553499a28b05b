"""Which settings and secrets a channel takes."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.channels import (
    WrongCredentials,
    WrongSettings,
    check_credentials,
    check_settings,
    granted_credentials,
    is_signing_secret,
    missing_by_hand,
    missing_credentials,
    reason_not_connected,
)
from planner.platforms import FEED, PLATFORMS, WEBHOOK, FieldSpec, NoSuchPlatform

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


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a platform that people connect."""
    credentials = (
        FieldSpec("client_secret", "string", required=True),
        FieldSpec("access_token", "string", required=True, granted=True),
        FieldSpec("refresh_token", "string", granted=True),
    )
    platform = replace(FEED, name="pasar", credentials=credentials)
    monkeypatch.setitem(PLATFORMS, platform.name, platform)
    assert (platform.connects, FEED.connects, WEBHOOK.connects) == (True, False, False)
    return platform.name


@pytest.mark.parametrize(
    ("secrets", "faults"),
    [
        ({"client_secret": "s"}, []),
        ({}, [("/client_secret", "field-missing")]),
        (
            {"client_secret": "s", "access_token": "a", "refresh_token": "r"},
            [("/access_token", "field-unknown"), ("/refresh_token", "field-unknown")],
        ),
    ],
)
def test_what_is_granted_is_not_entered_by_hand(
    connects: str, secrets: dict[str, str], faults: list[tuple[str, str]]
) -> None:
    assert faults_of(check_credentials, connects, secrets) == faults


@pytest.mark.parametrize(
    ("known", "by_hand", "missing", "reason"),
    [
        ({}, ["client_secret"], ["client_secret", "access_token"], "no_credentials"),
        ({"access_token": "a"}, ["client_secret"], ["client_secret"], "no_credentials"),
        ({"client_secret": "s"}, [], ["access_token"], "not_authorized"),
        ({"client_secret": "s", "access_token": "a"}, [], [], None),
    ],
)
def test_what_is_missing_says_why_a_channel_is_not_connected(
    connects: str,
    known: dict[str, str],
    by_hand: list[str],
    missing: list[str],
    reason: str | None,
) -> None:
    assert missing_by_hand(connects, known) == by_hand
    assert missing_credentials(connects, known) == missing
    assert reason_not_connected(connects, known) == reason
    assert granted_credentials(connects) == {"access_token", "refresh_token"}
