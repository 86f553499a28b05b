"""Printing: figures, days and instants as people of a language write them; pages of HTML."""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from app.speech import LANGUAGE, filled, messages, reason_text
from planner.compliance import rounded

NOTHING, MINUS = "\u2013", "\u2212"
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def number_text(value: Fraction | Decimal | int | None, *, signed: bool = False) -> str:
    """Return a figure with at most two decimals in the language of the request (`1,25`).

    Where there is none, a dash. A signed one says `+` too, except of what rounds to nothing.
    """
    if value is None:
        return NOTHING
    exact = rounded(Fraction(value), 2)
    text = f"{abs(exact):,.2f}".rstrip("0").rstrip(".")
    if LANGUAGE.get() == "id":
        text = text.translate(str.maketrans(",.", ".,"))
    sign = MINUS if exact < 0 else "+" if signed and exact > 0 else ""
    return f"{sign}{text}"


def percent_text(value: Fraction | Decimal | int | None) -> str:
    """Return a percentage; where there is none, a dash."""
    return NOTHING if value is None else f"{number_text(value)}%"


def word(key: str, **facts: Any) -> str:
    """Return a text of the report in the language of the request, its blanks filled."""
    language = LANGUAGE.get()
    return filled(messages(language)["report"][key], facts, language)


def month_text(day: date) -> str:
    """Return a month in words (`Maret 2026`)."""
    return f"{word(f'month-{day.month}')} {day.year}"


def day_text(day: date) -> str:
    """Return a day in words (`2 Maret 2026`)."""
    return f"{day.day} {month_text(day)}"


def time_text(moment: datetime) -> str:
    """Return a wall-clock time with its zone, if it has one (`08.00 WIB`)."""
    clock = f"{moment:%H.%M}" if LANGUAGE.get() == "id" else f"{moment:%H:%M}"
    return clock if moment.tzinfo is None else f"{clock} {zone_text(moment)}"


def moment_text(moment: datetime) -> str:
    """Return a day and a wall-clock time in words (`2 Maret 2026 08.00 WIB`)."""
    return f"{day_text(moment.date())} {time_text(moment)}"


def zone_text(moment: datetime) -> str:
    """Return what a zone is called at a moment; where it has only a number, as UTC+08:00."""
    name, offset = moment.tzname() or "", f"{moment:%z}"
    return name if name.isalpha() else f"UTC{offset[:3]}:{offset[3:5]}"


class Page:
    """A template of HTML with a style of its own, and the policy that allows that and no more."""

    def __init__(self, name: str) -> None:
        source = resources.files("app.templates").joinpath(name).read_text("utf-8")
        style = _STYLE.findall(source)
        digest = base64.b64encode(hashlib.sha256("".join(style).encode()).digest()).decode()
        self.policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        environment = Environment(
            loader=PackageLoader("app"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {
            "date": date.fromisoformat,
            "day": day_text,
            "moment": moment_text,
            "number": number_text,
            "percent": percent_text,
            "zone": zone_text,
        }
        environment.globals |= {"reason": reason_text, "word": word}
        self.template = environment.get_template(name)

    def render(self, facts: Mapping[str, Any]) -> str:
        """Return the page in the language of the request."""
        return self.template.render(facts)
