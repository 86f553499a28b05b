"""What `docs/life-of-a-publication.md` says of states, ways and metrics is what there is."""

import re

from prometheus_client import CollectorRegistry

from app.metrics import EngineMetrics
from planner.publications import STEPS, Status
from tests.sources import ROOT

TEXT = (ROOT / "docs" / "life-of-a-publication.md").read_text("utf-8")
PICTURE = (ROOT / "docs" / "life.svg").read_text("utf-8")
STATES = {status.value for status in Status}


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def ways(table: str) -> dict[str, set[str]]:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE)
    return {before: set(re.findall(r"`(\w+)`", after)) for before, after in rows}


def drawn(text: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^    (\w+) --> (\w+)", text, re.MULTILINE))


def test_every_state_is_explained_and_in_the_picture() -> None:
    assert set(ways(section("The states"))) <= STATES
    assert set(re.findall(r"^\| `(\w+)` \|", section("The states"), re.MULTILINE)) == STATES
    assert set(re.findall(r'class="name"[^>]*>(\w+)<', PICTURE)) == STATES


def test_every_way_is_there_and_no_other() -> None:
    allowed = {before.value: {after.value for after in afters} for before, afters in STEPS.items()}

    assert ways(section("Every way there is")) == allowed
    assert [way for way in drawn(TEXT) if way[1] not in allowed[way[0]]] == []
    assert len(drawn(TEXT)) >= 15


def test_every_series_of_the_engine_that_it_names_exists() -> None:
    registry = CollectorRegistry()
    EngineMetrics(registry)
    known = {family.name for family in registry.collect()}

    named = set(re.findall(r"`(pilar_\w+)", section("Where to look")))

    assert {name.removesuffix("_total") for name in named} <= known
    assert len(named) == 9
