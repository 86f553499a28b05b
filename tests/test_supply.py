"""What Pilar is made of: scanned, pinned by hash, and listed as a bill of materials."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sources import FLOORS, ROOT

LOCK = ROOT / "requirements.lock"
LOCKS = sorted(path.name for path in ROOT.glob("*.lock"))
PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+)")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def scanned(*places: str) -> list[str]:
    """Return what bandit finds at medium severity or above."""
    done = run(program("bandit"), "--quiet", "--recursive", "-ll", "--format", "json", *places)
    report = json.loads(done.stdout)
    assert report["errors"] == []
    return [
        f"{each['filename']}:{each['line_number']}: {each['test_id']}" for each in report["results"]
    ]


def requirements(text: str) -> list[str]:
    """Return the requirements of a lock, each on one line."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def unpinned(text: str) -> list[str]:
    """Return the requirements that name no exact version, or no hash of it."""
    return [
        line
        for line in requirements(text)
        if not (PINNED.match(line) and HASH.search(line))
        or HASH.sub("", line).partition(";")[0].split()[1:]
    ]


def named(text: str) -> set[tuple[str, str]]:
    """Return the name and version of every requirement."""
    found = [PINNED.match(line) for line in requirements(text)]
    return {(each[1], each[2]) for each in found if each}


def bill(lock: Path, to: Path) -> Any:
    """Return the bill of materials of a lock."""
    done = run(
        program("cyclonedx-py"),
        "requirements",
        str(lock),
        "--output-format",
        "JSON",
        "--output-reproducible",
        "--validate",
        "--output-file",
        str(to),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(to.read_text("utf-8"))


def test_the_scanner_finds_nothing_at_medium_or_above() -> None:
    assert scanned(*FLOORS) == []


def test_the_scanner_still_sees(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import hashlib\n\nhashlib.md5(b'x')\n")

    assert [each.split(": ")[1] for each in scanned(str(tmp_path))] == ["B324"]


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_by_hash(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")

    assert unpinned(text) == []
    assert len(named(text)) > 30


def test_a_requirement_without_a_hash_is_seen() -> None:
    hashed = f"--hash=sha256:{'0' * 64}"
    loose = ["a==1.0", f"b>=1.0 {hashed}", f"c {hashed}", f"--index-url https://x {hashed}"]

    found = unpinned("\n".join([f"fine==1.0 ; python_version < '4' {hashed}", *loose]))

    assert found == loose


def test_the_bill_of_materials_names_every_locked_package(tmp_path: Path) -> None:
    made = bill(LOCK, tmp_path / "sbom.json")

    listed = {(each["name"], each["version"]) for each in made["components"]}
    assert made["bomFormat"] == "CycloneDX"
    assert listed == named(LOCK.read_text("utf-8"))
    assert [each["name"] for each in made["components"] if not each.get("purl")] == []
