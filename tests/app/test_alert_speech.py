"""What alerts say: every kind has words, in both languages, with every blank filled."""

from dataclasses import replace
from datetime import datetime

import pytest

from app.alert_speech import render
from planner.alerts import AlertKind, Facts


@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize("kind", list(AlertKind))
def test_every_kind_has_words_without_blanks(kind: AlertKind, language: str) -> None:
    bare = Facts(kind=kind)
    full = replace(
        bare,
        reason="outage",
        title="Naskah {kuno}",
        channel="Berita",
        target="Grup",
        local=datetime.fromisoformat("2026-03-02T08:01"),
        timezone="Asia/Jakarta",
    )

    wordings = [render(each, language) for each in (bare, full)]

    for each in wordings:
        assert each.title.strip()
        assert "\n" not in each.title
        assert "" not in each.text.splitlines()
    named = wordings[1].title.replace("Naskah {kuno}", "").replace("Berita", "")
    assert "{" not in named.replace("Grup", "")
