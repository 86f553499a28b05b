"""Guesses are counted, forgotten with time, and never fill the memory."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import Request

from app.throttle import LIMITS, ROOM, WINDOW, Throttle, TooManyLogins, address_of

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def guess(logins: Throttle, address: str, email: str, now: datetime = NOW) -> int:
    """Guess once; return the seconds to wait, 0 where the guess is looked at."""
    try:
        logins.take(address, email, now)
    except TooManyLogins as refused:
        seconds: int = refused.facts["retry_after_seconds"]
        return seconds
    return 0


def test_an_email_takes_ten_guesses_from_wherever_they_come() -> None:
    logins = Throttle()

    waits = [guess(logins, f"198.51.100.{each}", "sari@biro.example") for each in range(11)]

    assert waits == [0] * 10 + [900]
    assert guess(logins, "198.51.100.1", "SARI@biro.example") == 900
    assert guess(logins, "198.51.100.1", "budi@biro.example") == 0


def test_an_address_takes_fifty_guesses_whoever_is_meant() -> None:
    logins = Throttle()

    waits = [guess(logins, "198.51.100.1", f"{each}@biro.example") for each in range(51)]

    assert waits == [0] * 50 + [900]
    assert guess(logins, "198.51.100.2", "51@biro.example") == 0


def test_guesses_are_forgotten_one_by_one() -> None:
    logins = Throttle()
    for minute in range(10):
        guess(logins, "a", "sari@biro.example", NOW + timedelta(minutes=minute))

    waits = [
        guess(logins, "a", "sari@biro.example", NOW + timedelta(minutes=minutes))
        for minutes in (14, 15, 15.5, 16)
    ]

    assert waits == [60, 0, 30, 0]


def test_a_right_guess_is_given_back() -> None:
    logins = Throttle()

    for _ in range(200):
        logins.take("a", "sari@biro.example", NOW)
        logins.give_back("a", "sari@biro.example")

    assert guess(logins, "a", "sari@biro.example") == 0


def test_a_refused_guess_is_counted_for_nobody() -> None:
    logins = Throttle()
    for _ in range(LIMITS["email"]):
        guess(logins, "a", "sari@biro.example")
    for _ in range(LIMITS["address"]):
        guess(logins, "b", "sari@biro.example")

    assert guess(logins, "b", "budi@biro.example") == 0
    assert guess(logins, "b", "sari@biro.example", NOW + WINDOW) == 0


def test_what_is_remembered_is_bounded() -> None:
    logins = Throttle()

    for each in range(ROOM):
        logins.take(f"a{each}", f"{each}@biro.example", NOW)

    assert len(logins._guesses) == ROOM


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("/run/pilar.sock", "/run/pilar.sock"),
    ],
)
def test_the_addresses_of_one_network_are_counted_together(host: str, counted: str) -> None:
    request = Request({"type": "http", "client": (host, 5000)})

    assert address_of(request) == counted


def test_a_caller_without_an_address_is_counted_too() -> None:
    assert address_of(Request({"type": "http", "client": None})) == ""
