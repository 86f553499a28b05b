"""Sentences in the caller's language: of problems, faults and reasons."""

import re
import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from importlib import resources
from typing import Any

from planner.errors import Fault

LANGUAGES = ("en", "id")

LANGUAGE: ContextVar[str] = ContextVar("language", default="en")
"""The language of the request that is being answered; the middleware sets it."""


@cache
def messages(language: str) -> Mapping[str, Any]:
    """Return the sentences of a language, from `app/messages/<language>.toml`."""
    text = resources.files("app.messages").joinpath(f"{language}.toml").read_text("utf-8")
    return tomllib.loads(text)


def best_language(accepted: str) -> str:
    """Return the language an `Accept-Language` likes best; English if none of ours fits.

    Source: RFC 9110, section 12.5.4.
    """
    best, best_quality = "en", 0.0
    for item in accepted.split(","):
        name, _, rest = item.strip().partition(";")
        primary = name.strip().lower().split("-")[0]
        match = re.fullmatch(r"\s*q=([01](?:\.\d{1,3})?)\s*", rest)
        quality = float(match[1]) if match else 1.0
        if primary in LANGUAGES and quality > best_quality:
            best, best_quality = primary, quality
    return best


def fault_text(fault: Fault, language: str) -> str:
    """Return the sentence of a fault with its numbers filled in."""
    faults = messages(language)["faults"]
    return filled(faults.get(fault.code) or faults["not-valid"], fault.facts, language)


def reason_text(reason: str | None) -> str | None:
    """Return why a publication is in its state, in the language of the request."""
    return None if reason is None else messages(LANGUAGE.get())["reasons"].get(reason, reason)


def filled(template: str, facts: Mapping[str, Any], language: str) -> str:
    """Return a sentence with its facts; counts by noun are written out in the language."""
    nouns = messages(language)["nouns"]
    written = {
        name: ", ".join(f"{count} {nouns[noun]}" for noun, count in fact.items())
        if isinstance(fact, Mapping)
        else fact
        for name, fact in facts.items()
    }
    return template.format_map(_Facts(written))


class _Facts(dict[str, Any]):
    """Facts for a sentence; one that is missing stays readable instead of raising."""

    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"
