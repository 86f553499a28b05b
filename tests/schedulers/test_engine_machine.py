"""The engine keeps its invariants whatever people, clocks, platforms and crashes do to it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from planner.publications import Status
from schedulers import publishing, settling
from schedulers.connector import TryLater, Unknown
from store import claims, gates, holds
from store.claimed import Claim, Settlement
from store.db import Db
from store.posts import Matter
from store.tables import Channel, Publication, Workspace
from tests.schedulers import bay
from tests.schedulers.ground import Files, Ground
from tests.schedulers.machine import Machine


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[Files]:
    with bay.installed():
        yield Files(tmp_path_factory.mktemp("ground"), migrated_file)


def drive(ground: Ground, examples: int, steps: int, **narrowed: Any) -> Counter[str]:
    """Run machines, and return what they came across; what fails is told as it was found."""
    met: Counter[str] = Counter()
    machine = type("Machine", (Machine,), {"ground": ground, "met": met, **narrowed})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return met


def test_the_engine_keeps_its_invariants_whatever_happens(files: Files) -> None:
    met = drive(files, 20, 25)

    print(met)


# Canaries: the engine without one protection.


def naive(outcome: Any, *about: Any) -> Settlement:
    """Take what nobody knows for what did not happen."""
    if isinstance(outcome, Unknown):
        outcome = TryLater(outcome.reason, None, counts=True)
    return settling.settlement_of(outcome, *about)


def trusting(channel: Channel, publication: Publication, matter: Matter) -> str | None:
    """Believe what was approved when it was claimed."""
    claimed = publication.status == "claimed"
    return None if claimed else unapproved(channel, publication, matter)


async def hasty(db: Db, workspace: Workspace, publication: Publication, *about: Any) -> Any:
    """Look for holds when claiming, and not again."""
    claimed = publication.status == "claimed"
    return None if claimed else await covering(db, workspace, publication, *about)


async def unfenced(db: Db, claim: Claim, status: Status) -> Any:
    """Settle whatever stands there, whose ever it is."""
    found = await claims._locked(db, claim.id)
    return found if found and found[2].status == status else None


unapproved, covering = gates.unapproved, holds.covering
CANARIES: dict[str, Any] = {
    "a naive retry": (publishing, "settlement_of", naive, "doubled", {}),
    "no second look at the approval": (
        gates,
        "unapproved",
        trusting,
        "not approved",
        {"deeds": ("edit", "reject"), "works": ("go on", "kill")},
    ),
    "no second look at holds": (
        holds,
        "covering",
        hasty,
        "held",
        {"deeds": ("hold", "decide"), "works": ("go on", "kill")},
    ),
    "no fence": (
        claims,
        "_held",
        unfenced,
        "another's claim",
        {"deeds": ("let", "decide"), "works": ("overtake", "go on")},
    ),
}


@pytest.mark.chaos
@pytest.mark.parametrize("canary", CANARIES)
def test_the_machine_catches(files: Files, canary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, broken, said, narrowed = CANARIES[canary]
    monkeypatch.setattr(place, name, broken)

    with pytest.raises(AssertionError, match=said):
        drive(files, 300, 15, **narrowed)  # it stops at the first that is caught
