"""Logs: one form for every line, and no secrets in any of them."""

import json
import logging
from uuid import uuid4

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from app import logs
from store.keys import make_key

KEY = make_key()
BOT = "7012345678:" + "AAHsecret_secret-secretsecretsecret"
SECRETS = {
    "a key": f"key {KEY} was used",
    "a bearer": "Authorization: Bearer abc.def-ghi",
    "a webhook's secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "a bot's token": f"bot {BOT} was used",
    "a bot's URL": f"POST https://api.telegram.org/bot{BOT}/sendMessage",
    "a bot's URL, quoted": f"POST https://a.example/bot{BOT.replace(':', '%3A')}/sendMessage",
    "a cookie": "Cookie: pilar=abcdefghijk; theme=dark",
    "a password in a URL": "postgresql://pilar:rahasia@db/pilar",
    "a password in a form": 'password="rahasia"',
    "a token in a form": "grant_type=x&refresh_token=rahasia&scope=y",
    "a token in an object": "{'access_token': 'rahasia'}",
    "a signed link": f"/media/{uuid4()}/{uuid4()}/1772420700/rahasia",
    "a link of an attempt": f"GET /pull/{uuid4()}/pull-ErQ3K_q-58/{uuid4()}/1772420700/rahasia",
    "a key ring": "k1:" + "A" * 43,
}
HIDDEN = (KEY, "AAHsecret", "abc.def-ghi", "AAECAwQF", "abcdefghijk", "rahasia", "A" * 43)


def fail(why: str) -> None:
    raise ValueError(why)


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    said = logs.redact(text)

    assert logs.MASK in said
    assert [hidden for hidden in HIDDEN if hidden in said] == []


def test_what_is_named_like_a_secret_is_masked_however_deep() -> None:
    said = logs.redact(
        {"user": "ayu", "channel": [{"api_key": "x", "settings": {"refresh_token": "y"}}]}
    )

    assert said == {
        "user": "ayu",
        "channel": [{"api_key": logs.MASK, "settings": {"refresh_token": logs.MASK}}],
    }


def test_what_is_no_secret_stays() -> None:
    said = {"path": "/api/v1/workspaces/biro/posts", "status": 200, "reason": None, "ok": True}

    assert logs.redact(said) == said


@given(st.text(), st.text())
def test_a_key_is_masked_wherever_it_stands(before: str, after: str) -> None:
    assert KEY not in str(logs.redact({"event": f"{before} {KEY} {after}"}))


@given(st.text(), st.text())
def test_a_bots_token_is_masked_in_any_url(before: str, after: str) -> None:
    assert "AAHsecret" not in str(logs.redact({"event": f"{before}/bot{BOT}/{after}"}))


@pytest.mark.usefixtures("data_folder")
def test_every_line_is_json_whoever_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")

    structlog.get_logger().info("answered", key=KEY, status=200)
    logging.getLogger("somebody.else").warning("saw %s", KEY)
    try:
        fail(KEY)
    except ValueError:
        logging.getLogger("somebody.else").exception("crashed")

    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["level"]) for line in told] == [
        ("answered", "info"),
        ("saw pilar_***", "warning"),
        ("crashed", "error"),
    ]
    assert "ValueError: pilar_***" in told[2]["exception"]


@pytest.mark.usefixtures("data_folder")
def test_a_console_shows_tracebacks_without_local_variables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("info", "console")

    try:
        fail(f"{40 + 2} is the answer")
    except ValueError:
        structlog.get_logger().exception("crashed")

    told = capsys.readouterr().err
    assert "crashed" in told
    assert "ValueError: 42 is the answer" in told
    assert "why = " not in told


@pytest.mark.usefixtures("data_folder")
def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "console")

    structlog.get_logger().info("answered")
    logging.getLogger("alembic").info("migrating")

    assert capsys.readouterr().err == ""
