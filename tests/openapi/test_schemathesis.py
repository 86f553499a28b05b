"""Schemathesis, with every check: the API does what its description says, and no more.

What each operation answered is a table; what no run can reach has a reason. At the end stand the
canaries: applications with one planted fault each, which the same run finds.
"""

from pathlib import Path

import pytest

from app.openapi import operations
from tests.described import api
from tests.openapi.running import RUN_SECONDS, Run, only, run

pytestmark = pytest.mark.timeout(RUN_SECONDS + 150)

CONNECTING = "no platform here is connected in a browser: tests/app/test_connecting.py does"
UNREACHED = {
    "connect_channel": CONNECTING,
    "disconnect_channel": CONNECTING,
    "start_connecting": CONNECTING,
    "finish_connecting": CONNECTING,
    "hear_platform": "only an app's secret signs what it takes: tests/app/test_hooks.py has one",
    "follow_changes": "a stream without an end: tests/journeys/test_events.py listens to it",
    "end_current_session": "it would log the run itself out: tests/app/test_sessions.py logs out",
}

MIX_OF_PHASES = ("--phases", "examples,fuzzing,stateful")
LINKED = ("add_pillar", "read_pillar", "change_pillar", "remove_pillar")


@pytest.mark.xdist_group("schemathesis")
def test_every_operation_does_what_its_description_says(tmp_path: Path) -> None:
    done = run(tmp_path, *MIX_OF_PHASES)

    assert done.code == 0, done.said
    assert done.said.count("Stateful (in") == 1
    labels = {
        f"{method.upper()} {path}": operation["operationId"]
        for path, method, operation in operations(api())
    }
    good = {
        name
        for label, name in labels.items()
        if any(200 <= status < 300 for status in done.seen.get(label, ()))
    }
    assert sorted(set(labels.values()) - good) == sorted(UNREACHED)


@pytest.mark.xdist_group("schemathesis")
def test_what_is_missing_or_malformed_is_refused_one_thing_at_a_time(tmp_path: Path) -> None:
    done = run(tmp_path, *only(LINKED), "--phases", "coverage")

    assert done.code == 0, done.said
    assert {422, 428} <= done.seen["PATCH /api/v1/workspaces/{ws}/pillars/{pillar_id}"]


def spoiled(folder: Path, fault: str, names: tuple[str, ...], phases: str) -> Run:
    return run(folder, *only(names), "--phases", phases, "--max-failures", "1", fault=fault)


@pytest.mark.parametrize(
    ("fault", "names", "phases", "found"),
    [
        (
            "leak",
            ("add_pillar", "read_pillar"),
            "stateful",
            "ST402 Object-level authorization bypass",
        ),
        ("crash", ("list_platforms",), "fuzzing", "ST101 Server error"),
        (
            "keep",
            ("add_pillar", "read_pillar", "remove_pillar"),
            "stateful",
            "ST301 Deleted resource still available",
        ),
        (
            "open-door",
            ("list_platforms",),
            "fuzzing",
            "ST401 API accepts requests without authentication",
        ),
    ],
)
@pytest.mark.xdist_group("schemathesis")
def test_a_planted_fault_is_found(
    tmp_path: Path, fault: str, names: tuple[str, ...], phases: str, found: str
) -> None:
    done = spoiled(tmp_path, fault, names, phases)

    assert done.code == 1, done.said
    assert found in done.said
