"""National holidays, in the reader's language."""

from datetime import date

import holidays as library
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.days import Holiday, Locale, NoSuchCountry, check_country, national_holidays
from planner.errors import Fault

EVERY_COUNTRY = sorted(library.list_supported_countries(include_aliases=False))


def test_indonesia_has_its_holidays_and_cuti_bersama() -> None:
    found = national_holidays("ID", date(2026, 3, 18), date(2026, 3, 25), "id")

    assert found == [
        Holiday(date(2026, 3, 18), "Cuti Bersama Hari Suci Nyepi", "government"),
        Holiday(date(2026, 3, 19), "Hari Suci Nyepi", "public"),
        Holiday(date(2026, 3, 20), "Cuti Bersama Hari Raya Idul Fitri", "government"),
        Holiday(date(2026, 3, 21), "Hari Raya Idul Fitri", "public"),
        Holiday(date(2026, 3, 22), "Hari kedua dari Hari Raya Idul Fitri", "public"),
        Holiday(date(2026, 3, 23), "Cuti Bersama Hari Raya Idul Fitri", "government"),
        Holiday(date(2026, 3, 24), "Cuti Bersama Hari Raya Idul Fitri", "government"),
    ]


@pytest.mark.parametrize(
    ("locale", "name"),
    [("id", "Hari Kemerdekaan Republik Indonesia"), ("en", "Independence Day")],
)
def test_independence_day_is_named_in_the_readers_language(locale: Locale, name: str) -> None:
    august = (date(2026, 8, 1), date(2026, 9, 1))

    found = national_holidays("ID", *august, locale)

    assert found[0] == Holiday(date(2026, 8, 17), name, "public")


def test_the_fixed_holidays_of_2026_are_there() -> None:
    fixed = {date(2026, 1, 1), date(2026, 5, 1), date(2026, 6, 1), date(2026, 12, 25)}

    found = national_holidays("ID", date(2026, 1, 1), date(2027, 1, 1), "id")

    by_category = [
        sum(each.category == name for each in found) for name in ("public", "government")
    ]
    assert (fixed <= {each.day for each in found}, by_category) == (True, [17, 8])


def test_only_the_categories_asked_for_are_given() -> None:
    found = national_holidays("ID", date(2026, 12, 1), date(2027, 1, 2), "en", ["government"])

    assert found == [Holiday(date(2026, 12, 24), "Christmas Joint Holiday", "government")]


def test_a_name_stands_once_on_a_day_in_the_first_category_asked_for() -> None:
    christmas = (date(2026, 12, 25), date(2026, 12, 26))

    found = national_holidays("CA", *christmas, "en", ["public", "government", "optional"])

    assert found == [Holiday(date(2026, 12, 25), "Christmas Day", "public")]


def test_a_country_without_the_category_gives_what_it_has() -> None:
    found = national_holidays("NZ", date(2026, 1, 1), date(2026, 1, 2), "en", ["government"])

    assert found == [Holiday(date(2026, 1, 1), "New Year's Day", "public")]


def test_a_country_without_indonesian_names_gives_english_ones() -> None:
    found = national_holidays("MY", date(2026, 8, 31), date(2026, 9, 1), "id")

    assert found == [Holiday(date(2026, 8, 31), "National Day", "public")]


def test_the_range_is_half_open_and_may_cross_the_year() -> None:
    found = national_holidays("DE", date(2026, 12, 26), date(2027, 1, 1), "en")

    over_new_year = national_holidays("DE", date(2026, 12, 26), date(2027, 1, 2), "en")
    assert ([each.day for each in found], [each.day for each in over_new_year]) == (
        [date(2026, 12, 26)],
        [date(2026, 12, 26), date(2027, 1, 1)],
    )


def test_an_empty_range_has_no_holidays() -> None:
    new_year = date(2026, 1, 1)

    found = national_holidays("ID", new_year, new_year, "id")

    assert found == []


@pytest.mark.parametrize("country", ["XX", "", "id", "IDN", "Indonesia", "UK", "__all__"])
def test_an_unknown_country_is_refused_where_it_stands(country: str) -> None:
    with pytest.raises(NoSuchCountry) as refused:
        check_country(country, "/settings/country")

    fault = Fault("/settings/country", "no-such-country", {"country": country})
    assert refused.value.faults == (fault,)


def test_what_the_library_warns_of_stays_inside() -> None:
    far = (date(2050, 1, 1), date(2050, 2, 1))

    found = national_holidays("IN", *far, "en", ["public"])

    assert found[-1] == Holiday(date(2050, 1, 26), "Republic Day", "public")


@given(
    country=st.sampled_from(EVERY_COUNTRY),
    first=st.dates(date(1950, 1, 1), date(2060, 1, 1)),
    until=st.dates(date(1950, 1, 1), date(2060, 1, 1)),
)
def test_every_country_answers_in_order_and_names_a_day_once(
    country: str, first: date, until: date
) -> None:
    found = national_holidays(country, first, until, "id")

    named = [(each.day, each.name) for each in found]
    assert all(first <= day < until for day, _ in named)
    assert [day for day, _ in named] == sorted(day for day, _ in named)
    assert len(named) == len(set(named))
