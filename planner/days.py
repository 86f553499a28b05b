"""National holidays by country, in Indonesian or English."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import holidays

from planner.errors import Fault, Invalid

Locale = Literal["id", "en"]

CATEGORIES = ("public", "government")
"""Days off for everyone, and those the government adds (in Indonesia: cuti bersama)."""


class NoSuchCountry(Invalid):
    """The holiday library knows no country of this code."""


@dataclass(frozen=True, slots=True)
class Holiday:
    """A holiday: its date, its name in the reader's language, and the library's category."""

    day: date
    name: str
    category: str


def national_holidays(
    country: str,
    first: date,
    until: date,
    locale: Locale,
    categories: Sequence[str] = CATEGORIES,
) -> list[Holiday]:
    """Return the holidays with first ≤ day < until, by day, then in the order of `categories`.

    `country` is an ISO 3166-1 code of two letters. A country without any of the categories
    gives those of its default one; one without names in the language gives English, else its own.
    A name stands once on a day. Raises `NoSuchCountry`.
    Source: the library `holidays`; moon-sighted dates of coming years are its estimates.
    """
    check_country(country)
    found: dict[tuple[date, str], Holiday] = {}
    for each in _holidays(country, first, until, locale, categories):
        if first <= each.day < until:
            found.setdefault((each.day, each.name), each)
    return sorted(found.values(), key=lambda each: each.day)


def check_country(country: str, pointer: str = "/country") -> None:
    """Refuse a country whose holidays nobody knows; raises `NoSuchCountry`, fault at `pointer`."""
    if country not in holidays.list_supported_countries(include_aliases=False):
        raise NoSuchCountry(Fault(pointer, "no-such-country", {"country": country}))


def _holidays(
    country: str, first: date, until: date, locale: Locale, categories: Sequence[str]
) -> Iterator[Holiday]:
    years = range(first.year, (until - timedelta(days=1)).year + 1)
    known = holidays.country_holidays(country)
    offered = [each for each in categories if each in known.supported_categories]
    english = (f"en_{country}", "en_US", "en_GB")
    wanted = ("id", *english) if locale == "id" else english
    # Without a language the library would take that of the process's environment.
    spoken = (each for each in wanted if each in known.supported_languages)
    language = next(spoken, known.default_language)
    for category in offered or [known.default_category or known.supported_categories[0]]:
        # The library warns of years it knows less about; nobody could act on that here.
        with warnings.catch_warnings(action="ignore"):
            of_category = holidays.country_holidays(
                country, years=years, expand=False, language=language, categories=category
            )
        for day in of_category:
            for name in of_category.get_list(day):
                yield Holiday(day, name, category)
