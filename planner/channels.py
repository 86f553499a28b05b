"""Channels: which settings and secrets an account on a platform takes."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from planner.errors import Fault, Invalid
from planner.fit import check_fields
from planner.platforms import FieldSpec, platform

SECRET_BYTES_MIN = 24
SECRET_BYTES_MAX = 64


class WrongSettings(Invalid):
    """The settings are not those that the channel's platform takes."""


class WrongCredentials(Invalid):
    """The credentials are not those that the channel's platform takes."""


def check_settings(platform_name: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings with one fault for each that is wrong, at `/settings/…`.

    Raises `NoSuchPlatform` and `WrongSettings`.
    """
    if faults := check_fields(platform(platform_name).settings, settings, "/settings"):
        raise WrongSettings(*faults)


def check_credentials(platform_name: str, secrets: Mapping[str, str]) -> None:
    """Refuse secrets with one fault for each that is wrong, which never repeats a secret.

    Those that come by connecting are not entered. Raises `NoSuchPlatform`, `WrongCredentials`.
    """
    faults = check_fields(_by_hand(platform_name), secrets, "")
    if not faults and platform_name == "webhook" and not is_signing_secret(secrets["secret"]):
        faults = [Fault("/secret", "webhook-secret")]
    if faults:
        raise WrongCredentials(*faults)


def is_signing_secret(text: str) -> bool:
    """Say whether a text is a secret of Standard Webhooks, or two: the new and the former one.

    Each is `whsec_` and base64 of 24 to 64 bytes; a space stands between two.
    Source: the specification of Standard Webhooks, "Signature scheme".
    """
    parts = text.split(" ")
    return len(parts) <= 2 and all(_is_one_secret(part) for part in parts)


def _is_one_secret(text: str) -> bool:
    if not text.isascii() or not text.startswith("whsec_"):
        return False
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return False
    return SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX


def _by_hand(platform_name: str) -> list[FieldSpec]:
    return [spec for spec in platform(platform_name).credentials if not spec.granted]


def missing_by_hand(platform_name: str, known: Mapping[str, str]) -> list[str]:
    """Return the names of the secrets that somebody has to enter and a channel does not have."""
    return _missing(_by_hand(platform_name), known)


def missing_credentials(platform_name: str, known: Mapping[str, str]) -> list[str]:
    """Return the names of the secrets that a platform asks for and a channel does not have."""
    return _missing(platform(platform_name).credentials, known)


def _missing(specs: Iterable[FieldSpec], known: Mapping[str, str]) -> list[str]:
    return [spec.name for spec in specs if spec.required and not known.get(spec.name)]


def granted_credentials(platform_name: str) -> frozenset[str]:
    """Return the names of the secrets that come by connecting an account."""
    return frozenset(spec.name for spec in platform(platform_name).credentials if spec.granted)


def reason_not_connected(platform_name: str, known: Mapping[str, str]) -> str | None:
    """Return why a channel with these secrets is not connected; None: nothing is missing."""
    if missing_by_hand(platform_name, known):
        return "no_credentials"
    return "not_authorized" if missing_credentials(platform_name, known) else None
